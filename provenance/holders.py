"""What provenance holds of people, as the vault's registry knows it."""

from enum import StrEnum

from vault.registry import HolderSpec, holder_register


class Holder(StrEnum):
    """What of a person is kept here: all of it goes when dispensings are erased."""

    DISPENSING = "provenance.dispensing"  # the event as sent, its prescription and patient
    DISCLOSURE = "provenance.disclosure"  # what an insurer was told of dispensings


holder_register(*(HolderSpec(name=each.value, category="dispensing") for each in Holder))
