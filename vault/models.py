"""Personal data, encrypted: whom it is about, the wrapped keys, the envelopes.

All of it is *personal*: nobody may delete a row until erasure, with its entry, is built. Roots are
in the key provider, outside this database and its backups.
"""

import uuid
from typing import ClassVar

from django.db import models

from foundation.core.ledger_role import LedgerRole


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
