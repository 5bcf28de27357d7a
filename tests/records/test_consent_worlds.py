"""Small worlds, complete: every consent in them against a reading of the rules point by point.

The oracle knows no ranks, criteria or residual rules: it takes one request and one record and
walks the provisions as text.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.core.consent import decide, permits_record
from records.core.consent_compile import read_consent
from records.core.consent_values import JurisdictionPack
from tests.records.consents import (
    ALPHA,
    BASE,
    BETA,
    CLOSED,
    actor,
    coding,
    consent,
    consent_json,
    level,
    purpose,
    record,
    request,
)

TREAT_ONLY = JurisdictionPack(
    id="treat", version="1", default_purposes=frozenset({purpose("TREAT")})
)
Words = Mapping[str, str]


@dataclass
class Oracle:
    """What one consent says of one point: permit, deny, closed (by a grant) or nothing."""

    policy: str | None
    point: Words
    is_bounded: bool = False
    said: list[tuple[float, str, str]] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)

    def read(self, root: Mapping[str, Any]) -> str | None:
        stated, opposite = root["type"], {"OPTIN": "deny", "OPTOUT": "permit"}
        sense = stated or opposite[self.policy or ""]
        base = {"OPTIN": "permit", "OPTOUT": "deny", None: None}[self.policy]
        alternating = sense
        if stated is not None and base in (None, stated):
            base = "closed" if stated == "permit" else None
        elif stated is None and base == "permit" and "permit" in self.below(root, sense):
            self.is_bounded, base, sense = True, None, "closed"
        elif stated is None and base == "deny" and not root["says"]:
            sense = "deny"
        self.say(1, "root", sense, root["says"])
        self.walk(root, root["says"], sense=alternating, height=1, name="root")
        speaking = [each for each in self.said if each[1] not in self.cancelled]
        if not speaking:
            return base
        highest = max(height for height, _, _ in speaking)
        senses = {sense for height, _, sense in speaking if height == highest}
        return next(each for each in ("deny", "closed", "permit") if each in senses)

    def walk(self, parent: Any, says: Words, *, sense: str, height: float, name: str) -> None:
        for at, child in enumerate(parent["inner"]):
            own, mine = child["says"] or says, child["type"] or self.flip(sense)
            path = f"{name}.{at}"
            repeats = all(says.get(key) == value for key, value in own.items())
            if repeats and "deny" in (mine, sense):
                if mine == "permit" and (own == says or self.is_bounded):
                    continue
                if own == says and sense == "permit":
                    self.cancelled.add(name)
                beside = height if own == says else height - 0.5
                self.say(beside, path, mine, own)
                self.walk(child, own, sense=mine, height=beside, name=path)
            else:
                all_said = {**says, **own}
                above = math.ceil(height) + 1
                self.say(above, path, mine, all_said)
                self.walk(child, all_said, sense=mine, height=above, name=path)

    def say(self, height: float, name: str, sense: str, says: Words) -> None:
        order = "NR"
        for key, value in says.items():
            mine = self.point[key]
            if key == "label":
                permits = order.index(mine) <= order.index(value)
                denies = order.index(mine) >= order.index(value)
                if not (permits if sense == "permit" else denies):
                    return
            elif mine != value:
                return
        self.said.append((height, name, sense))

    def below(self, parent: Any, sense: str) -> Iterator[str]:
        for child in parent["inner"]:
            mine = child["type"] or self.flip(sense)
            yield mine
            yield from self.below(child, mine)

    @staticmethod
    def flip(sense: str) -> str:
        return "deny" if sense == "permit" else "permit"


def as_fhir(provision: Mapping[str, Any]) -> dict[str, Any]:
    says: Mapping[str, str] = provision["says"]
    found: dict[str, Any] = {"id": "p"}  # FHIR has no empty objects
    if provision["type"]:
        found["type"] = provision["type"]
    if "org" in says:
        found["actor"] = [actor("PRCP", says["org"])]
    if "purpose" in says:
        found["purpose"] = [coding(purpose(says["purpose"]))]
    if "label" in says:
        found["securityLabel"] = [coding(level(says["label"]))]
    if provision["inner"]:
        found["provision"] = [as_fhir(each) for each in provision["inner"]]
    return found


def check(policy: str | None, root: Mapping[str, Any], points: list[dict[str, str]]) -> None:
    """Compare the decision at every point, under a default that is closed and one that is not."""
    read = read_consent(consent_json(as_fhir(root), opt=policy), base=BASE)
    if policy is None and root["type"] is None:
        assert read.fault is not None
        return
    assert read.fault is None
    for point in points:
        asked = request(point["org"], point["purpose"], treating=True)
        shown = record(level(point["label"]))
        verdict = Oracle(policy=policy, point=point).read(root)
        for pack in (CLOSED, TREAT_ONLY):
            by_default = pack is TREAT_ONLY and point["purpose"] == "TREAT"
            expected = verdict == "permit" or (verdict is None and by_default)
            permitted = permits_record(decide([read], asked, pack), shown)
            assert permitted == expected, (policy, root, point, pack.id, verdict)


def provisions(
    elements: list[dict[str, str]], *levels: list[dict[str, str]]
) -> Iterator[dict[str, Any]]:
    """Yield every provision over these elements, with none or one below from the next level."""
    inner: list[list[Any]] = [[]]
    inner += [[each] for each in provisions(*levels)] if levels else []
    for stated, says, below in itertools.product([None, "permit", "deny"], elements, inner):
        yield {"type": stated, "says": says, "inner": below}


def all_of(**choices: list[str]) -> list[dict[str, str]]:
    """Return every way of stating or leaving out each of the elements."""
    ways = itertools.product(*([None, *values] for values in choices.values()))
    return [
        {name: value for name, value in zip(choices, way, strict=True) if value} for way in ways
    ]


POINTS = [
    {"org": org, "purpose": code, "label": "N"}
    for org in (ALPHA, BETA)
    for code in ("TREAT", "HRESCH")
]


@pytest.mark.parametrize("policy", [None, "OPTIN", "OPTOUT"])
def test_every_consent_over_two_organisations_and_two_purposes(policy: str | None) -> None:
    elements = all_of(org=[ALPHA, BETA], purpose=["TREAT", "HRESCH"])
    count = 0
    for root in provisions(elements, elements):
        check(policy, root, POINTS)
        count += 1
    assert count == 27 * 28


@pytest.mark.parametrize("policy", [None, "OPTIN", "OPTOUT"])
def test_every_consent_of_three_levels_over_purpose_and_label(policy: str | None) -> None:
    elements = [{}, {"purpose": "TREAT"}, {"label": "N"}, {"label": "R"}]
    points = [
        {"org": ALPHA, "purpose": code, "label": label}
        for code in ("TREAT", "HRESCH")
        for label in ("N", "R")
    ]
    count = 0
    for root in provisions(elements, elements, elements[:3]):
        check(policy, root, points)
        count += 1
    assert count == 12 * (1 + 12 * (1 + 9))


ELEMENTS = all_of(org=[ALPHA, BETA], purpose=["TREAT", "HRESCH"], label=["N", "R"])
PROVISIONS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["permit", "deny"]),
        "says": st.sampled_from(ELEMENTS),
        "inner": st.lists(
            st.fixed_dictionaries(
                {
                    "type": st.sampled_from([None, "permit", "deny"]),
                    "says": st.sampled_from(ELEMENTS),
                    "inner": st.just([]),
                }
            ),
            max_size=2,
        ),
    }
)


@settings(max_examples=100)
@given(
    given_consents=st.lists(
        st.tuples(st.sampled_from([None, "OPTIN", "OPTOUT"]), PROVISIONS), max_size=3
    ),
    says=st.sampled_from(ELEMENTS),
    treating=st.booleans(),
)
def test_one_more_deny_never_opens_anything(
    given_consents: list[tuple[str | None, dict[str, Any]]], says: dict[str, str], *, treating: bool
) -> None:
    before = [
        consent(as_fhir(root), opt=policy, id=f"c{at}")
        for at, (policy, root) in enumerate(given_consents)
    ]
    deny = consent(as_fhir({"type": "deny", "says": says, "inner": []}), id="z")
    for point in POINTS:
        asked = request(point["org"], point["purpose"], treating=treating)
        for label in "NR":
            shown = record(level(label))
            after = permits_record(decide([*before, deny], asked, TREAT_ONLY), shown)
            assert not after or permits_record(decide(before, asked, TREAT_ONLY), shown)


def test_no_consent_and_no_default_is_nothing() -> None:
    for point in POINTS:
        decision = decide([], request(point["org"], point["purpose"], treating=True), CLOSED)
        assert not decision.permit
        assert (decision.residual, decision.default, decision.matched) == ((), (), ())
        assert not permits_record(decision, record())
