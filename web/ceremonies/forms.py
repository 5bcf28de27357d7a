"""What each ceremony asks for."""

import binascii
from base64 import b64decode
from typing import Any
from uuid import UUID

from django import forms

from accounts.core.organisation import OrganisationKind
from ledger.core.ed25519 import PUBLIC_KEY_SIZE_BYTES, SIGNATURE_SIZE_BYTES
from ledger.core.endorsement import ENDORSEMENTS_MAX
from ledger.core.governance import Holder

_KEY_ID = r"^[0-9a-f]{64}$"
_WORD = r"^[a-z][a-z_]{0,31}$"
_KINDS = [(kind.value, kind.value) for kind in OrganisationKind if kind.value != "operator"]
_REASON_HELP = "One word of a to z and _: lost, rotated, closed. Never a person's name."


class Blob(forms.CharField):
    """Bytes of a fixed size, typed or pasted as base64."""

    def __init__(self, *, size: int, **options: Any) -> None:
        """Take ``size`` bytes."""
        super().__init__(max_length=200, strip=True, **options)
        self.size = size

    def clean(self, value: Any) -> Any:
        """Return the bytes, ``None`` for nothing; raise ``ValidationError``."""
        text = super().clean(value)
        if not text:
            return None
        try:
            data = b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise forms.ValidationError("This is no base64.") from error
        if len(data) != self.size:
            raise forms.ValidationError(f"It holds {len(data)} bytes and not {self.size}.")
        return data


def key_field() -> forms.CharField:
    """Return the field of a key's id."""
    return forms.RegexField(_KEY_ID, label="Key id", help_text="64 digits of 0 to 9 and a to f")


def reason_field() -> forms.CharField:
    """Return the field of a reason."""
    return forms.RegexField(_WORD, label="Reason", help_text=_REASON_HELP)


def label_field() -> forms.CharField:
    """Return the field of a key's label."""
    return forms.CharField(
        label="Label",
        max_length=200,
        required=False,
        help_text="The name of a machine, for everybody to read. Never a person's name.",
    )


class AdmitForm(forms.Form):
    """A new member."""

    organisation = forms.UUIDField(
        label="Its id", help_text="A fresh UUID; it is the organisation's for ever"
    )
    name = forms.CharField(label="Name", max_length=200)
    kind = forms.ChoiceField(label="Kind", choices=_KINDS)
    gln = forms.RegexField(
        r"^[0-9]{13}$", label="GLN", required=False, help_text="13 digits, where it has one"
    )


class PolicyForm(forms.Form):
    """How many endorsements a kind of entries needs, and whose."""

    kind = forms.CharField(label="Kind of entries", max_length=128)
    n = forms.IntegerField(
        label="How many organisations",
        min_value=0,
        max_value=ENDORSEMENTS_MAX,
        help_text="0 ends the policy",
    )
    organisations = forms.CharField(
        label="Which organisations",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=4000,
        help_text="Their ids, one a line; or leave it empty and name a kind of member",
    )
    member_kind = forms.RegexField(_WORD, label="Or all members of a kind", required=False)

    def clean_organisations(self) -> list[UUID]:
        """Return the ids."""
        try:
            return [UUID(word) for word in self.cleaned_data["organisations"].split()]
        except ValueError as error:
            raise forms.ValidationError("One of these lines is no id.") from error


class OfferForm(forms.Form):
    """A key that the organisation's own system, or a device, holds."""

    holder = forms.ChoiceField(
        label="Who holds it",
        choices=[
            (Holder.MEMBER.value, "member: a system of the organisation"),
            (Holder.DEVICE.value, "device: a scanner, a tablet"),
        ],
    )
    public_key = Blob(size=PUBLIC_KEY_SIZE_BYTES, label="Public key", help_text="Base64, 32 bytes")
    label = label_field()
    possession = Blob(
        size=SIGNATURE_SIZE_BYTES,
        label="Proof that it is held",
        required=False,
        help_text="Base64, 64 bytes; leave it empty to be told what the key has to sign",
    )


class SystemKeyForm(forms.Form):
    """One more key that the server holds."""

    label = label_field()


class MineForm(forms.Form):
    """A person's own key: nothing to ask."""


class RotateForm(forms.Form):
    """A new key in the place of one."""

    key = key_field()
    public_key = Blob(
        size=PUBLIC_KEY_SIZE_BYTES,
        label="New public key",
        required=False,
        help_text="Base64, 32 bytes; leave it empty where the server holds the key",
    )
    label = label_field()
    possession = Blob(
        size=SIGNATURE_SIZE_BYTES,
        label="Proof that it is held",
        required=False,
        help_text="Base64, 64 bytes; leave it empty to be told what the new key has to sign",
    )


class RevokeForm(forms.Form):
    """The end of a key."""

    key = key_field()
    reason = reason_field()


class LeaveForm(forms.Form):
    """The end of a membership."""

    organisation = forms.UUIDField(label="Organisation's id")
    reason = reason_field()


class ProposalForm(forms.Form):
    """Which proposal."""

    proposal = forms.UUIDField(label="Proposal")
