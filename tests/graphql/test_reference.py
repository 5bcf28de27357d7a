"""docs/reference/graphql.md says what the code holds: its numbers, its fields."""

import re
from pathlib import Path

from config.schema import SCHEMA
from foundation.core.query_weight import LIMITS
from foundation.graphql.types import PAGE_SIZE
from provenance.schema import PACK_EVENTS_MAX, SCAN_LENGTH_MAX

TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "graphql.md").read_text()


def test_every_limit_stands_in_the_reference() -> None:
    table = TEXT.partition("## Limits")[2]
    found = [int(number.replace(",", "")) for number in re.findall(r"\b\d[\d,]*\b", table)]
    wanted = [getattr(LIMITS, name) for name in LIMITS.__slots__]
    missing = set(wanted) | {PAGE_SIZE, PACK_EVENTS_MAX, SCAN_LENGTH_MAX}
    assert missing - set(found) == set()


def test_every_root_field_stands_in_the_reference() -> None:
    assert SCHEMA.query_type is not None
    table = TEXT.partition("## What can be asked")[2].partition("## Lists")[0]
    told = set(re.findall(r"^\| `(\w+)", table, re.MULTILINE))
    assert told == set(SCHEMA.query_type.fields)
    assert SCHEMA.mutation_type is None
    assert SCHEMA.subscription_type is None
