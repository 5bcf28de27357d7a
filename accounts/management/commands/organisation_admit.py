"""Admit an organisation to the channel, as its operator."""

from argparse import ArgumentParser
from uuid import UUID, uuid4

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.core.organisation import OrganisationKind
from accounts.services import organisation_admit
from foundation.core.actor import SYSTEM, organisation_actor
from foundation.core.problem import ProblemError
from foundation.tenancy import acting_as
from ledger.selectors import current_log

KINDS = [kind.value for kind in OrganisationKind if kind is not OrganisationKind.OPERATOR]


class Command(BaseCommand):
    """``manage.py organisation_admit NAME --kind pharmacy --gln 9501101020016``."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what the channel is to know."""
        parser.add_argument("name")
        parser.add_argument("--kind", required=True, choices=KINDS)
        parser.add_argument("--gln")
        parser.add_argument("--organisation", type=UUID, help="its id; made here unless given")

    def handle(
        self,
        *,
        name: str,
        kind: str,
        gln: str | None,
        organisation: UUID | None,
        **_: object,
    ) -> None:
        """Admit it, and print its id and the entry's."""
        organisation_id = organisation or uuid4()
        try:
            with acting_as(SYSTEM):
                operator_id = current_log().operator_id
            receipt = organisation_admit(
                actor=organisation_actor(operator_id),
                organisation_id=organisation_id,
                name=name,
                kind=kind,
                gln=gln,
                now=timezone.now(),
            )
        except ProblemError as problem:
            raise CommandError(f"{problem.title}: {problem.detail}") from problem
        self.stdout.write(f"organisation  {organisation_id}")
        self.stdout.write(f"entry         {receipt.entry_ids[0].hex()}")
