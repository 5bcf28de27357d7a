"""Credentials' bodies, and organisations folded from entries."""

import datetime as dt
from itertools import permutations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.core.credential import (
    CREDENTIAL_VERIFIED,
    CredentialError,
    CredentialFacts,
    CredentialType,
    format_credential,
    parse_credential,
)
from accounts.core.organisation import (
    OrganisationError,
    OrganisationFacts,
    OrganisationKind,
    fold_organisations,
)
from ledger.core.canonical import Json
from ledger.core.entry import Entry
from ledger.core.governance import GENESIS, KEY_ADDED, MEMBER_ADMITTED

OPERATOR, PHARMACY = UUID(int=1), UUID(int=2)
DAY = dt.date(2026, 11, 24)
GLNS = ("9501101020016", "0614141000005")


def facts(value: str = GLNS[0], **changes: object) -> CredentialFacts:
    members: dict[str, object] = {
        "holder_id": PHARMACY,
        "type": CredentialType.GLN,
        "value": value,
        "evidence": "register",
        "valid_from": DAY,
    }
    return CredentialFacts(**(members | changes))  # type: ignore[arg-type] # members by name


def entry(kind: str, body: dict[str, Json]) -> Entry:
    return Entry(
        log="theriac.example/1",
        kind=kind,
        organisation_id=OPERATOR,
        key_id=bytes(32),
        time=dt.datetime(2026, 11, 24, tzinfo=dt.UTC),
        id=UUID(int=9),
        body=body,
        commitments=(),
    )


GENESIS_ENTRY = (
    b"g",
    entry(
        GENESIS,
        {"operator": {"org": str(OPERATOR), "name": "Op", "key": "", "public_key": ""}, "x": 1},
    ),
)
ADMISSION = (
    b"a",
    entry(
        MEMBER_ADMITTED,
        {"org": str(PHARMACY), "name": "Ph", "kind": "pharmacy", "first_key": {}},
    ),
)


def verified(name: bytes, found: CredentialFacts) -> tuple[bytes, Entry]:
    return name, entry(CREDENTIAL_VERIFIED, format_credential(found))


@given(
    value=st.from_regex(r"[!-~]([ -~]{0,62}[!-~])?", fullmatch=True),
    evidence=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=500),
    days=st.integers(0, 4000),
    ends=st.booleans(),
)
def test_a_credential_reads_back_from_its_body(
    *, value: str, evidence: str, days: int, ends: bool
) -> None:
    made = facts(
        value,
        type=CredentialType.LICENCE,
        evidence=evidence,
        expires_on=DAY + dt.timedelta(days=days) if ends else None,
    )
    body = format_credential(made)
    assert parse_credential(body) == made
    assert ("expires_on" in body) == ends


def test_the_body_carries_exactly_the_columns() -> None:
    assert format_credential(facts(expires_on=DAY)) == {
        "holder": str(PHARMACY),
        "type": "GLN",
        "value": GLNS[0],
        "evidence": "register",
        "valid_from": "2026-11-24",
        "expires_on": "2026-11-24",
    }


def test_a_credential_holds_on_both_its_first_and_its_last_day() -> None:
    made = facts(expires_on=DAY + dt.timedelta(days=1))
    days = [DAY + dt.timedelta(days=days) for days in range(-1, 3)]
    assert [made.valid_on(day) for day in days] == [False, True, True, False]
    assert facts().valid_on(DAY.replace(year=9999))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"value": "9501101020017"}, "value"),
        ({"type": CredentialType.NPI}, "value"),
        ({"evidence": ""}, "evidence"),
        ({"evidence": "a\nb"}, "evidence"),
        ({"evidence": "a" * 501}, "evidence"),
        ({"expires_on": DAY - dt.timedelta(days=1)}, "expires_on"),
    ],
)
def test_a_credential_that_breaks_a_rule_names_the_member(
    changes: dict[str, object], path: str
) -> None:
    with pytest.raises(CredentialError) as refused:
        facts(**changes)  # type: ignore[arg-type] # members by name
    assert refused.value.members == {"path": path}


@pytest.mark.parametrize(
    "change",
    [
        {"holder": "x"},
        {"type": "DEA"},
        {"type": 1},
        {"valid_from": "2026-02-30"},
        {"valid_from": "20261124"},
        {"expires_on": None},
        {"more": 1},
        {"evidence": None},
    ],
)
def test_a_body_that_is_no_credential_is_refused(change: dict[str, Json]) -> None:
    with pytest.raises(CredentialError):
        parse_credential(format_credential(facts()) | change)


@pytest.mark.parametrize("body", [None, [], "x", {}])
def test_no_object_is_no_credential(body: object) -> None:
    with pytest.raises(CredentialError):
        parse_credential(body)


def test_any_order_of_a_flush_gives_the_same_organisations() -> None:
    world = [
        GENESIS_ENTRY,
        ADMISSION,
        verified(b"c", facts()),
        verified(b"n", facts("1234567893", type=CredentialType.NPI)),
        (b"k", entry(KEY_ADDED, {"key": "anything"})),
    ]
    expected = {
        OPERATOR: OrganisationFacts(
            id=OPERATOR, name="Op", kind=OrganisationKind.OPERATOR, entry_id=b"g"
        ),
        PHARMACY: OrganisationFacts(
            id=PHARMACY, name="Ph", kind=OrganisationKind.PHARMACY, entry_id=b"a", gln=GLNS[0]
        ),
    }
    folds = [fold_organisations(order) for order in permutations(world)]
    assert len(folds) == 120
    assert all(fold == expected for fold in folds)


def test_the_first_gln_and_the_first_admission_stay() -> None:
    again = (b"b", entry(MEMBER_ADMITTED, dict(ADMISSION[1].body) | {"name": "Other"}))
    world = [ADMISSION, again, *(verified(gln.encode(), facts(gln)) for gln in GLNS)]
    found = fold_organisations(world)[PHARMACY]
    assert (found.name, found.gln, found.entry_id) == ("Ph", GLNS[0], b"a")


@pytest.mark.parametrize(
    "bad",
    [
        entry(GENESIS, {}),
        entry(GENESIS, {"operator": 1}),
        entry(GENESIS, {"operator": {}}),
        entry(MEMBER_ADMITTED, {}),
        entry(MEMBER_ADMITTED, {"org": 1, "name": "x", "kind": "pharmacy"}),
        entry(MEMBER_ADMITTED, {"org": str(PHARMACY), "name": "x", "kind": "florist"}),
        entry(MEMBER_ADMITTED, {"org": str(PHARMACY), "name": [], "kind": "pharmacy"}),
    ],
)
def test_an_admission_that_cannot_be_read_names_the_member(bad: Entry) -> None:
    with pytest.raises(OrganisationError, match=r"body"):
        fold_organisations([(b"x", bad)])
