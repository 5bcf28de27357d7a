"""Personal data, encrypted: whom it is about, the wrapped keys, the envelopes.

All of it is *personal*: rows go only with the entry that says so, one person at a time. Roots are
in the key provider, outside this database and its backups. What stays of an erasure are facts.
"""

import uuid
from typing import ClassVar

from django.db import models

from foundation.core.ledger_role import LedgerRole
from vault.core.erasure import ErasureReason

HASH_SIZE_BYTES = 32


class Keyring(models.Model):
    """An organisation's current epoch, and its key for looking identifiers up, wrapped."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PERSONAL

    organisation_id = models.UUIDField(primary_key=True)
    epoch = models.PositiveIntegerField()
    wrapped_lookup_key = models.BinaryField()

    def __str__(self) -> str:
        """Return the organisation and epoch."""
        return f"{self.organisation_id} {self.epoch}"


class Subject(models.Model):
    """A person whose data an organisation keeps: a random id, and nothing else."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PERSONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation_id = models.UUIDField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)


class SubjectIdentifier(models.Model):
    """An identifier of a subject, as a keyed hash under the organisation's look-up key."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PERSONAL

    subject = models.ForeignKey(Subject, models.PROTECT)
    organisation_id = models.UUIDField()
    lookup = models.BinaryField(max_length=32)

    class Meta:
        """An identifier names one subject."""

        constraints = [
            models.UniqueConstraint(
                fields=["organisation_id", "lookup"], name="subject_identifier_once"
            )
        ]

    def __str__(self) -> str:
        """Return the row's id: the identifier itself is nowhere."""
        return str(self.pk)


class SubjectKey(models.Model):
    """A version of a subject's key, wrapped by the organisation's root of an epoch."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PERSONAL

    subject = models.ForeignKey(Subject, models.PROTECT)
    organisation_id = models.UUIDField()
    version = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()
    wrapped_key = models.BinaryField()

    class Meta:
        """Each version once."""

        constraints = [
            models.UniqueConstraint(fields=["subject", "version"], name="subject_key_version_once")
        ]

    def __str__(self) -> str:
        """Return the version."""
        return str(self.version)


class SubjectTag(models.Model):
    """The secret of a subject's one-time tags, wrapped, and how many were given."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PERSONAL

    subject = models.OneToOneField(Subject, models.PROTECT, primary_key=True)
    organisation_id = models.UUIDField()
    epoch = models.PositiveIntegerField(default=1)
    wrapped_secret = models.BinaryField()
    counter = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        """Return the counter."""
        return str(self.counter)


class SubjectLookup(models.Model):
    """What an app finds a thing by, as a keyed hash; ``ref`` is the thing, ``holder`` its kind."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PERSONAL

    subject = models.ForeignKey(Subject, models.PROTECT)
    organisation_id = models.UUIDField()
    holder = models.CharField(max_length=60)
    lookup = models.BinaryField(max_length=32)
    ref = models.UUIDField()

    class Meta:
        """Put twice is put once."""

        constraints = [
            models.UniqueConstraint(
                fields=["organisation_id", "lookup", "ref"], name="subject_lookup_once"
            )
        ]

    def __str__(self) -> str:
        """Return what is found; what it is found by is nowhere."""
        return f"{self.holder} {self.ref}"


class PersonalItem(models.Model):
    """One version of something about a subject; ``holder`` is the app's name for what it is."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PERSONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation_id = models.UUIDField()
    subject = models.ForeignKey(Subject, models.PROTECT)
    holder = models.CharField(max_length=60)
    ref = models.UUIDField()
    version = models.PositiveIntegerField()
    media_type = models.CharField(max_length=100)
    kek_version = models.PositiveIntegerField()
    dek_id = models.UUIDField()
    wrapped_dek = models.BinaryField()
    envelope = models.BinaryField()
    commitment = models.BinaryField(max_length=32)

    class Meta:
        """Versions of one thing follow each other."""

        constraints = [
            models.UniqueConstraint(
                fields=["organisation_id", "holder", "ref", "version"],
                name="personal_item_version_once",
            )
        ]

    def __str__(self) -> str:
        """Return what it is."""
        return f"{self.holder} {self.ref}"


class UnreadableItem(models.Model):
    """An item that did not open when somebody needed it: for its keeper to see and to restore."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    organisation_id = models.UUIDField()
    item_id = models.UUIDField()
    found_at = models.DateTimeField()

    class Meta:
        """Each item once."""

        constraints = [
            models.UniqueConstraint(
                fields=["organisation_id", "item_id"], name="unreadable_item_once"
            )
        ]

    def __str__(self) -> str:
        """Return the item's id."""
        return str(self.item_id)


class Erasure(models.Model):
    """That somebody proposed to erase a person's data, or one category of it."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    id = models.UUIDField(primary_key=True, editable=False)
    organisation_id = models.UUIDField()
    subject_id = models.UUIDField()
    category = models.CharField(max_length=40, blank=True)  # empty: everything
    reason = models.CharField(
        max_length=30, choices=[(each.value, each.value) for each in ErasureReason]
    )
    proposed_at = models.DateTimeField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)


class ErasureApproval(models.Model):
    """One person's approval: an entry that their own key signed."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    erasure = models.ForeignKey(Erasure, models.PROTECT, related_name="approvals")
    person_id = models.UUIDField()
    key_id = models.CharField(max_length=64)
    approved_at = models.DateTimeField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    class Meta:
        """Two approvals are two persons and two keys."""

        constraints = [
            models.UniqueConstraint(fields=["erasure", "person_id"], name="erasure_two_persons"),
            models.UniqueConstraint(fields=["erasure", "key_id"], name="erasure_two_keys"),
        ]

    def __str__(self) -> str:
        """Return the key's id."""
        return self.key_id


class ErasureExecution(models.Model):
    """That it was destroyed: no row of the subject goes without this one, in one transaction."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    erasure = models.OneToOneField(
        Erasure, models.PROTECT, primary_key=True, related_name="execution"
    )
    organisation_id = models.UUIDField()
    subject_id = models.UUIDField()
    category = models.CharField(max_length=40, blank=True)
    tag = models.CharField(max_length=64)
    commitments_root = models.BinaryField(max_length=HASH_SIZE_BYTES)
    key_id = models.CharField(max_length=64)  # the destroyed key's
    key_version = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()  # of the root that wrapped it
    erased_at = models.DateTimeField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    class Meta:
        """Asked for by who is gone."""

        indexes = [models.Index(fields=["organisation_id", "subject_id"], name="erasure_of_whom")]

    def __str__(self) -> str:
        """Return the destroyed key's id."""
        return self.key_id


class ErasedItem(models.Model):
    """One thing that was destroyed: its id and commitment, which open nothing any more."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PART

    execution = models.ForeignKey(ErasureExecution, models.PROTECT, related_name="items")
    organisation_id = models.UUIDField()
    holder = models.CharField(max_length=60)
    category = models.CharField(max_length=40)
    item_id = models.UUIDField()
    commitment = models.BinaryField(max_length=HASH_SIZE_BYTES)

    class Meta:
        """Nothing is destroyed twice."""

        constraints = [
            models.UniqueConstraint(fields=["organisation_id", "item_id"], name="erased_item_once")
        ]

    def __str__(self) -> str:
        """Return what it was."""
        return f"{self.holder} {self.item_id}"


class ErasureCertificate(models.Model):
    """The entry that certifies: stage 1 from failed probes, stage 2 once the root is destroyed."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    erasure = models.ForeignKey(Erasure, models.PROTECT, related_name="certificates")
    stage = models.PositiveSmallIntegerField()
    certified_at = models.DateTimeField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    class Meta:
        """Each stage once."""

        constraints = [
            models.UniqueConstraint(fields=["erasure", "stage"], name="erasure_certified_once"),
            models.CheckConstraint(
                condition=models.Q(stage__in=(1, 2)), name="erasure_has_two_stages"
            ),
        ]

    def __str__(self) -> str:
        """Return the stage."""
        return str(self.stage)


class RootDestruction(models.Model):
    """That the root of an epoch is destroyed: what it wrapped opens nowhere, in no copy."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    epoch = models.PositiveIntegerField()
    destroyed_at = models.DateTimeField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    class Meta:
        """Each root dies once."""

        constraints = [
            models.UniqueConstraint(fields=["organisation_id", "epoch"], name="root_destroyed_once")
        ]

    def __str__(self) -> str:
        """Return the epoch."""
        return str(self.epoch)
