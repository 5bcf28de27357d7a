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

from foundation.core.actor import SYSTEM
from foundation.core.problem import NotFoundError, ProblemError
from foundation.tenancy import SYSTEM_ALIAS, acting_as
from ledger.core.members import format_base64
from ledger.core.note import format_vkey
from ledger.core.policy import PolicyError
from ledger.selectors import log_list
from ledger.services.witness import (
    ConflictInfo,
    WitnessedInfo,
    witness_conflict_list,
    witness_vkey_make,
    witnessed_log_add,
    witnessed_log_drop,
    witnessed_log_list,
)
from ledger.services.witnessing import Witnessing, is_witnessed

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
        ask = commands.add_parser("ask", help="have this deployment's logs cosigned, until stopped")
        ask.add_argument("--once", action="store_true", help="ask once and stop")
        ask.add_argument("--channel", help="only this one's (default: every channel's)")

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
                    self._ask(once=bool(options["once"]), channel=options["channel"])
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

    def _ask(self, *, once: bool, channel: str | None) -> None:
        """Ask round after round; trouble with the database is waited out."""
        self.stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        asking = Asking(channel)
        while not self.stopping:
            try:
                found = asking.round()
            except DatabaseError as error:
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


class Asking:
    """Asks the witnesses of the policy for the heads of every channel, or of one."""

    def __init__(self, channel: str | None) -> None:
        """Ask for ``channel``, for every one unless given."""
        self._channel = channel
        self._witnessing: dict[int, Witnessing] = {}

    def round(self) -> int:
        """Ask once for each; return how many cosignatures came.

        A frozen log does not stop the others. Raise ``PolicyError`` for a policy that is about
        none of them, ``NotFoundError`` for a channel that is not there, or ``DatabaseError``.
        """
        found = 0
        for witnessing in self._all():
            try:
                found += witnessing.round(now=timezone.now())
            except ProblemError as error:
                logger.warning("the witnesses of a channel are not asked", exc_info=error)
        return found

    def _all(self) -> list[Witnessing]:
        with acting_as(SYSTEM):
            logs = [log for log in log_list() if self._channel in (None, log.name)]
        if self._channel is not None and not logs:
            raise NotFoundError(f"there is no channel {self._channel!r}")
        policy = settings.WITNESS_POLICY
        if logs and not any(is_witnessed(log, policy) for log in logs):
            raise PolicyError("the policy names other logs than this deployment's")
        for log in logs:
            if log.id not in self._witnessing and is_witnessed(log, policy):
                self._witnessing[log.id] = Witnessing(
                    log, policy, timeout_s=settings.WITNESS_TIMEOUT_S
                )
        return list(self._witnessing.values())


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
