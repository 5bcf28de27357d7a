"""What records hold of people, as the vault's registry knows it.

Nothing objects to an erasure here yet: how long an accounting of disclosures is kept is a
jurisdiction's matter (45 CFR 164.528 says six years), and packs do not say it so far.
"""

from records.keeping import Holder
from vault.registry import HolderSpec, holder_register

holder_register(
    HolderSpec(name=Holder.RECORD.value, category="record"),
    HolderSpec(name=Holder.DISCLOSURE.value, category="disclosure"),
    HolderSpec(name=Holder.GLASS.value, category="disclosure"),
)
