"""Contracts: two persons sign what is proven by golden claims; nothing less is in force."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from accounts.core.scopes import Scope
from claims.core.contract import ContractError
from claims.errors import ContractStateError, PayerTakenError
from claims.models import Contract
from claims.selectors import contract_get, contract_list
from claims.services import contract_activate, contract_propose, contract_sign
from foundation.core.actor import Role
from foundation.core.problem import ForbiddenError, NotFoundError
from foundation.tenancy import acting_as
from ledger.errors import NoKeyError
from tests.accounts.conftest import World
from tests.claims.conftest import Insurer, fresh_id, signer
from tests.conftest import NOW


def proposed(insurer: Insurer) -> str:
    info, _ = contract_propose(
        actor=insurer.actor, content=insurer.terms(), new_id=fresh_id, now=NOW
    )
    return info.contract_id


def sign(insurer: Insurer, contract_id: str, role: str, who: str) -> None:
    contract_sign(
        actor=getattr(insurer, who), contract_id=contract_id, role=role, new_id=fresh_id, now=NOW
    )


def activate(insurer: Insurer, contract_id: str) -> None:
    contract_activate(actor=insurer.actor, contract_id=contract_id, new_id=fresh_id, now=NOW)


def test_a_contract_comes_into_force_when_two_persons_signed_it(insurer: Insurer) -> None:
    contract_id = insurer.in_force()
    with acting_as(insurer.actor):
        info = contract_get(contract_id)
    assert info.signed_as == ("approver", "author")
    assert info.activated_at == NOW


def test_a_contract_without_both_signatures_does_not(insurer: Insurer) -> None:
    contract_id = proposed(insurer)
    with pytest.raises(ContractStateError, match="author and approver"):
        activate(insurer, contract_id)
    sign(insurer, contract_id, "author", "author")
    with pytest.raises(ContractStateError, match="not signed by its approver"):
        activate(insurer, contract_id)


def test_one_person_never_signs_twice(insurer: Insurer) -> None:
    contract_id = proposed(insurer)
    sign(insurer, contract_id, "author", "author")
    with pytest.raises(ContractStateError, match="two different persons"):
        sign(insurer, contract_id, "approver", "author")
    with pytest.raises(ContractStateError, match="the author has signed already"):
        sign(insurer, contract_id, "author", "approver")


def test_nothing_is_signed_or_activated_once_in_force(insurer: Insurer) -> None:
    contract_id = insurer.in_force()
    with pytest.raises(ContractStateError, match="in force"):
        sign(insurer, contract_id, "author", "author")
    with pytest.raises(ContractStateError, match="in force"):
        activate(insurer, contract_id)


def test_only_persons_who_just_proved_who_they_are_sign(insurer: Insurer) -> None:
    contract_id = proposed(insurer)
    late = replace(insurer.author, reauthenticated_at=NOW - timedelta(minutes=6))
    for actor, error in ((late, NoKeyError), (insurer.actor, ForbiddenError)):
        with pytest.raises(error):
            contract_sign(
                actor=actor, contract_id=contract_id, role="author", new_id=fresh_id, now=NOW
            )
    with acting_as(insurer.actor):
        assert contract_get(contract_id).signed_as == ()


def test_golden_claims_that_come_out_otherwise_are_refused(insurer: Insurer) -> None:
    wrong = insurer.terms().replace(b'"status":"paid"', b'"status":"denied"')
    with pytest.raises(ContractError, match="comes out"):
        contract_propose(actor=insurer.actor, content=wrong, new_id=fresh_id, now=NOW)
    with acting_as(insurer.actor):
        assert contract_list() == []


def test_the_same_terms_are_proposed_once(insurer: Insurer) -> None:
    proposed(insurer)
    with pytest.raises(ContractStateError, match="proposed before"):
        proposed(insurer)


def test_a_payer_belongs_to_the_insurer_that_came_first(
    insurer: Insurer, new_insurer: Callable[[], Insurer]
) -> None:
    insurer.in_force()
    other = replace(new_insurer(), payer=insurer.payer)
    with pytest.raises(PayerTakenError):
        other.in_force()


def test_only_an_insurer_has_contracts(world: World) -> None:
    maker = world.admit("manufacturer")
    # Whatever their scopes say: nobody of a maker has a role that gives them.
    author, approver = (
        replace(signer(world, maker, world.person(maker, Role.ADMIN)), scopes=frozenset(Scope))
        for _ in range(2)
    )
    world.channel.sequence()
    stranger = Insurer(world=world, actor=maker, author=author, approver=approver, payer="999999")
    for act in (
        lambda: proposed(stranger),
        lambda: sign(stranger, "ab" * 32, "author", "author"),
        lambda: activate(stranger, "ab" * 32),
    ):
        with pytest.raises(ForbiddenError, match="an insurer's"):
            act()
    with acting_as(maker):
        assert contract_list() == []


def test_another_insurer_sees_no_contract_even_without_filters(
    insurer: Insurer, new_insurer: Callable[[], Insurer]
) -> None:
    contract_id, other = proposed(insurer), new_insurer()
    with acting_as(other.actor):
        assert Contract.objects.count() == 0
        with pytest.raises(NotFoundError):
            contract_get(contract_id)
