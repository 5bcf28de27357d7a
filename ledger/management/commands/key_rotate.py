"""Put a new key in the place of the one with which the server signs for an organisation."""

from argparse import ArgumentParser
from dataclasses import replace
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from foundation.core.actor import organisation_actor
from foundation.core.problem import ProblemError
from ledger.services import key_add_system, key_revoke


class Command(BaseCommand):
    """``manage.py key_rotate --organisation ID``, then once more with ``--revoke KEY_ID``."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whose key, and in the second step the key that goes."""
        parser.add_argument("--organisation", type=UUID, required=True, help="its id")
        parser.add_argument("--channel", default="", help="default: the deployment's first")
        parser.add_argument("--revoke", help="the old key's id, once the new one is sequenced")

    def handle(self, *, organisation: UUID, channel: str, revoke: str | None, **_: object) -> None:
        """Make the new key and print its id; or revoke the old one."""
        actor = replace(organisation_actor(organisation), channel=channel)
        now = timezone.now()
        try:
            if revoke is None:
                key_id, receipt = key_add_system(actor=actor, now=now)
                self.stdout.write(f"key    {key_id}")
            else:
                receipt = key_revoke(actor=actor, key_id=revoke, reason="rotated", now=now)
        except ProblemError as problem:
            raise CommandError(f"{problem.title}: {problem.detail}") from problem
        self.stdout.write(f"entry  {receipt.entry_ids[0].hex()}")
