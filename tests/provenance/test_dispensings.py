"""A dispensing names its prescription: found by it, told of, paid for once, and forgotten."""

import datetime as dt
import os
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from django.db import DatabaseError, IntegrityError

from foundation.core.problem import ProblemError
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft, parse_entry
from ledger.selectors import entry_get
from ledger.services import submission_append
from provenance.core.epcis_check import EpcisError
from provenance.core.evidence import Standing
from provenance.errors import EventIdTakenError, OverspentError
from provenance.models import Disclosure, Dispensing, Event, Spend
from provenance.selectors import event_get
from provenance.services import (
    DispensingEvidence,
    DispensingQuery,
    GivenItem,
    PaidFor,
    dispensing_evidence,
    dispensings_hold,
    serials_spend,
)
from provenance.services.verification import custody_verify
from tests.conftest import NOW, Channel
from tests.database import Databases
from tests.provenance.test_exactly_once import at_once, in_stock
from tests.provenance.world import GTIN, NDC_11, Member, dispense, event, fill, member, packs
from vault.models import PersonalItem
from vault.services import personal_get

TODAY = NOW.date()
CANARY = "Zqxwvcanary"


@pytest.fixture
def maker(channel: Channel) -> Member:
    return member(channel, "manufacturer")


@pytest.fixture
def pharmacy(channel: Channel) -> Member:
    return member(channel, "pharmacy")


@pytest.fixture
def insurer(channel: Channel) -> Member:
    return member(channel, "insurer")


def ask(
    pharmacy: Member, insurer: Member, number: str = "RX1", **changes: Any
) -> DispensingEvidence:
    asked: dict[str, Any] = {"fill": None, "ndc": NDC_11, "from_date": TODAY, "to_date": TODAY}
    query = DispensingQuery(number=number, **{**asked, **changes})
    (found,) = dispensing_evidence(
        pharmacy_id=pharmacy.actor.organisation,
        to_organisation_id=insurer.actor.organisation,
        queries=[query],
        seeds=os.urandom,
        now=NOW,
    )
    return found


def pay(payer: Member, item: GivenItem, quantity: int, claim: UUID, line: int = 1) -> None:
    with acting_as(payer.actor):
        entry = EntryDraft(kind="test.claim.paid.v1", id=uuid4(), body={})
        receipt = submission_append(actor=payer.actor, entries=[entry], now=NOW)
        paid = PaidFor(given=(item.entry_id, item.epc), quantity=Decimal(quantity), line=line)
        serials_spend(
            actor=payer.actor, payments=[paid], claim=claim, entry_id=receipt.entry_ids[0]
        )


def test_a_fill_is_found_by_what_a_claim_line_knows(
    maker: Member, pharmacy: Member, insurer: Member
) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc], content=100)
    for minute, quantity in enumerate((30, 30, 40), start=3):
        assert not pharmacy.record(fill(epc, minute, quantity, fill=minute)).broken
    for found in (ask(pharmacy, insurer, fill=5), ask(pharmacy, insurer)):
        item = found.items[-1]
        assert (item.epc, item.given, item.remaining, item.unit) == (
            epc,
            Decimal(40),
            Decimal(40),
            "UN",
        )
        assert (item.facts.lawful, item.facts.tier) == (True, "T3")
        assert item.facts.custody.standing is item.facts.condition.standing is Standing.PROVEN
    assert len(ask(pharmacy, insurer).items) == 3
    nothing = DispensingEvidence()
    yesterday = TODAY - dt.timedelta(days=1)
    for changes in (
        {"number": "RX2"},
        {"fill": 6},
        {"ndc": "00001012346"},
        {"from_date": yesterday, "to_date": yesterday},
        {"from_date": TODAY - dt.timedelta(days=31)},
    ):
        assert ask(pharmacy, insurer, **changes) == nothing
    assert len(ask(pharmacy, insurer, from_date=TODAY - dt.timedelta(days=30)).items) == 3
    assert ask(maker, insurer) == nothing


def test_a_fourth_dispensing_is_told_only_where_no_lawful_one_is(
    maker: Member, pharmacy: Member, insurer: Member
) -> None:
    epcs = packs(2)
    in_stock(maker, pharmacy, epcs[:1])
    pharmacy.record(fill(epcs[0], 3))
    pharmacy.record(fill(epcs[0], 4))  # scanned twice
    (item,) = ask(pharmacy, insurer).items
    assert (item.given, item.facts.lawful) == (Decimal(1), True)
    pharmacy.record(fill(epcs[0], 5, number="RX2"))
    (item,) = ask(pharmacy, insurer, "RX2").items
    assert (item.given + item.remaining, item.facts.lawful) == (Decimal(0), False)
    pharmacy.record(fill(epcs[1], 6, number="RX3"))  # from nowhere
    (item,) = ask(pharmacy, insurer, "RX3").items
    assert item.facts.custody.standing is Standing.UNKNOWN


def test_a_copy_that_another_gives_is_a_proven_break(
    channel: Channel, maker: Member, pharmacy: Member, insurer: Member
) -> None:
    other, (epc,) = member(channel, "pharmacy"), packs(1)
    in_stock(maker, pharmacy, [epc])
    other.record(fill(epc, 3))
    pharmacy.record(fill(epc, 4))
    (item,) = ask(other, insurer).items
    assert item.facts.custody.standing is Standing.BROKEN
    with acting_as(insurer.actor):
        kinds = [entry_get(bytes.fromhex(each)).kind for each in item.facts.custody.entries]
    assert kinds == ["provenance.event.captured.v1"] * 4
    (item,) = ask(pharmacy, insurer).items
    assert (item.facts.custody.standing, item.remaining) == (Standing.PROVEN, Decimal(1))


def test_a_recall_afterwards_does_not_count(
    maker: Member, pharmacy: Member, insurer: Member
) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc])
    pharmacy.record(fill(epc, 3))
    maker.record(event("holding", [epc], 9, disposition="recalled"))
    (item,) = ask(pharmacy, insurer).items
    assert item.facts.condition.standing is Standing.PROVEN


def test_one_declared_wrong_is_not_found(maker: Member, pharmacy: Member, insurer: Member) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc])
    given = fill(epc, 3)
    pharmacy.record(given)
    wrong = {"declarationTime": "2026-11-24T08:05:00Z", "reason": "did_not_occur"}
    pharmacy.record({**given, "errorDeclaration": wrong})
    assert ask(pharmacy, insurer) == DispensingEvidence()
    with acting_as(pharmacy.actor):
        documents = [info.document for info in event_get(given["eventID"])]
    assert len(documents) == 2
    assert not any(b"prescription" in each for each in documents)


def test_each_telling_is_an_entry_that_names_nobody(
    maker: Member, pharmacy: Member, insurer: Member
) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc])
    pharmacy.record(fill(epc, 3))
    first, second = ask(pharmacy, insurer), ask(pharmacy, insurer)
    with acting_as(pharmacy.actor):
        (one,), (other,) = (
            [parse_entry(entry_get(each).content) for each in found.disclosures]
            for found in (first, second)
        )
        rows = Disclosure.objects.count()
        kept = PersonalItem.objects.filter(holder="provenance.disclosure")
        told = {bytes(each.commitment): each.id for each in kept}
        (said,) = orjson.loads(personal_get(actor=pharmacy.actor, item_id=told[one.commitments[0]]))
    assert one.kind == other.kind == "provenance.evidence.disclosed.v1"
    assert set(one.body) == {"to", "tag"}
    assert one.body["to"] == str(insurer.actor.organisation)
    assert one.body["tag"] != other.body["tag"]
    assert (said["epc"], said["given"], said["tier"]) == (epc, "1", "T3")
    assert rows == 2
    with acting_as(maker.actor):
        assert Disclosure.objects.count() == 0
    with acting_as(insurer.actor):
        assert Disclosure.objects.count() == 2
        assert Dispensing.objects.count() == 0


def test_no_more_is_paid_for_than_was_given_and_only_by_who_was_told(
    channel: Channel, maker: Member, pharmacy: Member, insurer: Member
) -> None:
    other, (epc,) = member(channel, "insurer"), packs(1)
    in_stock(maker, pharmacy, [epc], content=100)
    pharmacy.record(fill(epc, 3, 30), fill(epc, 4, 30, number="RX2"))
    (item,) = ask(pharmacy, insurer).items
    for stranger in (other, pharmacy, maker):
        with pytest.raises(OverspentError):
            pay(stranger, item, 1, uuid4())
    claim = uuid4()
    pay(insurer, item, 20, claim)
    with pytest.raises(IntegrityError):
        pay(insurer, item, 1, claim)
    ask(pharmacy, other)
    # The bottle gave sixty, but this fill thirty.
    with pytest.raises(OverspentError):
        pay(other, item, 11, uuid4())
    pay(other, item, 10, uuid4())
    with acting_as(insurer.actor):
        held = dispensings_hold(actor=insurer.actor, wanted=[(item.entry_id, epc)])
        assert [each.given - each.remaining for each in held.values()] == [30]
        assert [each.quantity for each in Spend.objects.all()] == [20]
    with acting_as(maker.actor):
        assert dispensings_hold(actor=maker.actor, wanted=[(item.entry_id, epc)]) == {}


def test_many_payers_at_once_pay_for_no_more_than_was_given(
    channel: Channel, maker: Member, pharmacy: Member
) -> None:
    payers, (epc,) = [member(channel, "insurer") for _ in range(3)], packs(1)
    in_stock(maker, pharmacy, [epc], content=100)
    pharmacy.record(fill(epc, 3, 30))
    items = [ask(pharmacy, payer).items[0] for payer in payers]

    def attempt(payer: Member, item: GivenItem) -> bool:
        try:
            pay(payer, item, 10, uuid4())
        except OverspentError:
            return False
        return True

    tries: list[Callable[[], bool]] = []
    for payer, item in zip(payers * 4, items * 4, strict=True):
        tries.append(partial(attempt, payer, item))
    assert sum(at_once(tries)) == 3


def test_the_app_writes_no_spend_itself(maker: Member, pharmacy: Member, insurer: Member) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc])
    pharmacy.record(fill(epc, 3))
    ask(pharmacy, insurer)
    with pytest.raises(DatabaseError), acting_as(insurer.actor):
        Spend.objects.create(
            organisation_id=insurer.actor.organisation,
            entry_id=bytes(32),
            dispensing_id=1,
            epc=epc,
            claim=uuid4(),
            line=1,
            quantity=1,
        )


def test_what_is_personal_lies_in_the_vault_alone(
    maker: Member, pharmacy: Member, databases: Databases
) -> None:
    epcs = packs(2)
    in_stock(maker, pharmacy, epcs)
    patient = {"system": "urn:mrn", "value": CANARY}
    loud = {
        **fill(epcs[0], 3, number=f"N{CANARY}", patient=patient),
        "example:name": CANARY,
        "bizTransactionList": [{"bizTransaction": f"urn:{CANARY}"}],
        "action": "ADD",
        "ilmd": {"cbvmda:lotNumber": CANARY, "x:contentQuantity": 7},
        "bizLocation": None,
    }
    made = pharmacy.record(loud)
    assert made.receipt is not None
    with acting_as(pharmacy.actor):
        (row,) = Dispensing.objects.all()
        kept = orjson.loads(personal_get(actor=pharmacy.actor, item_id=row.item_id))
        entry = parse_entry(entry_get(made.receipt.entry_ids[0]).content)
        (stored,) = Event.objects.filter(event_id=made.event_ids[0])
    assert orjson.loads(kept["event"])["example:name"] == CANARY
    assert (kept["number"], kept["patient"]) == (f"N{CANARY}", patient)
    assert (len(entry.commitments), set(entry.body)) == (2, {"tag"})
    assert stored.opening_key is None
    with databases.superuser() as everything:
        tables = everything.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in tables.fetchall()]
        texts = {
            str(name): str(everything.execute(f'SELECT "{name}"::text FROM "{name}"').fetchall())
            for name in names
        }
    needles = (CANARY, CANARY.encode().hex())
    assert [name for name, text in texts.items() if any(n in text for n in needles)] == []


def test_verify_opens_a_dispensing_through_its_pharmacys_vault(
    fresh_db: Channel, databases: Databases
) -> None:
    maker, pharmacy = member(fresh_db, "manufacturer"), member(fresh_db, "pharmacy")
    epcs = packs(2)
    in_stock(maker, pharmacy, epcs)
    made = pharmacy.record(fill(epcs[0], 3), fill(epcs[1], 4, number="RX2"))
    assert custody_verify().fault is None
    with databases.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("ALTER TABLE provenance_event DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE provenance_event SET document = document || ' ' WHERE event_id = %s",
            [made.event_ids[1]],
        )
    fault = custody_verify().fault
    assert fault is not None
    assert fault.item == made.event_ids[1]
    with databases.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("ALTER TABLE provenance_event DISABLE TRIGGER ALL")
        superuser.execute("UPDATE provenance_event SET opening_key = NULL")
    fault = custody_verify().fault
    assert fault is not None
    assert "does not commit" in fault.what


def test_a_repeat_is_the_same_only_with_the_same_patient(maker: Member, pharmacy: Member) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc])
    given = fill(epc, 3)
    pharmacy.record(given)
    assert pharmacy.record(given, given).receipt is None
    bare = {name: value for name, value in given.items() if name != "theriac:prescription"}
    another = {**given, "theriac:prescription": {**given["theriac:prescription"], "fill": 1}}
    for other in (bare, another):
        with pytest.raises(EventIdTakenError):
            pharmacy.record(other)
    plain = dispense(packs(1)[0], 4)
    pharmacy.record(plain)
    with pytest.raises(EventIdTakenError):
        pharmacy.record({**fill(plain["epcList"][0], 4), "eventID": plain["eventID"]})
    with acting_as(pharmacy.actor):
        assert Dispensing.objects.count() == 1


def test_a_wrong_prescription_is_refused_and_leaves_nothing(
    maker: Member, pharmacy: Member
) -> None:
    (epc,) = packs(1)
    in_stock(maker, pharmacy, [epc])
    wrong: list[dict[str, Any]] = [{"ndc": "0001-0123-46"}, {"fill": "1"}, {"patient": {}}]
    for changes in wrong:
        with pytest.raises(ProblemError):
            pharmacy.record(fill(epc, 3, **changes))
    with acting_as(pharmacy.actor):
        assert PersonalItem.objects.count() == 0
        assert Dispensing.objects.count() == 0
    assert GTIN in epc


def test_a_dispensing_to_come_is_refused_at_its_place(
    maker: Member, pharmacy: Member, channel: Channel
) -> None:
    epcs = packs(2)
    in_stock(maker, pharmacy, epcs, content=100)
    done = fill(epcs[0], 3, 30)
    for time in ("2099-01-01T09:00:00Z", "9999-12-31T12:00:00Z", "2026-11-24T09:10:01Z"):
        for step in ("dispensing", "retail_selling"):
            later = {**fill(epcs[1], 4, 30), "eventTime": time, "bizStep": step}
            with pytest.raises(EpcisError) as caught:
                pharmacy.record(done, later)
            assert [(each.event_index, each.path, each.type) for each in caught.value.faults] == [
                (1, "$.epcisBody.eventList[1].eventTime", "time")
            ]
    with acting_as(pharmacy.actor):
        assert Dispensing.objects.filter(organisation_id=pharmacy.actor.organisation).count() == 0
    channel.sequence()
    assert not pharmacy.record({**done, "eventTime": "2026-11-24T09:10:00Z"}).broken
