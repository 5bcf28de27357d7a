"""Make every item's custody again from its events, and compare it with what is stored."""

import json
import sys
from argparse import ArgumentParser

from django.core.management.base import BaseCommand

from provenance.services.verification import CustodyVerdict, custody_verify


class Command(BaseCommand):
    """``manage.py provenance_verify``: exit 0 where all is the same, 1 at the first difference."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Offer JSON."""
        parser.add_argument("--json", action="store_true")

    def handle(self, *, json: bool, **_: object) -> None:
        """Verify, print the verdict, and exit 1 where something differs."""
        verdict = custody_verify()
        self.stdout.write(_json(verdict) if json else _text(verdict))
        if verdict.fault is not None:
            sys.exit(1)


def _json(verdict: CustodyVerdict) -> str:
    fault = verdict.fault
    found = {
        "sound": fault is None,
        "events": verdict.events,
        "items": verdict.items,
        "faults": [] if fault is None else [{"item": fault.item, "what": fault.what}],
    }
    return json.dumps(found)


def _text(verdict: CustodyVerdict) -> str:
    counted = f"{verdict.events} events, {verdict.items} items"
    if verdict.fault is None:
        return f"sound: {counted}; every state is what its events give"
    return f"BAD: {verdict.fault.item}: {verdict.fault.what} ({counted})"
