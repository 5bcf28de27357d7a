"""Bodies of JSON read strictly: every member known, every fault with its place."""

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from foundation.core.problem import BadInputError

_OWN = "non_field_errors"  # the framework's name for what no single member is to blame for
_NAME_LENGTH_MAX = 64


class Strict(serializers.Serializer[Any]):
    """An object whose members are all known: a misspelt one is not skipped."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the values; raise the framework's ``ValidationError``."""
        if isinstance(data, Mapping):
            unknown = sorted(str(name) for name in data.keys() - self.fields.keys())
            if unknown:
                name = unknown[0][:_NAME_LENGTH_MAX]
                raise serializers.ValidationError({name: f"there is no member {name!a} here"})
        return super().to_internal_value(data)

    def checked(self) -> dict[str, Any]:
        """Return the values; raise ``BadInputError`` whose ``errors`` name each bad member.

        Each has its ``path`` in the body (``identifier.value``, ``scopes[1]``; empty for the whole)
        and a ``detail``; ``path`` of the problem is the first one's.
        """
        if not self.is_valid():
            faults = list(faults_of(self.errors))
            first, detail = faults[0]
            if len(faults) > 1:
                detail = f"{len(faults)} members have a value they may not have"
            raise BadInputError(
                f"{first}: {detail}" if first and len(faults) == 1 else detail,
                path=first,
                errors=[{"path": path, "detail": text} for path, text in faults],
            )
        return dict(self.validated_data)


def faults_of(errors: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the place and the words of each fault in what the framework found."""
    if isinstance(errors, Mapping):
        for name, found in errors.items():
            yield from faults_of(found, _below(path, name))
    elif isinstance(errors, list) and errors and isinstance(errors[0], Mapping):
        for place, found in enumerate(errors):
            yield from faults_of(found, f"{path}[{place}]")
    elif isinstance(errors, list):
        yield from ((path, _words(error)) for error in errors[:1])
    else:
        yield path, _words(errors)


def _words(error: Any) -> str:
    """Return what is wrong, without what was sent: it may be about a patient."""
    if getattr(error, "code", "") == "invalid_choice":
        return "is none of the values that the API's documentation lists"
    return str(error)


def _below(path: str, name: str | int) -> str:
    if isinstance(name, int):
        return f"{path}[{name}]"
    if name == _OWN:
        return path
    return f"{path}.{name}" if path else str(name)
