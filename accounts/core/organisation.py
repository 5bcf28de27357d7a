"""Organisations: a fold over the ledger's entries.

Who is there, under which name and of which kind, the log's governance says (the genesis and the
admissions); the GLN comes from the first GLN credential that was verified for the organisation.
The rows are a projection of this, which a test rebuilds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from accounts.core.credential import CREDENTIAL_VERIFIED, CredentialType, parse_credential
from foundation.core.problem import BadInputError
from ledger.core.entry import Entry
from ledger.core.governance import GENESIS, MEMBER_ADMITTED
from ledger.core.members import Members


class OrganisationError(BadInputError):
    """The entry admits no organisation that we know how to keep; ``path`` names the member."""

    slug = "bad-organisation"
    title = "The organisation cannot be taken"


class OrganisationKind(StrEnum):
    """What an organisation does."""

    MANUFACTURER = "manufacturer"
    WHOLESALER = "wholesaler"
    PHARMACY = "pharmacy"
    HOSPITAL = "hospital"
    INSURER = "insurer"
    REGULATOR = "regulator"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationFacts:
    """What the log says of an organisation; ``entry_id`` is that of its admission."""

    id: UUID
    name: str
    kind: OrganisationKind
    entry_id: bytes
    gln: str | None = None


# The entries that the fold reads.
KINDS = (GENESIS, MEMBER_ADMITTED, CREDENTIAL_VERIFIED)


def fold_organisations(entries: Iterable[tuple[bytes, Entry]]) -> Mapping[UUID, OrganisationFacts]:
    """Return the organisations after these (entry id, entry), given in log order.

    Admissions count first: those of one flush stand behind the other entries of it. Raise
    ``OrganisationError`` or ``CredentialError`` for an entry that cannot be read.
    """
    found: dict[UUID, OrganisationFacts] = {}
    glns: dict[UUID, str] = {}
    for entry_id, entry in entries:
        if entry.kind in (GENESIS, MEMBER_ADMITTED):
            admitted = admitted_organisation(entry_id, entry)
            found.setdefault(admitted.id, admitted)
        elif entry.kind == CREDENTIAL_VERIFIED:
            credential = parse_credential(entry.body)
            if credential.type is CredentialType.GLN:
                glns.setdefault(credential.holder_id, credential.value)
    return {id_: replace(known, gln=glns.get(id_)) for id_, known in found.items()}


def admitted_organisation(entry_id: bytes, entry: Entry) -> OrganisationFacts:
    """Return whom a genesis or an admission admits; raise ``OrganisationError``."""
    members = Members(entry.body, "body", OrganisationError)
    if entry.kind == GENESIS:
        members.expect(("operator",), entry.body)
        members = members.members("operator")
        members.expect(("org", "name", "key", "public_key"))
        kind = OrganisationKind.OPERATOR.value
    else:
        members.expect(("org", "name", "kind"), entry.body)
        kind = members.text("kind")
    if kind not in tuple(OrganisationKind):
        raise members.fault("kind", f"is none of {', '.join(OrganisationKind)}: {kind[:40]!a}")
    return OrganisationFacts(
        id=members.uuid("org"),
        name=members.text("name"),
        kind=OrganisationKind(kind),
        entry_id=entry_id,
    )
