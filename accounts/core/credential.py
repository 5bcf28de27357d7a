"""Verified credentials: who checked which identifier of whom, on what evidence, until when.

The body of the entry ``accounts.credential.verified.v1`` carries exactly a row's columns; the
verifier is the organisation whose entry it is.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from accounts.core.identifiers import IdentifierError, parse_gln, parse_licence, parse_npi
from foundation.core.problem import BadInputError
from ledger.core.canonical import Json
from ledger.core.members import Members

CREDENTIAL_VERIFIED = "accounts.credential.verified.v1"
EVIDENCE_LENGTH_MAX = 500
_EVIDENCE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,500}")
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


class CredentialError(BadInputError):
    """The credential breaks a rule of its type; ``path`` names the member."""

    slug = "bad-credential"
    title = "The credential cannot be taken"


class CredentialType(StrEnum):
    """What a credential proves."""

    GLN = "GLN"  # a Global Location Number of GS1, 13 digits
    NPI = "NPI"  # a National Provider Identifier of the United States, 10 digits
    LICENCE = "LICENCE"  # an authority's licence to handle medicines


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFacts:
    """One identifier of the organisation ``holder_id``, as somebody verified it.

    ``evidence`` says where it was looked up (a register's URL, a document's reference); members
    of the channel read it, so it names no person. It holds from ``valid_from`` to
    ``expires_on``, both included; without an end where that is ``None``.
    """

    holder_id: UUID
    type: CredentialType
    value: str
    evidence: str
    valid_from: dt.date
    expires_on: dt.date | None = None

    def __post_init__(self) -> None:
        """Raise ``CredentialError`` for a wrong check digit, bad evidence or an empty period."""
        try:
            _PARSERS[self.type](self.value)
        except IdentifierError as error:
            raise CredentialError(error.detail, path="value") from error
        if not _EVIDENCE.fullmatch(self.evidence):
            raise CredentialError(
                f"the evidence has 1 to {EVIDENCE_LENGTH_MAX} printable characters",
                path="evidence",
            )
        if self.expires_on is not None and self.expires_on < self.valid_from:
            raise CredentialError(
                f"it would expire on {self.expires_on}, before {self.valid_from}",
                path="expires_on",
            )

    def valid_on(self, day: dt.date) -> bool:
        """Return whether it holds on a day."""
        return self.valid_from <= day and (self.expires_on is None or day <= self.expires_on)


_PARSERS: Mapping[CredentialType, Callable[[str], str]] = {
    CredentialType.GLN: parse_gln,
    CredentialType.NPI: parse_npi,
    CredentialType.LICENCE: parse_licence,
}


def format_credential(credential: CredentialFacts) -> dict[str, Json]:
    """Return the entry's body. A ledger has no null: what never expires has no ``expires_on``."""
    body: dict[str, Json] = {
        "holder": str(credential.holder_id),
        "type": credential.type.value,
        "value": credential.value,
        "evidence": credential.evidence,
        "valid_from": credential.valid_from.isoformat(),
    }
    if credential.expires_on is not None:
        body["expires_on"] = credential.expires_on.isoformat()
    return body


def parse_credential(body: object) -> CredentialFacts:
    """Return the credential that an entry's body is; raise ``CredentialError``."""
    members = Members(body, "body", CredentialError)
    members.expect(("holder", "type", "value", "evidence", "valid_from"), ("expires_on",))
    type_ = members.text("type")
    if type_ not in tuple(CredentialType):
        raise members.fault("type", f"is none of {', '.join(CredentialType)}: {type_[:40]!a}")
    return CredentialFacts(
        holder_id=members.uuid("holder"),
        type=CredentialType(type_),
        value=members.text("value"),
        evidence=members.text("evidence"),
        valid_from=_date(members, "valid_from"),
        expires_on=_date(members, "expires_on") if members.has("expires_on") else None,
    )


def _date(members: Members, name: str) -> dt.date:
    try:
        return dt.date.fromisoformat(members.text(name, _DATE))
    except ValueError as error:
        raise members.fault(name, "is no day of the calendar") from error
