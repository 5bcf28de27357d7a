"""Organisations and their credentials: each write is an entry in the log."""

import datetime as dt
import hashlib
from uuid import UUID, uuid4

from django.db import connections
from django.db.models import Q

from accounts.core.credential import (
    CREDENTIAL_VERIFIED,
    CredentialFacts,
    CredentialType,
    format_credential,
)
from accounts.core.identifiers import parse_gln
from accounts.core.organisation import OrganisationError, OrganisationKind
from accounts.core.scopes import Scope, organisation_with
from accounts.models import Credential, Organisation
from accounts.services.projection import operator_project
from foundation.core.actor import Actor
from foundation.core.problem import ConflictError, ForbiddenError, NotFoundError
from foundation.tenancy import acting_as, current_alias
from ledger.core.entry import EntryDraft
from ledger.core.receipt import Receipt
from ledger.errors import GovernanceRefusedError
from ledger.selectors import is_operator
from ledger.services import member_admit, submission_append

NAME_LENGTH_MAX = 200


class OrganisationExistsError(ConflictError):
    """The organisation is admitted already."""

    slug = "organisation-exists"
    title = "The organisation is a member already"


class CredentialTakenError(ConflictError):
    """The identifier is verified for another organisation over the same time."""

    slug = "credential-taken"
    title = "This identifier is another organisation's"


def organisation_admit(
    *,
    actor: Actor,
    organisation_id: UUID,
    name: str,
    kind: str,
    gln: str | None,
    now: dt.datetime,
) -> Receipt:
    """Admit an organisation to the channel; return the receipt of the admission.

    A GLN becomes its first credential, verified by the operator from today on. Raise
    ``GovernanceRefusedError`` unless the actor operates the log, ``OrganisationExistsError``,
    ``OrganisationError``, ``IdentifierError``, ``CredentialTakenError`` or ``MissingScopeError``.
    """
    organisation_with(actor, Scope.ACCOUNTS_WRITE)
    _check_admission(name, kind)
    if gln is not None:
        parse_gln(gln)
    with acting_as(actor):
        if not is_operator():
            raise GovernanceRefusedError("only the operator admits members")
        operator_project(actor=actor)
        # The rows are there at once, the ledger's own only after sequencing: two admissions of
        # one organisation queue up here.
        _take_turn(f"organisation/{organisation_id}")
        if Organisation.objects.filter(id=organisation_id).exists():
            raise OrganisationExistsError(f"{organisation_id} was admitted before")
        receipt = member_admit(
            actor=actor, organisation_id=organisation_id, name=name, kind=kind, now=now
        )
        Organisation.objects.create(
            id=organisation_id, name=name, kind=kind, entry_id=receipt.entry_ids[0]
        )
        if gln is not None:
            facts = CredentialFacts(
                holder_id=organisation_id,
                type=CredentialType.GLN,
                value=gln,
                evidence="stated at admission",
                valid_from=now.date(),
            )
            credential_verify(actor=actor, facts=facts, now=now)
        return receipt


def credential_verify(*, actor: Actor, facts: CredentialFacts, now: dt.datetime) -> Receipt:
    """Record that the actor's organisation verified a credential; return the receipt.

    Only the operator and regulators verify, nobody verifies for itself but the operator, and a
    GLN or NPI is one organisation's at a time. The first GLN becomes the organisation's own.
    Raise ``ForbiddenError``, ``MissingScopeError``, ``NotFoundError`` or
    ``CredentialTakenError``.
    """
    organisation_id = organisation_with(actor, Scope.ACCOUNTS_WRITE)
    with acting_as(actor):
        _check_verifier(actor, facts, organisation_id)
        _take_turn(f"credential/{facts.type}/{facts.value}")
        _take_turn(f"organisation/{facts.holder_id}")
        holder = Organisation.objects.filter(id=facts.holder_id).first()
        if holder is None:
            raise NotFoundError("no organisation of this channel has this id")
        _check_free(facts)
        draft = EntryDraft(kind=CREDENTIAL_VERIFIED, id=uuid4(), body=format_credential(facts))
        receipt = submission_append(actor=actor, entries=[draft], now=now)
        Credential.objects.create(
            organisation_id=organisation_id,
            holder_id=facts.holder_id,
            type=facts.type,
            value=facts.value,
            evidence=facts.evidence,
            valid_from=facts.valid_from,
            expires_on=facts.expires_on,
            entry_id=receipt.entry_ids[0],
        )
        if facts.type is CredentialType.GLN and holder.gln is None:
            holder.gln = facts.value
            holder.save(update_fields=["gln"])
        return receipt


def _check_admission(name: str, kind: str) -> None:
    if not (name.strip() and len(name) <= NAME_LENGTH_MAX and name.isprintable()):
        raise OrganisationError(
            f"a name has 1 to {NAME_LENGTH_MAX} printable characters", path="name"
        )
    if kind not in tuple(OrganisationKind) or kind == OrganisationKind.OPERATOR:
        others = ", ".join(k for k in OrganisationKind if k is not OrganisationKind.OPERATOR)
        raise OrganisationError(f"{kind[:40]!a} is none of {others}", path="kind")


def _check_verifier(actor: Actor, facts: CredentialFacts, organisation_id: UUID) -> None:
    if is_operator():
        operator_project(actor=actor)
        return
    own = Organisation.objects.filter(id=organisation_id, kind=OrganisationKind.REGULATOR)
    if not own.exists():
        raise ForbiddenError("credentials are verified by the operator and by regulators")
    if facts.holder_id == organisation_id:
        raise ForbiddenError("nobody verifies a credential of its own")


def _check_free(facts: CredentialFacts) -> None:
    """Refuse a GLN or NPI of another; licences are numbered by many authorities."""
    if facts.type is CredentialType.LICENCE:
        return
    others = Credential.objects.filter(type=facts.type, value=facts.value).exclude(
        holder_id=facts.holder_id
    )
    overlapping = others.filter(Q(expires_on=None) | Q(expires_on__gte=facts.valid_from))
    if facts.expires_on is not None:
        overlapping = overlapping.filter(valid_from__lte=facts.expires_on)
    named = Organisation.objects.filter(gln=facts.value).exclude(id=facts.holder_id)
    if overlapping.exists() or (facts.type is CredentialType.GLN and named.exists()):
        raise CredentialTakenError(f"{facts.type} {facts.value} is verified for another")


def _take_turn(name: str) -> None:
    """Hold a name until the transaction ends: who asks for it meanwhile waits."""
    digest = hashlib.sha256(f"accounts/{name}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    with connections[current_alias()].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])
