"""The ledger's tables: insert-only, but for the queue and the projections.

Who may do what is in ``sql/ledger.pg.sql``. Every column here is hashed, recomputed by
``ledger_verify``, or listed as transient in ``core/columns.py``; a test fails on any other.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from foundation.core.ledger_role import LedgerRole

HASH_SIZE_BYTES = 32


class Log(models.Model):
    """One channel's log, as its genesis entry declares it."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PROJECTION

    name = models.SlugField(unique=True, max_length=40)  # the word in /log/<channel>/
    origin = models.CharField(unique=True, max_length=200)
    vkey = models.CharField(max_length=300)
    operator_id = models.UUIDField()
    receipt_key_id = models.CharField(max_length=64)
    receipt_public_key = models.BinaryField(max_length=HASH_SIZE_BYTES)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the origin."""
        return self.origin


class Submission(models.Model):
    """What an organisation signed: a root over the entries submitted together."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PART

    log = models.ForeignKey(Log, models.PROTECT)
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
    submission = models.ForeignKey(Submission, models.PROTECT, db_index=False)
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

    submission = models.OneToOneField(Submission, models.PROTECT, primary_key=True)
    log = models.ForeignKey(Log, models.PROTECT, db_index=False)
    organisation_id = models.UUIDField()

    def __str__(self) -> str:
        """Return the submission."""
        return str(self.submission_id)


class Leaf(models.Model):
    """One leaf of the tree: position 0 is a submission's header, then its entries."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PART

    pk = models.CompositePrimaryKey("log_id", "log_index")
    log = models.ForeignKey(Log, models.PROTECT, db_index=False)
    log_index = models.PositiveBigIntegerField()
    leaf_hash = models.BinaryField(max_length=HASH_SIZE_BYTES)
    chain_hash = models.BinaryField(max_length=HASH_SIZE_BYTES)
    submission = models.ForeignKey(Submission, models.PROTECT, db_index=False)
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


class Member(models.Model):
    """An organisation that the log admitted."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PROJECTION

    log = models.ForeignKey(Log, models.PROTECT)
    organisation_id = models.UUIDField()
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=40)
    admitted_index = models.PositiveBigIntegerField()
    left_index = models.PositiveBigIntegerField(null=True)

    class Meta:
        """Admitted once."""

        constraints = [
            models.UniqueConstraint(fields=["log", "organisation_id"], name="member_once")
        ]

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class KeyHolder(models.TextChoices):
    """Who can sign with a key."""

    SYSTEM = "system"  # the server, for the organisation
    PERSON = "person"  # the server, within five minutes of that person's re-authentication
    MEMBER = "member"  # the organisation's own system
    DEVICE = "device"  # a scanner, a ward tablet


class SigningKey(models.Model):
    """A public key that the log knows: valid between two indices."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PROJECTION

    key_id = models.CharField(primary_key=True, max_length=64)
    log = models.ForeignKey(Log, models.PROTECT)
    organisation_id = models.UUIDField(db_index=True)
    public_key = models.BinaryField(max_length=HASH_SIZE_BYTES)
    holder = models.CharField(max_length=10, choices=KeyHolder.choices)
    label = models.CharField(max_length=200, blank=True)  # of a machine, never a person's name
    added_index = models.PositiveBigIntegerField()
    revoked_index = models.PositiveBigIntegerField(null=True)

    def __str__(self) -> str:
        """Return the key's id."""
        return self.key_id


class KeyAddition(models.Model):
    """An added key that was promised: nobody else adds it before the log knows it.

    Older keys, and the operator's first, have no row here; ``SigningKey`` knows them.
    """

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    key_id = models.CharField(primary_key=True, max_length=64)
    organisation_id = models.UUIDField()  # who added it: an admission is the operator's
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    def __str__(self) -> str:
        """Return the key's id."""
        return self.key_id


class KeyRevocation(models.Model):
    """A revocation that was promised: from this commit on nobody submits under the key."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    key_id = models.CharField(primary_key=True, max_length=64)
    organisation_id = models.UUIDField()  # who revoked: the key's owner, or the operator
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    def __str__(self) -> str:
        """Return the key's id."""
        return self.key_id


class PolicyChange(models.Model):
    """An endorsement policy that was promised: from this commit on its kind is judged by it."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    entry_id = models.BinaryField(primary_key=True, max_length=HASH_SIZE_BYTES)
    organisation_id = models.UUIDField()
    kind = models.CharField(max_length=128, db_index=True)  # whose entries it is about

    def __str__(self) -> str:
        """Return the kind."""
        return self.kind


class Proposal(models.Model):
    """An entry that waits for endorsements; nothing personal: an entry holds nothing that is.

    The named organisations see it. It is over once it was submitted, withdrawn or has expired.
    """

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    id = models.UUIDField(primary_key=True)
    log = models.ForeignKey(Log, models.PROTECT, db_index=False)
    organisation_id = models.UUIDField(db_index=True)  # who proposes, and will submit
    key_id = models.CharField(max_length=64)
    kind = models.CharField(max_length=128)
    content = models.BinaryField()  # the entry without endorsements
    policy_index = models.PositiveBigIntegerField()
    n = models.PositiveSmallIntegerField()
    endorsers = ArrayField(models.UUIDField())  # whose endorsements count
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES, null=True)  # once submitted

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)


class ProposalEndorsement(models.Model):
    """What one of the named organisations signed of a proposal."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    proposal = models.ForeignKey(Proposal, models.PROTECT)
    organisation_id = models.UUIDField()
    key_id = models.CharField(max_length=64)
    signature = models.BinaryField(max_length=64)
    endorsed_at = models.DateTimeField()

    class Meta:
        """An organisation endorses once."""

        constraints = [
            models.UniqueConstraint(
                fields=["proposal", "organisation_id"], name="proposal_endorsed_once"
            )
        ]

    def __str__(self) -> str:
        """Return the organisation."""
        return str(self.organisation_id)


class ServerKey(models.Model):
    """Where the server finds a private key that it holds for an organisation or a person."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    key_id = models.CharField(primary_key=True, max_length=64)
    organisation_id = models.UUIDField(db_index=True)
    person_id = models.UUIDField(null=True)
    holder = models.CharField(max_length=10, choices=KeyHolder.choices)
    provider_name = models.CharField(max_length=200)

    def __str__(self) -> str:
        """Return the key's id."""
        return self.key_id


class LogFreeze(models.Model):
    """Stored bytes differ from their hash, or the log was rolled back: nothing is signed."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    log = models.OneToOneField(Log, models.PROTECT, primary_key=True)
    reason = models.CharField(max_length=300)
    frozen_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the reason."""
        return self.reason


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
