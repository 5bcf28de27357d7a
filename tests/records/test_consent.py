"""The decision across consents, its values and its receipt."""

import dataclasses
import datetime as dt
from typing import Any

import pytest

from ledger.core.canonical import canonical_bytes
from records.core.consent import decide, decision_receipt, format_residual, permits_record
from records.core.consent_compile import read_consent
from records.core.consent_values import (
    AccessRequest,
    AccessRequestError,
    Combiner,
    CombinerError,
    CompiledConsent,
    JurisdictionPack,
    ReasonCode,
    Sense,
)
from records.core.fhir_json import Coding, DateRange
from tests.records.consents import (
    ALPHA,
    BASE,
    BETA,
    CLOSED,
    NOW,
    OPEN,
    PATIENT,
    TPO,
    actor,
    coding,
    concept,
    consent,
    consent_json,
    level,
    purpose,
    record,
    request,
    sensitivity,
)

PERMIT_TREAT = {"type": "permit", "purpose": [coding(purpose("TREAT"))]}
PERMIT_RESEARCH = {"type": "permit", "purpose": [coding(purpose("HRESCH"))]}
DENY_ALPHA = {"type": "deny", "actor": [actor("PRCP", "Organization/alpha")]}
DENY_PSY = {"type": "deny", "securityLabel": [coding(sensitivity("PSY"))]}
FAULTY = read_consent({"resourceType": "Consent"}, base=BASE, id="bad")


def permitted(consents: list[CompiledConsent], **members: Any) -> bool:
    pack = members.pop("pack", CLOSED)
    asked = request(members.pop("organisation", ALPHA), *members.pop("codes", ()), **members)
    return permits_record(decide(consents, asked, pack), record())


def test_one_grant_does_not_undo_another() -> None:
    both = [consent(PERMIT_TREAT, id="a"), consent(PERMIT_RESEARCH, id="b")]
    assert permitted(both)
    assert permitted(both, codes=("HRESCH",))
    assert not permitted(both, codes=("HMARKT",))


def test_a_grant_closes_the_default_for_all_else() -> None:
    only = [consent(PERMIT_RESEARCH)]
    assert permitted([], treating=True, pack=OPEN)
    assert not permitted(only, treating=True, pack=OPEN)


def test_one_deny_is_enough_and_leaves_all_else_to_the_others() -> None:
    both = [consent(PERMIT_TREAT, id="a"), consent(DENY_ALPHA, id="b")]
    assert not permitted(both)
    assert permitted(both, organisation=BETA)
    decision = decide(both, request(), CLOSED)
    assert (decision.permit, decision.reasons) == (False, (ReasonCode.REFUSED,))


def test_two_consents_without_an_id_are_not_taken_for_one() -> None:
    deny = consent(DENY_ALPHA)
    grant = consent(PERMIT_TREAT)
    for order in ([deny, grant], [grant, deny]):
        assert not permitted(order)


def test_an_opt_out_is_a_deny_that_a_grant_does_not_overcome() -> None:
    assert not permitted([consent(opt="OPTOUT", id="a"), consent(PERMIT_TREAT, id="b")])
    assert permitted([consent(opt="OPTIN")])


def test_the_default_needs_its_purpose_a_relationship_and_spares_sensitive_data() -> None:
    pack = dataclasses.replace(OPEN, default_forbidden_labels=frozenset({sensitivity("ETH")}))
    decision = decide([], request(treating=True), pack)
    assert decision.reasons == ("default-rule", "filtered", "permitted")
    assert decision.obligations == ("filter",)
    assert permits_record(decision, record())
    assert not permits_record(decision, record(level("N"), sensitivity("OPIOIDUD")))
    assert not decide([], request(), pack).permit
    assert not decide([], request(ALPHA, "HRESCH", treating=True), pack).permit


def test_a_deny_of_some_data_filters_what_the_default_opens() -> None:
    decision = decide([consent(DENY_PSY)], request(treating=True), OPEN)
    assert format_residual(decision.residual) == [
        {"type": "forbid", "securityLabel": [coding(sensitivity("PSY"))]}
    ]
    assert permits_record(decision, record())
    assert not permits_record(decision, record(level("N"), sensitivity("PSY")))
    assert decision.matched == ("c| Consent.provision",)


def test_a_malformed_consent_closes_everything_but_an_emergency() -> None:
    grant = consent(PERMIT_TREAT)
    decision = decide([grant, FAULTY], request(), CLOSED)
    assert (decision.permit, decision.reasons) == (False, ("manual-review", "refused"))
    assert decision.obligations == ("review-consent",)
    emergency = decide([grant, FAULTY], request(ALPHA, "BTG"), CLOSED)
    assert emergency.permit
    assert emergency.obligations == ("review-access", "review-consent")
    assert "emergency-despite-review" in emergency.reasons
    assert not decide([consent(DENY_ALPHA), FAULTY], request(ALPHA, "BTG"), CLOSED).permit


def test_another_patients_consent_is_no_consent_but_a_fault() -> None:
    stray = consent(PERMIT_TREAT, patient={"reference": "Patient/other"})
    decision = decide([stray], request(), CLOSED)
    assert decision.reasons == ("manual-review", "other-patient", "refused")


@pytest.mark.parametrize("status", ["draft", "proposed", "rejected", "inactive"])
def test_a_consent_that_is_not_active_does_not_count(status: str) -> None:
    decision = decide([consent(PERMIT_TREAT, status=status)], request(), CLOSED)
    assert decision.reasons == ("not-in-force", "refused")


def test_a_consent_of_another_scope_does_not_count() -> None:
    scope = concept("http://terminology.hl7.org/CodeSystem/consentscope", "research")
    assert not permitted([consent(PERMIT_TREAT, scope=scope)])


POLICY: dict[str, Any] = {"policy": [{"uri": "https://hospital.example/policy"}]}


@pytest.mark.parametrize(
    ("changes", "is_superseded"),
    [
        ({}, True),
        ({"dateTime": "2026-01-01T00:00:00Z"}, False),
        ({"dateTime": "2027-01-01"}, False),
        ({"category": [concept("http://loinc.org", "1-1")]}, False),
        ({"policy": [{"uri": "https://hospital.example/other"}]}, False),
        ({"performer": [{"reference": "Patient/guardian"}]}, False),
        ({"performer": [{"reference": "Patient/p"}]}, True),
        ({"status": "inactive"}, False),
        ({"policy": [{"authority": "https://hospital.example/policy"}]}, False),
    ],
)
def test_only_a_newer_consent_of_the_same_matter_takes_the_place(
    changes: dict[str, Any], *, is_superseded: bool
) -> None:
    old = consent(DENY_ALPHA, id="old", **POLICY)
    new = consent(PERMIT_TREAT, **({"id": "new", "dateTime": "2026-01-02"} | POLICY | changes))
    assert permitted([old, new]) == is_superseded
    decision = decide([old, new], request(), CLOSED)
    assert (ReasonCode.SUPERSEDED in decision.reasons) == is_superseded


@pytest.mark.parametrize(
    "changes", [{"dateTime": None}, {"category": None}, {"policy": None}, {"performer": "unknown"}]
)
def test_what_does_not_say_its_matter_supersedes_nothing(changes: dict[str, Any]) -> None:
    def made(provision: dict[str, Any], name: str, day: str) -> CompiledConsent:
        members = consent_json(provision, id=name, dateTime=day, **POLICY)
        for member, value in changes.items():
            if value is None:
                del members[member]
            else:
                members[member] = [{"display": value}]
        read = read_consent(members, base=BASE)
        assert read.fault is None
        return read

    assert not permitted(
        [made(DENY_ALPHA, "old", "2026-01-01"), made(PERMIT_TREAT, "b", "2026-02")]
    )


def test_a_denied_purpose_denies_its_kinds_and_a_permitted_one_does_not_permit_them() -> None:
    deny = {"type": "deny", "purpose": [coding(purpose("TREAT"))]}
    emergency = JurisdictionPack(
        id="e", version="1", default_purposes=frozenset({purpose("ETREAT")})
    )
    for code in ("ETREAT", "BTG", "COC", "CAREMGT"):
        assert not permitted([consent(deny), consent(opt="OPTIN", id="d")], codes=(code,))
    assert not permitted([consent(PERMIT_TREAT)], codes=("ETREAT",))
    assert permitted([consent(PERMIT_TREAT)], codes=("BTG",))
    assert permitted([], codes=("ETREAT",), treating=True, pack=emergency)


def test_membership_that_cannot_be_found_out_denies_and_does_not_permit() -> None:
    group = BASE + "Group/g"
    by_group = [actor("IRCP", "Group/g")]
    deny = [consent({"type": "deny", "actor": by_group}), consent(opt="OPTIN", id="d")]
    permit = [consent({"type": "permit", "actor": by_group})]
    assert (permitted(deny), permitted(permit)) == (True, False)
    known: dict[str, Any] = {"groups": frozenset({group})}
    assert (permitted(deny, **known), permitted(permit, **known)) == (False, True)
    unknown: dict[str, Any] = {"unresolved": frozenset({group})}
    assert (permitted(deny, **unknown), permitted(permit, **unknown)) == (False, False)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"time": NOW.replace(tzinfo=None)}, "time zone"),
        ({"action": "erase"}, "the action is none of access, collect"),
        ({"purposes": frozenset()}, "declares its purpose"),
        ({"purposes": frozenset({purpose("TREAT"), purpose("HRESCH")})}, "one purpose"),
    ],
)
def test_a_request_without_one_meaning_is_refused(members: dict[str, Any], message: str) -> None:
    with pytest.raises(AccessRequestError, match=message):
        request(**members)


@pytest.mark.parametrize("combiner", [Combiner.MOST_RECENT, Combiner.MOST_SPECIFIC])
def test_a_combiner_that_is_not_built_is_refused(combiner: Combiner) -> None:
    with pytest.raises(CombinerError, match="is not built; use deny-overrides"):
        JurisdictionPack(id="p", version="1", combiner=combiner)


def test_a_receipt_is_canonical_and_the_same_whenever_it_is_replayed() -> None:
    wide = {
        "type": "permit",
        "actor": [actor("CST", "Organization/alpha"), actor("AUT", "Practitioner/author")],
        "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}],
        "code": [concept("http://loinc.org", "1-1")],
        "securityLabel": [coding(level("R"))],
        "dataPeriod": {"start": "2026-01-01", "end": "2026-12-31"},
        "data": [{"meaning": "related", "reference": {"reference": "Encounter/e"}}],
    }
    consents = [consent(wide, id="a"), consent(DENY_PSY, id="b", meta={"versionId": "2"})]
    asked = request(treating=True)
    receipts = [
        decision_receipt(decide(order, asked, OPEN), consents=order, request=asked, pack=OPEN)
        for order in (consents, consents[::-1])
    ]
    assert canonical_bytes(receipts[0]) == canonical_bytes(receipts[1])
    assert receipts[0]["consents"] == [{"id": "a", "version": ""}, {"id": "b", "version": "2"}]
    assert receipts[0]["residual"] == [
        {"consent": "a|", "path": "Consent.provision.type", "type": "forbid", "yields": True},
        {
            "consent": "a|",
            "path": "Consent.provision",
            "type": "permit",
            "yields": False,
            "dataPeriod": {
                "start": "2026-01-01T00:00:00+00:00",
                "before": "2027-01-01T00:00:00+00:00",
            },
            "actor": [
                {"role": "CST", "reference": {"reference": ALPHA}},
                {"role": "AUT", "reference": {"reference": BASE + "Practitioner/author"}},
            ],
            "securityLabel": [coding(level("R"))],
            "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}],
            "code": [{"system": "http://loinc.org", "code": "1-1"}],
            "data": [{"meaning": "related", "reference": {"reference": BASE + "Encounter/e"}}],
        },
        {
            "consent": "b|2",
            "path": "Consent.provision",
            "type": "forbid",
            "yields": False,
            "securityLabel": [coding(sensitivity("PSY"))],
        },
    ]
    assert receipts[0]["default"] == [
        {"consent": "open|1", "path": "default_purposes", "type": "permit", "yields": False}
    ]


def day(number: int, length: int = 1) -> DateRange:
    start = dt.datetime(2026, 1, number, tzinfo=dt.UTC)
    return DateRange(start=start, end=start + dt.timedelta(days=length))


ENCOUNTER = BASE + "Encounter/e"
LOINC = {"code": [concept("http://loinc.org", "1-1")]}
IN_JANUARY = {"dataPeriod": {"start": "2026-01-02", "end": "2026-01-03"}}
MEDIA = {"class": [{"system": "urn:ietf:bcp:13", "code": "application/pdf"}]}
BY_AUTHOR = {"data": [{"meaning": "authoredby", "reference": {"reference": "Practitioner/author"}}]}
INSTANCE = {"data": [{"meaning": "instance", "reference": {"reference": "Observation/o"}}]}
RELATED = {"data": [{"meaning": "related", "reference": {"reference": "Encounter/e"}}]}
DEPENDENTS = {"data": [{"meaning": "dependents", "reference": {"reference": "Encounter/e"}}]}
LABEL_M = {"securityLabel": [coding(level("M"))]}
LABEL_ETH = {"securityLabel": [coding(sensitivity("ETH"))]}
LABEL_EITHER = {"securityLabel": [coding(sensitivity("PSY")), coding(level("L"))]}
NOTHING: frozenset[Any] = frozenset()


@pytest.mark.parametrize(
    ("criterion", "members", "permits", "denies"),
    [
        (LABEL_M, {"labels": {level("L")}}, True, False),
        (LABEL_M, {"labels": {level("M")}}, True, True),
        (LABEL_M, {"labels": {level("L"), level("R")}}, False, True),
        (LABEL_M, {"labels": NOTHING}, False, True),
        (LABEL_M, {"labels": {level("X")}}, False, True),
        (LABEL_ETH, {"labels": {level("N"), sensitivity("ETHUD")}}, True, True),
        (LABEL_ETH, {"labels": {level("N"), sensitivity("HIV")}}, False, False),
        (LABEL_ETH, {"labels": {sensitivity("HIV")}}, False, True),
        (LABEL_EITHER, {"labels": {level("N"), sensitivity("PSY")}}, True, True),
        (LOINC, {}, True, True),
        (LOINC, {"codes": {Coding(system="http://loinc.org", code="2-2")}}, False, False),
        (LOINC, {"codes": NOTHING}, False, True),
        (IN_JANUARY, {"dates": (day(2), day(3))}, True, True),
        (IN_JANUARY, {"dates": (day(2), day(4))}, False, True),
        (IN_JANUARY, {"dates": (day(1, 9),)}, False, True),
        (IN_JANUARY, {"dates": (day(1), day(4))}, False, False),
        (IN_JANUARY, {"dates": ()}, False, True),
        (MEDIA, {}, False, False),
        (MEDIA, {"is_opaque": True}, False, True),
        (BY_AUTHOR, {}, True, True),
        (BY_AUTHOR, {"authors": NOTHING}, False, True),
        (INSTANCE, {}, True, True),
        (INSTANCE, {"reference": BASE + "Observation/x"}, False, False),
        (INSTANCE, {"reference": None}, False, True),
        (RELATED, {"referenced_by": frozenset({ENCOUNTER})}, True, True),
        (RELATED, {"references": frozenset({ENCOUNTER})}, False, True),
        (RELATED, {"referenced_by": None}, False, True),
        (RELATED, {"reference": ENCOUNTER}, True, True),
        (DEPENDENTS, {"references": frozenset({ENCOUNTER})}, True, True),
        (DEPENDENTS, {"referenced_by": frozenset({ENCOUNTER})}, False, True),
        (DEPENDENTS, {}, False, False),
        ({"actor": [actor("CST", "Organization/alpha")]}, {}, True, True),
        ({"actor": [actor("CST", "Organization/alpha")]}, {"custodians": {BETA}}, False, False),
        ({"actor": [actor("CST", "Organization/alpha")]}, {"custodians": NOTHING}, False, True),
        ({"actor": [actor("AUT", "Practitioner/author")]}, {"authors": {BETA}}, False, False),
    ],
)
def test_what_a_record_does_not_say_is_denied_and_not_permitted(
    criterion: dict[str, Any], members: dict[str, Any], *, permits: bool, denies: bool
) -> None:
    shown = record(**members)
    grant = decide([consent({"type": "permit", **criterion})], request(), CLOSED)
    denial = [consent(opt="OPTIN", id="a"), consent({"type": "deny", **criterion}, id="b")]
    assert permits_record(grant, shown) == permits
    assert permits_record(decide(denial, request(), CLOSED), shown) != denies


def test_under_pcf_related_means_what_refers_to_the_encounter() -> None:
    profile = {"profile": ["https://profiles.ihe.net/ITI/PCF/StructureDefinition/x"]}
    decision = decide([consent({"type": "permit", **RELATED}, meta=profile)], request(), CLOSED)
    assert permits_record(decision, record(references=frozenset({ENCOUNTER})))
    assert not permits_record(decision, record(referenced_by=frozenset({ENCOUNTER})))


def test_values_know_their_opposite_and_their_parties() -> None:
    assert [each.opposite for each in Sense] == [Sense.FORBID, Sense.PERMIT]
    asked = AccessRequest(
        patients=frozenset({PATIENT}),
        organisation=ALPHA,
        persons=frozenset({"p"}),
        groups=frozenset({"g"}),
        purposes=TPO & {purpose("HPAYMT")},
        time=NOW,
    )
    assert asked.parties == {ALPHA, "p", "g"}
    assert not asked.is_emergency
