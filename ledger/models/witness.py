"""Logs of others that this deployment witnesses, and what they signed against themselves."""

from typing import ClassVar

from django.db import models

from foundation.core.ledger_role import LedgerRole
from ledger.core.merkle import HASH_SIZE_BYTES


class WitnessedLog(models.Model):
    """Another's log, and the last head of it that this witness cosigned; never taken back.

    ``vkeys`` are the keys that are trusted for it, one a line; none: it is not witnessed any more.
    """

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    origin = models.CharField(unique=True, max_length=255)
    origin_hash = models.CharField(unique=True, max_length=64)  # SHA-256 in hex: its address
    vkeys = models.TextField(blank=True)
    size = models.PositiveBigIntegerField(default=0)
    root_hash = models.BinaryField(max_length=HASH_SIZE_BYTES)
    note = models.TextField(blank=True)  # as the log signed it; empty before the first
    cosignature = models.TextField(blank=True)
    cosigned_s = models.PositiveBigIntegerField(default=0)  # POSIX seconds, as cosigned
    cosigned_at = models.DateTimeField(null=True)
    added_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the origin."""
        return self.origin


class WitnessConflict(models.Model):
    """Two heads that a log's own key signed and that contradict each other, or seem to.

    A ``fork`` is proof: one size, two roots. ``inconsistent`` is a sign: the proof that came with
    the newer head does not hold, and whoever sent it may have spoilt it.
    """

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    log = models.ForeignKey(WitnessedLog, models.PROTECT)
    kind = models.CharField(max_length=12)
    size = models.PositiveBigIntegerField()
    root_hash = models.BinaryField(max_length=HASH_SIZE_BYTES)
    note = models.TextField()
    proof = models.BinaryField(blank=True)  # the hashes that came with it, joined
    cosigned_size = models.PositiveBigIntegerField()
    cosigned_root = models.BinaryField(max_length=HASH_SIZE_BYTES)
    cosigned_note = models.TextField()
    seen_at = models.DateTimeField()

    class Meta:
        """A head is kept once of each kind, however often it is sent."""

        constraints = [
            models.UniqueConstraint(
                fields=["log", "kind", "size", "root_hash"], name="witness_conflict_once"
            )
        ]

    def __str__(self) -> str:
        """Return the kind and the size."""
        return f"{self.kind} {self.size}"
