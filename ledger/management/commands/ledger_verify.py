"""Verify the whole log: every hash, signature, rule of governance and stored column."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from foundation.core.json_input import parse_json
from foundation.core.problem import ProblemError
from ledger.core.checkpoint import parse_checkpoint
from ledger.core.note import parse_note
from ledger.core.receipt import Receipt, parse_receipt, parse_receipt_header
from ledger.core.verify import StoredCheckpoint
from ledger.services.verification import log_verify


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
        parser.add_argument("--json", action="store_true")

    def handle(
        self,
        *,
        vkey: str | None,
        receipt: list[Path],
        checkpoint: list[Path],
        json: bool,
        **_: object,
    ) -> None:
        """Verify, print the verdict, and exit 1 for a bad log."""
        try:
            verdict = log_verify(
                vkey=vkey,
                receipts=[_receipt(path) for path in receipt],
                checkpoints=[_checkpoint(path) for path in checkpoint],
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
