"""Write the log as a C2SP tile directory that anyone audits without us."""

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from foundation.core.actor import SYSTEM
from foundation.core.problem import ProblemError
from ledger.services.export import log_export


class Command(BaseCommand):
    """``manage.py ledger_export DIR``."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the folder."""
        parser.add_argument("folder", type=Path)
        parser.add_argument("--channel", default="", help="default: the deployment's first")

    def handle(self, *, folder: Path, channel: str, **_: object) -> None:
        """Export, and say how much."""
        try:
            # As whoever runs the deployment: entries for members are written too.
            size = log_export(folder, actor=replace(SYSTEM, channel=channel))
        except ProblemError as problem:
            raise CommandError(f"{problem.title}: {problem.detail}") from problem
        except OSError as error:
            raise CommandError(
                f"cannot write into {folder}: {error.strerror}; name a folder that this account"
                " can make or write in, on a disk with room"
            ) from error
        self.stdout.write(f"{size} leaves, checkpoint and vkey in {folder}")
