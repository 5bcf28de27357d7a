"""The log itself: submissions and their entries, the queue, leaves, heads and tiles.

What every append writes names its log and submission without a constraint of the database: two
statements write the rows, none of them ever goes or changes, and a full verification finds a row
that belongs to nothing. Constraints were half of what the database did for a leaf.
"""

from typing import ClassVar

from django.db import models

from foundation.core.ledger_role import LedgerRole
from ledger.core.merkle import HASH_SIZE_BYTES


class Log(models.Model):
    """One channel's log, as its genesis entry declares it; the first one is the directory.

    ``announced_id`` is the directory's entry about it; of a channel for members only that entry is
    a commitment, and ``opening_key`` opens it.
    """

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PROJECTION

    name = models.SlugField(unique=True, max_length=40)  # the word in /log/<channel>/
    origin = models.CharField(unique=True, max_length=200)
    vkey = models.CharField(max_length=300)
    operator_id = models.UUIDField()
    receipt_key_id = models.CharField(max_length=64)
    receipt_public_key = models.BinaryField(max_length=HASH_SIZE_BYTES)
    members_only = models.BooleanField(default=False)
    announced_id = models.BinaryField(max_length=HASH_SIZE_BYTES, null=True)
    opening_key = models.BinaryField(max_length=HASH_SIZE_BYTES, null=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the origin."""
        return self.origin


class Submission(models.Model):
    """What an organisation signed: a root over the entries submitted together."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PART

    log = models.ForeignKey(Log, models.PROTECT, db_index=False, db_constraint=False)
    organisation_id = models.UUIDField()
    submission_id = models.UUIDField()
    key_id = models.CharField(max_length=64)
    count = models.PositiveIntegerField()
    first = models.PositiveBigIntegerField(null=True)  # member- and device-held keys only
    statement = models.BinaryField()
    statement_hash = models.BinaryField(max_length=HASH_SIZE_BYTES)
    signature = models.BinaryField(max_length=64)
    received_at = models.DateTimeField()
    deadline_at = models.DateTimeField()
    receipt_signature = models.BinaryField(max_length=64)

    class Meta:
        """The client made the id; a chained key's sequence forks nowhere."""

        constraints = [
            models.UniqueConstraint(
                fields=["log", "organisation_id", "submission_id"], name="submission_once"
            ),
            models.UniqueConstraint(fields=["key_id", "first"], name="submission_key_no_fork"),
        ]

    def __str__(self) -> str:
        """Return the id that its maker gave."""
        return str(self.submission_id)


class Entry(models.Model):
    """One act: canonical bytes, known by their leaf hash."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    entry_id = models.BinaryField(primary_key=True, max_length=HASH_SIZE_BYTES)
    # The submission's, which has the foreign key: row-level security asks for it, row by row.
    log = models.ForeignKey(Log, models.PROTECT, db_index=False, db_constraint=False)
    submission = models.ForeignKey(Submission, models.PROTECT, db_index=False, db_constraint=False)
    position = models.PositiveIntegerField()  # 1 is the first entry after the header leaf
    organisation_id = models.UUIDField()
    uuid = models.UUIDField()
    kind = models.CharField(max_length=80)
    content = models.BinaryField()

    class Meta:
        """Its maker's id is unique in the organisation; positions are unique in a submission."""

        constraints = [
            models.UniqueConstraint(fields=["organisation_id", "uuid"], name="entry_uuid_once"),
            models.UniqueConstraint(fields=["submission", "position"], name="entry_position_once"),
        ]
        # What is replayed before a change is found among millions that change nothing.
        indexes = [
            models.Index(
                fields=["submission"],
                condition=models.Q(kind__startswith="ledger."),
                name="entry_governs",
            )
        ]

    def __str__(self) -> str:
        """Return the kind and the maker's id."""
        return f"{self.kind} {self.uuid}"


class Pending(models.Model):
    """The sequencer's queue; ``xact`` (added in SQL) says which transaction submitted."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    submission = models.OneToOneField(
        Submission, models.PROTECT, primary_key=True, db_constraint=False
    )
    log = models.ForeignKey(Log, models.PROTECT, db_index=False, db_constraint=False)
    organisation_id = models.UUIDField()
    size_bytes = models.PositiveIntegerField()  # of the statement and the entries

    def __str__(self) -> str:
        """Return the submission."""
        return str(self.submission_id)


class Leaf(models.Model):
    """One leaf of the tree: position 0 is a submission's header, then its entries."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PART

    pk = models.CompositePrimaryKey("log_id", "log_index")
    log = models.ForeignKey(Log, models.PROTECT, db_index=False, db_constraint=False)
    log_index = models.PositiveBigIntegerField()
    leaf_hash = models.BinaryField(max_length=HASH_SIZE_BYTES)
    chain_hash = models.BinaryField(max_length=HASH_SIZE_BYTES)
    submission = models.ForeignKey(Submission, models.PROTECT, db_index=False, db_constraint=False)
    position = models.PositiveIntegerField()

    class Meta:
        """A submission has one header, so it is in the log once."""

        constraints = [
            models.UniqueConstraint(
                fields=["submission"],
                condition=models.Q(position=0),
                name="leaf_submission_once",
            )
        ]

    def __str__(self) -> str:
        """Return the index."""
        return str(self.log_index)


class Checkpoint(models.Model):
    """A signed head; ``prev_size`` is the compare-and-swap that lets one sequencer win."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PART

    log = models.ForeignKey(Log, models.PROTECT, db_index=False)
    size = models.PositiveBigIntegerField()
    prev_size = models.BigIntegerField()  # -1 before the first
    root_hash = models.BinaryField(max_length=HASH_SIZE_BYTES)
    chain_hash = models.BinaryField(max_length=HASH_SIZE_BYTES)
    note = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        """One head per size, one successor per head."""

        constraints = [
            models.UniqueConstraint(fields=["log", "size"], name="checkpoint_size_once"),
            models.UniqueConstraint(fields=["log", "prev_size"], name="checkpoint_no_fork"),
        ]

    def __str__(self) -> str:
        """Return the size."""
        return str(self.size)


class Cosignature(models.Model):
    """What a witness said of a head: that it extends all that the witness saw of this log."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PART

    log = models.ForeignKey(Log, models.PROTECT, db_index=False)
    size = models.PositiveBigIntegerField()
    vkey = models.CharField(max_length=400)  # the witness'
    line = models.TextField()  # the signature line, as published
    timestamp_s = models.PositiveBigIntegerField()  # POSIX seconds, as cosigned
    received_at = models.DateTimeField()

    class Meta:
        """A witness cosigns a head once; that it does so again later is not kept."""

        constraints = [
            models.UniqueConstraint(fields=["log", "size", "vkey"], name="cosignature_once")
        ]

    def __str__(self) -> str:
        """Return the size and who cosigned it."""
        return f"{self.size} {self.vkey}"


class Tile(models.Model):
    """256 hashes of one level, complete; rebuilt from the leaves at any time."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PROJECTION

    pk = models.CompositePrimaryKey("log_id", "level", "tile_index")
    log = models.ForeignKey(Log, models.PROTECT, db_index=False)
    level = models.PositiveSmallIntegerField()
    tile_index = models.PositiveBigIntegerField()
    hashes = models.BinaryField(max_length=256 * HASH_SIZE_BYTES)

    def __str__(self) -> str:
        """Return level and index."""
        return f"{self.level}/{self.tile_index}"


class LogFreeze(models.Model):
    """Stored bytes differ from their hash, or the log was rolled back: nothing is signed."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    log = models.OneToOneField(Log, models.PROTECT, primary_key=True)
    reason = models.CharField(max_length=300)
    frozen_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the reason."""
        return self.reason
