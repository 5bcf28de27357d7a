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
    biz_step = models.CharField(max_length=60, blank=True)
    event_time = models.DateTimeField()
    recorded_at = models.DateTimeField()
    declares_error = models.BooleanField()  # says that the event of the same id was wrong
    opening_key = models.BinaryField(max_length=HASH_SIZE_BYTES)
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
    """What a claim line finds: a keyed lookup of prescription and fill, never their text."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)
    event = models.ForeignKey(Event, models.PROTECT)
    lookup = models.BinaryField(max_length=HASH_SIZE_BYTES, db_index=True)
    epc = models.CharField(max_length=500)
    gtin = models.CharField(max_length=14)
    quantity = models.DecimalField(max_digits=20, decimal_places=6)
    dispensed_on = models.DateField()

    def __str__(self) -> str:
        """Return the identifier."""
        return self.epc


class Spend(models.Model):
    """So much of an item was paid for by one decision: never more than was dispensed."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)
    epc = models.CharField(max_length=500)
    claim = models.UUIDField()
    quantity = models.DecimalField(max_digits=20, decimal_places=6)

    class Meta:
        """A claim line spends an item once; what is spent is more than nothing."""

        constraints = [
            models.UniqueConstraint(fields=["epc", "claim"], name="spend_once"),
            models.CheckConstraint(condition=models.Q(quantity__gt=0), name="spend_positive"),
        ]

    def __str__(self) -> str:
        """Return the identifier."""
        return self.epc
