"""``docs/reference/problems.md`` names every type of problem that the code has, and no other."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from foundation.core.problem import ProblemError

ROOT = Path(__file__).parents[2]
APPS = (
    "foundation",
    "ledger",
    "accounts",
    "vault",
    "provenance",
    "records",
    "claims",
    "web",
    "ops",
)
PAGES = ("problems.md", "fhir.md")
ROW = re.compile(r"^\| (?P<slugs>`[^|]+`) \| (?P<statuses>[^|]+) \| [^|]{8,} \|$", re.MULTILINE)


def subclasses(of: type[ProblemError]) -> Iterator[type[ProblemError]]:
    for each in of.__subclasses__():
        yield each
        yield from subclasses(each)


def in_the_code() -> dict[str, int]:
    """Return the status of each type, found by importing every module that has one."""
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "slug = " in path.read_text():
                importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    named: list[type[ProblemError]] = [ProblemError, *subclasses(ProblemError)]
    own = [each for each in named if each.__module__.split(".")[0] in APPS]
    return {each.slug: each.status for each in own if "slug" in vars(each)}


def documented() -> dict[str, set[str]]:
    """Return each documented slug with what its row says of its status."""
    found: dict[str, set[str]] = {}
    for page in PAGES:
        text = (ROOT / "docs" / "reference" / page).read_text()
        for row in ROW.finditer(text[text.index("| slug |") :]):
            for slug in re.findall(r"`([a-z0-9-]+)`", row["slugs"]):
                assert slug not in found, f"{slug} has two rows"
                found[slug] = set(row["statuses"].split(", "))
    return found


def test_every_type_has_its_row_and_its_status() -> None:
    code, rows = in_the_code(), documented()
    assert len(code) > 100
    missing = {slug: status for slug, status in code.items() if slug not in rows}
    assert missing == {}
    assert sorted(set(rows) - set(code)) == []
    wrong = {
        slug: (status, rows[slug])
        for slug, status in code.items()
        if not {str(status), "-"} & rows[slug]
    }
    assert wrong == {}


@pytest.mark.parametrize("app", ["claims", "provenance", "records", "vault", "ledger", "accounts"])
def test_the_types_of_every_app_are_found(app: str) -> None:
    in_the_code()
    assert any(each.__module__.startswith(f"{app}.") for each in subclasses(ProblemError))
