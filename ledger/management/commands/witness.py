"""The witness of this deployment: whose logs it watches, and under which key it cosigns.

The deployment's web server answers at ``/witness/``; these commands set it up. ``ask`` is the other
side: it has this deployment's own log cosigned by the witnesses of its policy.
"""

import json
import logging
import signal
import time
from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connections
from django.utils import timezone

from foundation.core.actor import PUBLIC
from foundation.core.problem import ProblemError
from foundation.tenancy import SYSTEM_ALIAS, acting_as
from ledger.core.members import format_base64
from ledger.core.note import format_vkey
from ledger.core.policy import PolicyError
from ledger.errors import NoLogError
from ledger.selectors import current_log
from ledger.services.witness import (
    ConflictInfo,
    WitnessedInfo,
    witness_conflict_list,
    witness_vkey_make,
    witnessed_log_add,
    witnessed_log_drop,
    witnessed_log_list,
)
from ledger.services.witnessing import Witnessing

logger = logging.getLogger(__name__)

ROUND_S = 0.2
TROUBLE_S = 1.0


class Command(BaseCommand):
    """``manage.py witness vkey | add VKEY | list | conflicts | drop ORIGIN | ask``."""

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
        conflicts = commands.add_parser(
            "conflicts", help="print what logs signed against themselves"
        )
        conflicts.add_argument("--json", action="store_true")
        drop = commands.add_parser("drop", help="cosign nothing more of a log")
        drop.add_argument("origin")
        ask = commands.add_parser("ask", help="have this deployment's log cosigned, until stopped")
        ask.add_argument("--once", action="store_true", help="ask once and stop")

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
                case "list":
                    self._list(as_json=bool(options["json"]))
                case "conflicts":
                    self._conflicts(as_json=bool(options["json"]))
                case _:
                    self._ask(once=bool(options["once"]))
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

    def _conflicts(self, *, as_json: bool) -> None:
        """Print the evidence: both heads, as the log signed them."""
        found = witness_conflict_list()
        if as_json:
            self.stdout.write(json.dumps([_evidence(each) for each in found], indent=2))
            return
        for each in found:
            self.stdout.write(f"{each.kind}  {each.seen_at:%Y-%m-%d %H:%M:%S} UTC  {each.origin}")
            self.stdout.write(f"cosigned:\n{each.cosigned_note}refused:\n{each.note}")

    def _ask(self, *, once: bool) -> None:
        """Ask round after round; trouble with the database, and a frozen log, are waited out."""
        self.stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        witnessing: Witnessing | None = None
        while not self.stopping:
            try:
                witnessing = witnessing or _witnessing()
                found = 0 if witnessing is None else witnessing.round(now=timezone.now())
            except PolicyError:
                raise
            except (DatabaseError, ProblemError) as error:
                logger.warning("the witnesses are not asked", exc_info=error)
                connections[SYSTEM_ALIAS].close()
                time.sleep(TROUBLE_S)
                continue
            if once:
                self.stdout.write(f"{found} cosignatures")
                return
            time.sleep(ROUND_S)

    def _stop(self, *_: object) -> None:
        self.stopping = True


def _witnessing() -> Witnessing | None:
    """Return who asks, or ``None`` while there is no log."""
    try:
        with acting_as(PUBLIC):
            log = current_log()
    except NoLogError:
        return None
    return Witnessing(log, settings.WITNESS_POLICY, timeout_s=settings.WITNESS_TIMEOUT_S)


def _evidence(conflict: ConflictInfo) -> dict[str, object]:
    proof = conflict.proof
    return {
        "origin": conflict.origin,
        "kind": conflict.kind,
        "seen_at": conflict.seen_at.isoformat(),
        "cosigned": conflict.cosigned_note,
        "refused": conflict.note,
        "proof": [format_base64(proof[at : at + 32]) for at in range(0, len(proof), 32)],
    }


def _as_json(log: WitnessedInfo) -> dict[str, object]:
    return {
        "origin": log.origin,
        "vkeys": list(log.vkeys),
        "size": log.size,
        "root": log.root_hash.hex(),
        "cosigned_at": log.cosigned_at and log.cosigned_at.isoformat(),
        "conflicts": log.conflicts,
    }
