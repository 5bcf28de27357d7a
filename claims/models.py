"""Contracts, claims, decisions and payments: which rows anybody sees is in the first migration.

Whatever describes a patient (the claim, the decision, the member's coverage) lies in the vault; a
row here holds who, when, how much, the item's id in the vault and the commitment of its entry.
"""

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import Q

from claims.core.decision import ClaimStatus
from foundation.core.ledger_role import LedgerRole

HASH_SIZE_BYTES = 32
PENDED = ClaimStatus.PENDED.value


class SignatureRole(models.TextChoices):
    """In which part a person signs a contract; one person never signs in both."""

    AUTHOR = "author"
    APPROVER = "approver"


class AccumulatorKind(models.TextChoices):
    """What counts up over a plan year."""

    DEDUCTIBLE = "deductible"
    OOP = "oop"


def _amount() -> "models.DecimalField[Decimal | int, Decimal]":
    return models.DecimalField(max_digits=14, decimal_places=2)


class Contract(models.Model):
    """A contract as an insurer proposed it: canonical JSON whose hash is its id."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()  # the insurer
    contract_id = models.CharField(max_length=64)  # SHA-256 of the content, in hex
    plan = models.CharField(max_length=80)
    payer = models.CharField(max_length=80)
    content = models.BinaryField()
    proposed_at = models.DateTimeField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    class Meta:
        """The same terms are proposed once."""

        constraints = [
            models.UniqueConstraint(fields=["organisation_id", "contract_id"], name="contract_once")
        ]

    def __str__(self) -> str:
        """Return the id."""
        return self.contract_id


class ContractSignature(models.Model):
    """One person's signature under a contract: an entry that their own key signed."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="signatures")
    role = models.CharField(max_length=10, choices=SignatureRole.choices)
    person_id = models.UUIDField()
    key_id = models.CharField(max_length=64)
    signed_at = models.DateTimeField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    class Meta:
        """An author and an approver: two persons, two keys."""

        constraints = [
            models.UniqueConstraint(
                fields=["contract", "role"], name="contract_signed_once_a_role"
            ),
            models.UniqueConstraint(fields=["contract", "person_id"], name="contract_two_persons"),
            models.UniqueConstraint(fields=["contract", "key_id"], name="contract_two_keys"),
        ]

    def __str__(self) -> str:
        """Return the role."""
        return self.role


class ContractActivation(models.Model):
    """From here on the contract decides claims; it never changes again."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    contract = models.OneToOneField(Contract, models.PROTECT, related_name="activation")
    activated_at = models.DateTimeField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    def __str__(self) -> str:
        """Return the contract's id."""
        return str(self.contract)


class PayerProfile(models.Model):
    """How an insurer names itself in an 835: what X12 demands of a payer."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.OPERATIONAL

    organisation_id = models.UUIDField(primary_key=True)
    trace_id = models.CharField(max_length=10)  # TRN03: 1 and the nine digits of the tax number
    street = models.CharField(max_length=55)
    city = models.CharField(max_length=30)
    state = models.CharField(max_length=2)
    postal_code = models.CharField(max_length=15)
    contact_name = models.CharField(max_length=60)
    contact_phone = models.CharField(max_length=20)

    def __str__(self) -> str:
        """Return the trace id."""
        return self.trace_id


class Coverage(models.Model):
    """When an insurer covers a member; the newest statement counts."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    subject_id = models.UUIDField()
    item_id = models.UUIDField(unique=True)
    commitment = models.BinaryField(max_length=HASH_SIZE_BYTES)
    stated_at = models.DateTimeField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    class Meta:
        """Asked for by member."""

        indexes = [
            models.Index(fields=["organisation_id", "subject_id"], name="coverage_of_member")
        ]

    def __str__(self) -> str:
        """Return the member's subject."""
        return str(self.subject_id)


class Claim(models.Model):
    """A claim as an insurer received it. The document, person included, is the vault's item.

    So is the number by which the biller calls its patient's account (CLM01): it names somebody.
    """

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    id = models.UUIDField(primary_key=True, editable=False)
    organisation_id = models.UUIDField()  # the insurer that it was sent to
    submitter_id = models.UUIDField()  # who sent it; the insurer itself for its own intake
    provider_id = models.UUIDField(null=True)  # the billing provider, where a member
    subject_id = models.UUIDField()
    received_at = models.DateTimeField()
    billed_amount = _amount()
    item_id = models.UUIDField(unique=True)
    commitment = models.BinaryField(max_length=HASH_SIZE_BYTES)
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    class Meta:
        """Listed by insurer and time; duplicates are looked for by member."""

        indexes = [
            models.Index(fields=["organisation_id", "-received_at"], name="claim_by_receipt"),
            models.Index(fields=["organisation_id", "subject_id"], name="claim_by_member"),
        ]

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)


class ClaimLine(models.Model):
    """One line of a claim: its number and its charge. What was done stands in the vault."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PART

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="lines")
    organisation_id = models.UUIDField()
    number = models.PositiveSmallIntegerField()
    charge_amount = _amount()

    class Meta:
        """Lines are numbered from 1."""

        constraints = [models.UniqueConstraint(fields=["claim", "number"], name="claim_line_once")]

    def __str__(self) -> str:
        """Return the number."""
        return str(self.number)


class Decision(models.Model):
    """One decision on a claim: pended as often as need be, then final, once."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    id = models.UUIDField(primary_key=True, editable=False)
    organisation_id = models.UUIDField()
    claim = models.ForeignKey(Claim, models.PROTECT, related_name="decisions")
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()  # of this claim, from 1
    status = models.CharField(
        max_length=10, choices=[(each.value, each.value) for each in ClaimStatus]
    )
    billed_amount = _amount()
    paid_amount = _amount()
    patient_amount = _amount()
    decided_at = models.DateTimeField()
    item_id = models.UUIDField(unique=True)
    commitment = models.BinaryField(max_length=HASH_SIZE_BYTES)
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    class Meta:
        """One final decision a claim; only what is decided is paid."""

        constraints = [
            models.UniqueConstraint(fields=["claim", "number"], name="decision_number_once"),
            models.UniqueConstraint(
                fields=["claim"], condition=~Q(status=PENDED), name="decision_final_once"
            ),
            models.CheckConstraint(
                condition=~Q(status=PENDED) | Q(paid_amount=0, patient_amount=0),
                name="decision_pended_pays_nothing",
            ),
        ]

    def __str__(self) -> str:
        """Return the status."""
        return self.status


class Payment(models.Model):
    """What a decision pays. A claim is paid once, in the whole deployment."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.FACT

    organisation_id = models.UUIDField()
    claim = models.OneToOneField(Claim, models.PROTECT, related_name="payment")
    decision = models.OneToOneField(Decision, models.PROTECT, related_name="payment")
    amount = _amount()
    paid_at = models.DateTimeField()
    entry_id = models.BinaryField(max_length=HASH_SIZE_BYTES)

    class Meta:
        """Nothing is no payment."""

        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_above_nothing")
        ]

    def __str__(self) -> str:
        """Return the amount."""
        return str(self.amount)


class AccumulatorRow(models.Model):
    """What one decision adds to a member's year; the balance is the sum of all rows."""

    ledger_role: ClassVar[LedgerRole] = LedgerRole.PROJECTION

    organisation_id = models.UUIDField()
    subject_id = models.UUIDField()
    plan = models.CharField(max_length=80)
    plan_year = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=AccumulatorKind.choices)
    amount = _amount()
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="accumulator_rows")

    class Meta:
        """A decision counts once."""

        constraints = [
            models.UniqueConstraint(fields=["decision", "kind"], name="accumulator_counts_once")
        ]
        indexes = [
            models.Index(
                fields=["organisation_id", "subject_id", "plan", "plan_year"],
                name="accumulator_of_member",
            )
        ]

    def __str__(self) -> str:
        """Return what it adds."""
        return f"{self.kind} {self.amount}"
