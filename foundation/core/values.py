"""The values that travel between apps."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

# Any JSON value; numbers are integers, or Decimal where a parser keeps fractions exact.
Json: TypeAlias = "bool | int | str | float | Sequence[Json] | Mapping[str, Json] | None"
