"""What members do with a patient's data beyond sending it: dispense, bill, break the glass, ask.

Each act is done well, so that it is taken; then each of its bodies is sent spoiled in many ways, by
who may, by another organisation and by nobody.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.test import Client

from accounts.selectors import organisation_get
from foundation.core.actor import Actor, Role
from foundation.tenancy import acting_as
from ledger.models import KeyHolder
from ledger.services import key_add
from tests.accounts.conftest import PASSWORD, Person
from tests.accounts.test_keys_http import proved
from tests.claims.dispensed import GTIN, NDC
from tests.conftest import NOW
from tests.provenance.epcis_samples import CONTEXT, document
from tests.provenance.world import Member, commission, fill, receive, ship
from tests.records.house import bundle, consent, observation, patient, recipient
from tests.scenarios.campaign import FHIR, JSON, PATIENT, X12, Campaign, interchange, pharmacy_claim

EVENTS, CAPTURE = "/epcis/v2/events", "/epcis/v2/capture"
PROCEED = {"GS1-Capture-Error-Behaviour": "proceed"}
GLASS = "/api/v1/break-glass"
READERS = ("wholesaler", "hospital", "nobody")


def spoiled(body: Any) -> Iterator[bytes]:
    """Yield the body with each of its values of another shape, renamed, said twice or cut off."""
    for path in _paths(body):
        for spoil in (lambda value: [value], lambda value: {"note": value}, _named):
            made = deepcopy(body)
            place = made
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = spoil(place[path[-1]])
            yield orjson.dumps(made)
    whole = orjson.dumps(body)
    yield orjson.dumps({**body, PATIENT.member_name: PATIENT.note, "example:note": PATIENT.note})
    yield whole[:-1] + b"," + whole[1:]
    yield whole[: len(whole) * 2 // 3]


def _named(value: Any) -> Any:
    return {PATIENT.member_name: value}


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in members:
        yield (*path, name)
        if isinstance(inner, (dict, list)):
            yield from _paths(inner, (*path, name))


def send_spoiled(
    campaign: Campaign, who: str, path: str, body: Any, media: str = JSON, **headers: str
) -> None:
    """Send the body in every spoiled form by turns: who may, somebody else, nobody."""
    for number, data in enumerate(spoiled(body)):
        sender = (who, who, "wholesaler", who, "nobody")[number % 5]
        campaign.send(sender, "POST", path, data, media, **headers)
    for sender in ("wholesaler", "nobody"):
        campaign.send(sender, "POST", path, body, media, **headers)


def told(**changes: Any) -> dict[str, Any]:
    """Return the member of a dispensing that says for whom it was."""
    whom = {"system": "urn:mrn", "value": PATIENT.mrn}
    return {"number": PATIENT.prescription, "fill": 0, "ndc": NDC, "patient": whom, **changes}


def given(epc: str, quantity: int, **changes: Any) -> dict[str, Any]:
    """Return a dispensing with everything that a pharmacy's system could add."""
    event = fill(epc, 5, quantity)
    event["quantityList"][0]["epcClass"] = f"https://id.gs1.org/01/{GTIN}"
    return {
        **event,
        "theriac:prescription": told(**changes),
        "example:note": PATIENT.note,
        "bizTransactionList": [{"bizTransaction": f"urn:example:{PATIENT.control_number}"}],
    }


def chain_of(campaign: Campaign) -> list[str]:
    """Bring three bottles from their maker to the pharmacy; return their identifiers."""
    epcs = [f"https://id.gs1.org/01/{GTIN}/21/{uuid4().hex[:12]}" for _ in range(3)]
    actor = campaign.actors["pharmacy"]
    with acting_as(actor):
        gln = organisation_get(actor.organisation).gln
    assert gln is not None
    to = Member(actor=actor, gln=gln)
    for who, event in (
        ("manufacturer", commission(epcs, 100)),
        ("manufacturer", ship(epcs, to, 1)),
        ("pharmacy", receive(epcs, 2)),
    ):
        taken(campaign.send(who, "POST", EVENTS, {"@context": CONTEXT, **event}))
    return epcs


def taken(answer: Any) -> Any:
    """Return an answer that is no refusal: one would prove nothing."""
    assert answer.status_code < 300, answer.content
    return answer


def read_by_others(campaign: Campaign, path: str, *readers: str) -> None:
    """Let others read what is not theirs."""
    for who in readers or READERS:
        campaign.note(f"{who} reads {path}", campaign.send(who, "GET", path), foreign=True)


def dispense(campaign: Campaign) -> None:
    """Record dispensings at each door, well-formed and spoiled; let others look for them."""
    first, second, third = chain_of(campaign)
    event = {"@context": CONTEXT, **given(first, 30)}
    taken(campaign.send("pharmacy", "POST", EVENTS, event))
    read_by_others(campaign, f"{EVENTS}/{event['eventID']}")
    send_spoiled(campaign, "pharmacy", EVENTS, {**event, "eventID": f"urn:uuid:{uuid4()}"})

    whole = document(given(second, 10, fill=1), given(second, 5, fill=2))
    job = taken(campaign.send("pharmacy", "POST", CAPTURE, whole))["Location"]
    read_by_others(campaign, job)
    bad = document(given(second, 1, fill=3), {**given(second, 1), "bizStep": PATIENT.note})
    proceeded = taken(campaign.send("pharmacy", "POST", CAPTURE, bad, **PROCEED))["Location"]
    for path in (job, proceeded, CAPTURE):
        shown = taken(campaign.send("pharmacy", "GET", path))
        campaign.note(f"pharmacy reads {path}", shown, foreign=True)  # it repeats nothing either
    assert campaign.send("pharmacy", "GET", job).json()["success"] is True
    nowhere = {**given(second, 1, fill=4), "bizStep": "shipping"}
    stepless = {name: value for name, value in nowhere.items() if name != "bizStep"}
    for behaviour in ({}, PROCEED):
        for wrong in (nowhere, stepless, {**stepless, "theriac:sale": {"prescription": told()}}):
            campaign.send("pharmacy", "POST", CAPTURE, document(wrong), **behaviour)
            campaign.send("pharmacy", "POST", EVENTS, {"@context": CONTEXT, **wrong})
    send_spoiled(campaign, "pharmacy", CAPTURE, document(given(second, 1, fill=5)), **PROCEED)

    scan = {"scan": third, "quantity": 30, "prescription": told(fill=6)}
    taken(campaign.send("pharmacy", "POST", "/api/v1/dispensings", scan))
    send_spoiled(campaign, "pharmacy", "/api/v1/dispensings", scan)


def bill(campaign: Campaign, payer: str) -> None:
    """Bill what was dispensed; let it be decided and paid from evidence, and others read it."""
    claim = {
        **pharmacy_claim(payer, campaign.npi),
        "claim_id": f"{PATIENT.control_number}-2",
        "attachment_control_number": PATIENT.record_number,
    }
    claim["lines"][0] |= {"date_of_service": "2026-11-24"}
    taken(campaign.send("pharmacy", "POST", "/api/v1/claims", claim))
    claim_id = found(campaign, claim["claim_id"])
    path = f"/api/v1/claims/{claim_id}"
    taken(campaign.send("insurer", "POST", f"{path}/adjudicate"))
    decision = taken(campaign.send("insurer", "GET", f"{path}/decision")).json()
    assert decision["status"] == "paid", decision
    paid = taken(campaign.send("insurer", "GET", f"{path}/remittance")).content
    assert PATIENT.control_number.encode() in paid
    for rest in ("", "/decision", "/remittance"):
        read_by_others(campaign, path + rest)
    send_spoiled(campaign, "pharmacy", "/api/v1/claims", claim)

    paper = f"Y*A*Y*Y~PWK*OZ*EL***AC*{PATIENT.record_number}~".encode()
    named = interchange(payer).replace(b"Y*A*Y*Y~", paper)
    for data in (named, named.replace(b"PWK*OZ", b"PWK*XX"), named.replace(b"*AC*", b"*AC*X*")):
        campaign.send("insurer", "POST", "/x12/", data.replace(b"*T*:~", b"*P*:~"), X12)
        campaign.send("wholesaler", "POST", "/x12/", data, X12)


def found(campaign: Campaign, control_number: str) -> UUID:
    """Return the id of the claim that its biller calls so."""
    claims = taken(campaign.send("insurer", "GET", "/api/v1/claims")).json()
    (claim,) = [each for each in claims if each["control_number"] == control_number]
    return UUID(claim["id"])


def somebody(campaign: Campaign, kind: str, role: Role, **more: Any) -> tuple[Person, Client]:
    """Return a person who just logged in again and holds a key, with the browser."""
    actor: Actor = campaign.actors[kind]
    person = campaign.world.person(actor, role, **more)
    key_add(actor=actor, holder=KeyHolder.PERSON, person_id=person.id, now=NOW)
    campaign.world.channel.sequence()
    return person, proved(person)


def break_the_glass(campaign: Campaign) -> None:
    """Open, explain and review an emergency; others and spoiled words get nowhere."""
    (_, nurse), (_, officer), (_, stranger) = (
        somebody(campaign, "hospital", Role.CLINICIAN),
        somebody(campaign, "hospital", Role.PRIVACY_OFFICER),
        somebody(campaign, "pharmacy", Role.CLINICIAN),
    )

    def post(client: Client, path: str, body: Any) -> Any:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        answer = client.post(path, data, content_type=JSON)
        campaign.note(f"POST {path}", answer, foreign=client is stranger)
        return answer

    asked = {"patient": f"urn:mrn|{PATIENT.mrn}", "reason": "life-threatening"}
    words = {"explanation": f"{PATIENT.explanation} {PATIENT.family} {PATIENT.note}"}
    opened = taken(post(nurse, GLASS, asked))
    path = f"{GLASS}/{opened.json()['glass_id']}"
    for client in (nurse, officer, stranger):
        for address, body in ((GLASS, asked), (f"{path}/explanation", words)):
            for data in spoiled(body):
                post(client, address, data)
        post(client, f"{path}/review", {"verdict": PATIENT.explanation})
        post(client, f"{path}/review", {"verdict": "justified", **words})
    for body in (asked, {**asked, "custodian": str(campaign.actors["hospital"].organisation)}):
        campaign.note("a stranger's glass", post(stranger, GLASS, body))
    campaign.note("a stranger's words", post(stranger, f"{path}/explanation", words))
    taken(post(nurse, f"{path}/explanation", words))
    shown = taken(officer.get(path))
    assert PATIENT.explanation in shown.content.decode()
    campaign.note("the list", taken(officer.get(GLASS)), foreign=True)  # ids, steps and times
    taken(post(officer, f"{path}/review", {"verdict": "justified"}))
    for client in (nurse, stranger, Client()):
        campaign.note(f"GET {path}", client.get(path), foreign=True)


def send_bundles(campaign: Campaign) -> None:
    """Send bundles of records that name the patient, well-formed and spoiled."""
    of = f"Patient/{PATIENT.mrn}"
    her = patient(PATIENT.mrn, ("urn:mrn", PATIENT.mrn), birthDate=PATIENT.birth_date)
    her["name"] = [{"family": PATIENT.family, "given": [PATIENT.given]}]
    seen = observation("canary-o2", of, valueString=PATIENT.note)
    agreed = consent("c2", of, actor=[recipient(f"Organization/{uuid4()}")])
    for kind in ("transaction", "batch"):
        whole = bundle(her, seen, agreed, kind=kind)
        campaign.send("hospital", "POST", "/fhir/r4/", whole, FHIR)
    send_spoiled(campaign, "hospital", "/fhir/r4/", bundle(her, seen), FHIR)
    read_by_others(campaign, "/fhir/r4/Observation/canary-o2", "wholesaler", "insurer", "nobody")


def ask_graphql(campaign: Campaign) -> None:
    """Ask for records in GraphQL: as their holder, as others, and in queries that are none."""
    shown = "{edges{node{resourceType id document}} receipt}"
    queries = [
        f'{{patient(identifier:"urn:mrn|{PATIENT.mrn}"){shown}}}',
        f'{{records(patient:"{PATIENT.mrn}",type:"Observation"){shown}}}',
        f'{{record(type:"Patient",id:"{PATIENT.mrn}"){shown}}}',
    ]
    asked = 'query($p:String!){records(patient:$p,type:"Observation")' + shown + "}"
    bodies: list[Any] = [{"query": query} for query in queries]
    bodies.append({"query": asked, "variables": {"p": PATIENT.mrn}})
    headers = {"Theriac-Purpose": "TREAT"}
    answers = [campaign.send("hospital", "POST", "/graphql/", each, **headers) for each in bodies]
    for answer in answers:
        assert PATIENT.mrn in answer.content.decode(), answer.content
    for body in bodies:
        for who in ("wholesaler", "insurer", "pharmacy", "nobody"):
            answer = campaign.send(who, "POST", "/graphql/", body, **headers)
            campaign.note(f"{who} asks", answer, foreign=True)
    wrong = [
        {"query": f"{{{PATIENT.member_name}}}"},
        {"query": f'{{record(type:"{PATIENT.family}",id:"{PATIENT.mrn}"){shown}}}'},
        {"query": f'{{records(patient:"{PATIENT.mrn}",name:"{PATIENT.family}"){shown}}}'},
        {"query": f'{{records(patient:{PATIENT.family},type:"Observation"){shown}}}'},
        {"query": f'{{record(type:"Patient",id:"{PATIENT.mrn}" {PATIENT.note}'},
        {"query": asked, "variables": {"p": {PATIENT.member_name: PATIENT.mrn}}},
        {"query": asked, "variables": {PATIENT.member_name: PATIENT.mrn}},
        {"query": asked, "operationName": PATIENT.family, "variables": {"p": PATIENT.mrn}},
    ]
    for body in wrong:
        for who in ("hospital", "wholesaler", "nobody"):
            answer = campaign.send(who, "POST", "/graphql/", body, **headers)
            campaign.note(f"{who} asks wrongly", answer, foreign=True)


def ask_the_administration(campaign: Campaign) -> None:
    """Ask the administration's page of records: as a clinician there, elsewhere, and as others."""
    path = "/admin/records/record/"
    asked = {"patient": PATIENT.mrn, "type": "Observation", "purpose": "TREAT"}
    forms = [
        asked,
        {**asked, "patient": f"urn:mrn|{PATIENT.mrn}"},
        {**asked, "feed": "1"},
        {**asked, "purpose": PATIENT.note},
        {**asked, "type": PATIENT.family, "patient": PATIENT.family * 20},
    ]
    for kind, role in (
        ("hospital", Role.CLINICIAN),
        ("hospital", Role.PRIVACY_OFFICER),
        ("hospital", Role.WAREHOUSE),
        ("pharmacy", Role.CLINICIAN),
        ("wholesaler", Role.PRIVACY_OFFICER),
    ):
        person = campaign.world.person(campaign.actors[kind], role, is_staff=True)
        browser = Client(raise_request_exception=False)
        entered = {"username": person.email, "password": PASSWORD}
        assert browser.post("/admin/login/", entered).status_code == 302
        answers = [browser.post(path, form) for form in forms]
        if (kind, role) == ("hospital", Role.CLINICIAN):
            assert PATIENT.note in taken(answers[0]).content.decode()
        for answer, form in zip(answers, forms, strict=True):
            if kind != "hospital" and answer.status_code < 400:
                # A form repeats what was typed into it, to whoever typed it.
                for value in form.values():
                    answer.content = answer.content.replace(value.encode(), b"typed")
            campaign.note(f"{kind} {role} {path}", answer, foreign=kind != "hospital")


def act(campaign: Campaign, payer: str) -> None:
    """Do all of it; the patient's record is there."""
    dispense(campaign)
    bill(campaign, payer)
    ask_graphql(campaign)
    ask_the_administration(campaign)
    break_the_glass(campaign)
    send_bundles(campaign)
