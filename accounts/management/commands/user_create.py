"""Make an account, and a membership: for the first people, before anybody can log in."""

import sys
from argparse import ArgumentParser
from getpass import getpass
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.services import membership_grant, organisations_project, user_create
from foundation.core.actor import SYSTEM, Role
from foundation.core.problem import ProblemError
from foundation.tenancy import acting_as

ROLES = [role.value for role in Role if role is not Role.PATIENT]


class Command(BaseCommand):
    """``manage.py user_create EMAIL --organisation ID --role admin --staff``."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address, and what the person may do where."""
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument("--staff", action="store_true", help="may open the admin")
        parser.add_argument("--organisation", type=UUID, help="the organisation's id")
        parser.add_argument("--role", action="append", choices=ROLES, default=[])

    def handle(
        self,
        *,
        email: str,
        name: str,
        staff: bool,
        organisation: UUID | None,
        role: list[str],
        **_: object,
    ) -> None:
        """Read the password (from a pipe, or asked twice), make both, print the account's id."""
        if bool(role) != (organisation is not None):
            raise CommandError("--organisation and --role go together")
        password, now = _password(), timezone.now()
        try:
            if organisation is not None:
                # The operator's own row comes from the genesis, older than any account.
                organisations_project()
            with acting_as(SYSTEM):
                user_id = user_create(
                    actor=SYSTEM,
                    email=email,
                    password=password,
                    name=name,
                    is_staff=staff,
                    now=now,
                )
                if organisation is not None:
                    membership_grant(
                        actor=SYSTEM,
                        user_id=user_id,
                        organisation_id=organisation,
                        roles=[Role(word) for word in role],
                        now=now,
                    )
        except ProblemError as problem:
            raise CommandError(f"{problem.title}: {problem.detail}") from problem
        self.stdout.write(str(user_id))


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass("Password: ")
    if getpass("Again: ") != password:
        raise CommandError("the two differ")
    return password
