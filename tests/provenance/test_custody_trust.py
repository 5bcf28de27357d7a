"""The app's role writes no state that the events do not give, and reads no stranger's custody."""

import dataclasses
import itertools
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connections

from foundation.tenancy import acting_as, current_alias
from ledger.core.entry import EntryDraft
from ledger.services import submission_append
from provenance.core.custody import fold_custody
from provenance.core.custody_event import Custody, CustodyEvent
from provenance.core.epcis_event import Action
from provenance.core.verdict import Label, Question
from provenance.models import Event, EventItem
from provenance.selectors import item_glimpse
from provenance.services import folds
from provenance.services.folds import items_fold, items_lock
from provenance.services.verification import custody_verify
from provenance.states import format_state, format_view
from tests.conftest import NOW, Channel
from tests.database import Databases
from tests.provenance.world import (
    Member,
    commission,
    custody_of,
    dispense,
    event,
    member,
    packs,
    receive,
    ship,
)


@pytest.fixture
def maker(channel: Channel) -> Member:
    return member(channel, "manufacturer")


@pytest.fixture
def pharmacy(channel: Channel) -> Member:
    return member(channel, "pharmacy")


def in_stock(maker: Member, pharmacy: Member, epcs: list[str], content: int = 1) -> None:
    maker.record(commission(epcs, content), ship(epcs, pharmacy, 1))
    pharmacy.record(receive(epcs, 2))


def call(sql: str, *args: str | list[str]) -> None:
    with connections[current_alias()].cursor() as cursor:
        cursor.execute(sql, list(args))


def state_of(epc: str, custody: Custody) -> str:
    one = {"epc": epc, "custody": format_state(custody, Label()), "broken": []}
    return orjson.dumps([one]).decode()


def test_nobody_reads_or_writes_an_item_that_no_event_of_the_transaction_touches(
    maker: Member, pharmacy: Member
) -> None:
    epcs = packs(2)
    in_stock(maker, pharmacy, epcs)
    before, kept = custody_of(epcs[0]), "SELECT system_fn.provenance_store(%s::jsonb)"
    mine = Custody(holder_gln=maker.gln, content=Decimal(1), balance=Decimal(1))
    for attempt in (
        lambda: items_fold(epcs),
        lambda: call("SELECT system_fn.provenance_views(%s)", epcs),
        lambda: call(kept, state_of(epcs[0], mine)),
        lambda: call("SELECT * FROM system_fn.provenance_recorded(%s)", epcs),
        lambda: call("SELECT * FROM system_fn.provenance_books(%s)", epcs),
        lambda: call("UPDATE provenance_itemstate SET dispensed = 7"),
    ):
        with pytest.raises(DatabaseError), acting_as(maker.actor):
            attempt()
    assert custody_of(epcs[0]) == before


def test_an_event_of_one_item_opens_no_other(maker: Member, pharmacy: Member) -> None:
    epcs = packs(2)
    in_stock(maker, pharmacy, epcs)
    with pytest.raises(DatabaseError, match="no event of this transaction"):
        maker_records(maker, epcs[:1], lambda: items_fold(epcs))


def maker_records(who: Member, epcs: list[str], then: Callable[[], object], **view: Any) -> None:
    """Record an observation as a rogue app would, row by row, and go on in its transaction."""
    with acting_as(who.actor):
        items_lock(epcs)
        draft = EntryDraft(kind="provenance.event.captured.v1", id=uuid4(), body={})
        receipt = submission_append(actor=who.actor, entries=[draft], now=NOW)
        row = Event.objects.create(
            organisation_id=who.actor.organisation,
            entry_id=receipt.entry_ids[0],
            party_ids=[],
            event_id=f"urn:uuid:{uuid4()}",
            event_type="ObjectEvent",
            action="OBSERVE",
            event_time=NOW,
            recorded_at=NOW,
            declares_error=False,
            opening_key=bytes(32),
            document=b"{}",
        )
        seen: dict[str, Any] = {
            "entry_id": "",
            "sequence": row.id,
            "event_time": NOW,
            "party_gln": who.gln,
            "action": Action.OBSERVE,
            **view,
        }
        for epc in epcs:
            made = format_view(CustodyEvent(**seen), Label())
            EventItem.objects.create(event=row, epc=epc, view=made)
        then()


def test_an_event_in_anothers_name_is_refused(maker: Member, pharmacy: Member) -> None:
    epcs = packs(1)
    in_stock(maker, pharmacy, epcs)
    before = custody_of(epcs[0])
    for forged in ({"party_gln": pharmacy.gln}, {"authority": True}):
        with pytest.raises(DatabaseError, match="another's name"):
            maker_records(maker, epcs, lambda: items_fold(epcs), **forged)
    assert custody_of(epcs[0]) == before


def test_a_fold_that_forgets_what_was_broken_is_refused(
    maker: Member, pharmacy: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sealed, bottle) = packs(2)
    in_stock(maker, pharmacy, [sealed])
    in_stock(maker, pharmacy, [bottle], content=100)
    pharmacy.record(dispense(sealed, 3))
    before = custody_of(sealed), custody_of(bottle)
    fold = fold_custody

    def forgetful(events: list[CustodyEvent]) -> tuple[Custody, list[Any]]:
        return fold(events)[0], []

    def obedient(events: list[CustodyEvent]) -> tuple[Custody, list[Any]]:
        found, _ = fold(events)
        return dataclasses.replace(found, balance=found.balance - 10), []

    def generous(events: list[CustodyEvent]) -> tuple[Custody, list[Any]]:
        found, broken = fold(events)
        return Custody(holder_gln=found.holder_gln, content=Decimal(500)), broken

    attempts: list[tuple[Callable[..., Any], Callable[[], object]]] = [
        (forgetful, lambda: pharmacy.record(dispense(sealed, 4))),  # given twice
        (forgetful, lambda: pharmacy.record(dispense(bottle, 4, 200))),  # more than there is
        (obedient, lambda: maker.record(dispense(bottle, 4, 10))),  # by who has it no longer
        (generous, lambda: pharmacy.record(dispense(bottle, 4, 10))),  # more than there was
    ]
    for lie, attempt in attempts:
        monkeypatch.setattr(folds, "fold_custody", lie)
        with pytest.raises(DatabaseError, match="events of the item do not give"):
            attempt()
    assert (custody_of(sealed), custody_of(bottle)) == before


def test_a_verdict_is_all_that_a_stranger_learns(
    channel: Channel, maker: Member, pharmacy: Member
) -> None:
    stranger, (epc,) = member(channel, "pharmacy"), packs(1)
    in_stock(maker, pharmacy, [epc], content=100)
    for who, holder in ((stranger, ""), (maker, ""), (pharmacy, pharmacy.gln)):
        with acting_as(who.actor):
            seen, _ = item_glimpse(epc)
        assert (seen.holder_gln, seen.owner_gln, seen.commissioned_by) == (holder, None, "")
        assert (seen.content, seen.balance) == (Decimal(1), Decimal(1))
    assert stranger.ask(epc, Question.DISPENSE).rule == "not_held"
    maker_glns = (maker.gln, pharmacy.gln)
    assert not any(gln in str(stranger.ask(epc, Question.CHECK)) for gln in maker_glns)


def test_the_amounts_counted_in_sql_are_those_of_the_fold_in_every_small_world(
    channel: Channel,
) -> None:
    maker, shop = member(channel, "manufacturer"), member(channel, "pharmacy")
    acts: list[Callable[[str, int], tuple[Member, dict[str, Any]]]] = [
        lambda epc, at: (maker, {**commission([epc], 2), "eventTime": f"2026-11-24T08:{at}:00Z"}),
        lambda epc, at: (maker, ship([epc], shop, at)),
        lambda epc, at: (shop, receive([epc], at)),
        lambda epc, at: (shop, dispense(epc, at, 1)),
        lambda epc, at: (maker, dispense(epc, at)),
    ]
    orders = ((10, 20, 30), (10, 30, 20))
    worlds = list(itertools.product(itertools.product(acts, repeat=3), orders))
    epcs = packs(len(worlds))
    for step in range(3):
        done = [
            chosen[step](epc, minutes[step])
            for epc, (chosen, minutes) in zip(epcs, worlds, strict=True)
        ]
        for member_ in (maker, shop):
            # The database refuses a state whose amounts it does not count itself.
            member_.record(*(what for who, what in done if who is member_))
    assert sum(custody_of(epc)[0].dispensed > 0 for epc in epcs) == 40


def test_verify_finds_nothing_wrong_with_an_honest_history(
    fresh_db: Channel,
) -> None:
    maker, pharmacy = member(fresh_db, "manufacturer"), member(fresh_db, "pharmacy")
    epcs = packs(3)
    in_stock(maker, pharmacy, epcs)
    given = dispense(epcs[0], 4)
    pharmacy.record(given)
    pharmacy.record(dispense(epcs[0], 5))
    wrong = {"declarationTime": "2026-11-24T08:06:00Z", "reason": "did_not_occur"}
    pharmacy.record({**given, "errorDeclaration": wrong})
    with acting_as(maker.actor):
        items_lock(packs(1))  # asked for, never recorded
    verdict = custody_verify()
    assert (verdict.events, verdict.items, verdict.fault) == (6, 4, None)
    out = StringIO()
    call_command("provenance_verify", "--json", stdout=out)
    assert orjson.loads(out.getvalue()) == {"sound": True, "events": 6, "items": 4, "faults": []}


TAMPERINGS = [
    ("UPDATE provenance_itemstate SET custody = custody || '{\"recalled\": true}'", "custody"),
    ("UPDATE provenance_itemstate SET custody = '{}'", "custody"),
    ("UPDATE provenance_itemstate SET dispensed = 7", "quantity dispensed"),
    ("DELETE FROM provenance_itemstate", "no state"),
    ("DELETE FROM provenance_itemexception", "other rules"),
    ("UPDATE provenance_itemexception SET exception_class = 'late_event'", "other rules"),
    (
        'UPDATE provenance_eventitem SET view = view || \'{"party_gln": "0300019999990"}\'',
        "sees something else",
    ),
    ("DELETE FROM provenance_eventitem", "sees something else"),
    ("UPDATE provenance_event SET document = document || ' '", "does not commit"),
    ("UPDATE provenance_event SET opening_key = sha256('')", "does not commit"),
    ("UPDATE provenance_event SET organisation_id = gen_random_uuid()", "another's"),
]


@pytest.mark.parametrize(("tampering", "what"), TAMPERINGS)
def test_verify_names_what_a_superuser_changed(
    fresh_db: Channel, databases: Databases, tampering: str, what: str
) -> None:
    maker, (epc,) = member(fresh_db, "manufacturer"), packs(1)
    made = maker.record(commission([epc]))
    maker.record(dispense(epc, 1), event("dispensing", [epc], 2))
    with databases.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        for table in ("event", "eventitem"):
            superuser.execute(f"ALTER TABLE provenance_{table} DISABLE TRIGGER ALL")
        superuser.execute(tampering)
    verdict = custody_verify()
    assert verdict.fault is not None
    assert what in verdict.fault.what
    assert verdict.fault.item in {epc, made.event_ids[0]}
    out = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("provenance_verify", stdout=out)
    assert out.getvalue().startswith(f"BAD: {verdict.fault.item}: ")
