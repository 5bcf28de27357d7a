"""Put an organisation's vault under a new root and destroy the old one."""

import json
import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from foundation.core.actor import organisation_actor
from foundation.core.problem import ProblemError
from foundation.key_providers import KeyProviderError
from vault.services import root_rotate


class Command(BaseCommand):
    """``manage.py vault_rotate --organisation ID``; run it again after whatever stopped it.

    Copies of the database made before are unreadable from then on, those of living people too:
    keep a new backup first, and see that the key provider's own backups let the old root go.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whose root it is."""
        parser.add_argument("--organisation", type=UUID, required=True)
        parser.add_argument("--json", action="store_true")

    def handle(self, *, organisation: UUID, **options: Any) -> None:
        """Rotate with a bar on the terminal, and print the epoch that holds now."""
        actor = organisation_actor(organisation)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        try:
            with Progress(*columns, console=Console(file=sys.stderr)) as bar:
                task = bar.add_task("keys under the new root", total=None)
                rotated = root_rotate(
                    actor=actor,
                    now=timezone.now(),
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                )
        except ProblemError as problem:
            raise CommandError(f"{problem.title}: {problem.detail}") from problem
        except KeyProviderError as error:
            raise CommandError(f"{error}; {error.remedy}") from error
        found = {"epoch": rotated.epoch, "wrapped": rotated.wrapped, "final": rotated.final}
        if options["json"]:
            self.stdout.write(json.dumps(found))
            return
        self.stdout.write(
            f"epoch {rotated.epoch}: its root wraps {rotated.wrapped} keys, the one before is"
            f" destroyed, {rotated.final} erasures are final"
        )
