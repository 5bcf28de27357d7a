"""Open this deployment's channel: its log, its operator, its keys."""

from argparse import ArgumentParser
from uuid import UUID, uuid4

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ledger.services import channel_create
from ledger.services.governance import ChannelExistsError


class Command(BaseCommand):
    """``manage.py channel_create --operator NAME``."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the operator's name, and its id where accounts made it before."""
        parser.add_argument("--operator", required=True, help="the operating organisation's name")
        parser.add_argument("--operator-id", type=UUID, default=None)

    def handle(self, *, operator: str, operator_id: UUID | None, **_: object) -> None:
        """Create it and print what everybody must know: origin and vkey."""
        try:
            log = channel_create(
                operator_id=operator_id or uuid4(), operator_name=operator, now=timezone.now()
            )
        except ChannelExistsError as error:
            raise CommandError(f"the channel is there: {error.detail}") from error
        self.stdout.write(f"origin    {log.origin}\nvkey      {log.vkey}")
        self.stdout.write(f"operator  {log.operator_id}")
