"""What the doctor finds: one value per check."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one check; ``remedy`` says what to do where something is to be done."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


def ok(name: str, detail: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(name=name, status=Status.OK, detail=detail)


def warn(name: str, detail: str, remedy: str) -> Finding:
    """Return a finding that something could be better."""
    return Finding(name=name, status=Status.WARN, detail=detail, remedy=remedy)


def fail(name: str, detail: str, remedy: str) -> Finding:
    """Return a finding that something is in the way."""
    return Finding(name=name, status=Status.FAIL, detail=detail, remedy=remedy)
