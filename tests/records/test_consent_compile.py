"""Compiling: what is malformed, what is unknown, and JSON of any shape."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.core.consent import decide, permits_record
from records.core.consent_compile import ConsentError, compile_consent, read_consent
from records.core.consent_values import ReasonCode
from records.core.fhir_json import IssueType
from tests.records.consents import (
    ALPHA,
    BASE,
    CLOSED,
    OPEN,
    action,
    actor,
    coding,
    concept,
    consent,
    consent_json,
    level,
    purpose,
    record,
    request,
)

TREAT = {"type": "permit", "purpose": [coding(purpose("TREAT"))]}


@pytest.mark.parametrize(
    ("changes", "path", "issue_type"),
    [
        ({"resourceType": "Patient"}, "Consent.resourceType", IssueType.VALUE),
        ({"status": "valid"}, "Consent.status", IssueType.CODE_INVALID),
        ({"status": None}, "Consent.status", IssueType.STRUCTURE),
        ({"patient": {}}, "Consent.patient", IssueType.STRUCTURE),
        ({"patient": {"display": "x"}}, "Consent.patient", IssueType.REQUIRED),
        ({"patient": {"reference": "?"}}, "Consent.patient.reference", IssueType.VALUE),
        ({"dateTime": "yesterday"}, "Consent.dateTime", IssueType.VALUE),
        ({"modifierExtension": [{}]}, "Consent", IssueType.STRUCTURE),
        ({"implicitRules": "x"}, "Consent", IssueType.STRUCTURE),
        ({"provision": [TREAT]}, "Consent.provision", IssueType.STRUCTURE),
        ({"provision": {"type": "maybe"}}, "Consent.provision.type", IssueType.CODE_INVALID),
        ({"provision": {"id": "p"}}, "Consent.provision.type", IssueType.REQUIRED),
        (
            {"provision": {"type": "permit", "actor": [{"role": concept("s", "PRCP")}]}},
            "Consent.provision.actor[0].reference",
            IssueType.REQUIRED,
        ),
        (
            {"provision": {"type": "deny", "period": {"start": "2026-02", "end": "2026-01"}}},
            "Consent.provision.period",
            IssueType.VALUE,
        ),
        (
            {"provision": {"type": "deny", "provision": []}},
            "Consent.provision.provision",
            IssueType.STRUCTURE,
        ),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(
    changes: dict[str, Any], path: str, issue_type: IssueType
) -> None:
    with pytest.raises(ConsentError) as caught:
        compile_consent(consent_json(TREAT) | changes, base=BASE)
    assert (caught.value.path, caught.value.issue_type) == (path, issue_type)
    assert caught.value.detail.startswith(f"{path}: ")
    assert caught.value.detail.count(path) == 1


@pytest.mark.parametrize("name", ["status", "scope", "patient", "provision"])
def test_what_is_missing_is_malformed(name: str) -> None:
    members = consent_json(TREAT)
    del members[name]
    fault = read_consent(members, base=BASE, id="c9")
    assert (fault.id, fault.in_force) == ("c9", False)
    assert fault.fault is not None
    assert fault.fault.startswith(f"Consent.{name}")


def test_opting_in_and_out_at_once_is_malformed() -> None:
    both = {"coding": [*concept_of("OPTIN"), *concept_of("OPTOUT")]}
    with pytest.raises(ConsentError, match="is OPTIN and OPTOUT"):
        compile_consent(consent_json(policyRule=both), base=BASE)


def concept_of(code: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = consent_json(opt=code)["policyRule"]["coding"]
    return found


def nested(depth: int, width: int = 1) -> dict[str, Any]:
    provision: dict[str, Any] = {"type": "permit", "purpose": [coding(purpose("TREAT"))]}
    for _ in range(depth):
        inner = [copy.copy(provision) for _ in range(width)]
        provision = {"type": "permit", "provision": inner}
    return provision


def test_nesting_and_number_of_provisions_are_bounded() -> None:
    assert len(consent(nested(8)).rules) == 10
    with pytest.raises(ConsentError, match="nested too deeply"):
        consent(nested(9))
    with pytest.raises(ConsentError, match="nested too deeply"):
        consent(nested(300))
    assert len(consent(nested(1, 1000)).rules) == 1002
    with pytest.raises(ConsentError, match="too many provisions"):
        consent(nested(1, 1001))


UNKNOWNS: list[Any] = [
    {"modifierExtension": [{"url": "x"}]},
    {"novelty": True},
    {"actor": [actor("WIT", "Organization/alpha")]},
    {"actor": [{"role": {"text": "friend"}, "reference": {"reference": "Organization/alpha"}}]},
    {"actor": [actor("PRCP", "#contained")]},
    {"actor": [{**actor("PRCP", "x"), "reference": {"display": "someone"}}]},
    {"action": [concept("urn:local", "access")]},
    {"action": [{"coding": [*action("use")["coding"], *action("access")["coding"]]}]},
    {"purpose": [{"code": "TREAT"}]},
    {"purpose": [{"display": "Treatment"}]},
    {"securityLabel": [{"system": level("N").system, "code": "Q"}]},
    {"class": [{"code": "Observation"}]},
    {"code": [{"text": "sugar"}]},
    {"code": [concept("", "1-1") | {"coding": [{"code": "1-1"}]}]},
    {"data": [{"meaning": "instance", "reference": {"reference": "Observation?code=1-1"}}]},
    {"data": [{"meaning": "like", "reference": {"reference": "Observation/o"}}]},
]


@pytest.mark.parametrize("unknown", UNKNOWNS)
def test_what_is_not_understood_is_denied_and_not_permitted(unknown: dict[str, Any]) -> None:
    permit = consent({"type": "permit", **unknown})
    deny = consent({"type": "deny", **unknown})
    assert ReasonCode.UNKNOWN_ELEMENT in permit.notes
    assert ReasonCode.UNKNOWN_ELEMENT in deny.notes
    assert not decide([permit], request(treating=True), OPEN).permit
    assert not decide([deny], request(treating=True), OPEN).permit


@pytest.mark.parametrize(
    "element", ["purpose", "securityLabel", "class"], ids=lambda name: f"a foreign {name}"
)
def test_a_code_of_a_foreign_system_permits_itself_and_denies_anything(element: str) -> None:
    foreign = {element: [{"system": "urn:local", "code": "x"}]}
    assert not decide([consent({"type": "deny", **foreign})], request(treating=True), OPEN).permit
    assert consent({"type": "permit", **foreign}).rules[1].sense == "permit"
    assert not permits_record(
        decide([consent({"type": "permit", **foreign})], request(), CLOSED), record()
    )


def test_an_unknown_alternative_does_not_spoil_a_permit() -> None:
    both = [coding(purpose("TREAT")), {"code": "x"}]
    assert decide([consent({"type": "permit", "purpose": both})], request(), CLOSED).permit


def test_a_child_inherits_what_its_parent_did_not_understand() -> None:
    parent = {"novelty": 1, "type": "permit", "provision": [TREAT]}
    assert not decide([consent(parent)], request(), CLOSED).permit


def test_an_opt_out_that_names_more_than_custodians_but_nobody_is_about_all_data() -> None:
    custodian = [actor("CST", "Organization/alpha")]
    scoped = consent({"actor": custodian}, opt="OPTOUT")
    more = consent({"actor": custodian, "action": [action("access")]}, opt="OPTOUT")
    elsewhere = record(custodians=frozenset({"x"}))
    asked = request(treating=True)
    assert permits_record(decide([scoped], asked, OPEN), elsewhere)
    assert not permits_record(decide([more], asked, OPEN), elsewhere)


def test_parties_are_inherited_one_by_one() -> None:
    child = {"type": "permit", "actor": [actor("AUT", "Practitioner/author")]}
    root = {"actor": [actor("PRCP", "Organization/alpha")], "provision": [child]}
    bounded = consent(root, opt="OPTIN")
    assert permits_record(decide([bounded], request(), CLOSED), record())
    assert not decide([bounded], request("x"), CLOSED).permit


def test_a_broader_period_in_a_child_is_a_sibling() -> None:
    root = {
        "type": "permit",
        "period": {"start": "2026-02-01", "end": "2026-12-31"},
        "provision": [{"type": "deny", "period": {"start": "2026", "end": "2026"}}],
    }
    compiled = consent(root)
    assert ReasonCode.SIBLING_RULE in compiled.notes
    assert [rule.rank for rule in compiled.rules] == [0, 1, 2]
    assert decide([compiled], request(), CLOSED).permit


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
WHOLE = consent_json(
    {
        "type": "permit",
        "actor": [actor("PRCP", "Organization/alpha")],
        "action": [action("access")],
        "purpose": [coding(purpose("TREAT"))],
        "period": {"start": "2020"},
        "provision": [
            {
                "type": "deny",
                "securityLabel": [coding(level("R"))],
                "data": [{"meaning": "instance", "reference": {"reference": "Observation/o"}}],
            }
        ],
    },
    opt="OPTIN",
    performer=[{"reference": "Patient/p"}],
    meta={"versionId": "1", "profile": ["x"]},
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(place for step, each in steps for place in places(each, (*path, step)))]


@settings(max_examples=100)
@given(JSON)
def test_any_json_is_read_or_is_a_fault_that_permits_nothing(value: Any) -> None:
    read = read_consent(value, base=BASE)
    assert read.fault is not None
    assert not decide([read], request(treating=True), OPEN).permit


@settings(max_examples=100)
@given(st.sampled_from(places(WHOLE)[1:]), JSON)
def test_any_spoiled_place_is_read_or_is_a_fault_that_permits_nothing(
    place: tuple[Any, ...], value: Any
) -> None:
    spoiled = copy.deepcopy(WHOLE)
    holder = spoiled
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    read = read_consent(spoiled, base=BASE)
    decision = decide([read], request(ALPHA, treating=True), OPEN)
    assert read.fault is None or not decision.permit
