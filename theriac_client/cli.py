"""``theriac-client``: a member's key, what it signs, and what became of it.

Exit 0: done. 1: refused, or somebody's word does not hold. 2: it could not be done or looked at.
3: not answered, or not due, yet; run it again.
"""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from getpass import getpass
from pathlib import Path

import orjson

from foundation.core.problem import BadInputError
from ledger.core.governance import Holder
from ledger.core.note import VerifierKey, parse_vkey
from ledger.core.policy import Policy, parse_policy
from theriac_client.arrival import State, arrivals
from theriac_client.client import Client, utc_now
from theriac_client.durable import read_bytes
from theriac_client.errors import ClientError, PassphraseError, StateError
from theriac_client.journal import Record
from theriac_client.keyfile import HOLDERS, is_encrypted, read_key
from theriac_client.loghead import NO_POLICY
from theriac_client.logreader import LogReader
from theriac_client.sending import Sender
from theriac_client.settings import FILE, read_settings
from theriac_client.web import LARGE_SIZE_BYTES_MAX, Web

HOME_VARIABLE = "THERIAC_CLIENT_HOME"
API_KEY_VARIABLE = "THERIAC_API_KEY"
PASSPHRASE_VARIABLE = "THERIAC_CLIENT_PASSPHRASE_FILE"  # noqa: S105 - a variable's name
_STATUS = {State.ARRIVED: 0, State.WAITING: 3, State.OVERDUE: 1, State.CONTRADICTED: 1}
# What is worst first: the exit status of several arrivals is the first that one of them has.
_WORST = (1, 3, 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status. Every error is one line on standard error."""
    given = _parser().parse_args(arguments)
    run: Callable[[Namespace], int] = given.run
    return told_in_one_line("theriac-client", lambda: run(given))


def told_in_one_line(program: str, run: Callable[[], int]) -> int:
    """Return the exit status of ``run``, its anticipated errors said in a line each."""
    try:
        return run()
    except ClientError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 130


def home(given: Namespace) -> Path:
    """Return the state folder that the command line or the environment names."""
    named = given.folder or os.environ.get(HOME_VARIABLE)
    return Path(named) if named else Path.home() / ".theriac-client"


def read_policy(path: Path | None) -> Policy:
    """Return the policy of a file, the empty one for none; raise ``StateError``."""
    if path is None:
        return NO_POLICY
    try:
        return parse_policy(read_bytes(path))
    except BadInputError as error:
        raise StateError(f"{path} is no policy: {error.detail}") from error


def _key_new(given: Namespace) -> int:
    passphrase = b"" if given.no_passphrase else _passphrase(new=True)
    client = _client(given, passphrase=passphrase)
    key = client.key_new(holder=Holder(given.holder), label=given.label)
    _tell(given, {"key_id": key.key_id.hex(), "holder": key.holder.value}, key.key_id.hex())
    return 0


def _key_register(given: Namespace) -> int:
    path = _one_key(home(given), given.key)
    client = _client(given, passphrase=_passphrase_for(path), server=given.server)
    client.key_wait_s = given.wait
    reader = LogReader(web=client.web, channel=given.channel, vkey=_vkey(given.vkey))
    record = client.register(bytes.fromhex(path.stem), reader=reader)
    _tell(given, _shown(record), f"registered {path.stem}")
    return 0


def _key_rotate(given: Namespace) -> int:
    client = _own_client(given)
    client.key_wait_s = given.wait
    record = client.rotate()
    assert record.activates is not None
    _tell(given, _shown(record), f"signing under {record.activates.hex()} from now on")
    return 0


def _key_list(given: Namespace) -> int:
    folder = home(given)
    active = read_settings(folder).key_id.hex() if (folder / FILE).exists() else ""
    for path in _keys(folder):
        value = {"key_id": path.stem, "signs": path.stem == active, "encrypted": is_encrypted(path)}
        _tell(given, value, f"{path.stem}{'  signs' if path.stem == active else ''}")
    return 0


def _submit(given: Namespace) -> int:
    try:
        document = (
            sys.stdin.buffer.read(LARGE_SIZE_BYTES_MAX)
            if given.file == "-"
            else read_bytes(Path(given.file), LARGE_SIZE_BYTES_MAX)
        )
    except OSError as error:
        raise StateError(f"{given.file} cannot be read: {error.strerror}") from error
    record = _own_client(given).submit(document)
    _tell(given, _shown(record), _line(record))
    return 0


def _resume(given: Namespace) -> int:
    record = _own_client(given).resume()
    if record is None:
        _tell(given, {"pending": False}, "nothing is pending")
    else:
        _tell(given, _shown(record), _line(record))
    return 0


def _receipts(given: Namespace) -> int:
    for record in Client(folder=home(given), web=Web("http://localhost")).receipts():
        _tell(given, _shown(record), _line(record))
    return 0


def _arrived(given: Namespace) -> int:
    client = _client(given)
    settings = read_settings(client.folder)
    sender = Sender(web=client.web, settings=settings, journal=client.journal)
    seen = {0}
    for arrival in arrivals(sender, policy=read_policy(given.policy), now=utc_now()):
        seen.add(_STATUS[arrival.state])
        value = {**_shown(arrival.record), "state": arrival.state.value, "detail": arrival.detail}
        detail = f"  ({arrival.detail})" if arrival.detail else ""
        _tell(given, value, f"{arrival.state:<12} {_line(arrival.record)}{detail}")
    return next(status for status in _WORST if status in seen)


def _own_client(given: Namespace) -> Client:
    folder = home(given)
    key = read_settings(folder).key_id
    return _client(given, passphrase=_passphrase_for(folder / "keys" / f"{key.hex()}.json"))


def _client(given: Namespace, *, passphrase: bytes = b"", server: str = "") -> Client:
    folder = home(given)
    if not server and (folder / FILE).exists():
        server = read_settings(folder).server
    web = Web(server or "http://localhost", api_key=os.environ.get(API_KEY_VARIABLE, ""))
    return Client(
        folder=folder,
        web=web,
        passphrase=passphrase,
        told=lambda line: print(f"theriac-client: {line}", file=sys.stderr),
    )


def _passphrase_for(path: Path) -> bytes:
    """Return the passphrase of an encrypted key, nothing for one in the clear."""
    if not is_encrypted(path):
        return b""
    passphrase = _passphrase(new=False)
    read_key(path, passphrase)
    return passphrase


def _passphrase(*, new: bool) -> bytes:
    named = os.environ.get(PASSPHRASE_VARIABLE)
    if named:
        passphrase = read_bytes(Path(named), 4096).rstrip(b"\r\n")
    elif sys.stdin.isatty():
        passphrase = getpass("passphrase of the key: ").encode()
        if new and getpass("again: ").encode() != passphrase:
            raise PassphraseError("the two are not the same")
    else:
        raise PassphraseError(
            f"name a file with the passphrase in {PASSPHRASE_VARIABLE}, or give --no-passphrase"
            " where the key is made"
        )
    if not passphrase:
        raise PassphraseError("the passphrase is empty")
    return passphrase


def _keys(folder: Path) -> list[Path]:
    return sorted((folder / "keys").glob("*.json"))


def _one_key(folder: Path, wanted: str) -> Path:
    found = [path for path in _keys(folder) if path.stem.startswith(wanted)]
    if len(found) != 1:
        raise StateError(
            f"{len(found)} keys in {folder} begin with {wanted[:64]!a}: make one with"
            " `theriac-client key new`, or name one"
        )
    return found[0]


def _vkey(text: str) -> VerifierKey:
    try:
        return parse_vkey(text.strip())
    except BadInputError as error:
        raise StateError(f"--vkey: {error.detail}") from error


def _shown(record: Record) -> dict[str, object]:
    assert record.receipt is not None
    promise = record.receipt.promise
    value: dict[str, object] = {
        "submission_id": str(promise.id),
        "entry_ids": [entry_id.hex() for entry_id in record.receipt.entry_ids],
        "deadline": promise.as_json()["deadline"],
    }
    if record.sequenced is not None:
        value["log_index"] = record.sequenced.header_index
    return value


def _line(record: Record) -> str:
    assert record.receipt is not None
    promise = record.receipt.promise
    entries = "1 entry" if promise.n == 1 else f"{promise.n} entries"
    place = f", log index {record.sequenced.header_index}" if record.sequenced else ""
    return f"{promise.id}  {entries}, due {promise.as_json()['deadline']}{place}"


def _tell(given: Namespace, value: dict[str, object], line: str) -> None:
    print(orjson.dumps(value).decode() if given.json else line)


def _parser() -> ArgumentParser:
    shared = ArgumentParser(add_help=False)
    shared.add_argument(
        "--folder", help=f"where all is kept; else {HOME_VARIABLE}, ~/.theriac-client"
    )
    shared.add_argument("--json", action="store_true", help="print JSON, an object a line")
    parser = ArgumentParser(
        prog="theriac-client",
        description="Write to a ledger under a key of your own, and find out what became of it.",
        epilog=f"The API key is read from {API_KEY_VARIABLE}; passphrases from the terminal, or the"
        f" file that {PASSPHRASE_VARIABLE} names.",
    )
    words = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Namespace], int], text: str) -> ArgumentParser:
        made = words.add_parser(name, parents=[shared], help=text, description=text)
        made.set_defaults(run=run)
        return made

    key = words.add_parser("key", help="make, register, replace the key that signs")
    _key_parsers(key, shared)
    submit = command(
        "submit", _submit, "seal an EPCIS event or document, send it, keep the receipt"
    )
    submit.add_argument("file", help="the document, - for standard input")
    command("resume", _resume, "finish what was sent and not answered")
    command("receipts", _receipts, "list the receipts that are kept")
    arrived = command("arrived", _arrived, "check that what was promised stands in the log")
    arrived.add_argument("--policy", type=Path, help="the tlog-policy that cosignatures must meet")
    return parser


def _key_parsers(key: ArgumentParser, shared: ArgumentParser) -> None:
    words = key.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Namespace], int], text: str) -> ArgumentParser:
        made = words.add_parser(name, parents=[shared], help=text, description=text)
        made.set_defaults(run=run)
        return made

    new = command("new", _key_new, "make a key pair; it signs once it is registered")
    new.add_argument("--holder", default="member", choices=[holder.value for holder in HOLDERS])
    new.add_argument("--label", default="", help="the name of a machine, never of a person")
    new.add_argument("--no-passphrase", action="store_true", help="keep the seed in the clear")
    register = command("register", _key_register, "add a key to the log and sign under it")
    register.add_argument("key", nargs="?", default="", help="how its id begins, if there are more")
    register.add_argument("--server", required=True, help="https://host[:port]")
    register.add_argument("--channel", default="main")
    register.add_argument(
        "--vkey", required=True, help="the log's verifier key, compared with what others have"
    )
    rotate = command("rotate", _key_rotate, "put a new key in the place of the one that signs")
    for waiting in (register, rotate):
        waiting.add_argument(
            "--wait", type=int, default=10, metavar="SECONDS", help="for the key's place in the log"
        )
    command("list", _key_list, "list the keys that are kept here")
