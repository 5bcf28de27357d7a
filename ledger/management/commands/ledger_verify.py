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

from foundation.core.json_input import parse_json
from foundation.core.problem import ProblemError
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.note import parse_note
from ledger.core.receipt import Receipt, parse_receipt, parse_receipt_header
from ledger.core.verify import StoredCheckpoint
from ledger.services.verdict import Progress
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
        parser.add_argument("--json", action="store_true")

    def handle(
        self,
        *,
        vkey: str | None,
        receipt: list[Path],
        checkpoint: list[Path],
        export: Path | None,
        json: bool,
        **_: object,
    ) -> None:
        """Verify, print the verdict, and exit 1 for a bad log."""
        try:
            verify = log_verify if export is None else partial(export_verify, export)
            with _progress() as progress:
                verdict = verify(
                    vkey=vkey,
                    receipts=[_receipt(path) for path in receipt],
                    checkpoints=[_checkpoint(path) for path in checkpoint],
                    progress=progress,
                )
        except (ProblemError, OSError) as error:
            raise CommandError(f"cannot be read: {error}", returncode=2) from error
        found = {
            "sound": verdict.sound,
            "size": verdict.size,
            "submissions": verdict.submissions,
            "entries": verdict.entries,
            "faults": [{"index": fault.index, "what": fault.what} for fault in verdict.faults],
        }
        self.stdout.write(_dumps(found) if json else _text(found))
        if not verdict.sound:
            sys.exit(1)


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
