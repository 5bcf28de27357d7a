"""What claims holds of people, as the vault's registry knows it."""

from claims.keeping import Holder
from vault.registry import HolderSpec, holder_register

holder_register(
    HolderSpec(name=Holder.CLAIM.value, category="claim"),
    HolderSpec(name=Holder.DECISION.value, category="claim"),
    HolderSpec(name=Holder.COVERAGE.value, category="coverage"),
)
