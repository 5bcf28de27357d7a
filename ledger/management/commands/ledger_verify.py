"""Verify the whole log: every hash, signature, rule of governance and stored column."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress as Bar

from foundation.core.actor import SYSTEM
from foundation.core.json_input import parse_json
from foundation.core.problem import ProblemError
from foundation.tenancy import acting_as
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.note import parse_note
from ledger.core.receipt import Receipt, parse_receipt, parse_receipt_header
from ledger.core.verify import StoredCheckpoint
from ledger.selectors import log_list
from ledger.services.verdict import Progress, Verdict
from ledger.services.verification import log_verify
from ledger.services.verification_export import export_verify

_TOLD_EACH = 256


class Command(BaseCommand):
    """``manage.py ledger_verify``: exit 0 for a sound log, 1 for a bad one, 2 for bad input."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what somebody outside kept."""
        parser.add_argument("--vkey", help="the verifier key to trust (default: the database's)")
        parser.add_argument(
            "--receipt", type=Path, action="append", default=[], help="a receipt that was given"
        )
        parser.add_argument(
            "--checkpoint", type=Path, action="append", default=[], help="a checkpoint kept outside"
        )
        parser.add_argument(
            "--export", type=Path, metavar="DIR", help="verify an exported log, not the database"
        )
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--channel", help="verify this channel (default: the first)")
        which.add_argument("--all", action="store_true", help="verify every channel")
        parser.add_argument("--json", action="store_true")

    def handle(
        self,
        *,
        vkey: str | None,
        receipt: list[Path],
        checkpoint: list[Path],
        export: Path | None,
        channel: str | None,
        all: bool,  # noqa: A002 - the option's name
        json: bool,
        **_: object,
    ) -> None:
        """Verify, print the verdict, and exit 1 for a bad log."""
        if all and (vkey or receipt or checkpoint or export):
            raise CommandError("what is kept outside is one channel's: name it with --channel")
        if export is not None and channel is not None:
            raise CommandError("an export is one channel's: do not name it")
        try:
            verify = (
                partial(log_verify, channel=channel)
                if export is None
                else partial(export_verify, export)
            )
            with _progress() as progress:
                verdict = verify(
                    vkey=vkey,
                    receipts=[_receipt(path) for path in receipt],
                    checkpoints=[_checkpoint(path) for path in checkpoint],
                    progress=progress,
                )
                others = _others(progress) if all else {}
        except (ProblemError, OSError) as error:
            raise CommandError(f"cannot be read: {error}", returncode=2) from error
        found = _found(verdict)
        if all:
            channels = {name: _found(each) for name, each in others.items()}
            shown = _dumps({**found, "channels": channels})
            text = [_text(found), *(f"{name}: {_text(each)}" for name, each in channels.items())]
            self.stdout.write(shown if json else "\n".join(text))
        else:
            self.stdout.write(_dumps(found) if json else _text(found))
        if not all_sound(verdict, *others.values()):
            sys.exit(1)


def _others(progress: Progress) -> dict[str, Verdict]:
    """Return the verdict on each channel but the first, by name."""
    with acting_as(SYSTEM):
        names = [log.name for log in log_list()[1:]]
    return {name: log_verify(channel=name, progress=progress) for name in names}


def all_sound(*verdicts: Verdict) -> bool:
    """Return whether nothing is wrong anywhere."""
    return all(verdict.sound for verdict in verdicts)


def _found(verdict: Verdict) -> dict[str, object]:
    return {
        "sound": verdict.sound,
        "size": verdict.size,
        "submissions": verdict.submissions,
        "entries": verdict.entries,
        "faults": [{"index": fault.index, "what": fault.what} for fault in verdict.faults],
    }


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show a bar on a terminal's standard error; elsewhere nothing."""
    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("leaves", total=None)

        def progress(done: int, size: int) -> None:
            if done % _TOLD_EACH == 0:
                bar.update(task, completed=done, total=max(done, size))

        yield progress


def _dumps(found: dict[str, object]) -> str:
    return json.dumps(found)


def _text(found: dict[str, object]) -> str:
    faults = found["faults"]
    assert isinstance(faults, list)
    counted = (
        f"{found['size']} leaves: {found['submissions']} submissions, {found['entries']} entries"
    )
    if not faults:
        return (
            f"sound: {counted}; a cut tail shows only against receipts or checkpoints kept outside"
        )
    lines = [f"  index {fault['index']}: {fault['what']}" for fault in faults]
    return "\n".join([f"BAD: first bad index {faults[0]['index']} ({counted})", *lines])


def _receipt(path: Path) -> Receipt:
    data = path.read_bytes()
    if data.lstrip().startswith(b"{"):
        return parse_receipt(parse_json(data))
    return parse_receipt_header(data.decode("ascii", "replace").strip())


def _checkpoint(path: Path) -> StoredCheckpoint:
    data = path.read_bytes()
    return StoredCheckpoint(size=parse_checkpoint(parse_note(data).text).size, note=data)
