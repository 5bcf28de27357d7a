"""``--input DIR``: files that somebody brings; each is taken in, or refused with the reason."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.progress import track

from ops.demo import audit
from ops.demo.cast import Story
from ops.demo.custody import CAPTURE, ended_job
from ops.demo.papers import FHIR, LD_JSON, X12
from ops.demo.party import Answer, Party
from ops.demo.words import REASON_LENGTH_MAX, broken_json, refused_by_999

_RESOURCE_TYPE = re.compile(rb'"resourceType"\s*:\s*"([A-Za-z]{1,64})"')
_FAILED = 400
_ACCEPTED = 202


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file: ``reason`` is empty where it was taken in."""

    path: str
    kind: str
    reason: str = ""


def play_input(story: Story, folder: Path, files: Sequence[Path]) -> None:
    """Send every file to where its format belongs; print what became of each."""
    story.scene(f"What lies in {folder} is brought")
    outcomes = [
        _bring(story, path, str(path.relative_to(folder)))
        for path in track(files, "files", console=story.stage.console, transient=True)
    ]
    for each in outcomes:
        mark = f"[yellow]refused[/yellow] {escape(each.reason)}" if each.reason else "taken in"
        story.stage.console.print(f"  {escape(each.path)} ({each.kind}): {mark}")
    counts = Counter("refused" if each.reason else "taken in" for each in outcomes)
    story.prove(
        f"{len(outcomes)} files brought: {counts['taken in']} taken in, {counts['refused']}"
        " refused, each with its reason; no answer was a server's fault"
    )


def _bring(story: Story, path: Path, name: str) -> Outcome:
    data = path.read_bytes()
    kind, party, address, media_type = _route(story, data)
    broken = broken_json(data) if data.lstrip()[:1] in {b"{", b"["} else ""
    if broken:
        return Outcome(path=name, kind=kind, reason=broken)
    if party is None:
        return Outcome(path=name, kind=kind, reason="no format that is read here")
    answer = party.send("POST", address, data, media_type=media_type)
    if answer.status >= 500:  # noqa: PLR2004 - HTTP
        raise audit.NotProvenError(f"{name} was answered {answer.status}: {answer.shown}")
    if "theriac-receipt" in answer.headers:
        story.receipts.append(audit.receipt_of_header(answer.headers["theriac-receipt"]))
    return Outcome(path=name, kind=kind, reason=_reason(story, party, answer))


def _route(story: Story, data: bytes) -> tuple[str, Party | None, str, str]:
    """Return the format's name, who takes it, where, and under which media type."""
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:4096]
    if start.startswith(b"ISA"):
        return "X12", story.parties["insurer"], "/x12/", X12
    if start.startswith(b"<"):
        kind = "EPCIS XML" if b"epcis" in data[:4096].lower() else "XML"
        return kind, story.parties["manufacturer"], CAPTURE, "application/xml"
    if start.startswith((b"{", b"[")):
        return _route_json(story, data)
    return "unknown", None, "", ""


def _route_json(story: Story, data: bytes) -> tuple[str, Party | None, str, str]:
    """Return the same of a JSON object: its first words say what it wants to be."""
    resource = _RESOURCE_TYPE.search(data)
    if resource is not None:
        type_ = resource[1].decode()
        address = "/fhir/r4/" if type_ == "Bundle" else f"/fhir/r4/{type_}"
        return f"FHIR {type_}", story.parties["hospital"], address, FHIR
    if b'"epcisBody"' in data:
        return "EPCIS", story.parties["manufacturer"], CAPTURE, LD_JSON
    if b'"eventTime"' in data:
        return "EPCIS event", story.parties["manufacturer"], "/epcis/v2/events", LD_JSON
    return "JSON", None, "", ""


def _reason(story: Story, party: Party, answer: Answer) -> str:
    """Return why a file was refused; nothing where it was taken in."""
    if answer.status == _ACCEPTED:
        return _job_reason(story, party, answer.headers["location"])
    if answer.headers.get("content-type", "").startswith(X12):
        return refused_by_999(answer.body.decode("utf-8", "replace"))
    if answer.status < _FAILED:
        return ""
    value = answer.json()
    issues = value.get("issue") or [value]
    found = issues[0].get("diagnostics") or issues[0].get("detail") or issues[0].get("title")
    where = issues[0].get("expression") or []
    return " ".join([*where, str(found)])[:REASON_LENGTH_MAX]


def _job_reason(story: Story, party: Party, address: str) -> str:
    """Return why a capture job failed, once it has ended."""
    job = ended_job(story, party, address)
    if job["success"]:
        return ""
    first = job["errors"][0]
    return str(first.get("detail") or first["title"])[:REASON_LENGTH_MAX]
