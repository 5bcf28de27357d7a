"""What records hold of people, as the vault's registry knows it."""

from records.keeping import Holder
from vault.registry import HolderSpec, holder_register

holder_register(
    HolderSpec(name=Holder.RECORD.value, category="record"),
    HolderSpec(name=Holder.DISCLOSURE.value, category="disclosure"),
)
