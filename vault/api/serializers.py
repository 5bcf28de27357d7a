"""What the vault's addresses take and give, for checking and for the schema."""

from typing import Any

from rest_framework import serializers

from foundation.serializers import Strict
from vault.core.erasure import ErasureReason, ErasureState


class IdentifierIn(Strict):
    """An identifier of a person: whose numbering, and the number."""

    system = serializers.CharField(max_length=200)
    value = serializers.CharField(max_length=200)


class ErasureIn(Strict):
    """Whom to erase, why, and whether one category alone."""

    subject_id = serializers.UUIDField(required=False)
    identifier = IdentifierIn(required=False)
    reason = serializers.ChoiceField(choices=[each.value for each in ErasureReason])
    category = serializers.CharField(max_length=40, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Take exactly one way to name the person."""
        if ("subject_id" in attrs) == ("identifier" in attrs):
            raise serializers.ValidationError("send subject_id or identifier, one of them")
        return attrs


class EntryOut(serializers.Serializer[Any]):
    """An entry of the ledger and where its proof is."""

    kind = serializers.CharField()
    entry_id = serializers.CharField()
    proof = serializers.CharField()


class ErasureOut(serializers.Serializer[Any]):
    """An erasure and how far it has come; writes add their receipt."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=[each.value for each in ErasureState])
    category = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    proposed_at = serializers.DateTimeField()
    erased_at = serializers.DateTimeField(allow_null=True)
    count = serializers.IntegerField(allow_null=True)
    approvers = serializers.ListField(child=serializers.CharField())
    certificates = serializers.ListField(child=serializers.DictField())
    entries = EntryOut(many=True)


class ErasureSummaryOut(serializers.Serializer[Any]):
    """An erasure in a list."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=[each.value for each in ErasureState])
    category = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    proposed_at = serializers.DateTimeField()
    approvals = serializers.IntegerField()
