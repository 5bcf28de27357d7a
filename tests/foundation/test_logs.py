"""Log lines: JSON from a list of allowed fields, and nothing that a message was made from."""

import json
import logging
import sys

from foundation.logs import JsonFormatter

CANARY = "Zoë Canary 1970-01-01"


def line_of(record: logging.LogRecord) -> dict[str, object]:
    found: dict[str, object] = json.loads(JsonFormatter().format(record))
    return found


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("tests").makeRecord(
        "tests", logging.WARNING, "file", 1, message, args, None, extra=extra
    )


def test_a_line_holds_the_template_and_allowed_fields_only() -> None:
    line = line_of(record("patient %s was seen\nforged", CANARY, count=3, patient=CANARY))
    assert line["event"] == "patient %s was seen\nforged"
    assert line["count"] == 3
    assert CANARY not in json.dumps(line, ensure_ascii=False)


def test_an_error_is_told_by_type_and_place() -> None:
    made = record("failed")
    try:
        int(CANARY)
    except ValueError:
        made.exc_info = sys.exc_info()
    line = line_of(made)
    assert line["error"] == "ValueError"
    assert str(line["at"]).startswith("foundation/test_logs.py:test_an_error_is_told")
    assert CANARY not in json.dumps(line, ensure_ascii=False)


def test_an_error_without_a_trace_has_no_place() -> None:
    made = record("failed")
    made.exc_info = (LookupError, LookupError(), None)
    assert line_of(made)["at"] == ""
