"""The verdict on one scan: each rule alone, the order of the rules, and every combination."""

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from provenance.core.custody_event import Act, Custody, Tier
from provenance.core.gs1 import parse_scan
from provenance.core.verdict import Answer, Label, Question, Seen, Verdict, label_of, verdict

ME, MAKER, OTHER = "0300011111116", "0300011111123", "0300011111130"
ON = date(2026, 11, 24)
HELD = Custody(
    commissioned_by=MAKER,
    owner_gln=ME,
    holder_gln=ME,
    content=Decimal(1),
    balance=Decimal(1),
    tier=Tier.T3,
    last_event_time=datetime(2026, 11, 1, tzinfo=UTC),
    evidence=((Act.COMMISSION, "made"), (Act.RECEIVE, "got"), (Act.SHIP, "sent")),
)
COMING = replace(HELD, holder_gln=MAKER, in_transit=True, in_transit_to=ME)
AWAY = replace(HELD, in_transit=True, in_transit_to=OTHER)
ELSEWHERE = replace(HELD, holder_gln=OTHER)
GIVEN = replace(HELD, balance=Decimal(0), evidence=((Act.DISPENSE, "given"),))
ATTESTED = replace(HELD, commissioned_by=None, tier=Tier.T1)
BARE = replace(HELD, commissioned_by=None, tier=Tier.T0)
RECALLED = replace(HELD, recalled=True, evidence=((Act.RECALL, "back"),))
GONE = replace(HELD, decommissioned=True)
ASIDE = replace(HELD, quarantined=True)
LABEL = Label(lot="L1", expiry_date=date(2027, 1, 31))
GIVE = (Question.SHIP, Question.SELL, Question.DISPENSE)
ALL = tuple(Question)


def ask(
    custody: Custody | None,
    question: Question,
    *,
    scan: Label = LABEL,
    recorded: Label | None = LABEL,
    on_date: date = ON,
) -> Verdict:
    return verdict(
        custody,
        question=question,
        holder_gln=ME,
        on_date=on_date,
        scan=scan,
        recorded=recorded,
    )


@pytest.mark.parametrize(
    ("custody", "questions", "answer", "rule"),
    [
        (None, ALL, "unknown", "unknown"),
        (Custody(), ALL, "unknown", "unknown"),
        (Custody(recalled=True), ALL, "no", "recalled"),
        (HELD, [Question.CHECK], "yes", "genuine"),
        (HELD, [Question.TAKE_IN], "no", "already_here"),
        (HELD, GIVE, "yes", "sound"),
        (COMING, [Question.CHECK], "yes", "genuine"),
        (COMING, [Question.TAKE_IN], "yes", "addressee"),
        (replace(COMING, in_transit_to=None), [Question.TAKE_IN], "yes", "addressee"),
        (replace(COMING, in_transit_to=None), GIVE, "no", "not_received"),
        (replace(AWAY, in_transit_to=None), [Question.TAKE_IN], "no", "addressee"),
        (replace(AWAY, in_transit_to=None), GIVE, "no", "not_received"),
        (COMING, GIVE, "no", "not_received"),
        (AWAY, [Question.TAKE_IN], "no", "addressee"),
        (AWAY, GIVE, "no", "not_received"),
        (ELSEWHERE, [Question.CHECK], "yes", "genuine"),
        (ELSEWHERE, [Question.TAKE_IN], "no", "addressee"),
        (ELSEWHERE, GIVE, "no", "not_held"),
        (GIVEN, ALL, "no", "already_dispensed"),
        (ATTESTED, [Question.CHECK], "unknown", "genuine"),
        (ATTESTED, GIVE, "yes", "sound"),
        (BARE, GIVE, "unknown", "no_papers"),
        (RECALLED, ALL, "no", "recalled"),
        (GONE, ALL, "no", "decommissioned"),
        (ASIDE, [Question.CHECK], "yes", "genuine"),
        (ASIDE, [Question.TAKE_IN, *GIVE], "no", "quarantined"),
    ],
)
def test_each_state_gives_each_question_its_answer(
    custody: Custody | None, questions: list[Question], answer: str, rule: str
) -> None:
    for question in questions:
        found = ask(custody, question)
        assert (found.answer, found.rule) == (answer, rule)


def test_an_answer_names_the_entries_that_prove_it() -> None:
    assert ask(HELD, Question.DISPENSE) == Verdict(
        answer=Answer.YES,
        rule="sound",
        text="It is yours, and nothing speaks against it.",
        next_step="Go on: dispense it.",
        evidence=("made", "got"),
    )
    assert ask(RECALLED, Question.SELL).evidence == ("back",)
    assert ask(GIVEN, Question.DISPENSE).evidence == ("given",)
    assert ask(COMING, Question.TAKE_IN).evidence == ("sent",)
    assert ask(None, Question.DISPENSE).evidence == ()


def test_what_nobody_recorded_is_taken_in_with_papers_and_never_called_counterfeit() -> None:
    take_in, dispense = ask(None, Question.TAKE_IN), ask(None, Question.DISPENSE)
    assert "does not mean that it is counterfeit" in take_in.text
    assert take_in.next_step.startswith("Compare it with the supplier's papers.")
    assert dispense.next_step == "Receive it first, with the supplier's papers."


@pytest.mark.parametrize("question", ALL)
def test_a_code_without_a_serial_names_no_pack(question: Question) -> None:
    found = verdict(
        None, question=question, holder_gln=ME, on_date=ON, scan=LABEL, product_only=True
    )
    assert (found.answer, found.rule, found.evidence) == (Answer.UNKNOWN, "no_serial", ())
    assert "names a product" in found.text
    assert "DataMatrix" in found.next_step


@pytest.mark.parametrize("question", ALL)
def test_what_was_recorded_of_something_that_never_came_is_told(question: Question) -> None:
    seen = (
        Seen(step="dispensing", on_date=date(2026, 11, 2)),
        Seen(step="retail_selling", on_date=date(2026, 11, 3)),
    )
    found = verdict(None, question=question, holder_gln=ME, on_date=ON, scan=LABEL, seen=seen)
    assert (found.answer, found.rule) == (Answer.UNKNOWN, "never_received")
    assert "dispensing (2026-11-02), retail selling (2026-11-03)" in found.text
    # What is in custody is judged by that, whatever else is seen of it.
    held = verdict(HELD, question=question, holder_gln=ME, on_date=ON, scan=LABEL, seen=seen)
    assert held == ask(HELD, question, recorded=None)


@pytest.mark.parametrize(
    ("expiry", "rule"),
    [
        (date(2026, 11, 23), "expired"),
        (ON, "sound"),
        (date(2026, 11, 25), "sound"),
        (None, "sound"),
    ],
)
def test_a_pack_may_be_given_to_the_end_of_its_last_day(expiry: date | None, rule: str) -> None:
    label = Label(lot="L1", expiry_date=expiry)
    for scan, recorded in [(label, None), (label, label), (Label(), label)]:
        assert ask(HELD, Question.DISPENSE, scan=scan, recorded=recorded).rule == rule
        assert ask(HELD, Question.CHECK, scan=scan, recorded=recorded).rule == "genuine"


@pytest.mark.parametrize(
    ("scan", "rule"),
    [
        (Label(lot="L2"), "label_differs"),
        (Label(expiry_date=date(2028, 1, 31)), "label_differs"),
        (Label(lot="L1"), "sound"),
        (Label(), "sound"),
    ],
)
def test_a_label_that_differs_from_the_record_is_suspect(scan: Label, rule: str) -> None:
    assert ask(HELD, Question.SELL, scan=scan).rule == rule
    assert ask(HELD, Question.SELL, scan=scan, recorded=None).rule == "sound"


def test_the_label_is_read_from_the_scan() -> None:
    scan = parse_scan("(01)00312345678906(17)270131(10)L1(21)S")
    assert label_of(scan, on_date=ON) == LABEL


def test_no_answer_tells_who_else_holds_an_item() -> None:
    for custody, question in itertools.product([AWAY, ELSEWHERE, COMING], Question):
        found = ask(custody, question)
        assert not {OTHER, MAKER} & {*found.text.split(), *found.next_step.split()}


def test_yes_is_said_only_where_nothing_speaks_against_it() -> None:
    flags = [False, True]
    count = 0
    for recalled, gone, aside, transit, question, holder, balance, tier in itertools.product(
        flags, flags, flags, flags, Question, [ME, OTHER], [0, 1], [Tier.T0, Tier.T1, Tier.T3]
    ):
        custody = replace(
            HELD,
            recalled=recalled,
            decommissioned=gone,
            quarantined=aside,
            in_transit=transit,
            in_transit_to=ME if transit else None,
            holder_gln=holder,
            balance=Decimal(balance),
            tier=tier,
        )
        found = ask(custody, question)
        assert found.text
        assert found.next_step
        if found.answer is Answer.YES:
            count += 1
            assert not recalled
            assert not gone
            assert balance == 1
            if question in GIVE:
                assert (aside, transit, holder) == (False, False, ME)
                assert tier is not Tier.T0
            if question is Question.TAKE_IN:
                assert (aside, transit) == (False, True)
    assert count == 36
