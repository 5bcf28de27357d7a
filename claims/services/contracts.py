"""Contracts: proposed with golden claims that come out right, signed by two, then in force.

Each step is an entry in the log. What is in force never changes; the next contract for the same
days is one more, and the one activated last decides.
"""

import datetime as dt
from collections.abc import Callable
from uuid import UUID

from django.db import IntegrityError, connections, transaction

from accounts.core.scopes import Scope, organisation_with
from accounts.selectors import organisation_get
from claims.core.contract_check import check_contract
from claims.errors import ContractStateError, PayerTakenError
from claims.models import Contract, ContractActivation, ContractSignature, SignatureRole
from claims.selectors import ContractInfo, contract_get, contract_row
from foundation.core.actor import Actor
from foundation.core.problem import ForbiddenError
from foundation.tenancy import acting_as, current_alias
from ledger.core.entry import EntryDraft, parse_entry
from ledger.core.receipt import Receipt
from ledger.selectors import entry_get
from ledger.services import Signer, submission_append

CONTRACT_PROPOSED = "claims.contract.proposed.v1"
CONTRACT_SIGNED = "claims.contract.signed.v1"
CONTRACT_ACTIVATED = "claims.contract.activated.v1"
ROLES = tuple(SignatureRole)
INSURER = "insurer"


def contract_propose(
    *, actor: Actor, content: bytes, new_id: Callable[[], UUID], now: dt.datetime
) -> tuple[ContractInfo, Receipt]:
    """Record a contract of the actor's organisation; return it with the receipt.

    Everything in it is checked first, golden claims included. Raise ``ContractError`` with every
    fault, ``ContractStateError`` where the same terms were proposed before,
    ``ForbiddenError`` for who is no insurer, or ``MissingScopeError``.
    """
    organisation_id = organisation_with(actor, Scope.CLAIMS_WRITE)
    contract = check_contract(content)
    with acting_as(actor):
        check_insurer(organisation_id)
        _take_turn(f"contract/{organisation_id}/{contract.id}")
        if Contract.objects.filter(contract_id=contract.id).exists():
            raise ContractStateError(f"contract {contract.id} was proposed before")
        draft = EntryDraft(kind=CONTRACT_PROPOSED, id=new_id(), body={"contract": contract.id})
        receipt = submission_append(actor=actor, entries=[draft], now=now)
        Contract.objects.create(
            organisation_id=organisation_id,
            contract_id=contract.id,
            plan=contract.terms.plan,
            payer=contract.terms.payer,
            content=content,
            proposed_at=now,
            entry_id=receipt.entry_ids[0],
        )
        return contract_get(contract.id), receipt


def contract_sign(
    *, actor: Actor, contract_id: str, role: str, new_id: Callable[[], UUID], now: dt.datetime
) -> tuple[ContractInfo, Receipt]:
    """Sign a contract as its author or approver, under the person's own key.

    Raise ``NotFoundError``, ``ForbiddenError`` for who is no person or of no insurer,
    ``NoKeyError`` without a personal key or five minutes after logging in, ``ContractStateError``
    where the role is taken, the person has signed already, or the contract is in force.
    """
    organisation_id = organisation_with(actor, Scope.CLAIMS_WRITE)
    if role not in ROLES:
        raise ContractStateError(f"a contract is signed as {' or '.join(ROLES)}")
    if actor.person_id is None:
        raise ForbiddenError("contracts are signed by people, under keys of their own")
    with acting_as(actor):
        check_insurer(organisation_id)
        _take_turn(f"contract/{organisation_id}/{contract_id}")
        row = contract_row(contract_id)
        check_contract(bytes(row.content))
        _check_signable(row, role, actor.person_id)
        draft = EntryDraft(
            kind=CONTRACT_SIGNED, id=new_id(), body={"contract": contract_id, "role": role}
        )
        receipt = submission_append(actor=actor, entries=[draft], now=now, signer=Signer.PERSON)
        try:
            # The savepoint keeps the transaction usable for a clean refusal.
            with transaction.atomic(using=current_alias()):
                ContractSignature.objects.create(
                    organisation_id=organisation_id,
                    contract=row,
                    role=role,
                    person_id=actor.person_id,
                    key_id=_key_of(receipt),
                    signed_at=now,
                    entry_id=receipt.entry_ids[0],
                )
        except IntegrityError as error:
            raise ContractStateError("author and approver sign with two different keys") from error
        return contract_get(contract_id), receipt


def contract_activate(
    *, actor: Actor, contract_id: str, new_id: Callable[[], UUID], now: dt.datetime
) -> tuple[ContractInfo, Receipt]:
    """Put a contract that two persons signed in force; from here on it decides claims.

    Raise ``NotFoundError``, ``ContractStateError`` where a signature is missing or it is in force
    already, ``PayerTakenError`` where another insurer decides this payer's claims, or
    ``ForbiddenError`` for who is no insurer.
    """
    organisation_id = organisation_with(actor, Scope.CLAIMS_WRITE)
    with acting_as(actor):
        check_insurer(organisation_id)
        row = contract_row(contract_id)
        _take_turn(f"payer/{row.payer}")
        if ContractActivation.objects.filter(contract=row).exists():
            raise ContractStateError("the contract is in force already")
        signatures = {each.role: each for each in row.signatures.all()}
        missing = [role for role in ROLES if role not in signatures]
        if missing:
            raise ContractStateError(f"not signed by its {' and '.join(missing)} yet")
        if insurer_of(row.payer) not in (None, organisation_id):
            raise PayerTakenError(f"claims of payer {row.payer} go to another insurer here")
        body = {
            "contract": contract_id,
            "signatures": [bytes(signatures[role].entry_id).hex() for role in ROLES],
        }
        draft = EntryDraft(kind=CONTRACT_ACTIVATED, id=new_id(), body=body)
        receipt = submission_append(actor=actor, entries=[draft], now=now)
        ContractActivation.objects.create(
            organisation_id=organisation_id,
            contract=row,
            activated_at=now,
            entry_id=receipt.entry_ids[0],
        )
        return contract_get(contract_id), receipt


def check_insurer(organisation_id: UUID) -> None:
    """Raise ``ForbiddenError`` unless the organisation was admitted as an insurer.

    Who decides claims is told of other members' dispensings and records: no scope alone gives that.
    """
    if organisation_get(organisation_id).kind != INSURER:
        raise ForbiddenError("contracts and decisions are an insurer's")


def insurer_of(payer: str) -> UUID | None:
    """Return which organisation decides the claims of ``payer``, by its active contracts."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute("SELECT system_fn.claims_insurer_of(%s)", [payer])
        found: UUID | None = cursor.fetchone()[0]
    return found


def _check_signable(row: Contract, role: str, person_id: UUID) -> None:
    if ContractActivation.objects.filter(contract=row).exists():
        raise ContractStateError("the contract is in force; nothing is signed any more")
    for signature in row.signatures.all():
        if signature.role == role:
            raise ContractStateError(f"the {role} has signed already")
        if signature.person_id == person_id:
            raise ContractStateError("author and approver are two different persons")


def _key_of(receipt: Receipt) -> str:
    return parse_entry(entry_get(receipt.entry_ids[0]).content).key_id.hex()


def _take_turn(name: str) -> None:
    """Hold a name until the transaction ends: who asks for it meanwhile waits."""
    with connections[current_alias()].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 13))", [f"claims/{name}"])
