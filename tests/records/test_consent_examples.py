"""Others' consents: the twelve of HL7 R4 and the twelve of IHE PCF, each decided as it means."""

import dataclasses
import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import pytest

from records.core.consent import decide, format_residual, permits_record
from records.core.consent_compile import compile_consent
from records.core.consent_values import (
    AccessRequest,
    CompiledConsent,
    Decision,
    ReasonCode,
)
from records.core.fhir import RecordIndex, parse_resource
from records.core.fhir_json import Coding
from tests.records.consents import CLOSED, OPEN, level, purpose, read_json, record, sensitivity
from tests.vectors_at import shared_vectors

BASE = "http://example.org/fhir/"
F001 = BASE + "Organization/f001"
STRANGER = BASE + "Organization/stranger"
SAMPLE = {"reference": BASE + "Observation/o", "referenced_by": frozenset()}
HERE = record(**SAMPLE, custodians=frozenset({F001}))
ELSEWHERE = record(**SAMPLE, custodians=frozenset({STRANGER}))
NOW = dt.datetime(2022, 7, 1, 9, 0, tzinfo=dt.UTC)
FOOBAR = Coding(system="http://example.org/policies/purposeOfUse", code="FooBar")


def hl7(name: str) -> CompiledConsent:
    path = shared_vectors(f"fhir/hl7-r4-examples/Consent-consent-example-{name}.json")
    return compile_consent(read_json(path.read_bytes()), base=BASE)


def pcf(name: str) -> CompiledConsent:
    path = shared_vectors(f"fhir/ihe-pcf/Consent-ex-consent-{name}.json")
    return compile_consent(read_json(path.read_bytes()), base=BASE)


def data(name: str) -> RecordIndex:
    path = shared_vectors(f"fhir/ihe-pcf/Observation-ex-{name}.json")
    index = parse_resource(read_json(path.read_bytes()), base=BASE)
    return dataclasses.replace(index, referenced_by=frozenset())


def ask(consent: CompiledConsent, **members: Any) -> Decision:
    """Decide for a stranger's treatment unless told otherwise, with a default that is open."""
    values: dict[str, Any] = {
        "patients": frozenset({consent.patient}),
        "organisation": STRANGER,
        "purposes": frozenset({purpose("TREAT")}),
        "time": NOW,
        "treating": True,
    }
    return decide([consent], AccessRequest(**values | members), OPEN)


def seen(decision: Decision, records: Sequence[RecordIndex]) -> list[bool]:
    return [permits_record(decision, each) for each in records]


def test_hl7_out_denies_the_custodians_data_to_everyone() -> None:
    out = hl7("Out")
    assert seen(ask(out), [HERE, ELSEWHERE]) == [False, True]
    assert ReasonCode.SCOPED_OPT_OUT in ask(out).reasons
    assert not ask(out, treating=False).permit
    assert not permits_record(ask(out), dataclasses.replace(HERE, custodians=frozenset()))


def test_hl7_not_author_denies_the_custodians_data_and_permits_the_rest() -> None:
    assert seen(ask(hl7("notAuthor"), treating=False), [HERE, ELSEWHERE]) == [False, True]


@pytest.mark.parametrize("action", ["access", "correct"])
def test_hl7_not_org_denies_the_organisation(action: str) -> None:
    consent = hl7("notOrg")
    assert not ask(consent, organisation=F001, action=action).permit
    assert seen(ask(consent), [HERE, ELSEWHERE]) == [True, True]
    assert ask(consent, organisation=F001, action="use").permit


def test_hl7_not_them_denies_the_practitioner() -> None:
    consent = hl7("notThem")
    nurse = frozenset({BASE + "Practitioner/f204"})
    assert not ask(consent, persons=nurse).permit
    assert ask(consent).permit


def test_hl7_not_this_denies_what_the_task_is_about() -> None:
    decision = ask(hl7("notThis"))
    task = BASE + "Task/example3"
    about = [
        dataclasses.replace(HERE, referenced_by=frozenset({task})),
        dataclasses.replace(HERE, references=frozenset({task})),
        dataclasses.replace(HERE, referenced_by=None),
        HERE,
    ]
    assert seen(decision, about) == [False, False, False, True]


def test_hl7_grantor_lets_one_person_read_the_custodians_data() -> None:
    consent = hl7("grantor")
    person = frozenset({BASE + "Patient/example"})
    assert seen(ask(consent, persons=person), [HERE, ELSEWHERE]) == [True, False]
    assert not ask(consent, persons=person, action="correct").permit
    assert not ask(consent).permit


def test_hl7_emergency_permits_emergency_treatment_only() -> None:
    consent = hl7("Emergency")
    emergency = ask(consent, purposes=frozenset({purpose("ETREAT")}))
    assert seen(emergency, [HERE, ELSEWHERE]) == [True, False]
    assert ReasonCode.SIBLING_RULE in emergency.reasons
    assert not ask(consent).permit


def test_hl7_signature_is_a_grant_within_bounds() -> None:
    consent = hl7("signature")
    inside: dict[str, Any] = {
        "persons": frozenset({BASE + "Practitioner/13"}),
        "time": dt.datetime(2016, 10, 10, 23, 59, tzinfo=dt.UTC),
    }
    document = record(
        type="DocumentReference",
        codes=frozenset({Coding(system="http://loinc.org", code="34133-9")}),
        authors=frozenset({BASE + "Practitioner/xcda-author"}),
        classes=frozenset({Coding(system="urn:ietf:bcp:13", code="application/hl7-cda+xml")}),
    )
    other = dataclasses.replace(
        document, codes=frozenset({Coding(system="http://loinc.org", code="1-1")})
    )
    assert seen(ask(consent, **inside), [document, other, HERE]) == [True, False, False]
    outside = inside | {"time": dt.datetime(2016, 10, 11, tzinfo=dt.UTC)}
    # Outside the bounds the law's default speaks, never the OPTIN.
    assert seen(ask(consent, **outside), [document, HERE]) == [True, True]
    assert not ask(consent, **outside, treating=False).permit
    assert not ask(consent, time=inside["time"], treating=False).permit


def test_hl7_smart_on_fhir_grants_half_an_hour_of_prescriptions() -> None:
    consent = hl7("smartonfhir")
    prescription = record(type="MedicationRequest")
    start = dt.datetime(2016, 6, 23, 7, 2, 33, tzinfo=dt.UTC)
    for moment, expected in [
        (start, [True, False]),
        (start + dt.timedelta(minutes=30), [True, False]),
    ]:
        assert seen(ask(consent, time=moment, treating=False), [prescription, HERE]) == expected
    late = start + dt.timedelta(minutes=30, seconds=1)
    assert not ask(consent, time=late, treating=False).permit
    assert ReasonCode.PERFORMER_NOT_PATIENT in consent.notes


def test_hl7_pkb_permits_nothing_and_asks_for_review() -> None:
    consent = hl7("pkb")
    decision = ask(consent, organisation=F001)
    assert not decision.permit
    assert ReasonCode.NOTHING_PERMITTED in decision.reasons
    assert decision.obligations == ("review-consent",)
    assert len(consent.rules) == 12


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("basic", dt.datetime(2016, 1, 1, 23, 59), dt.datetime(2016, 1, 2)),  # noqa: DTZ001
        ("notTime", dt.datetime(2015, 1, 1), dt.datetime(2014, 12, 31, 23, 59)),  # noqa: DTZ001
    ],
)
def test_hl7_period_only_denies_inside_and_permits_outside(
    name: str, inside: dt.datetime, outside: dt.datetime
) -> None:
    consent = hl7(name)
    assert ReasonCode.PERIOD_ONLY in consent.notes
    assert not ask(consent, time=inside.replace(tzinfo=dt.UTC)).permit
    assert ask(consent, time=outside.replace(tzinfo=dt.UTC), treating=False).permit


def expected_residual(name: str) -> Any:
    path = shared_vectors("fhir/ihe-pcf/expected-residual.json")
    text = path.read_text().replace('"deny"', '"forbid"')
    return json.loads(text)[f"ex-consent-{name}"]["residual"]


@pytest.mark.parametrize(
    "name",
    [
        "advanced-normal",
        "basic-treat",
        "intermediate-authoredby",
        "intermediate-not-authoredby",
        "intermediate-not-data",
        "intermediate-not-encounter",
    ],
)
def test_pcf_residual_rules_are_the_published_ones(name: str) -> None:
    decision = ask(pcf(name), treating=False)
    assert decision.permit
    assert format_residual(decision.residual) == expected_residual(name)
    assert not ask(pcf(name), purposes=frozenset({purpose("HRESCH")})).permit


def test_pcf_purpose_is_one_organisations_with_a_code_of_its_own() -> None:
    consent = pcf("intermediate-purpose")
    researcher: dict[str, Any] = {
        "organisation": BASE + "Organization/ex-org-researcher",
        "purposes": frozenset({FOOBAR}),
    }
    assert format_residual(ask(consent, **researcher).residual) is None
    assert expected_residual("intermediate-purpose") is None
    assert ask(consent, **researcher).permit
    assert not ask(consent, **researcher | {"organisation": STRANGER}).permit
    assert not ask(consent, **researcher | {"purposes": frozenset({purpose("TREAT")})}).permit


def test_pcf_expired_treat_ends_with_its_last_day() -> None:
    consent = pcf("expired-treat")
    last = dt.datetime(2022, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
    assert format_residual(ask(consent, time=last).residual) is None
    assert ask(consent, time=last).permit
    assert not ask(consent, time=last + dt.timedelta(seconds=1)).permit


@pytest.mark.parametrize(
    ("name", "codes"), [("basic-research", {"HRESCH"}), ("basic-treat-infant", {"TREAT", "HPAYMT"})]
)
def test_pcf_basic_consents_permit_their_purposes_only(name: str, codes: set[str]) -> None:
    for code in ("HRESCH", "TREAT", "HPAYMT", "HMARKT"):
        decision = ask(pcf(name), purposes=frozenset({purpose(code)}))
        assert decision.permit == (code in codes)


@pytest.mark.parametrize("is_focus", [True, False])
def test_pcf_focused_opens_restricted_data_to_one_practitioner(*, is_focus: bool) -> None:
    persons = frozenset({BASE + "Practitioner/ex-practitioner"} if is_focus else ())
    decision = ask(pcf("advanced-normal-focused-restricted"), persons=persons)
    very = record(level("V"))
    assert seen(decision, [data("bloodSugar"), data("alcoholUse"), very]) == [True, is_focus, False]


@pytest.mark.parametrize("is_member", [True, False])
@pytest.mark.parametrize("declares", [True, False])
def test_pcf_break_glass_opens_restricted_data_to_members_who_declare_it(
    *, is_member: bool, declares: bool
) -> None:
    decision = ask(
        pcf("advanced-normal-break-glass-restricted"),
        groups=frozenset({BASE + "Group/ex-privilegedUsers"} if is_member else ()),
        purposes=frozenset({purpose("BTG" if declares else "TREAT")}),
    )
    expected = [True, is_member and declares]
    assert seen(decision, [data("bloodSugar"), data("alcoholUse")]) == expected
    assert ("review-access" in decision.obligations) == declares


def test_pcf_rules_hold_for_its_own_observations() -> None:
    drink, sugar = data("alcoholUse"), data("bloodSugar")
    assert seen(ask(pcf("intermediate-not-data")), [drink, sugar]) == [False, True]
    assert seen(ask(pcf("intermediate-not-encounter")), [drink, sugar]) == [False, False]
    assert seen(ask(pcf("intermediate-authoredby")), [drink, sugar]) == [False, False]
    assert seen(ask(pcf("intermediate-not-authoredby")), [drink, sugar]) == [True, True]
    assert seen(ask(pcf("advanced-normal")), [drink, sugar]) == [False, True]


def test_a_closed_default_changes_nothing_where_a_consent_speaks() -> None:
    consent = pcf("basic-treat")
    asked = AccessRequest(
        patients=frozenset({consent.patient}),
        organisation=STRANGER,
        purposes=frozenset({purpose("TREAT")}),
        time=NOW,
    )
    assert seen(decide([consent], asked, CLOSED), [HERE, record(sensitivity("PSY"))]) == [True] * 2
