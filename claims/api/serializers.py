"""Shapes of the bodies, for the API's documentation; core checks what comes in."""

from rest_framework import serializers

from foundation.openapi import ReceiptOut
from foundation.serializers import Strict


class ContractOut(serializers.Serializer[object]):
    """A contract and how far it has come."""

    contract_id = serializers.CharField()
    plan = serializers.CharField()
    payer = serializers.CharField()
    proposed_at = serializers.DateTimeField()
    signed_as = serializers.ListField(child=serializers.CharField())
    activated_at = serializers.DateTimeField(allow_null=True)


class SignIn(Strict):
    """In which part the person signs."""

    role = serializers.ChoiceField(choices=["author", "approver"])


class ClaimOut(serializers.Serializer[object]):
    """A claim and how it stands."""

    id = serializers.UUIDField()
    organisation_id = serializers.UUIDField()
    submitter_id = serializers.UUIDField()
    provider_id = serializers.UUIDField(allow_null=True)
    control_number = serializers.CharField(allow_null=True)
    received_at = serializers.DateTimeField()
    billed_amount = serializers.DecimalField(max_digits=14, decimal_places=2)
    status = serializers.CharField()
    paid_amount = serializers.DecimalField(max_digits=14, decimal_places=2)
    decided_at = serializers.DateTimeField(allow_null=True)
    entry_id = serializers.CharField()


class SubmittedOut(ReceiptOut):
    """The claim taken, beside its receipt."""

    claim_id = serializers.UUIDField()


class DecidedOut(ReceiptOut):
    """A decision as made; what it says in full is under ``/decision``."""

    claim_id = serializers.UUIDField()
    decision_id = serializers.UUIDField()
    status = serializers.CharField()
    paid_amount = serializers.DecimalField(max_digits=14, decimal_places=2)


class PayerProfileIn(Strict):
    """How an insurer names itself in an 835; signs that X12 reserves are refused."""

    _TEXT = r"^[^*^:~\x00-\x1f\x7f]+$"

    trace_id = serializers.RegexField(r"^1[0-9]{9}$")
    street = serializers.RegexField(_TEXT, max_length=55)
    city = serializers.RegexField(_TEXT, max_length=30)
    state = serializers.RegexField(r"^[A-Z]{2}$")
    postal_code = serializers.RegexField(r"^[0-9]{5}([0-9]{4})?$")
    contact_name = serializers.RegexField(_TEXT, max_length=60)
    contact_phone = serializers.RegexField(r"^[0-9]{10}$")
