"""``ledger_monitor``: follow a log from a member's machine, and keep evidence of what it breaks.

Exit of --once and check-evidence: 0 quiet, or the evidence holds; 1 an alarm, or the evidence shows
nothing; 2 it could not look.
"""

import os
import shlex
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import orjson

from foundation.core.json_input import JsonInputError, parse_json
from foundation.core.problem import BadInputError, TooLargeError
from ledger.core.note import parse_vkey
from ledger.core.policy import parse_policy
from ledger.core.tiles import TILE_WIDTH, Tile, format_tile_path, parse_bundle, tile_of
from theriac_client.cli import API_KEY_VARIABLE, HOME_VARIABLE, told_in_one_line
from theriac_client.client import utc_now
from theriac_client.durable import read_bytes
from theriac_client.errors import StateError
from theriac_client.loghead import NO_POLICY
from theriac_client.logreader import LogReader
from theriac_client.monitor.evidence import EvidenceError, parse_evidence
from theriac_client.monitor.judge import check_evidence
from theriac_client.monitor.look import COULD_NOT_LOOK, Look, Monitor, Raised
from theriac_client.monitor.member import read_member
from theriac_client.settings import FILE, read_settings
from theriac_client.web import Web

_HOOK_TIMEOUT_S = 60
_AGAIN_AFTER_S = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch, or check evidence; return the exit status. Errors are one line."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["check-evidence"]:
        checked = _check_parser().parse_args(words[1:])
        return told_in_one_line("ledger_monitor", lambda: _check(checked))
    watched = _parser().parse_args(words)
    return told_in_one_line("ledger_monitor", lambda: _watch(watched))


def _watch(given: Namespace) -> int:
    monitor = _monitor(given)
    while True:
        look = monitor.look(utc_now)
        _say(look, as_json=given.json)
        if given.execute:
            for raised in look.alarms:
                if raised.is_new:
                    _call(given.execute, raised)
        monitor.told(look)
        if given.once:
            return look.status
        time.sleep(given.interval)


def _monitor(given: Namespace) -> Monitor:
    folders = tuple(Path(named) for named in given.folder or [_home()])
    is_member = (folders[0] / FILE).exists()
    if not is_member and not (given.server and given.vkey):
        raise StateError(
            f"{folders[0]} knows no log: name a client's --folder, or --server and --vkey"
        )
    policy = None if given.policy is None else read_bytes(given.policy)
    try:
        vkey = parse_vkey(given.vkey.strip()) if given.vkey else read_settings(folders[0]).vkey
        parsed = NO_POLICY if policy is None else parse_policy(policy)
    except BadInputError as error:
        raise StateError(error.detail) from error
    server, channel = given.server, given.channel
    if is_member:
        settings = read_settings(folders[0])
        if settings.vkey != vkey:
            raise StateError(f"{folders[0]} is for the log {settings.vkey.name}")
        server, channel = server or settings.server, channel or settings.channel
    api_key = os.environ.get(API_KEY_VARIABLE, "") if given.members_only else ""
    reader = LogReader(
        web=Web(server, api_key=api_key, timeout_s=given.timeout),
        channel=channel or "main",
        vkey=vkey,
        policy=parsed,
    )
    return Monitor(
        reader=reader,
        folder=given.state or folders[0] / "monitor",
        policy=policy,
        member=read_member(folders, server_signs=given.server_signs) if is_member else None,
        stale_after=timedelta(minutes=given.stale_after) if given.stale_after else None,
        ask_witnesses=given.witnesses,
        pause=lambda: time.sleep(_AGAIN_AFTER_S),
    )


def _home() -> str:
    return os.environ.get(HOME_VARIABLE) or str(Path.home() / ".theriac-client")


def _say(look: Look, *, as_json: bool) -> None:
    size = None if look.head is None else look.head.size
    if as_json:
        for raised in look.alarms:
            _print_json({"alarm": raised.kind.value, "what": raised.what, **_where(raised)})
        for line in look.news:
            _print_json({"news": line})
        for line in look.troubles:
            _print_json({"trouble": line})
        _print_json({"looked": utc_now().isoformat(timespec="seconds"), "size": size})
        return
    for raised in look.alarms:
        print(f"ALARM {raised.kind}: {raised.what}\n  evidence: {raised.evidence}", flush=True)
    for line in look.news:
        print(f"news: {line}", flush=True)
    for line in look.troubles:
        print(f"could not look: {line}", file=sys.stderr, flush=True)
    if not look.alarms and not look.troubles:
        print(f"quiet at {size} leaves", flush=True)


def _where(raised: Raised) -> dict[str, object]:
    return {"evidence": str(raised.evidence), "is_new": raised.is_new}


def _print_json(value: dict[str, object]) -> None:
    print(orjson.dumps(value).decode(), flush=True)


def _call(command: str, raised: Raised) -> None:
    """Run the hook with the evidence; that it fails is said, and stops nothing."""
    words = [*shlex.split(command), str(raised.evidence)]
    try:
        subprocess.run(words, check=True, timeout=_HOOK_TIMEOUT_S)  # noqa: S603 - the caller's own words
    except (OSError, subprocess.SubprocessError) as error:
        print(f"ledger_monitor: the hook failed: {error}", file=sys.stderr, flush=True)


def _check(given: Namespace) -> int:
    try:
        evidence = parse_evidence(parse_json(read_bytes(given.file)))
    except (JsonInputError, TooLargeError) as error:
        raise EvidenceError(f"{given.file} is no evidence: {error.detail}") from error
    if given.vkey and given.vkey.strip() != evidence.members.text("vkey"):
        raise EvidenceError(f"it is about the log {evidence.vkey.name}, under another key")
    leaves = None if given.export is None else _exported(given.export, evidence.heads[0].size)
    lines = check_evidence(evidence, leaves=leaves)
    proven = any(line.startswith("PROVEN") for line in lines)
    if given.json:
        _print_json({"kind": evidence.kind.value, "proven": proven, "lines": lines})
    else:
        print(f"{evidence.kind}: {evidence.what}", *lines, sep="\n")
    return COULD_NOT_LOOK if any(line.startswith("NOT PROVEN") for line in lines) else 0


def _exported(folder: Path, size: int) -> Iterator[bytes]:
    """Yield the leaves of an export (docs/spec/log.md), as many as the head covers."""
    for index in range(-(-size // TILE_WIDTH)):
        tile = tile_of(level=None, index=index, size=size)
        path = folder / format_tile_path(Tile(level=None, index=index))
        width = TILE_WIDTH
        if not path.exists():
            # One that is not full: as wide as the export, which may reach further than the head.
            parts = path.with_name(f"{path.name}.p").glob("[0-9]*")
            width = max((int(part.name) for part in parts), default=tile.width)
            path = folder / format_tile_path(Tile(level=None, index=index, width=width))
        try:
            leaves = parse_bundle(read_bytes(path), width)
        except BadInputError as error:
            raise StateError(f"{path} is damaged: {error.detail}") from error
        yield from leaves[: tile.width]


def _check_parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="ledger_monitor check-evidence",
        description="Say what a file of evidence proves; nothing else is asked or trusted.",
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--vkey", help="the log's verifier key, as you know it")
    parser.add_argument("--export", type=Path, help="a folder of ledger_export, or of a mirror")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="ledger_monitor",
        description="Follow a log from a member's machine, and keep evidence of what it breaks.",
        epilog="`ledger_monitor check-evidence FILE` says what a file of evidence proves.",
    )
    parser.add_argument(
        "--folder",
        action="append",
        help=f"a client's folder, whose keys and receipts are watched; may be repeated;"
        f" else {HOME_VARIABLE}, ~/.theriac-client",
    )
    parser.add_argument("--state", type=Path, help="where it remembers; else FOLDER/monitor")
    parser.add_argument("--server", default="", help="https://host[:port]; else the client's")
    parser.add_argument("--channel", default="", help="else the client's, or main")
    parser.add_argument("--vkey", default="", help="the log's verifier key; else the client's")
    parser.add_argument(
        "--members-only",
        action="store_true",
        help=f"send the API key of {API_KEY_VARIABLE}: the log's entries are for its members",
    )
    parser.add_argument("--policy", type=Path, help="the tlog-policy that heads must meet")
    parser.add_argument(
        "--witnesses", action="store_true", help="ask the policy's witnesses what they know"
    )
    parser.add_argument(
        "--server-signs",
        action="store_true",
        help="expect entries under the keys that the server holds for the organisation",
    )
    parser.add_argument(
        "--stale-after", type=int, default=0, metavar="MINUTES", help="no newer head: an alarm"
    )
    parser.add_argument("--interval", type=int, default=60, metavar="SECONDS")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS")
    parser.add_argument("--once", action="store_true", help="look once, and say so by the exit")
    parser.add_argument("--json", action="store_true", help="print JSON, an object a line")
    parser.add_argument(
        "--exec",
        dest="execute",
        default="",
        metavar="COMMAND",
        help="run for each new alarm, with the file of evidence as its last argument",
    )
    return parser
