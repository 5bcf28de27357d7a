"""Who sends a person's data where: to every address that takes anything, well-formed and not.

The addresses are found, not listed: an endpoint that is new is driven from its first day.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import orjson
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.core.scopes import Scope
from foundation.core.actor import Actor, Role
from ledger.models import KeyHolder
from ledger.services import key_add
from tests.accounts.conftest import PASSWORD, World
from tests.accounts.test_keys_http import proved
from tests.claims.conftest import PROFILE, Insurer, fresh_npi
from tests.conftest import NOW
from tests.provenance.epcis_samples import CONTEXT
from tests.provenance.world import commission, dispense, member, packs
from tests.records.house import bundle, consent, observation, patient
from tests.scenarios.canaries import Patient
from tests.vault.erasing import REASON

PATIENT = Patient()
WRITING = ("POST", "PUT", "PATCH", "DELETE")
JSON, FHIR, X12 = "application/json", "application/fhir+json", "application/edi-x12"
MEDIA = (
    JSON,
    FHIR,
    X12,
    "application/vnd.theriac.sealed+json",
    "application/xml",
    "text/plain",
    "application/x-www-form-urlencoded",
)
OTHERS = ("hospital", "wholesaler", "nobody")


@dataclass
class Campaign:
    """Who sends, and what was answered that somebody else could see, or that was refused."""

    world: World
    callers: dict[str, dict[str, str]] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)
    npi: str = field(default_factory=fresh_npi)
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    statuses: list[tuple[str, int]] = field(default_factory=list)

    def join(self, kind: str) -> Actor:
        """Admit an organisation of a kind with a key for everything."""
        actor = member(self.world.channel, kind).actor
        key, _ = self.world.key(actor, *Scope)
        self.callers[kind] = {"Authorization": f"Bearer {key}"}
        self.actors[kind] = actor
        return actor

    def insurer(self) -> str:
        """Put a contract of the insurer's in force; return its payer's number."""
        actor = self.actors["insurer"]
        signers = []
        for _ in range(2):
            person = self.world.person(actor, Role.ANALYST)
            key_add(actor=actor, holder=KeyHolder.PERSON, person_id=person.id, now=NOW)
            signers.append(replace(person.actor, reauthenticated_at=NOW))
        self.world.channel.sequence()
        author, approver = signers
        payer = f"{uuid4().int % 10**6:06d}"
        made = Insurer(world=self.world, actor=actor, author=author, approver=approver, payer=payer)
        made.in_force()
        return payer

    def send(
        self,
        who: str,
        method: str,
        path: str,
        body: object = b"",
        media: str = JSON,
        **headers: str,
    ) -> Any:
        """Send as somebody; keep what a refusal says."""
        data = body if isinstance(body, bytes) else orjson.dumps(body, default=str)
        answer = Client(raise_request_exception=False).generic(
            method, path, data, content_type=media, headers={**self.callers.get(who, {}), **headers}
        )
        self.note(f"{who}: {method} {path}", answer)
        return answer

    def note(self, what: str, answer: Any, *, foreign: bool = False) -> None:
        """Keep an answer that refuses, or that is somebody else's to see."""
        self.statuses.append((what, answer.status_code))
        if foreign or answer.status_code >= 400:
            content = b"".join(answer) if answer.streaming else answer.content
            headers = repr(sorted(answer.headers.items())).encode()
            self.answers.append((what, headers + content))


def writing_routes() -> list[tuple[str, tuple[str, ...]]]:
    """Return each address that takes something, with its methods."""
    found: list[tuple[str, tuple[str, ...]]] = []

    def walk(resolver: URLResolver, prefix: str) -> None:
        for pattern in resolver.url_patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern, route)
            elif isinstance(pattern, URLPattern):
                view = getattr(pattern.callback, "cls", None)
                methods = (
                    tuple(each for each in WRITING if hasattr(view, each.lower()))
                    if view is not None
                    else ("POST",)  # a function decides for itself: it is asked
                )
                if methods:
                    found.append((route, methods))

    walk(get_resolver(), "")
    return found


def filled(route: str, text: str) -> str:
    """Return an address of the route, with ``text`` wherever it takes a word."""
    path = re.sub(r"<uuid:\w+>", str(uuid4()), route)
    path = re.sub(r"<int:\w+>", "7", path)
    path = re.sub(r"\(\?P<\w+>\[0-9a-f\]\{64\}\)", "ab" * 32, path)
    path = re.sub(r"<\w+:\w+>|<\w+>|\(\?P<\w+>[^)]*\)", text, path)
    return "/" + path.replace("^", "").replace("$", "").replace("\\Z", "")


def everything() -> dict[str, Any]:
    """Return a JSON object that holds each canary, under its own name and deeper."""
    values = PATIENT.values()
    name = [{"family": PATIENT.family, "given": [PATIENT.given], "text": PATIENT.accented}]
    return {
        "resourceType": "Patient",
        "name": name,
        "birthDate": PATIENT.birth_date,
        "identifier": [{"system": "urn:mrn", "value": PATIENT.mrn}],
        "address": [{"line": [PATIENT.street], "city": PATIENT.city}],
        "telecom": [{"value": PATIENT.phone}, {"value": PATIENT.email}],
        "patient": values,
        **values,
    }


def malformed() -> Iterator[tuple[str, bytes]]:
    """Yield bodies that no parser takes, full of canaries."""
    whole = orjson.dumps(everything())
    texts = " ".join(PATIENT.values().values())
    yield "json", whole
    yield "json", whole[: len(whole) // 2]
    yield "json", whole.replace(b'"name"', b'"birthDate"')  # a member twice
    yield "json", whole[:-1] + b', "n": NaN}'
    yield "json", whole.replace(PATIENT.family.encode(), b"\xff\xfe" + PATIENT.family.encode())
    yield "json", b"[" * 200 + whole + b"]" * 200
    yield "json", orjson.dumps([texts] * 3)
    yield "x12", interchange().replace(b"ST*837", b"ST*999")
    yield "x12", interchange()[:-40]
    yield "x12", interchange().replace(b"DMG*D8", b"DMG*XX")
    yield "x12", interchange().replace(b"CLM*", b"CLM*" + PATIENT.note.encode() * 20)
    yield "xml", f"<Patient><name>{texts}</name>".encode()
    yield "text", f"{texts}\x00{texts}".encode()
    yield "form", f"scan={texts}&question={texts}&patient={texts}".replace(" ", "+").encode()


def interchange(payer: str = "PAYER1") -> bytes:
    """Return an 837P for the patient, with every segment that names her."""
    body = [
        "ST*837*0001*005010X222A1",
        "BHT*0019*00*1*20260310*1200*CH",
        "NM1*41*2*SENDER*****46*S1",
        "PER*IC*DESK*TE*5555550100",
        "NM1*40*2*RECEIVER*****46*R1",
        "HL*1**20*1",
        "NM1*85*2*CLINIC*****XX*1234567893",
        "N3*1 MAIN ST",
        "N4*SPRINGFIELD*IL*62701",
        "REF*EI*123456789",
        "HL*2*1*22*0",
        "SBR*P*18*******CI",
        f"NM1*IL*1*{PATIENT.family}*{PATIENT.given}****MI*{PATIENT.member_id}",
        f"N3*{PATIENT.street}",
        f"N4*{PATIENT.city}*IL*62701",
        f"DMG*D8*{PATIENT.birth_digits}*F",
        f"NM1*PR*2*PAYER*****PI*{payer}",
        f"CLM*{PATIENT.control_number}*150***11:B:1*Y*A*Y*Y",
        "HI*ABK:Z0000",
        "LX*1",
        "SV1*HC:G0439*150*UN*1***1",
        "DTP*472*D8*20260302",
    ]
    isa = (
        f"ISA*00*{' ' * 10}*00*{' ' * 10}*ZZ*{'S1':15}*ZZ*{'R1':15}*260310*1200*^*00501*000000001"
        "*0*T*:"
    )
    head = [isa, "GS*HC*S1*R1*20260310*1200*1*X*005010X222A1"]
    tail = [f"SE*{len(body) + 1}*0001", "GE*1*1", "IEA*1*000000001"]
    return ("~".join([*head, *body, *tail]) + "~").encode()


def send_to_every_address(campaign: Campaign) -> None:
    """Send everything malformed to every address, as somebody and as nobody."""
    bodies = list(malformed())
    for route, methods in writing_routes():
        if route.startswith("admin/"):
            continue  # by a person, below
        for method in methods:
            for number, (_, body) in enumerate(bodies):
                who = ("pharmacy", "hospital", "insurer", "nobody")[number % 4]
                media = MEDIA[number % len(MEDIA)]
                campaign.send(who, method, filled(route, str(uuid4())), body, media)
            whole = bodies[0][1]
            campaign.send("pharmacy", method, filled(route, PATIENT.mrn), whole)
            query = f"?name={PATIENT.family}&birthdate={PATIENT.birth_date}"
            campaign.send("hospital", "GET", filled(route, PATIENT.mrn) + query)


def send_what_is_taken(campaign: Campaign, payer: str) -> None:
    """Send what is well-formed, as members' systems do; it has to be taken, or proves nothing."""
    coverage = {
        "payer_id": payer,
        "member_id": PATIENT.member_id,
        "coverage": {"from_date": "2026-01-01"},
    }
    taken = [
        campaign.send("insurer", "PUT", "/api/v1/payer-profile", PROFILE),
        campaign.send("insurer", "POST", "/api/v1/coverages", coverage),
        campaign.send("insurer", "POST", "/x12/", interchange(payer), X12),
        campaign.send("pharmacy", "POST", "/api/v1/claims", pharmacy_claim(payer, campaign.npi)),
    ]
    epcs = packs(2)
    for event in (commission(epcs), dispense(epcs[0], 5)):
        body = {"@context": CONTEXT, **event}
        taken.append(campaign.send("manufacturer", "POST", "/epcis/v2/events", body))
    assert [(each.status_code, each.content) for each in taken if each.status_code >= 300] == []
    (claim, *_) = campaign.send("insurer", "GET", "/api/v1/claims").json()
    path = f"/api/v1/claims/{claim['id']}"
    assert campaign.send("insurer", "POST", f"{path}/adjudicate").status_code == 200
    shown = campaign.send("insurer", "GET", path)
    assert PATIENT.control_number in shown.content.decode()  # it is kept, and its owner sees it
    for who in ("insurer", *OTHERS):
        for rest in ("", "/decision", "/remittance"):
            answer = campaign.send(who, "GET", path + rest)
            campaign.note(f"{who} reads {path}{rest}", answer, foreign=who in OTHERS)


def send_records(campaign: Campaign) -> None:
    """Send a record, its consent and an address of hers."""
    her = patient(
        PATIENT.mrn,
        ("urn:mrn", PATIENT.mrn),
        name=[{"family": PATIENT.family, "given": [PATIENT.given], "text": PATIENT.accented}],
        birthDate=PATIENT.birth_date,
        address=[{"line": [PATIENT.street], "city": PATIENT.city}],
        telecom=[{"system": "phone", "value": PATIENT.phone}, {"value": PATIENT.email}],
    )
    of = f"Patient/{PATIENT.mrn}"
    seen = observation(PATIENT.prescription, of, valueString=PATIENT.note)
    taken = [
        campaign.send("hospital", "PUT", f"/fhir/r4/{of}", her, FHIR),
        campaign.send("hospital", "POST", "/fhir/r4/Observation", seen, FHIR),
        campaign.send("hospital", "POST", "/fhir/r4/", bundle(her, consent("c1", of)), FHIR),
    ]
    assert [each.content for each in taken if each.status_code >= 300] == []
    read = f"/fhir/r4/Observation?patient={PATIENT.mrn}"
    for who in ("hospital", "wholesaler", "nobody"):
        for path in (f"/fhir/r4/{of}", read, f"/api/v1/disclosures?patient={PATIENT.mrn}"):
            answer = campaign.send(who, "GET", path)
            campaign.note(f"{who} reads {path}", answer, foreign=who != "hospital")


def erase(campaign: Campaign) -> None:
    """Let two people erase her."""
    hospital = campaign.actors["hospital"]
    people = [campaign.world.person(hospital, Role.PRIVACY_OFFICER) for _ in range(2)]
    for person in people:
        key_add(actor=hospital, holder=KeyHolder.PERSON, person_id=person.id, now=NOW)
    campaign.world.channel.sequence()
    first, second = (proved(person) for person in people)
    body = {"identifier": {"system": "urn:mrn", "value": PATIENT.mrn}, "reason": REASON}
    proposed = first.post("/api/v1/erasures", orjson.dumps(body), content_type=JSON)
    assert proposed.status_code == 201, proposed.content
    path = f"/api/v1/erasures/{proposed.json()['id']}/approve"
    approvals = [client.post(path, b"", content_type=JSON) for client in (first, second)]
    assert [each.json()["state"] for each in approvals] == ["proposed", "erased"]


def pharmacy_claim(bin_: str, npi: str) -> dict[str, Any]:
    return {
        "claim_id": PATIENT.control_number,
        "bin": bin_,
        "cardholder_id": PATIENT.member_id,
        "pharmacy_npi": npi,
        "patient": {
            "family_name": PATIENT.family,
            "given_name": PATIENT.given,
            "birth_date": PATIENT.birth_date,
        },
        "lines": [
            {
                "prescription_number": PATIENT.prescription,
                "fill_number": 0,
                "date_of_service": "2026-03-02",
                "ndc": "99999000101",
                "quantity_dispensed": "30",
                "unit": "UN",
                "days_supply": 30,
                "ingredient_cost": "40.00",
                "dispensing_fee": "5.00",
                "gross_amount_due": "45.00",
            }
        ],
    }


def act_as_people(campaign: Campaign) -> None:
    """Fill in pages and forms as somebody who is logged in, and log-ins that fail."""
    person = campaign.world.person(campaign.actors["pharmacy"], Role.PHARMACIST, is_staff=True)
    browser = Client(raise_request_exception=False)
    values = PATIENT.values()
    failed = {"username": person.email, "password": PATIENT.email, **values}
    campaign.note("log-in", browser.post("/admin/login/", failed))
    good = {"username": person.email, "password": PASSWORD}
    assert browser.post("/admin/login/", good).status_code == 302
    for value in values.values():
        campaign.note("scan", browser.post("/scan/", {"scan": value, "question": value}))
    for path in admin_paths():
        campaign.note(f"admin {path}", browser.post(path, values))
        campaign.note(f"admin {path}", browser.get(path, {"q": PATIENT.family, "o": PATIENT.mrn}))
    campaign.note("nowhere", browser.get(f"/{PATIENT.mrn}/{PATIENT.family}"))


def admin_paths() -> list[str]:
    found = []
    for model in admin.site._registry:  # noqa: SLF001 - the admin has no other list
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        found += [base, f"{base}add/", f"{base}{uuid4()}/change/", f"{base}{uuid4()}/delete/"]
    return found
