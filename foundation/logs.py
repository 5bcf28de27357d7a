"""Log lines: one JSON object each, from a list of allowed fields.

Whatever a message was formatted from stays out (``record.args`` may hold personal data): the
line carries the message's template, where it came from, and the fields on the list.
"""

import logging

import orjson

# Extra fields that code of ours may pass: ids and counts, never values of persons.
ALLOWED_FIELDS = (
    "actor_kind",
    "attempt",
    "channel",
    "count",
    "handler",
    "kind",
    "log_index",
    "message_id",
    "origin",
    "problem",
    "queue",
    "size",
    "status",
    "witness",
    "worker",
)


class JsonFormatter(logging.Formatter):
    """One line of JSON per record; line breaks are escaped by JSON itself."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "event": str(record.msg),
        }
        line |= {name: getattr(record, name) for name in ALLOWED_FIELDS if hasattr(record, name)}
        if record.name == "django.request":
            line |= _request_of(record)
        if record.exc_info and record.exc_info[1] is not None:
            # The type and the place, not the text: a database error quotes the row.
            line["error"] = type(record.exc_info[1]).__name__
            line["at"] = _place(record.exc_info[1])
        return orjson.dumps(line, default=str).decode()


def _request_of(record: logging.LogRecord) -> dict[str, object]:
    """Return what Django says of a refused request: method, status and route, never the path."""
    request = getattr(record, "request", None)
    match = getattr(request, "resolver_match", None)
    return {
        "event": "request refused",
        "method": getattr(request, "method", None),
        "route": getattr(match, "route", None),
        "status": getattr(record, "status_code", None),
    }


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    code = trace.tb_frame.f_code
    file = "/".join(code.co_filename.split("/")[-2:])
    return f"{file}:{code.co_name}:{trace.tb_lineno}"
