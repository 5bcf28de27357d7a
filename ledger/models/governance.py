"""Who belongs to a log and which keys sign: projections of its entries, and what is promised."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from foundation.core.ledger_role import LedgerRole
from ledger.core.merkle import HASH_SIZE_BYTES
from ledger.models.log import Log


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
    log = models.ForeignKey(Log, models.PROTECT, db_index=False, db_constraint=False)  # the entry's
    organisation_id = models.UUIDField()  # who added it: an admission is the operator's
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    def __str__(self) -> str:
        """Return the key's id."""
        return self.key_id


class KeyRevocation(models.Model):
    """A revocation that was promised: from this commit on nobody submits under the key."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    key_id = models.CharField(primary_key=True, max_length=64)
    log = models.ForeignKey(Log, models.PROTECT, db_index=False, db_constraint=False)  # the entry's
    organisation_id = models.UUIDField()  # who revoked: the key's owner, or the operator
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    def __str__(self) -> str:
        """Return the key's id."""
        return self.key_id


class PolicyChange(models.Model):
    """An endorsement policy that was promised: from this commit on its kind is judged by it."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    entry_id = models.BinaryField(primary_key=True, max_length=HASH_SIZE_BYTES)
    log = models.ForeignKey(Log, models.PROTECT, db_index=False, db_constraint=False)  # the entry's
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
