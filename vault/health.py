"""What the operator sees of the vault: counts, never whose."""

from collections.abc import Iterator

from foundation.core.actor import SYSTEM
from foundation.metrics import Gauge, metrics_source
from foundation.tenancy import acting_as
from vault.models import UnreadableItem


@metrics_source("vault")
def gauges() -> Iterator[Gauge]:
    """Yield how many items did not open when they were needed."""
    with acting_as(SYSTEM):
        count = UnreadableItem.objects.count()
    yield Gauge(
        name="theriac_vault_unreadable",
        about="Items that did not open: restore them from a backup.",
        value=count,
    )
