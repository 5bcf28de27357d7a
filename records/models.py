"""Records, who saw them and why: facts only; what they say of a person lies in the vault."""

from typing import ClassVar

from django.db import models

from foundation.core.ledger_role import LedgerRole
from records.core.break_glass import BreakGlassStep


class Record(models.Model):
    """One version of a FHIR resource. ``record_id`` is the same for all its versions.

    The bytes, the resource's own id and everything read from it are in the vault.
    """

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    subject_id = models.UUIDField()
    record_id = models.UUIDField()
    version = models.PositiveIntegerField()
    resource_type = models.CharField(max_length=40)
    recorded_at = models.DateTimeField()
    item_id = models.UUIDField(unique=True)
    commitment = models.BinaryField(max_length=32)
    entry_id = models.BinaryField(max_length=32)

    class Meta:
        """Versions follow each other."""

        constraints = [
            models.UniqueConstraint(
                fields=["organisation_id", "record_id", "version"], name="record_version_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["organisation_id", "subject_id", "resource_type"], name="record_of_subject"
            )
        ]

    def __str__(self) -> str:
        """Return which version of which record."""
        return f"{self.record_id}/{self.version}"


class ConsentHead(models.Model):
    """What a reader holds while it decides, and a consent's writer changes: one per subject."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    organisation_id = models.UUIDField()
    subject_id = models.UUIDField()
    version = models.PositiveBigIntegerField(default=0)

    class Meta:
        """One for each subject of an organisation."""

        constraints = [
            models.UniqueConstraint(
                fields=["organisation_id", "subject_id"], name="consent_head_once"
            )
        ]

    def __str__(self) -> str:
        """Return the version."""
        return str(self.version)


class Disclosure(models.Model):
    """One answered request. Which records, why, and by which consents is the vault's item."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    subject_id = models.UUIDField()
    reader_id = models.UUIDField()
    reader_person_id = models.UUIDField(null=True)
    count = models.PositiveIntegerField()
    disclosed_at = models.DateTimeField()
    item_id = models.UUIDField(unique=True)
    commitment = models.BinaryField(max_length=32)
    entry_id = models.BinaryField(max_length=32)

    class Meta:
        """A person's disclosures are found together."""

        indexes = [
            models.Index(fields=["organisation_id", "subject_id"], name="disclosure_of_subject"),
            # How often one reader was lately shown nothing.
            models.Index(
                fields=["organisation_id", "reader_id", "reader_person_id", "disclosed_at"],
                condition=models.Q(count=0),
                name="disclosure_of_nothing",
            ),
        ]

    def __str__(self) -> str:
        """Return to whom."""
        return str(self.reader_id)


class BreakGlass(models.Model):
    """One opening of a patient's records to a person, who it was to, how far and until when.

    Why, and by which name the patient was asked for, is the vault's item.
    """

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    glass_id = models.UUIDField(unique=True)
    subject_id = models.UUIDField()
    reader_id = models.UUIDField()
    person_id = models.UUIDField()
    step = models.CharField(
        max_length=20, choices=[(each.value, each.value) for each in BreakGlassStep]
    )
    started_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    item_id = models.UUIDField(unique=True)
    commitment = models.BinaryField(max_length=32)
    entry_id = models.BinaryField(max_length=32)

    class Meta:
        """It ends by itself."""

        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("started_at")), name="break_glass_ends"
            )
        ]
        indexes = [
            models.Index(fields=["organisation_id", "subject_id"], name="break_glass_of_subject")
        ]

    def __str__(self) -> str:
        """Return the id."""
        return str(self.glass_id)


class BreakGlassExplanation(models.Model):
    """That whoever broke a glass said why in words; the words are the vault's item."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    glass = models.OneToOneField(BreakGlass, models.PROTECT, related_name="explanation")
    explained_at = models.DateTimeField()
    item_id = models.UUIDField(unique=True)
    commitment = models.BinaryField(max_length=32)
    entry_id = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        """Return which opening it explains."""
        return str(self.glass_id)


class BreakGlassReview(models.Model):
    """That somebody else looked at an opening; the verdict is the vault's item."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    glass = models.OneToOneField(BreakGlass, models.PROTECT, related_name="review")
    reviewer_id = models.UUIDField()
    reviewed_at = models.DateTimeField()
    item_id = models.UUIDField(unique=True)
    commitment = models.BinaryField(max_length=32)
    entry_id = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        """Return which opening it is about."""
        return str(self.glass_id)
