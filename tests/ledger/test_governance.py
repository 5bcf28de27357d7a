"""Governance: who may do what, exactly from which index to which."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from ledger.core.canonical import Json
from ledger.core.entry import Entry, EntryDraft, build_entry, parse_entry
from ledger.core.governance import Governance, GovernanceError, Holder
from ledger.core.note import parse_vkey
from tests.ledger.log_builder import (
    DONE,
    OPERATOR,
    PHARMACY,
    WHOLESALER,
    LogBuilder,
    Signer,
    small_log,
)

LOG, CAST = small_log()
SECOND = Signer("second", PHARMACY)
STRANGER = UUID(int=9)


def entry_of(draft: EntryDraft, signer: Signer, log: str = LOG.vkey.name) -> Entry:
    data = build_entry(
        draft=draft,
        log=log,
        organisation_id=signer.organisation_id,
        key_id=signer.key_id,
        time=LOG.time(),
    )
    return parse_entry(data)


def governed() -> Governance:
    """Return governance after the small log."""
    governance = Governance(LOG.vkey)
    for index, leaf in enumerate(LOG.leaves):
        if LOG.headers[index] != index:
            governance.apply(parse_entry(leaf), index, header_index=LOG.headers[index])
    return governance


def test_the_small_log_gives_its_members_and_keys() -> None:
    governance = governed()
    kinds = {member.organisation_id: member.kind for member in governance.members.values()}
    assert kinds == {OPERATOR: "operator", WHOLESALER: "wholesaler", PHARMACY: "pharmacy"}
    assert {key.holder for key in governance.keys.values()} == {
        Holder.SYSTEM,
        Holder.MEMBER,
        Holder.DEVICE,
    }
    assert governance.operator_id == OPERATOR
    assert governance.channel == "Example channel"
    assert governance.log == LOG.vkey.name
    assert governance.receipt_key.public_key == LOG.receipt_signer.public_key
    assert [holder for holder in Holder if holder.chains] == [Holder.MEMBER, Holder.DEVICE]


def test_before_the_genesis_there_is_nobody() -> None:
    governance = Governance(LOG.vkey)
    for ask in (lambda: governance.operator_id, lambda: governance.receipt_key):
        with pytest.raises(GovernanceError, match="no genesis"):
            ask()
    with pytest.raises(GovernanceError, match="genesis"):
        governance.apply(entry_of(LOG.draft(DONE, {}), CAST.pharmacy), 1, header_index=0)


def valid_at(governance: Governance, signer: Signer) -> list[int]:
    """Return the header indices up to 30 at which the key may sign."""
    valid = []
    for index in range(31):
        try:
            governance.key_for(
                key_id=signer.key_id, organisation_id=signer.organisation_id, header_index=index
            )
        except GovernanceError:
            continue
        valid.append(index)
    return valid


def test_a_key_is_valid_after_its_addition_and_before_its_revocation() -> None:
    governance = governed()
    assert valid_at(governance, CAST.operator) == [0, *range(2, 31)]
    assert valid_at(governance, CAST.pharmacy) == list(range(5, 31))
    assert valid_at(governance, CAST.scanner) == list(range(7, 31))
    governance.apply(entry_of(LOG.key_revoked(CAST.scanner), CAST.pharmacy), 20, header_index=19)
    assert valid_at(governance, CAST.scanner) == list(range(7, 20))
    assert valid_at(governance, SECOND) == []
    assert valid_at(governance, Signer("scanner", WHOLESALER)) == []


def test_a_revoked_key_never_returns() -> None:
    governance = governed()
    governance.apply(entry_of(LOG.key_revoked(CAST.scanner), CAST.operator), 20, header_index=19)
    for signer in (CAST.pharmacy, CAST.wholesaler):
        with pytest.raises(GovernanceError, match="is or was a key"):
            governance.apply(
                entry_of(LOG.key_added(CAST.scanner, "device"), signer), 21, header_index=20
            )
    with pytest.raises(GovernanceError, match="already"):
        governance.apply(
            entry_of(LOG.key_revoked(CAST.scanner), CAST.pharmacy), 21, header_index=20
        )


def test_the_last_key_of_an_organisation_stays() -> None:
    governance = governed()
    with pytest.raises(GovernanceError, match="locked out"):
        governance.apply(
            entry_of(LOG.key_revoked(CAST.wholesaler), CAST.wholesaler), 20, header_index=19
        )
    governance.apply(entry_of(LOG.key_revoked(CAST.pharmacy), CAST.pharmacy), 20, header_index=19)
    with pytest.raises(GovernanceError, match="locked out"):
        governance.apply(
            entry_of(LOG.key_revoked(CAST.scanner), CAST.operator), 21, header_index=20
        )


def test_a_label_is_kept() -> None:
    governance = governed()
    draft = LOG.draft(
        "ledger.key.added.v1", {**SECOND.key_json(), "holder": "person", "label": "Till 2"}
    )
    governance.apply(entry_of(draft, CAST.pharmacy), 20, header_index=19)
    key = governance.keys[SECOND.key_id]
    assert (key.label, key.holder, key.added_index) == ("Till 2", Holder.PERSON, 20)


Make = Callable[[], tuple[EntryDraft, Signer]]


def body_of(draft: EntryDraft, **members: Json) -> EntryDraft:
    return LOG.draft(draft.kind, {**draft.body, **members})


def admission(**members: Json) -> EntryDraft:
    newcomer = Signer("newcomer", STRANGER)
    return body_of(LOG.admission(newcomer, "New", "hospital", "system"), **members)


REFUSED: list[tuple[Make, str]] = [
    (lambda: (LOG.genesis(), CAST.operator), "first entry"),
    (lambda: (LOG.draft("ledger.quorum.set.v1", {}), CAST.operator), "no kind of governance"),
    (lambda: (admission(), CAST.pharmacy), "only the operator"),
    (lambda: (admission(org=str(PHARMACY)), CAST.operator), "a member already"),
    (lambda: (admission(kind="operator"), CAST.operator), "there is one"),
    (lambda: (admission(kind="Hospital"), CAST.operator), "body.kind"),
    (lambda: (admission(name=""), CAST.operator), "body.name"),
    (lambda: (admission(name="a\nb"), CAST.operator), "body.name"),
    (lambda: (admission(first_key={}), CAST.operator), "body.first_key.key is missing"),
    (lambda: (LOG.key_added(CAST.pharmacy, "system"), CAST.pharmacy), "is or was a key"),
    (lambda: (LOG.key_added(LOG.receipt_signer, "system"), CAST.operator), "is or was a key"),
    (lambda: (LOG.key_added(SECOND, "patient"), CAST.pharmacy), "holder"),
    (lambda: (LOG.key_added(SECOND, "system"), Signer("x", STRANGER)), "no member"),
    (
        lambda: (body_of(LOG.key_added(SECOND, "system"), key="0" * 64), CAST.pharmacy),
        "is not the SHA-256",
    ),
    (
        lambda: (body_of(LOG.key_added(SECOND, "system"), person="x"), CAST.pharmacy),
        "unknown member",
    ),
    (lambda: (LOG.key_revoked(SECOND), CAST.pharmacy), "none that this organisation"),
    (lambda: (LOG.key_revoked(CAST.pharmacy), CAST.wholesaler), "none that this organisation"),
    (lambda: (LOG.key_revoked(CAST.pharmacy, "lost it"), CAST.pharmacy), "body.reason"),
    (lambda: (LOG.key_revoked(CAST.pharmacy), Signer("x", STRANGER)), "no member"),
]


@pytest.mark.parametrize(("make", "reason"), REFUSED)
def test_what_breaks_a_rule_is_refused_and_changes_nothing(make: Make, reason: str) -> None:
    governance = governed()
    before = (dict(governance.members), dict(governance.keys))
    with pytest.raises(GovernanceError) as caught:
        governance.apply(entry_of(*make()), 20, header_index=19)
    assert reason in str(caught.value)
    assert (dict(governance.members), dict(governance.keys)) == before


def operator_json(**members: Json) -> dict[str, Json]:
    operator: Any = LOG.genesis().body["operator"]
    return {**operator, **members}


GENESES: list[tuple[dict[str, Json], str]] = [
    ({"origin": "other"}, "body.origin"),
    ({"quorum": "all"}, "body.quorum"),
    ({"vkey": "x"}, "body.vkey is none"),
    (
        {"vkey": "w1.example+280a4f24+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"},
        "body.vkey is",
    ),
    ({"operator": operator_json(org=str(PHARMACY))}, "operator that it names"),
    ({"operator": operator_json(name="")}, "body.operator.name"),
    ({"operator": operator_json(key="0" * 64)}, "body.operator.key"),
    ({"receipt_key": LOG.operator.key_json()}, "one key, one purpose"),
    ({"channel": ""}, "body.channel"),
    ({"more": 1}, "unknown member"),
]


@pytest.mark.parametrize(("members", "reason"), GENESES)
def test_a_genesis_that_does_not_fit_its_log_is_refused(
    members: dict[str, Json], reason: str
) -> None:
    governance = Governance(LOG.vkey)
    with pytest.raises(GovernanceError) as caught:
        governance.apply(
            entry_of(body_of(LOG.genesis(), **members), CAST.operator), 1, header_index=0
        )
    assert reason in str(caught.value)
    assert dict(governance.members) == {}


def test_entries_of_another_log_or_out_of_order_are_refused() -> None:
    governance = governed()
    other = entry_of(LOG.draft(DONE, {}), CAST.pharmacy, log="other/1")
    with pytest.raises(GovernanceError, match="another log"):
        governance.apply(other, 20, header_index=19)
    with pytest.raises(GovernanceError, match="comes after"):
        governance.apply(entry_of(LOG.draft(DONE, {}), CAST.pharmacy), 13, header_index=12)


def test_a_genesis_names_the_trusted_key() -> None:
    key = LogBuilder().vkey
    other = parse_vkey("theriac.example/t1+00332239+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4")
    trusted = type(key)(name=key.name, key_type=key.key_type, public_key=other.public_key)
    with pytest.raises(GovernanceError, match="trusted under"):
        Governance(trusted).apply(entry_of(LOG.genesis(), CAST.operator), 1, header_index=0)
