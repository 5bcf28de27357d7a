"""No test may be skipped unnoticed: JUnit's report against tests/allowed_skips.txt.

    python -m ops.skips REPORT.xml tests/allowed_skips.txt

A line of the list is a pattern for ``test id: reason``, with ``*`` for anything. Comments begin
with ``#``. Tests in a browser may never be skipped: a list that names one is refused.
"""

import re
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from lxml import etree

NEVER = re.compile(r"browser|playwright|chrom|axe|page", re.IGNORECASE)
NAMED = re.compile(r"[a-z_]{4}")


class SkipListError(ValueError):
    """The list allows what may not be allowed; the message names the line."""


def parse_allowed(text: str) -> list[str]:
    """Return the patterns; raise ``SkipListError`` for a browser test or a pattern for all."""
    patterns = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        if NEVER.search(line):
            raise SkipListError(f"line {number}: tests in a browser are never skipped")
        if not NAMED.search(line):
            raise SkipListError(f"line {number}: a pattern names a test or a reason")
        patterns.append(line)
    return patterns


def find_skipped(report: bytes) -> list[str]:
    """Return ``test id: reason`` of each skipped test; raise ``SkipListError`` on no report."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        root = etree.fromstring(report, parser)
    except etree.XMLSyntaxError as error:
        raise SkipListError("the report is no XML") from error
    found = []
    for skipped in root.iter("skipped"):
        case = skipped.getparent()
        if skipped.get("type") == "pytest.xfail" or case is None:
            continue
        found.append(f"{case.get('classname')}.{case.get('name')}: {skipped.get('message')}")
    return found


def refused(skipped: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the skipped tests that no pattern allows."""
    return [line for line in skipped if not any(fnmatchcase(line, pattern) for pattern in patterns)]


def main(arguments: Sequence[str]) -> int:
    """Check one report; return 1 after naming what may not be skipped."""
    report, allowed = (Path(argument) for argument in arguments)
    try:
        left = refused(find_skipped(report.read_bytes()), parse_allowed(allowed.read_text()))
    except (SkipListError, OSError) as error:
        print(f"skips: {error}")
        return 1
    for line in left:
        print(f"skips: not allowed: {line}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
