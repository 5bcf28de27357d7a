"""Provenance's tables: events are facts, what they mean for an item is folded from them."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from foundation.core.ledger_role import LedgerRole

HASH_SIZE_BYTES = 32


class Event(models.Model):
    """One EPCIS event; the id is its place among all events of the channel.

    ``entry_id`` names the entry that commits to ``document`` under ``opening_key``. Whoever is in
    ``party_ids`` sees the row: the organisations that its sources and destinations name.
    """

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES, unique=True)
    party_ids = ArrayField(models.UUIDField())
    event_id = models.CharField(max_length=500)
    event_type = models.CharField(max_length=40)
    action = models.CharField(max_length=10)
    biz_step = models.CharField(max_length=500, blank=True)  # somebody else's is a URI
    event_time = models.DateTimeField()
    recorded_at = models.DateTimeField()
    declares_error = models.BooleanField()  # says that the event of the same id was wrong
    # A dispensing to a patient has its key in the vault, where it dies with the patient's data.
    opening_key = models.BinaryField(max_length=HASH_SIZE_BYTES, null=True)
    document = models.BinaryField()

    class Meta:
        """An id is used once; the same id declares its event wrong once."""

        constraints = [
            models.UniqueConstraint(
                fields=["organisation_id", "event_id", "declares_error"], name="event_id_once"
            )
        ]

    def __str__(self) -> str:
        """Return the event's id."""
        return self.event_id


class EventItem(models.Model):
    """An event as one of its items sees it: what the fold reads."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PART

    event = models.ForeignKey(Event, models.PROTECT)
    epc = models.CharField(max_length=500, db_index=True)
    view = models.JSONField()

    def __str__(self) -> str:
        """Return the identifier."""
        return self.epc


class ItemState(models.Model):
    """The custody of one item, rebuilt from its events at any time; its row is the item's lock."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PROJECTION

    epc = models.CharField(primary_key=True, max_length=500)
    custody = models.JSONField()
    dispensed = models.DecimalField(max_digits=20, decimal_places=6)

    def __str__(self) -> str:
        """Return the identifier."""
        return self.epc


class ItemException(models.Model):
    """An event that broke a rule of custody for one item."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PROJECTION

    epc = models.CharField(max_length=500, db_index=True)
    event = models.ForeignKey(Event, models.PROTECT)
    exception_class = models.CharField(max_length=40)
    detail = models.CharField(max_length=200)

    def __str__(self) -> str:
        """Return the class."""
        return self.exception_class


class Dispensing(models.Model):
    """What of a prescription was given from one item; prescription and patient are the vault's.

    ``ref`` names the act, of one item or several, and is what a look-up of prescription and fill
    finds; how much was given, the event says.
    """

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)
    event = models.ForeignKey(Event, models.PROTECT)
    ref = models.UUIDField(db_index=True)
    subject_id = models.UUIDField()
    item_id = models.UUIDField()
    epc = models.CharField(max_length=500)
    ndc = models.CharField(max_length=11)
    unit = models.CharField(max_length=2)  # X12's: UN, ML, GR, F2, ME
    dispensed_on = models.DateField()

    class Meta:
        """An act gives from an item once."""

        constraints = [
            models.UniqueConstraint(fields=["entry_id", "epc"], name="dispensing_of_item_once")
        ]

    def __str__(self) -> str:
        """Return the identifier."""
        return self.epc


class Disclosure(models.Model):
    """That a pharmacy told an insurer of a dispensing: who was told may pay for it."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)
    dispensing = models.ForeignKey(Dispensing, models.PROTECT, related_name="disclosures")
    to_organisation_id = models.UUIDField()

    class Meta:
        """Asked for by whom it was told."""

        indexes = [
            models.Index(fields=["dispensing", "to_organisation_id"], name="disclosure_to_whom")
        ]

    def __str__(self) -> str:
        """Return to whom."""
        return str(self.to_organisation_id)


class Spend(models.Model):
    """So much of a dispensing was paid for by one decision: never more than was dispensed."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)
    dispensing = models.ForeignKey(Dispensing, models.PROTECT, related_name="spends")
    epc = models.CharField(max_length=500, db_index=True)
    claim = models.UUIDField()
    line = models.PositiveSmallIntegerField()
    quantity = models.DecimalField(max_digits=20, decimal_places=6)

    class Meta:
        """A claim line spends a dispensing once; what is spent is more than nothing."""

        constraints = [
            models.UniqueConstraint(fields=["dispensing", "claim", "line"], name="spend_once"),
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="spend_positive"),
        ]

    def __str__(self) -> str:
        """Return the identifier."""
        return self.epc


class CaptureJob(models.Model):
    """A document that came in by the capture interface, and what became of its events.

    ``document`` is there only while the job runs, and is then gone: of what dispenses it is never
    there, because that is captured at once. ``opening_key`` opens the commitment of the entry
    that says that the document was received; a sealed document has no such entry.
    """

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    organisation_id = models.UUIDField()
    capture_id = models.UUIDField(unique=True)
    behaviour = models.CharField(max_length=10)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    document = models.BinaryField(null=True)
    received_entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES, null=True)
    opening_key = models.BinaryField(max_length=HASH_SIZE_BYTES, null=True)
    submission_id = models.UUIDField(null=True)  # whose receipt is the events'
    event_ids = models.JSONField()
    errors = models.JSONField()

    def __str__(self) -> str:
        """Return the id that the standard calls captureID."""
        return str(self.capture_id)
