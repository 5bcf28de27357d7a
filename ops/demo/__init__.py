"""``./theriac demo``: the story, played on a server, a database and a channel of its own.

Every party speaks HTTP with its own key; every document is written in its real format. What is
claimed at the end was checked, most of it by a program that shares no code with the server.
"""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

from ops.demo.brought import files_of
from ops.demo.stage import console_on, stage


def main(arguments: Sequence[str]) -> int:
    """Play the story and return the exit status; raise ``OpsError`` where the stage fails."""
    parser = ArgumentParser(prog="theriac demo", description="Play the whole story.")
    parser.add_argument("--no-serve", action="store_true", help="stop after the summary")
    parser.add_argument(
        "--tamper", action="store_true", help="edit a row as a superuser would, and find it"
    )
    parser.add_argument(
        "--input",
        type=Path,
        metavar="DIR",
        help="afterwards take in DIR's EPCIS, FHIR and X12 files, or refuse each with its reason",
    )
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="default: a free one")
    given = parser.parse_args(arguments)
    console = console_on()
    files = [] if given.input is None else files_of(given.input)
    with stage(port=given.port, console=console) as set_up:
        # Django is set up by the stage: what imports models comes after it.
        from ops.demo.story import play  # noqa: PLC0415

        proven = play(set_up, tamper=given.tamper, files=files, folder=given.input)
        if proven and not given.no_serve:
            set_up.serve()
    return 0 if proven else 1


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65_535):  # noqa: PLR2004 - TCP
        raise ArgumentTypeError(f"{text} is no port: use 1 to 65535")
    return int(text)
