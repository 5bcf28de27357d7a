"""Proofs of a small log, spoiled in every way, and what the Python programs say about each."""

import base64
import binascii
import contextlib
import importlib.util
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, TypeAlias

from ledger.core.bundle import BundleError, check_bundle, parse_bundle
from ledger.core.canonical import canonical_bytes
from ledger.core.note import VerifierKey
from ledger.core.receipt import ReceiptError, check_receipt, parse_receipt
from ledger.core.sequenced import check_sequenced, parse_sequenced
from ledger.core.tlog_proof import TlogProofError, check_tlog_proof, parse_tlog_proof
from tests.ledger.log_builder import DONE, OPENING, LogBuilder, Signer, governed_log, small_log
from tests.ledger.test_verify import CHEATS

SCRIPT = Path(__file__).parents[2] / "ledger" / "verifier" / "theriac_verify.py"
# verdict, index, what does not hold
Answer: TypeAlias = tuple[str, int | None, str]
OTHERS: list[Any] = [None, True, 1.5, -1, 0, 7, 2**53, "", "A", "AAAA", [], ["x"], {}, {"a": 1}]


def load() -> ModuleType:
    """Return the standalone verifier as a module."""
    spec = importlib.util.spec_from_file_location("theriac_verify_beside_the_page", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VERIFIER = load()


def rich_log() -> LogBuilder:
    """Return a log with a revoked key too, so that a bundle holds each kind of governance."""
    log, cast = small_log()
    second = Signer("second", cast.pharmacy.organisation_id)
    log.submit(cast.pharmacy, log.key_added(second, "person"))
    log.submit(cast.pharmacy, log.key_revoked(cast.scanner))
    drafts = [log.draft(DONE, {"step": step}) for step in range(5)]
    log.submit(second, *drafts, log.draft(DONE, {"name": "é\n\u2028\U0001f48a"}))
    return log


def bundles() -> list[bytes]:
    """Return sound bundles: of a genesis, an opened commitment, and a late entry of many.

    Then of an endorsed entry, and of one that all kinds of governance stand before.
    """
    log, late, governed = small_log()[0], rich_log(), governed_log()[0]
    return [
        log.bundle(1),
        log.bundle(11, [OPENING]),
        late.bundle(len(late.leaves) - 1),
        governed.bundle(19),
        governed.bundle(35),
    ]


def governed_bundles() -> list[bytes]:
    """Return the bundle of every entry of logs that were governed well, and against the rules."""
    logs = [governed_log()[0]]
    for cheat, _, _ in CHEATS:
        log, cast = small_log()
        cheat(log, cast)
        logs.append(log)
    return [
        log.bundle(index)
        for log in logs
        for index, header in enumerate(log.headers)
        if header != index and index > 13 and is_entry(log.leaves[index])
    ]


def is_entry(leaf: bytes) -> bool:
    """Return whether a leaf is an object with a kind, so that a bundle can be made of it."""
    return b'"kind":' in leaf


def of_core(data: bytes, log: VerifierKey) -> str:
    """Return the verdict of the core on a bundle."""
    try:
        check_bundle(parse_bundle(data), log)
    except BundleError:
        return "bad"
    return "sound"


def of_bundle(data: bytes, vkey: str | None, folder: Path) -> Answer:
    """Return what the standalone verifier says about a bundle."""
    path = folder / "bundle.json"
    path.write_bytes(data)
    return answer(lambda: VERIFIER.verify_bundle(path, vkey))


def of_receipt(receipt: bytes, bundle: bytes) -> Answer:
    """Return what the standalone verifier says about a receipt, beside the log of a bundle."""
    parsed = json.loads(bundle)
    governance, statements = VERIFIER.Governance(parsed["vkey"]), {}
    note = base64.b64decode(parsed["checkpoint"])
    _, size, root = VERIFIER.open_checkpoint(note, parsed["vkey"])
    for proven in [*parsed["governance"], parsed["entry"]]:
        VERIFIER.check_proven(proven, size, root, governance)
        statement, message, _ = VERIFIER.parse_header(base64.b64decode(proven["header"]))
        statements[VERIFIER.sha256(message).hex()] = statement
    replay = SimpleNamespace(governance=governance, statements=statements)
    verdict, _, what = answer(lambda: VERIFIER.check_receipt(receipt, replay, size))
    return verdict, None, what


def answer(work: Callable[[], object]) -> Answer:
    """Return the verdict of a piece of work in the standalone verifier."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            work()
    except VERIFIER.BadError as error:
        return "bad", error.index, error.what
    return "sound", None, ""


def of_tlog_proof(data: bytes, leaf: bytes, log: VerifierKey) -> str:
    """Return the verdict of the core on a tlog-proof."""
    try:
        check_tlog_proof(parse_tlog_proof(data), leaf=leaf, log=log)
    except TlogProofError:
        return "bad"
    return "sound"


def of_sequenced(data: bytes, key: bytes, log: VerifierKey) -> str:
    """Return the verdict of the core on a sequenced receipt, signed under the receipt key."""
    value = json.loads(data)
    try:
        receipt = parse_receipt({name: value[name] for name in value if name != "sequenced"})
        check_receipt(receipt, key)
        check_sequenced(receipt, parse_sequenced(value["sequenced"]), log)
    except ReceiptError:
        return "bad"
    return "sound"


def spoiled_values(value: Any) -> Iterator[Any]:
    """Yield the JSON value with one thing changed, for every thing in it."""
    yield from (other for other in OTHERS if other != value or type(other) is not type(value))
    if isinstance(value, dict):
        yield from _spoiled_object(value)
    elif isinstance(value, list):
        yield from _spoiled_list(value)
    elif isinstance(value, str):
        yield from _spoiled_text(value)
    elif isinstance(value, int):
        yield from (value - 1, value + 1, -value, value + 2**32)


def _spoiled_object(value: dict[str, Any]) -> Iterator[Any]:
    for name, member in value.items():
        yield {other: value[other] for other in value if other != name}
        for spoiled in spoiled_values(member):
            yield {**value, name: spoiled}
    yield {**value, "more": 1}
    yield {**value, "_": 1}


def _spoiled_list(value: list[Any]) -> Iterator[Any]:
    for at, item in enumerate(value):
        yield value[:at] + value[at + 1 :]
        yield [*value[:at], item, *value[at:]]
        for spoiled in spoiled_values(item):
            yield [*value[:at], spoiled, *value[at + 1 :]]
    if len(value) > 1:
        yield value[::-1]
    yield [*value, base64.b64encode(bytes(32)).decode()]


def _spoiled_text(value: str) -> Iterator[Any]:
    yield value + "="
    yield value[:-1]
    yield value + "\n"
    yield value.swapcase()
    for at in {0, len(value) // 2, len(value) - 1} if value else ():
        yield value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]
    yield from _spoiled_inside(value)


def _spoiled_inside(value: str) -> Iterator[str]:
    """Yield the base64 of canonical JSON that was spoiled inside."""
    try:
        data = base64.b64decode(value, validate=True)
        inner = json.loads(data)
    except (binascii.Error, ValueError, UnicodeDecodeError):
        return
    if isinstance(inner, dict):
        yield base64.b64encode(json.dumps(inner).encode()).decode()
        for spoiled in spoiled_values(inner):
            yield base64.b64encode(loose(spoiled)).decode()


def loose(value: Any) -> bytes:
    """Return JSON without spaces, sorted, whatever the values are."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def spoiled_bundles(data: bytes) -> list[bytes]:
    """Return every spoiled form of a bundle."""
    forms = [loose(form) for form in spoiled_values(json.loads(data))]
    forms += [b" " + data, data + b"\n", data[:-1], data.replace(b'"v":1', b'"v":1.0'), b"[]", b""]
    forms += [b"\xef\xbb\xbf" + data, data.replace(b"{", b'{"v":1,', 1), data + b"\xff"]
    forms += [b"1e999", b'{"a":"\\ud800"}', b'{"a":' * 40 + b"1"]
    # Some changes change nothing: no digit has another case.
    return [form for form in forms if form != data]


def spoiled_receipts(data: bytes) -> list[bytes]:
    """Return a receipt in each of its spellings, and every spoiled form of it."""
    value = json.loads(data)
    header = canonical_bytes({name: value[name] for name in ("receipt", "sig")})
    forms = [json.dumps(value, indent=2).encode(), base64.b64encode(header) + b"\n", b" " + data]
    forms += [loose(form) for form in spoiled_values(value)]
    return [form for form in forms if b'"receipt"' in form or form.endswith(b"\n")]


def flips(data: bytes) -> list[bytes]:
    """Return the data with a bit of each byte flipped."""
    return [bytes([*data[:at], data[at] ^ 1 << at % 7, *data[at + 1 :]]) for at in range(len(data))]
