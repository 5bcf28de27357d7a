"""The table of application identifiers against GS1's own dictionary, entry by entry."""

import re

from provenance.core.gs1_linters import LINTERS
from provenance.core.gs1_table import AI_RULES, AiComponent, AiRule, find_ai
from tests.vectors_at import shared_vectors

COMPONENT = re.compile(r"(\[?)([NXYZ])(\.\.)?(\d+)\]?((?:,\w+)*)")


def dictionary_component(text: str) -> AiComponent:
    match = COMPONENT.fullmatch(text)
    assert match is not None
    optional, charset, variable, length, linters = match.groups()
    return AiComponent(
        charset=charset,
        length_min=1 if variable else int(length),
        length_max=int(length),
        optional=bool(optional),
        linters=tuple(linters.split(",")[1:]),
    )


def dictionary_rules(line: str) -> list[AiRule]:
    codes, *words = line.partition(" #")[0].split()
    flags = next((word for word in words if not word.strip("*?")), "")
    named = dict(word.split("=", 1) for word in words if "=" in word)
    is_key = "dlpkey" in words or "dlpkey" in named
    first, _, last = codes.partition("-")
    return [
        AiRule(
            ai=str(number).zfill(len(first)),
            fixed="*" in flags,
            attribute="?" in flags,
            components=tuple(
                dictionary_component(word) for word in words if COMPONENT.fullmatch(word)
            ),
            requires=tuple(
                tuple(group.split("+")) for group in named.get("req", "").split(",") if group
            ),
            excludes=tuple(pattern for pattern in named.get("ex", "").split(",") if pattern),
            qualifiers=tuple(
                tuple(ai for ai in path.split(",") if ai)
                for path in named.get("dlpkey", "").split("|")
            )
            if is_key
            else None,
        )
        for number in range(int(first), int(last or first) + 1)
    ]


def test_every_entry_of_the_dictionary_is_ours_and_nothing_more() -> None:
    text = shared_vectors("gs1/gs1-syntax-dictionary.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    expected = {rule.ai: rule for line in lines for rule in dictionary_rules(line)}
    assert len(lines) == 224
    assert expected == AI_RULES


def test_the_table_holds_541_identifiers_and_no_one_begins_another() -> None:
    assert len(AI_RULES) == 541
    for ai in AI_RULES:
        assert [other for other in AI_RULES if other.startswith(ai)] == [ai]
        rule = find_ai(ai + "9")
        assert rule is not None
        assert rule.ai == ai


def test_every_check_that_the_table_names_is_there() -> None:
    named = {
        linter
        for rule in AI_RULES.values()
        for component in rule.components
        for linter in component.linters
    }
    assert named == set(LINTERS)


def test_an_optional_or_variable_part_comes_last() -> None:
    for rule in AI_RULES.values():
        *head, _ = rule.components
        assert all(part.length_min == part.length_max for part in head)
        flags = [part.optional for part in rule.components]
        assert flags == sorted(flags)


def test_fixed_identifiers_have_one_length() -> None:
    for rule in AI_RULES.values():
        if rule.fixed:
            assert all(
                part.length_min == part.length_max and not part.optional for part in rule.components
            )
