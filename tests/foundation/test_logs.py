"""Log lines: JSON from a list of allowed fields, and nothing that a message was made from."""

import json
import logging
import sys

from django.test import RequestFactory
from django.urls import resolve

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


def test_a_refused_request_is_told_by_its_route_never_by_its_path() -> None:
    request = RequestFactory().get(f"/patients/{CANARY}")
    request.resolver_match = resolve("/healthz")
    made = record("%s: %s", "Not Found", request.path, request=request, status_code=404)
    made.name = "django.request"
    line = line_of(made)
    assert (line["event"], line["method"], line["route"], line["status"]) == (
        "request refused",
        "GET",
        "healthz",
        404,
    )
    assert CANARY not in json.dumps(line, ensure_ascii=False)
