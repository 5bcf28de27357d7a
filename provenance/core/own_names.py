"""Which names of an EPCIS document are ours, by its contexts, and where none of ours may stand.

A prescription names a patient. Only a dispensing has a place to keep it apart, so that anywhere
else the name is refused, however it is spelled: what cannot be told from ours counts as ours.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

NAMESPACE: Final = "urn:theriac:epcis:"
DEFAULT_PREFIX: Final = "theriac"
MEMBER: Final = "prescription"
# The only other member, of an instance's master data.
_CONTENT: Final = "contentquantity"
_SPELLINGS_MAX: Final = 32


class Owner(Enum):
    """Whose a name is."""

    OURS = "ours"
    THEIRS = "theirs"
    UNKNOWN = "unknown"


class Misplaced(NamedTuple):
    """A name of ours where it may not stand: its path, the type of fault, and words."""

    path: str
    type: str
    detail: str


class Names:
    """What contexts say of names; where two differ, a name that one makes ours is ours."""

    def __init__(self, *contexts: object) -> None:
        """Keep what the contexts declare; those that are only named by address say nothing."""
        self._contexts = contexts
        self._declared: dict[str, list[str]] = {}
        self._known: dict[str, tuple[Owner, str]] = {}
        for context in contexts:
            for part in context if isinstance(context, (list, tuple)) else [context]:
                self._declare(part)
            # Only the document's own context, the first, is stored: what it leaves open is ours.
            self._declared.setdefault(DEFAULT_PREFIX, [NAMESPACE])

    def _declare(self, context: object) -> None:
        for term, target in context.items() if isinstance(context, Mapping) else ():
            meant = target.get("@id") if isinstance(target, Mapping) else target
            if isinstance(meant, str):
                self._declared.setdefault(str(term), []).append(meant)

    def also(self, context: object) -> "Names":
        """Return these names with one more context."""
        return Names(*self._contexts, context)

    def owner(self, name: str) -> tuple[Owner, str]:
        """Return whose a name is, and what it is called there, in lower case.

        A name without a prefix that no context declares is unknown: its surroundings decide.
        """
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = self._find(name)
        return found

    def _find(self, name: str) -> tuple[Owner, str]:
        spellings = self._spellings(name)
        for spelling in spellings:
            if spelling.casefold().startswith(NAMESPACE):
                return Owner.OURS, spelling.casefold().removeprefix(NAMESPACE)
        if len(spellings) == _SPELLINGS_MAX:
            return Owner.OURS, MEMBER  # contexts that hide what they mean
        prefix, _, rest = name.partition(":")
        absolute = rest and (rest.startswith("//") or prefix.casefold() == "urn")
        if len(spellings) > 1 or absolute:
            return Owner.THEIRS, ""
        return Owner.UNKNOWN, name.rpartition(":")[2].casefold()

    def _spellings(self, name: str) -> list[str]:
        """Return a name and what it stands for, step by step: prefixes are made of prefixes."""
        found = [name]
        for spelling in found:  # it grows
            prefix, colon, rest = spelling.partition(":")
            more = [*self._declared.get(spelling, ())]
            more += [target + rest for target in self._declared.get(prefix, ()) if colon]
            if not colon:
                more += [target + spelling for target in self._declared.get("@vocab", ())]
            found += [one for one in more if one not in found]
            if len(found) >= _SPELLINGS_MAX:
                break
        return found[:_SPELLINGS_MAX]


def misplaced(
    value: object, path: str, names: Names, *, skip: object = None
) -> Iterator[Misplaced]:
    """Yield each of our names in parsed JSON that may stand in a dispensing only.

    ``skip`` is a value inside that is left out: the events, in the document around them.
    """
    return _walk(value, path, names, skip=skip, theirs=False)


def mentions(value: object) -> bool:
    """Return whether any name in parsed JSON so much as resembles a prescription."""
    if isinstance(value, Mapping):
        return any(MEMBER in str(name).casefold() or mentions(one) for name, one in value.items())
    return isinstance(value, (list, tuple)) and any(mentions(one) for one in value)


def _walk(
    value: object, path: str, names: Names, *, skip: object, theirs: bool
) -> Iterator[Misplaced]:
    if isinstance(value, (list, tuple)) and value is not skip:
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}[{index}]", names, skip=skip, theirs=theirs)
    if not isinstance(value, Mapping):
        return
    if "@context" in value:
        names = names.also(value["@context"])
        yield from _in_context(value["@context"], f"{path}.@context", names)
    for name, inner in ((str(name), inner) for name, inner in value.items() if name != "@context"):
        owner, local = names.owner(name)
        if owner is Owner.UNKNOWN and theirs and ":" not in name:
            owner = Owner.THEIRS
        place = f"{path}.{name[:100]}"
        if found := _misplaced(owner, local, place):
            yield found
        else:
            inherits = theirs if owner is Owner.UNKNOWN else owner is Owner.THEIRS
            yield from _walk(inner, place, names, skip=skip, theirs=inherits)


def _misplaced(owner: Owner, local: str, path: str) -> Misplaced | None:
    if owner is not Owner.THEIRS and local == MEMBER:
        return Misplaced(path, "combination", "a prescription belongs to a dispensing")
    if owner is Owner.OURS and local != _CONTENT:
        return Misplaced(path, "unknown_field", f"{NAMESPACE} has no such member here")
    return None


def _in_context(context: Any, path: str, names: Names) -> Iterator[Misplaced]:
    """Yield names of ours that a context gives data, and not a meaning."""
    for index, part in enumerate(context if isinstance(context, (list, tuple)) else ()):
        yield from _in_context(part, f"{path}[{index}]", names)
    members = context.items() if isinstance(context, Mapping) else ()
    for name, meant in ((str(name), meant) for name, meant in members):
        place = f"{path}.{name[:100]}"
        keys = meant if isinstance(meant, Mapping) else ()
        vocabulary = all(str(key).startswith("@") for key in keys)
        if not isinstance(meant, (list, tuple)) and vocabulary:
            continue
        owner, local = names.owner(name)
        if found := _misplaced(owner, local, place):
            yield found
        else:
            yield from _in_context(meant, place, names)
