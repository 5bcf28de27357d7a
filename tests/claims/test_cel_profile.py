import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims.core import cel_profile
from claims.core.cel_profile import (
    CelError,
    EnginesDisagreeError,
    FactType,
    FactValue,
    GuardFault,
    check_agreement,
    compile_guard,
    declare_facts,
    evaluate_guards,
    second_opinion,
)

PROFILE = declare_facts(
    {
        "line.units": FactType.INT,
        "fee.mue": FactType.INT,
        "line.code": FactType.STRING,
        "line.modifiers": FactType.STRINGS,
        "line.ok": FactType.BOOL,
    }
)
KNOWN: dict[str, FactValue] = {
    "line.units": 3,
    "fee.mue": 2,
    "line.code": "J0696",
    "line.modifiers": ("59", "GZ"),
    "line.ok": True,
}


def answer(text: str, values: dict[str, FactValue]) -> bool | GuardFault:
    return evaluate_guards({"G": compile_guard(text, PROFILE)}, values, PROFILE)["G"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("line.units > fee.mue", True),
        ("line.units * 2 - 1 + 0 <= 4", False),
        ("line.code in ['J0696', \"G0439\"]", True),
        ("line.code.startsWith('J') && !line.ok", False),
        ("line.code.contains('069') ? line.ok : false", True),
        ("line.code.endsWith('7') || line.units == -3", False),
        ("line.modifiers.exists(m, m == 'GZ' || m.startsWith('X'))", True),
        ("line.modifiers.all( m, m != '59' )", False),
        ("line.modifiers.size() == 2", True),
        ("line.modifiers[0] == '59'", True),
        ("true", True),
        ("true && (line.ok)", True),
    ],
)
def test_guards_in_the_profile_are_answered_alike_by_two_engines(
    text: str, *, expected: bool
) -> None:
    assert answer(text, KNOWN) is expected
    check_agreement(compile_guard(text, PROFILE), KNOWN, PROFILE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "line.units",
        "'x'",
        "line.units > 1.0",
        "line.units > 1u",
        "line.units / 2 > 1",
        "line.units % 2 == 1",
        "line.units > 'a'",
        "nobody > 1",
        "line.nobody > 1",
        "size(line.code) > 1",
        "line.code.size() > 1",
        "size(line.modifiers) > 1",
        "line.code.matches('^J')",
        "dyn(1) == 1",
        "has(line.units)",
        "timestamp('2026-01-01T00:00:00Z') == timestamp('2026-01-01T00:00:00Z')",
        "line.code == r'x'",
        "line.code == b'x'",
        "line.code == 'a\\n'",
        "line.code == '''x'''",
        "{'a': 1}['a'] == 1",
        "line . units > 1",
        "line.units > 99999999999999999999",
        "line.code == 'é'",
        "null == null",
        "line.ok // comment",
        "true\x00",
        "\ud800",
        "line.ok && " * 99 + "true",
        "(" * 60 + "true" + ")" * 60,
        " || ".join(["line.modifiers.exists(m, m == 'a')"] * 3),
        "line.ok" + " " * 1000,
    ],
)
def test_what_lies_outside_the_profile_is_refused(text: str) -> None:
    with pytest.raises(CelError):
        compile_guard(text, PROFILE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("line.units", True),
        ("line.units", 2**63),
        ("line.units", -(2**63) - 1),
        ("line.units", "3"),
        ("line.ok", 1),
        ("line.code", 3),
        ("line.code", "é"),
        ("line.code", "x" * 1001),
        ("line.modifiers", ["59"]),
        ("line.modifiers", ("59",) * 101),
        ("line.modifiers", (59,)),
    ],
)
def test_a_fact_of_another_type_leaves_no_answer(name: str, value: FactValue) -> None:
    asked = {
        "line.units": "line.units == 3",
        "line.ok": "line.ok",
        "line.code": "line.code == ''",
        "line.modifiers": "'59' in line.modifiers",
    }[name]
    assert answer(asked, {**KNOWN, name: value}) == GuardFault(f"{name} is not of its type")


def test_a_missing_fact_is_not_hidden_by_the_other_side() -> None:
    values = {name: value for name, value in KNOWN.items() if name != "fee.mue"}
    for text in ("fee.mue > 1 && false", "fee.mue > 1 || true"):
        assert answer(text, values) == GuardFault("fee.mue is not known")
        check_agreement(compile_guard(text, PROFILE), values, PROFILE)


def test_an_undeclared_value_is_not_a_fact() -> None:
    assert answer("line.ok", {**KNOWN, "line.other": 1}) is True


@pytest.mark.parametrize(
    "text", ["line.units * 9223372036854775807 > 1", "line.modifiers[9] == ''"]
)
def test_a_failing_guard_is_a_fault_in_both_engines(text: str) -> None:
    fault = GuardFault("the guard fails on these facts")
    assert answer(text, KNOWN) == fault
    assert second_opinion(compile_guard(text, PROFILE), KNOWN) == fault
    check_agreement(compile_guard(text, PROFILE), KNOWN, PROFILE)


def test_engines_that_disagree_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = compile_guard("line.ok", PROFILE)
    monkeypatch.setattr(cel_profile, "second_opinion", lambda *_: False)
    with pytest.raises(EnginesDisagreeError, match=r"line\.ok"):
        check_agreement(guard, KNOWN, PROFILE)


def test_the_second_engine_too_answers_true_or_false_only() -> None:
    guard = cel_profile.Guard(text="line.units", facts=frozenset(), expression=None)
    assert second_opinion(guard, KNOWN) == GuardFault("the answer is not true or false")


def test_both_engines_agree_on_a_small_world() -> None:
    texts = [
        "line.units > fee.mue && line.code == 'A'",
        "line.units - fee.mue < 0 || 'A' in line.modifiers",
        "line.ok ? line.units == fee.mue : line.modifiers.all(m, m == line.code)",
    ]
    guards = [compile_guard(text, PROFILE) for text in texts]
    numbers, names = (-1, 0, 1), ("", "A")
    lists = ((), ("A",), ("A", ""))
    for units, mue, code, mods, ok in itertools.product(
        numbers, numbers, names, lists, (True, False)
    ):
        values: dict[str, FactValue] = {
            "line.units": units,
            "fee.mue": mue,
            "line.code": code,
            "line.modifiers": mods,
            "line.ok": ok,
        }
        for guard in guards:
            check_agreement(guard, values, PROFILE)
            assert not isinstance(second_opinion(guard, values), GuardFault)


@given(st.text(alphabet=" line.units>&|!()'\"0123[]?:-+*mtrue\\\x00é", max_size=60))
@settings(max_examples=100)
def test_any_text_is_a_guard_or_a_typed_error(text: str) -> None:
    try:
        guard = compile_guard(text, PROFILE)
    except CelError as error:
        assert error.detail  # noqa: PT017 - either outcome is right
    else:
        check_agreement(guard, KNOWN, PROFILE)
