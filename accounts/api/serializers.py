"""The bodies of accounts' addresses: read strictly, and described for the documentation."""

from typing import Any

from rest_framework import serializers

from accounts.core.credential import EVIDENCE_LENGTH_MAX, CredentialType
from accounts.core.organisation import OrganisationKind
from accounts.core.scopes import Scope
from foundation.core.actor import Role
from foundation.openapi import ReceiptOut
from foundation.serializers import Strict
from ledger.core.governance import Holder

HOLDERS = [holder.value for holder in Holder]
ADMITTED_KINDS = [kind.value for kind in OrganisationKind if kind != OrganisationKind.OPERATOR]


class OrganisationOut(serializers.Serializer[Any]):
    """A member of the channel."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField([kind.value for kind in OrganisationKind])
    gln = serializers.CharField(allow_null=True)
    npi = serializers.CharField(allow_null=True)


class OrganisationIn(Strict):
    """An organisation to admit; its id is made here unless given."""

    id = serializers.UUIDField(required=False)
    name = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(ADMITTED_KINDS)
    gln = serializers.CharField(required=False, max_length=13)


class CredentialIn(Strict):
    """A credential that the caller's organisation verified."""

    holder_id = serializers.UUIDField()
    type = serializers.ChoiceField([type_.value for type_ in CredentialType])
    value = serializers.CharField(max_length=64, trim_whitespace=False)
    evidence = serializers.CharField(max_length=EVIDENCE_LENGTH_MAX)
    valid_from = serializers.DateField()
    expires_on = serializers.DateField(required=False)


class AdmissionOut(ReceiptOut):
    """Whom the receipt admits."""

    organisation_id = serializers.UUIDField()


class MembershipOut(serializers.Serializer[Any]):
    """What the caller may do in one organisation."""

    organisation_id = serializers.UUIDField()
    organisation_name = serializers.CharField()
    roles = serializers.ListField(child=serializers.ChoiceField([role.value for role in Role]))


class MeOut(serializers.Serializer[Any]):
    """Who is asking."""

    kind = serializers.CharField()
    organisation = OrganisationOut(allow_null=True)
    person_id = serializers.UUIDField(allow_null=True)
    api_key_id = serializers.UUIDField(allow_null=True)
    roles = serializers.ListField(child=serializers.ChoiceField([role.value for role in Role]))
    scopes = serializers.ListField(child=serializers.ChoiceField([s.value for s in Scope]))


class ApiKeyIn(Strict):
    """An API key to make."""

    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(
        child=serializers.ChoiceField([scope.value for scope in Scope]), min_length=1
    )
    expires_at = serializers.DateTimeField(required=False)
    networks = serializers.ListField(
        child=serializers.CharField(max_length=43), required=False, max_length=50
    )


class ApiKeyOut(serializers.Serializer[Any]):
    """An API key without its secret."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    networks = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)


class ApiKeyMadeOut(ApiKeyOut):
    """A new API key; ``key`` stands in the first answer only."""

    key = serializers.CharField(required=False)


class KeyOut(serializers.Serializer[Any]):
    """A key of the organisation; it signs what stands between its two indices, both excluded."""

    key_id = serializers.CharField()
    holder = serializers.ChoiceField(HOLDERS)
    label = serializers.CharField()  # type: ignore[assignment] # a member, not the field's own
    public_key = serializers.CharField(help_text="base64, 32 bytes")
    valid_from_index = serializers.IntegerField()
    revoked_index = serializers.IntegerField(allow_null=True)


class KeyIn(Strict):
    """A key that the organisation's own system, or a device, holds, or the server is to make."""

    holder = serializers.ChoiceField(["system", "member", "device"])
    public_key = serializers.CharField(
        required=False,
        max_length=44,
        help_text="base64, 32 bytes; of a member's or device's key, and required there",
    )
    possession = serializers.CharField(
        required=False,
        max_length=88,
        help_text="base64, 64 bytes: docs/spec/governance.md; as public_key",
    )
    label = serializers.CharField(  # type: ignore[assignment] # as above
        required=False, max_length=200, trim_whitespace=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raise unless the members belong to the holder: the server's own keys are not offered."""
        made_here = attrs["holder"] == Holder.SYSTEM
        wrong = "is made by the server: leave it out" if made_here else "is required"
        bad = [name for name in ("public_key", "possession") if (name in attrs) == made_here]
        if bad:
            raise serializers.ValidationError(dict.fromkeys(bad, wrong))
        return attrs


class KeyMadeOut(ReceiptOut):
    """The key that the receipt adds: it may sign once it is sequenced."""

    key_id = serializers.CharField()


class KeyRotationIn(Strict):
    """What takes a key's place: nothing of a key that the server holds, it makes the new one."""

    public_key = serializers.CharField(
        required=False, max_length=44, help_text="base64, 32 bytes; of a member's or device's key"
    )
    possession = serializers.CharField(
        required=False,
        max_length=88,
        help_text="base64, 64 bytes, for the old key's holder: docs/spec/governance.md",
    )
    label = serializers.CharField(  # type: ignore[assignment] # as above
        required=False, max_length=200, trim_whitespace=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raise unless a key and its proof come together."""
        missing = {"public_key", "possession"} - attrs.keys()
        if len(missing) == 1:
            raise serializers.ValidationError({missing.pop(): "goes with the other one"})
        return attrs


class LeaveIn(Strict):
    """Why an organisation leaves."""

    reason = serializers.CharField(max_length=32, help_text="one word: closed, suspended, …")


class KeyRevocationIn(Strict):
    """Why a key goes."""

    reason = serializers.CharField(max_length=32, help_text="one word: lost, rotated, …")


class KeyHeadOut(serializers.Serializer[Any]):
    """What the next statement under a chained key must say."""

    first = serializers.IntegerField()
    prev = serializers.CharField(help_text="hex, 32 bytes")
