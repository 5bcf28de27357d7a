"""The witness of this deployment: whose logs it watches, and under which key it cosigns.

The deployment's web server answers at ``/witness/``; these commands set it up.
"""

import json
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from foundation.core.problem import ProblemError
from ledger.core.note import format_vkey
from ledger.services.witness import (
    WitnessedInfo,
    witness_vkey_make,
    witnessed_log_add,
    witnessed_log_drop,
    witnessed_log_list,
)


class Command(BaseCommand):
    """``manage.py witness vkey | add VKEY | list | drop ORIGIN``."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take one of the subcommands."""
        commands = parser.add_subparsers(dest="act", required=True)
        commands.add_parser("vkey", help="print the witness' verifier key, made where missing")
        add = commands.add_parser("add", help="watch a log, or trust one more key of it")
        add.add_argument("vkey", help="the log's verifier key, from its operator")
        add.add_argument("--origin", help="the log's origin, where its key has another name")
        listing = commands.add_parser("list", help="print the watched logs and their last heads")
        listing.add_argument("--json", action="store_true")
        drop = commands.add_parser("drop", help="cosign nothing more of a log")
        drop.add_argument("origin")

    def handle(self, *, act: str, **options: str | None) -> None:
        """Do it, and print what others must know."""
        try:
            match act:
                case "vkey":
                    self.stdout.write(format_vkey(witness_vkey_make()))
                case "add":
                    origin = witnessed_log_add(
                        vkey=str(options["vkey"]), origin=options["origin"], now=timezone.now()
                    )
                    self.stdout.write(f"witnessing {origin}")
                case "drop":
                    witnessed_log_drop(origin=str(options["origin"]))
                    self.stdout.write("nothing more of it is cosigned; what was, is remembered")
                case _:
                    self._list(as_json=bool(options["json"]))
        except ProblemError as problem:
            raise CommandError(f"{problem.title}: {problem.detail}") from problem

    def _list(self, *, as_json: bool) -> None:
        logs = witnessed_log_list()
        if as_json:
            self.stdout.write(json.dumps([_as_json(log) for log in logs], indent=2))
            return
        for log in logs:
            state = "watched" if log.vkeys else "dropped"
            conflicts = f"  {log.conflicts} CONFLICTS" if log.conflicts else ""
            self.stdout.write(f"{state}  {log.size:>12}  {log.origin}{conflicts}")


def _as_json(log: WitnessedInfo) -> dict[str, object]:
    return {
        "origin": log.origin,
        "vkeys": list(log.vkeys),
        "size": log.size,
        "root": log.root_hash.hex(),
        "cosigned_at": log.cosigned_at and log.cosigned_at.isoformat(),
        "conflicts": log.conflicts,
    }
