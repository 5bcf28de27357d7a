"""A deny of somebody unknown closes; the law's default knows what nobody labelled."""

import datetime as dt
import itertools

import pytest

from records.core.consent import decide, permits_record
from records.core.consent_compile import compile_consent
from records.core.consent_values import ACT_REASON, AccessRequest, CompiledConsent
from records.core.fhir import RecordIndex
from records.core.fhir_json import Coding
from records.core.packs import US
from records.core.parties import (
    named_parties,
    organisations_named,
    people_named,
    settle_custodians,
)
from tests.records.house import ACT_CODE, BASE, CONFIDENTIALITY, consent, recipient

HOLDER, CHANNEL_CLINIC = BASE + "Organization/h", BASE + "Organization/c"
LOCAL = BASE + "Organization/f001"


def custodian(reference: str) -> dict[str, object]:
    actor = recipient(reference)
    actor["role"]["coding"][0]["code"] = "CST"
    return actor


def compiled(base: str, *actors: dict[str, object]) -> CompiledConsent:
    return compile_consent(consent(base=base, actor=list(actors)), base=BASE)


def request(
    *, treating: bool = False, unresolved: frozenset[str] = frozenset(), purpose: str = "TREAT"
) -> AccessRequest:
    return AccessRequest(
        patients=frozenset({BASE + "Patient/p1"}),
        organisation=CHANNEL_CLINIC,
        unresolved=unresolved,
        purposes=frozenset({Coding(system=ACT_REASON, code=purpose)}),
        time=dt.datetime(2026, 11, 26, tzinfo=dt.UTC),
        treating=treating,
    )


def record(*labels: tuple[str, str]) -> RecordIndex:
    return RecordIndex(
        type="Observation",
        custodians=frozenset({HOLDER}),
        labels=frozenset(Coding(system=system, code=code) for system, code in labels),
    )


def test_denied_parties_are_named_private_persons_apart() -> None:
    denies = compiled(
        "OPTIN",
        recipient("Organization/f001"),
        recipient("Practitioner/d"),
        recipient("RelatedPerson/r"),
        recipient("Patient/p2"),
        custodian("Organization/h"),
    )
    permits = compiled("OPTOUT", recipient("Organization/c"))
    named = named_parties([denies, permits], base=BASE)
    assert named == {LOCAL, BASE + "Practitioner/d", HOLDER}
    assert organisations_named(named, base=BASE) == ["f001", "h"]
    assert people_named(named, base=BASE) == ["d"]


@pytest.mark.parametrize(
    ("sense", "actor", "is_known"),
    list(itertools.product(("OPTIN", "OPTOUT"), ("PRCP", "CST"), (True, False))),
)
def test_all_small_worlds_of_one_named_party(sense: str, actor: str, *, is_known: bool) -> None:
    """OPTIN's exception denies, OPTOUT's permits; the party is another one, or nobody knows."""
    party = (recipient if actor == "PRCP" else custodian)("Organization/f001")
    one = compiled(sense, party)
    unresolved = frozenset() if is_known else named_parties([one], base=BASE)
    consents = settle_custodians([one], unresolved=unresolved)
    decision = decide(consents, request(unresolved=unresolved), US)
    # A deny of a stranger leaves the record open only where we know that it is a stranger;
    # an opt-out stays one either way.
    assert permits_record(decision, record()) == (sense == "OPTIN" and is_known)


@pytest.mark.parametrize("purpose", ["TREAT", "HPAYMT", "HOPERAT", "HRESCH"])
@pytest.mark.parametrize("treating", [True, False])
@pytest.mark.parametrize("label", [None, "N", "R", "bogus"])
@pytest.mark.parametrize("sensitive", [None, "ETHUD", "HIV"])
def test_the_default_opens_care_but_not_what_is_labelled_as_substance_use(
    purpose: str, label: str | None, sensitive: str | None, *, treating: bool
) -> None:
    labels = [(CONFIDENTIALITY, label)] if label else []
    labels += [(ACT_CODE, sensitive)] if sensitive else []
    decision = decide([], request(treating=treating, purpose=purpose), US)
    wanted = treating and purpose != "HRESCH" and sensitive != "ETHUD" and label != "bogus"
    assert permits_record(decision, record(*labels)) == wanted


def test_to_a_patients_deny_an_unlabelled_record_may_be_of_any_kind() -> None:
    denies = compile_consent(
        consent(base="OPTIN", securityLabel=[{"system": ACT_CODE, "code": "HIV"}]), base=BASE
    )
    decision = decide([denies], request(treating=True), US)
    assert not permits_record(decision, record())
    assert permits_record(decision, record((CONFIDENTIALITY, "N")))
