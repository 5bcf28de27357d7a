"""Guards: conditions in a small part of CEL that two engines understand alike.

The profile ``theriac-cel-1``: declared, typed facts and nothing dynamic; no arithmetic that
rounds; no text sizes (engines count differently); no regular expressions, maps, floats or escapes.
An evaluation that fails is a value, ``GuardFault``, never true and never false: what cannot be
decided is not paid. A guard is asked only when every fact it names is known, because in CEL
``error && false`` is false and would hide that one is missing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cel as rust_cel
from cel_expr_python import cel  # type: ignore[import-untyped]  # no py.typed in the wheel

from foundation.core.problem import BadInputError

PROFILE = "theriac-cel-1"
TEXT_LENGTH_MAX = 1000
TOKENS_MAX = 200
LIST_LENGTH_MAX = 100
COMPREHENSIONS_MAX = 2
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

FactValue = bool | int | str | tuple[str, ...]

_TOKEN = re.compile(
    r"""\s+
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)(?:(?P<call>\s*\()|(?P<quote>['"]))?
    |(?P<int>[0-9]+)(?P<tail>[.A-Za-z_])?
    |(?P<text>'[ !#-&(-\[\]-~]*'|"[ !#-&(-\[\]-~]*")(?!['"])
    |(?P<sign>&&|\|\||==|!=|<=|>=|[<>!+*(),?:\[\]-])""",
    re.VERBOSE,
)
_COMPREHENSIONS = frozenset({"exists", "all"})
_FUNCTIONS = _COMPREHENSIONS | {"contains", "startsWith", "endsWith", "size"}
_WORDS = frozenset({"true", "false", "in"})


class FactType(StrEnum):
    """The types a guard can see; money is ``int``, in minor units."""

    BOOL = "bool"
    INT = "int"
    STRING = "string"
    STRINGS = "list(string)"


class CelError(BadInputError):
    """The guard lies outside the profile, or names what was not declared."""

    slug = "guard-outside-profile"
    title = "The guard cannot be taken"


class EnginesDisagreeError(BadInputError):
    """Two CEL engines answer differently; nobody may sign such a contract."""

    slug = "engines-disagree"
    title = "Two engines disagree on a guard"


@dataclass(frozen=True, slots=True)
class GuardFault:
    """Why a guard has no answer, in our own words: an engine's words change with its version."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A compiled guard: its text, the facts it names, and the engine's expression."""

    text: str
    facts: frozenset[str]
    expression: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An environment of declared facts, in which guards are compiled and asked."""

    types: Mapping[str, FactType]
    env: Any


_TYPES = {
    FactType.BOOL: cel.Type.BOOL,
    FactType.INT: cel.Type.INT,
    FactType.STRING: cel.Type.STRING,
    FactType.STRINGS: cel.Type.List(cel.Type.STRING),
}


def declare_facts(types: Mapping[str, FactType]) -> Profile:
    """Return the environment in which exactly the facts ``types`` can be named."""
    env = cel.NewEnv(variables={name: _TYPES[kind] for name, kind in types.items()})
    return Profile(types=dict(types), env=env)


def compile_guard(text: str, profile: Profile) -> Guard:
    """Return the guard that ``text`` says; raise ``CelError`` with the place where it can."""
    facts = _check_tokens(text, profile.types)
    try:
        expression = profile.env.compile(text)
    except RuntimeError as error:
        # The engine's first line says what and where; the rest draws the text again.
        raise CelError(str(error).splitlines()[0][:200]) from error
    if expression.return_type() != cel.Type.BOOL:
        raise CelError("a guard is true or false; this is neither")
    return Guard(text=text, facts=facts, expression=expression)


def evaluate_guards(
    guards: Mapping[str, Guard], values: Mapping[str, FactValue], profile: Profile
) -> dict[str, bool | GuardFault]:
    """Return each guard's answer, or why it has none, over the known facts ``values``."""
    wrong = {name for name, value in values.items() if not _fits(value, profile.types.get(name))}
    known = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if name not in wrong
    }
    activation = profile.env.Activation(data=known)
    return {
        key: _missing(guard, known, wrong) or _answer(guard, activation)
        for key, guard in guards.items()
    }


def second_opinion(guard: Guard, values: Mapping[str, FactValue]) -> bool | GuardFault:
    """Return what another engine answers; facts are expected to be checked already."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        *steps, last = name.split(".")
        at = nested
        for step in steps:
            at = at.setdefault(step, {})
        at[last] = list(value) if isinstance(value, tuple) else value
    try:
        answer = rust_cel.compile(guard.text).execute(nested)
    except (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError):
        return GuardFault("the guard fails on these facts")
    return answer if isinstance(answer, bool) else GuardFault("the answer is not true or false")


def check_agreement(guard: Guard, values: Mapping[str, FactValue], profile: Profile) -> None:
    """Raise ``EnginesDisagreeError`` unless both engines answer alike, faults included."""
    first = evaluate_guards({"guard": guard}, values, profile)["guard"]
    if isinstance(first, GuardFault) and not guard.facts <= values.keys():
        return  # no engine was asked
    second = second_opinion(guard, values)
    alike = type(first) is type(second) and (isinstance(first, GuardFault) or first == second)
    if not alike:
        raise EnginesDisagreeError(f"engines disagree on {guard.text[:100]!a}")


def _check_tokens(text: str, types: Mapping[str, FactType]) -> frozenset[str]:
    """Return the facts that ``text`` names; raise ``CelError`` for what the profile bans."""
    if len(text) > TEXT_LENGTH_MAX:
        raise CelError(f"a guard has at most {TEXT_LENGTH_MAX} characters")
    at = tokens = comprehensions = 0
    facts: set[str] = set()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match["quote"] or match["tail"]:
            raise CelError(f"character {at + 1}: not in the profile", position=at + 1)
        if match["name"]:
            comprehensions += _check_name(match, types, facts)
        tokens += not match[0].isspace()
        at = match.end()
    if tokens > TOKENS_MAX or comprehensions > COMPREHENSIONS_MAX:
        raise CelError(
            f"a guard has at most {TOKENS_MAX} words and {COMPREHENSIONS_MAX} of exists and all"
        )
    return frozenset(facts)


def _check_name(match: re.Match[str], types: Mapping[str, FactType], facts: set[str]) -> int:
    """Add the fact that a name means to ``facts``; return 1 for a comprehension."""
    subject, function = match["name"], ""
    if match["call"] and subject not in _WORDS:
        subject, _, function = subject.rpartition(".")
        if function not in _FUNCTIONS:
            raise CelError(f"character {match.start() + 1}: {function[:40]} is not in the profile")
        if function == "size" and types.get(subject) is not FactType.STRINGS:
            raise CelError(f"character {match.start() + 1}: only a list's size, as list.size()")
    if subject == "null":
        raise CelError(f"character {match.start() + 1}: null is not in the profile")
    if "." in subject:
        if subject not in types:
            raise CelError(f"character {match.start() + 1}: {subject[:40]} is not a declared fact")
        facts.add(subject)
    return function in _COMPREHENSIONS


def _fits(value: object, kind: FactType | None) -> bool:
    """Say whether ``value`` is exactly of its type: to an engine, True may be 1."""
    match kind:
        case FactType.BOOL:
            return type(value) is bool
        case FactType.INT:
            return type(value) is int and INT64_MIN <= value <= INT64_MAX
        case FactType.STRING:
            return _is_text(value)
        case FactType.STRINGS:
            return (
                type(value) is tuple and len(value) <= LIST_LENGTH_MAX and all(map(_is_text, value))
            )
        case _:
            return False


def _is_text(value: object) -> bool:
    return type(value) is str and len(value) <= TEXT_LENGTH_MAX and value.isascii()


def _missing(guard: Guard, known: Mapping[str, object], wrong: set[str]) -> GuardFault | None:
    """Return the fault of a guard whose facts are not all known; else nothing."""
    absent = sorted(guard.facts - known.keys())
    if not absent:
        return None
    return GuardFault(f"{absent[0]} is {'not of its type' if absent[0] in wrong else 'not known'}")


def _answer(guard: Guard, activation: Any) -> bool | GuardFault:
    answer = guard.expression.eval(activation)
    # The type first: a failure's value is a text, and a text is true.
    if answer.type() != cel.Type.BOOL:
        return GuardFault("the guard fails on these facts")
    value: bool = answer.value()
    return value
