"""Open a channel: its log, its operator, its keys."""

from argparse import ArgumentParser
from uuid import UUID, uuid4

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from foundation.core.actor import SYSTEM, organisation_actor
from foundation.core.problem import ProblemError
from foundation.tenancy import acting_as
from ledger.selectors import LogInfo, directory_log
from ledger.services import channel_create, channel_open


class Command(BaseCommand):
    """``manage.py channel_create --operator NAME``, then ``channel_create NAME [--members-only]``.

    The first makes the deployment's directory, the second each further channel.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a further channel's name; or the operator's, and its id where it has one."""
        parser.add_argument(
            "name", nargs="?", help="of a further channel; none for the deployment's first"
        )
        parser.add_argument(
            "--members-only", action="store_true", help="its entries are for its members"
        )
        parser.add_argument("--operator", help="the operating organisation's name, for the first")
        parser.add_argument("--operator-id", type=UUID, default=None)

    def handle(
        self,
        *,
        name: str | None,
        members_only: bool,
        operator: str | None,
        operator_id: UUID | None,
        **_: object,
    ) -> None:
        """Create it and print what everybody must know: origin and vkey."""
        first = name is None
        if first != (operator is not None) or (first and members_only):
            raise CommandError(
                "give --operator NAME for the deployment's first channel, which everybody may read,"
                " or the name of a further one, which the same organisation operates"
            )
        try:
            log = (
                _further(name, members_only=members_only)
                if name is not None
                else channel_create(
                    operator_id=operator_id or uuid4(),
                    operator_name=str(operator),
                    now=timezone.now(),
                )
            )
        except ProblemError as error:
            raise CommandError(f"{error.title}: {error.detail}") from error
        self.stdout.write(f"origin    {log.origin}\nvkey      {log.vkey}")
        self.stdout.write(f"operator  {log.operator_id}")


def _further(name: str, *, members_only: bool) -> LogInfo:
    with acting_as(SYSTEM):
        operator_id = directory_log().operator_id
    log, _ = channel_open(
        actor=organisation_actor(operator_id),
        name=name,
        members_only=members_only,
        now=timezone.now(),
    )
    return log
