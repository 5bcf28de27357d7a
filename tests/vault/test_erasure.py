"""Erasure: plans, refusals with article and date, certificates from probes."""

import datetime as dt
from typing import Any
from uuid import UUID

import pytest

from ledger.core.canonical import canonical_bytes, parse_canonical
from ledger.core.merkle import leaf_hash, tree_root
from vault.core.erasure import (
    ErasurePlan,
    ErasurePlanError,
    ErasureProbeError,
    ErasureRefusedError,
    Holding,
    Objection,
    Probe,
    certify_erasure,
    plan_erasure,
)

TODAY = dt.date(2026, 11, 24)
LAB = Holding(holder="records.record", category="lab", item=UUID(int=1), commitment=b"1" * 32)
NOTE = Holding(holder="records.record", category="note", item=UUID(int=2), commitment=b"2" * 32)
CLAIM = Holding(holder="claims.decision", category="claim", item=UUID(int=3), commitment=b"3" * 32)
ALL = [NOTE, LAB, CLAIM]


def planned() -> ErasurePlan:
    return plan_erasure(ALL, [], today=TODAY)


def probes(plan: ErasurePlan) -> list[Probe]:
    return [Probe(holder=held.holder, item=held.item, opened=False) for held in plan.holdings]


def certify(
    plan: ErasurePlan, tried: list[Probe], approvers: tuple[str, ...] = ("a", "b")
) -> dict[str, Any]:
    return certify_erasure(plan, tried, tag="7" * 64, key_id="8" * 64, epoch=3, approvers=approvers)


def test_a_plan_is_in_one_order_and_roots_its_commitments() -> None:
    plan = planned()
    assert plan.holdings == (CLAIM, LAB, NOTE)
    assert plan == plan_erasure(reversed(ALL), [], today=TODAY)
    leaves = [leaf_hash(each.commitment) for each in (CLAIM, LAB, NOTE)]
    assert plan.commitments_root == tree_root(leaves)


def test_one_category_alone_is_planned() -> None:
    assert plan_erasure(ALL, [], today=TODAY, category="lab").holdings == (LAB,)


def test_an_unknown_category_and_nothing_held_are_refused() -> None:
    with pytest.raises(ErasurePlanError, match="nothing of this category"):
        plan_erasure(ALL, [], today=TODAY, category="genome")
    with pytest.raises(ErasurePlanError, match="nothing of this category"):
        plan_erasure([], [], today=TODAY)


def test_an_item_named_twice_is_refused() -> None:
    with pytest.raises(ErasurePlanError, match="names the item"):
        plan_erasure([LAB, LAB], [], today=TODAY)


@pytest.mark.parametrize(
    ("objection", "category", "refused"),
    [
        ({}, None, "until it is lifted"),
        ({"until": TODAY}, None, "until 2026-11-24"),
        ({"until": dt.date(2026, 11, 23)}, None, None),
        ({"category": "lab"}, None, "until it is lifted"),
        ({"category": "lab"}, "note", None),
        ({"category": "lab"}, "lab", "until it is lifted"),
        ({"holder": "claims.decision"}, "lab", None),
    ],
)
def test_an_objection_refuses_what_it_covers_while_it_stands(
    objection: dict[str, Any], category: str | None, refused: str | None
) -> None:
    against = Objection(**{"holder": "records.record", "article": "GDPR 17(3)(b)"} | objection)
    if refused is None:
        assert plan_erasure(ALL, [against], today=TODAY, category=category).holdings
        return
    with pytest.raises(ErasureRefusedError, match=refused) as caught:
        plan_erasure(ALL, [against], today=TODAY, category=category)
    assert caught.value.members["article"] == "GDPR 17(3)(b)"


def test_of_several_objections_the_longest_is_told() -> None:
    against = [
        Objection(holder="records.record", article="A", until=dt.date(2030, 1, 1)),
        Objection(holder="claims.decision", article="B", until=dt.date(2033, 1, 1)),
    ]
    with pytest.raises(ErasureRefusedError) as caught:
        plan_erasure(ALL, against, today=TODAY)
    assert caught.value.members == {"article": "B", "until": "2033-01-01"}


def test_a_certificate_says_counts_root_key_and_epoch() -> None:
    plan = planned()
    body = certify(plan, probes(plan))
    assert body == {
        "tag": "7" * 64,
        "count": 3,
        "holders": [
            {"holder": "claims.decision", "count": 1},
            {"holder": "records.record", "count": 2},
        ],
        "commitments_root": plan.commitments_root.hex(),
        "key": "8" * 64,
        "epoch": 3,
        "probes_failed": 3,
        "approvers": ["a", "b"],
    }
    assert parse_canonical(canonical_bytes(body)) == body


def test_a_partial_certificate_names_its_category() -> None:
    plan = plan_erasure(ALL, [], today=TODAY, category="lab")
    assert certify(plan, probes(plan))["category"] == "lab"


@pytest.mark.parametrize("index", [0, 1, 2])
def test_no_certificate_if_any_probe_opened_or_is_missing(index: int) -> None:
    plan = planned()
    tried = probes(plan)
    opened = Probe(holder=tried[index].holder, item=tried[index].item, opened=True)
    with pytest.raises(ErasureProbeError, match="still opens"):
        certify(plan, [*tried[:index], opened, *tried[index + 1 :]])
    with pytest.raises(ErasureProbeError, match="not one for each of 3"):
        certify(plan, tried[:index] + tried[index + 1 :])
    with pytest.raises(ErasureProbeError, match="not one for each of 3"):
        certify(plan, [*tried, tried[index]])


def test_one_approver_twice_is_not_two() -> None:
    plan = planned()
    with pytest.raises(ErasureProbeError, match="two approvers"):
        certify(plan, probes(plan), approvers=("a", "a"))
