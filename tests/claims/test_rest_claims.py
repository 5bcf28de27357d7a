"""Claims over HTTP: X12 in and a 999 out, JSON claims, decisions, remittances."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from django.db import connections
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from accounts.core.scopes import Scope
from claims.core.x12 import parse_interchanges
from claims.models import Claim, Decision, Payment
from claims.services.adjudication import _turn
from foundation.core.actor import Actor
from foundation.models import IdempotencyRecord
from foundation.tenancy import acting_as
from ledger.models import Entry
from provenance.models import Disclosure
from tests.accounts.conftest import World
from tests.claims.conftest import CANARY, PROFILE, Insurer, fresh_npi
from tests.claims.dispensed import chain

X12 = "application/edi-x12"
THREADS = 8
VISIT = (
    "CLM*A1*150***11:B:1*Y*A*Y*Y",
    "HI*ABK:Z0000",
    "LX*1",
    "SV1*HC:G0439*150*UN*1***1",
    "DTP*472*D8*20260302",
)
DRUG = (
    "CLM*A1*1500***12:B:1*Y*A*Y*Y",
    "HI*ABK:Z0000",
    "LX*1",
    "SV1*HC:J0696*1500*UN*10***1",
    "DTP*472*D8*20261124",
    "LIN**N4*99999000101",
    "CTP****30*UN",
    "REF*XZ*RX1",
)
# A second biller, @, and its claim.
OTHERS_VISIT = (
    "HL*3**20*1",
    "NM1*85*2*CLINIC*****XX*@",
    "N3*1 MAIN ST",
    "N4*SPRINGFIELD*IL*62701",
    "REF*EI*123456789",
    "HL*4*3*22*0",
    "SBR*P*18*******CI",
    "NM1*IL*1*B*A****MI*M1",
    "NM1*PR*2*PAYER*****PI*?",
    "CLM*A2*150***11:B:1*Y*A*Y*Y",
    *VISIT[1:],
)


class Caller:
    """A system of an organisation's, with its API key."""

    def __init__(self, world: World, organisation: Actor, *scopes: str) -> None:
        """Make the key."""
        wanted = scopes or (Scope.CLAIMS_READ, Scope.CLAIMS_WRITE)
        key, self.actor = world.key(organisation, *wanted)
        self.headers = {"Authorization": f"Bearer {key}"}

    def post(self, path: str, body: object = b"", media: str = "application/json") -> Any:
        """Post bytes, or a value as JSON."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        return Client().post(path, data, content_type=media, headers=self.headers)

    def get(self, path: str) -> Any:
        """Get."""
        return Client().get(path, headers=self.headers)

    def written(self) -> tuple[int, int]:
        """Return how many claims and entries the organisation has."""
        with acting_as(self.actor):
            own = Entry.objects.filter(organisation_id=self.actor.organisation)
            return Claim.objects.count(), own.count()


def interchange(
    payer: str,
    *,
    count: str = "18",
    usage: str = "T",
    st: str = "837",
    npi: str = "1234567893",
    lines: tuple[str, ...] = VISIT,
) -> bytes:
    """Return an 837P with one claim on ``payer``; other arguments break it."""
    body = [
        f"ST*{st}*0001*005010X222A1",
        "BHT*0019*00*1*20260310*1200*CH",
        "NM1*41*2*SENDER*****46*S1",
        "PER*IC*DESK*TE*5555550100",
        "NM1*40*2*RECEIVER*****46*R1",
        "HL*1**20*1",
        f"NM1*85*2*CLINIC*****XX*{npi}",
        "N3*1 MAIN ST",
        "N4*SPRINGFIELD*IL*62701",
        "REF*EI*123456789",
        "HL*2*1*22*0",
        "SBR*P*18*******CI",
        f"NM1*IL*1*{CANARY}*A****MI*M1",
        f"NM1*PR*2*PAYER*****PI*{payer}",
        *lines,
    ]
    count = str(len(body) + 1) if count == "18" else count
    isa = (
        f"ISA*00*{' ' * 10}*00*{' ' * 10}*ZZ*{'S1':15}*ZZ*{'R1':15}*260310*1200*^*00501*000000001"
        f"*0*{usage}*:"
    )
    head = [isa, "GS*HC*S1*R1*20260310*1200*1*X*005010X222A1"]
    tail = [f"SE*{count}*0001", "GE*1*1", "IEA*1*000000001"]
    return ("~".join([*head, *body, *tail]) + "~").encode()


@pytest.fixture
def insurers(insurer: Insurer) -> Caller:
    """The system of an insurer that is ready to pay."""
    insurer.in_force()
    insurer.covers()
    return Caller(insurer.world, insurer.actor)


def verdicts(answer: Any) -> list[str]:
    (acknowledged,) = parse_interchanges(answer.content)
    segments = acknowledged.groups[0].sets[0].segments
    return [each.element(1) for each in segments if each.id in {"IK5", "AK9"}]


def pharmacy_claim(bin_: str, npi: str) -> dict[str, Any]:
    return {
        "claim_id": "RX-1",
        "bin": bin_,
        "cardholder_id": "M1",
        "pharmacy_npi": npi,
        "patient": {"family_name": CANARY},
        "lines": [
            {
                "prescription_number": "RX1",
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


def test_a_claim_goes_from_837_to_999_decision_and_835(insurer: Insurer, insurers: Caller) -> None:
    answer = insurers.post("/x12/", interchange(insurer.payer), X12)
    assert (answer.status_code, answer["Content-Type"]) == (200, X12), answer.content
    assert verdicts(answer) == ["A", "A"]
    assert answer["Theriac-Receipt"]
    (claim,) = insurers.get("/api/v1/claims").json()
    path = f"/api/v1/claims/{claim['id']}"
    decided = insurers.post(f"{path}/adjudicate")
    assert (decided.status_code, decided.json()["status"]) == (200, "paid"), decided.content
    assert insurers.get(path).json()["paid_amount"] == "13.45"
    assert insurers.get(f"{path}/decision").json()["status"] == "paid"
    remitted = insurers.get(f"{path}/remittance")
    assert (remitted.status_code, remitted["Content-Type"]) == (200, X12)
    assert b"BPR*I*13.45*" in remitted.content


def test_a_drug_claim_is_paid_from_its_dispensing_and_a_second_one_is_not(
    insurer: Insurer, insurers: Caller
) -> None:
    insurer.covers("M2")
    supply = chain(insurer.world)
    pharmacy = supply.pharmacy()
    epc = supply.bottle(pharmacy)
    pharmacy.gives(epc, 30)
    sender = Caller(insurer.world, pharmacy.member.actor)
    first = interchange(insurer.payer, npi=pharmacy.npi, lines=DRUG)
    second = first.replace(b"MI*M1~", b"MI*M2~").replace(b"000000001", b"000000002")
    statuses = []
    for data in (first, second):
        before = {each["id"] for each in insurers.get("/api/v1/claims").json()}
        assert verdicts(sender.post("/x12/", data, X12)) == ["A", "A"]
        (fresh,) = {each["id"] for each in insurers.get("/api/v1/claims").json()} - before
        path = f"/api/v1/claims/{fresh}"
        decided = insurers.post(f"{path}/adjudicate")
        assert decided.status_code == 200, decided.content
        statuses.append((decided.json()["status"], decided.json()["paid_amount"]))
        (line,) = insurers.get(f"{path}/decision").json()["lines"]
        remitted = sender.get(f"{path}/remittance")
        assert (remitted.status_code, remitted["Content-Type"]) == (200, X12)
        if "spends" in line:
            assert [(each["epc"], each["quantity"]) for each in line["spends"]] == [(epc, "30")]
            assert b"BPR*I*692*" in remitted.content
        else:
            assert b"CAS*CO*151*1500" in remitted.content
            (rule,) = (each for each in line["rules"] if each["rule"] == "evidence.quantity")
            assert rule["shown"] == "30 UN billed, 0 left"
    assert statuses == [("paid", "692.00"), ("denied", "0.00")]


def test_a_duplicate_submit_returns_the_same_answer(insurer: Insurer, insurers: Caller) -> None:
    data = interchange(insurer.payer)
    first, second = (insurers.post("/x12/", data, X12) for _ in range(2))
    assert first.content == second.content
    assert first["Theriac-Receipt"] == second["Theriac-Receipt"]
    assert insurers.written()[0] == 1


@pytest.mark.parametrize(
    ("broken", "status"),
    [
        (b"", 400),
        (b"\x00", 400),
        (b"ISA", 400),
        (b"\xff" * 200, 400),
        (interchange("P1")[:300], 400),
        (interchange("P1") * 2, 400),
        (interchange("P1", usage="~"), 400),
    ],
)
def test_an_unreadable_envelope_is_a_problem_and_writes_nothing(
    insurers: Caller, broken: bytes, status: int
) -> None:
    before = insurers.written()
    answer = insurers.post("/x12/", broken, X12)
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert insurers.written() == before


@pytest.mark.parametrize("faults", [{"count": "7"}, {"st": "835"}, {"st": "270"}])
def test_a_refused_set_is_refused_in_the_999_and_writes_nothing(
    insurers: Caller, faults: dict[str, Any]
) -> None:
    before = insurers.written()
    answer = insurers.post("/x12/", interchange("P1", **faults), X12)
    assert (answer.status_code, verdicts(answer)) == (200, ["R", "R"])
    assert "Theriac-Receipt" not in answer
    assert insurers.written() == before


def test_every_cut_and_every_spoiled_byte_of_a_file_is_answered_below_500(
    insurer: Insurer, insurers: Caller
) -> None:
    data = interchange(insurer.payer)
    for at in range(0, len(data), 41):
        for broken in (data[:at], data[:at] + b"\x00*~:" + data[at + 1 :]):
            assert insurers.post("/x12/", broken, X12).status_code < 500, at


def test_other_media_types_are_not_read(insurer: Insurer, insurers: Caller) -> None:
    answer = insurers.post("/x12/", interchange(insurer.payer), "text/plain")
    assert answer.status_code == 415


def test_a_pharmacys_claim_reaches_its_insurer_and_pends_without_evidence(
    insurer: Insurer, insurers: Caller, provider: Callable[[str], Actor]
) -> None:
    npi = fresh_npi()
    pharmacy = Caller(insurer.world, provider(npi))
    body = pharmacy_claim(insurer.payer, npi)
    taken, again = (pharmacy.post("/api/v1/claims", body) for _ in range(2))
    assert taken.status_code == 201, taken.content
    assert taken.content == again.content
    path = f"/api/v1/claims/{taken.json()['claim_id']}"
    assert insurers.post(f"{path}/adjudicate").json()["status"] == "pended"
    assert pharmacy.get(path).json()["status"] == "pended"
    needed = pharmacy.get(f"{path}/decision").json()["lines"][0]["rules"]
    assert [rule["needed"] for rule in needed if "needed" in rule] == ["the dispensing"]
    assert pharmacy.get(f"{path}/remittance").status_code == 409
    assert pharmacy.post(f"{path}/adjudicate").status_code == 403


def test_a_key_of_any_length_that_is_allowed_sends_a_claim_to_its_insurer(
    insurer: Insurer, insurers: Caller, provider: Callable[[str], Actor]
) -> None:
    npi = fresh_npi()
    pharmacy = Caller(insurer.world, provider(npi))
    before = insurers.written()
    pharmacy.headers["Idempotency-Key"] = "k" * 255
    taken, again = (
        pharmacy.post("/api/v1/claims", pharmacy_claim(insurer.payer, npi)) for _ in range(2)
    )
    assert (taken.status_code, again.content) == (201, taken.content)
    assert insurers.written()[0] == before[0] + 1
    for key in ("k" * 256, "no key"):
        pharmacy.headers["Idempotency-Key"] = key
        answer = pharmacy.post("/api/v1/claims", pharmacy_claim(insurer.payer, npi))
        assert answer.status_code == 400


def test_nobody_bills_in_anothers_name(
    insurer: Insurer, insurers: Caller, provider: Callable[[str], Actor]
) -> None:
    npi, own = fresh_npi(), fresh_npi()
    biller = Caller(insurer.world, provider(npi))
    stranger = Caller(insurer.world, provider(own))
    before = insurers.written()
    theirs = interchange(insurer.payer, npi=npi)
    # Two claims in one interchange: the stranger's own and another's.
    mixed = interchange(insurer.payer, npi=own, lines=(*VISIT, *OTHERS_VISIT))
    mixed = mixed.replace(b"@", npi.encode()).replace(b"PI*?", f"PI*{insurer.payer}".encode())
    answers = [
        stranger.post("/api/v1/claims", pharmacy_claim(insurer.payer, npi)),
        stranger.post("/x12/", theirs, X12),
        stranger.post("/x12/", mixed, X12),
    ]
    for answer in answers:
        assert answer.status_code == 403, answer.content
        assert answer.json()["type"] == "urn:theriac:problem:not-the-biller"
    assert insurers.written() == before
    assert verdicts(biller.post("/x12/", theirs, X12)) == ["A", "A"]
    assert insurers.written()[0] == before[0] + 1


def test_a_repeated_decision_asks_nobody_again(insurer: Insurer, insurers: Caller) -> None:
    supply = chain(insurer.world)
    pharmacy = supply.pharmacy()
    pharmacy.gives(supply.bottle(pharmacy), 20)
    sender = Caller(insurer.world, pharmacy.member.actor)
    pended = tuple(each.replace("CTP****30*UN", "CTP****30*ML") for each in DRUG)
    data = interchange(insurer.payer, npi=pharmacy.npi, lines=pended)
    assert verdicts(sender.post("/x12/", data, X12)) == ["A", "A"]
    (claim,) = insurers.get("/api/v1/claims").json()
    path = f"/api/v1/claims/{claim['id']}/adjudicate"

    def told() -> int:
        with acting_as(pharmacy.member.actor):
            return Disclosure.objects.count()

    first, again = (insurers.post(path) for _ in range(2))
    assert (first.status_code, first.json()["status"]) == (200, "pended"), first.content
    assert (again.content, again["Theriac-Receipt"]) == (first.content, first["Theriac-Receipt"])
    assert told() == 1
    insurers.headers["Idempotency-Key"] = "second"
    second, again = (insurers.post(path) for _ in range(2))
    assert second.content == again.content != first.content
    assert told() == 2
    assert insurers.post(path, b"{}").status_code == 422
    assert told() == 2


@pytest.mark.parametrize("keys", ["one", "many"])
def test_requests_at_the_same_time_ask_once_and_decide_once(
    insurer: Insurer, insurers: Caller, keys: str
) -> None:
    supply = chain(insurer.world)
    pharmacy = supply.pharmacy()
    pharmacy.gives(supply.bottle(pharmacy), 30)
    sender = Caller(insurer.world, pharmacy.member.actor)
    data = interchange(insurer.payer, npi=pharmacy.npi, lines=DRUG)
    assert verdicts(sender.post("/x12/", data, X12)) == ["A", "A"]
    (claim,) = insurers.get("/api/v1/claims").json()
    path = f"/api/v1/claims/{claim['id']}/adjudicate"
    together = Barrier(THREADS)

    def ask(number: int) -> Any:
        headers = dict(insurers.headers)
        if keys == "many":
            headers["Idempotency-Key"] = f"k{number}"
        together.wait()
        try:
            return Client().post(path, b"", content_type="application/json", headers=headers)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(ask, range(THREADS)))
    made = [each for each in answers if each.status_code == 200]
    assert len({each.content for each in made}) == 1
    assert made[0].json()["status"] == "paid"
    problems = {each.json()["type"] for each in answers if each.status_code != 200}
    late: set[str] = {"many": {"urn:theriac:problem:claim-already-decided"}, "one": set()}[keys]
    assert problems <= {"urn:theriac:problem:claim-being-decided", *late}
    if keys == "one":
        assert insurers.post(path).content == made[0].content
    with acting_as(insurer.actor):
        assert (Decision.objects.count(), Payment.objects.count()) == (1, 1)
    with acting_as(pharmacy.member.actor):
        assert Disclosure.objects.count() == 1


def test_a_claim_whose_turn_another_has_is_answered_and_nobody_is_asked(
    insurer: Insurer, insurers: Caller
) -> None:
    insurers.post("/x12/", interchange(insurer.payer), X12)
    (claim,) = insurers.get("/api/v1/claims").json()
    path = f"/api/v1/claims/{claim['id']}/adjudicate"
    before = insurers.written()
    with ThreadPoolExecutor(1) as pool, _turn(UUID(claim["id"])):
        answer = pool.submit(_asked, insurers, path).result()
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:theriac:problem:claim-being-decided"
    assert insurers.written() == before
    assert insurers.post(path).json()["status"] == "paid"


def _asked(caller: Caller, path: str) -> Any:
    """Post from a thread of its own, which has its own connection."""
    try:
        return caller.post(path)
    finally:
        connections.close_all()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"a":"\\u0000"}', b"[" * 5000, b'{"bin":1e999}', b"\xff"]
)
def test_a_malformed_json_claim_writes_nothing(insurers: Caller, body: bytes) -> None:
    before = insurers.written()
    answer = insurers.post("/api/v1/claims", body)
    assert answer.status_code == 400, answer.content
    assert insurers.written() == before


@pytest.mark.parametrize("day", ["2099-01-01", "9999-12-31"])
def test_a_claim_for_a_service_to_come_is_refused_by_every_way_in(
    insurer: Insurer, insurers: Caller, day: str
) -> None:
    before = insurers.written()
    body = pharmacy_claim(insurer.payer, "1234567893")
    body["lines"][0]["date_of_service"] = day
    refused = insurers.post("/api/v1/claims", body)
    assert refused.status_code == 400, refused.content
    problem = refused.json()
    assert (problem["type"], problem["line"]) == ("urn:theriac:problem:inconsistent-claim", 1)
    assert day in problem["detail"]
    late = tuple(each.replace("20260302", day.replace("-", "")) for each in VISIT)
    answer = insurers.post("/x12/", interchange(insurer.payer, lines=late), X12)
    assert (answer.status_code, verdicts(answer)) == (200, ["R", "R"])
    assert b"IK3*DTP*19**8~IK4*3**8~IK5*R*5~" in answer.content
    assert insurers.written() == before


def test_contracts_come_and_are_refused_over_http(insurer: Insurer) -> None:
    caller = Caller(insurer.world, insurer.actor)
    made = caller.post("/api/v1/contracts", insurer.terms())
    assert made.status_code == 201, made.content
    path = f"/api/v1/contracts/{made.json()['contract_id']}"
    assert caller.get(path).json()["signed_as"] == []
    assert caller.post(f"{path}/sign", {"role": "author"}).status_code == 403
    wrong = caller.post(f"{path}/sign", {"role": "nobody"})
    assert (wrong.status_code, wrong.json()["path"]) == (400, "role")
    assert caller.post(f"{path}/activate").status_code == 409
    assert caller.post("/api/v1/contracts", b"{}").status_code == 400


def test_coverage_and_the_payers_name_are_stated_over_http(insurer: Insurer) -> None:
    caller = Caller(insurer.world, insurer.actor)
    stated = {
        "payer_id": insurer.payer,
        "member_id": "M7",
        "coverage": {"from_date": "2026-01-01"},
    }
    assert caller.post("/api/v1/coverages", stated).status_code == 201
    assert caller.post("/api/v1/coverages", {**stated, "member_id": 7}).status_code == 400
    for profile, status in ((PROFILE, 204), ({**PROFILE, "street": "A*B"}, 400)):
        body = orjson.dumps(profile)
        answer = Client().put(
            "/api/v1/payer-profile", body, "application/json", headers=caller.headers
        )
        assert answer.status_code == status, answer.content


def test_a_reader_may_not_write_and_nobody_reads_unasked(
    insurer: Insurer, insurers: Caller
) -> None:
    reader = Caller(insurer.world, insurer.actor, Scope.CLAIMS_READ)
    assert reader.post("/x12/", interchange(insurer.payer), X12).status_code == 403
    assert Client().get("/api/v1/claims").status_code == 401
    assert insurers.get(f"/api/v1/claims/{uuid4()}").status_code == 404
    assert insurers.written()[0] == 0


def test_answers_kept_for_a_repeat_hold_no_name(insurer: Insurer, insurers: Caller) -> None:
    insurers.post("/x12/", interchange(insurer.payer), X12)
    with acting_as(insurers.actor):
        kept = [bytes(each.body) for each in IdempotencyRecord.objects.all()]
    assert len(kept) == 1
    assert CANARY.encode() not in kept[0]


def test_the_addresses_describe_themselves(world: World) -> None:
    del world
    generator: Any = SchemaGenerator
    schema = generator(urlconf="tests.claims.urls").get_schema(request=None, public=True)
    assert "/x12/" in schema["paths"]
    assert "/api/v1/claims/{claim_id}/remittance" in schema["paths"]
