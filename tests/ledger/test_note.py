"""Signed notes, checkpoints and one-file proofs: known answers, others' log, every rule."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from ledger.core.checkpoint import (
    Checkpoint,
    CheckpointError,
    format_checkpoint,
    open_checkpoint,
    parse_checkpoint,
)
from ledger.core.merkle import EMPTY_ROOT, leaf_hash
from ledger.core.note import (
    KeyType,
    Note,
    NoteError,
    VerifierKey,
    check_note,
    cosignature_message,
    format_note,
    format_signature_line,
    format_vkey,
    parse_note,
    parse_vkey,
)
from ledger.core.proof import check_consistency
from ledger.core.tlog_proof import (
    TlogProof,
    TlogProofError,
    check_tlog_proof,
    format_tlog_proof,
    parse_tlog_proof,
)
from tests.vectors_at import shared_vectors

SEED = SigningKey(bytes(range(32)))
PUBLIC_KEY = bytes(SEED.verify_key)
ORIGIN = "theriac.example/t1"
KEY = VerifierKey(name=ORIGIN, key_type=KeyType.ED25519, public_key=PUBLIC_KEY)
WITNESS = VerifierKey(name="w1.example", key_type=KeyType.COSIGNATURE, public_key=PUBLIC_KEY)
STRANGER = VerifierKey(name="x", key_type=KeyType.ED25519, public_key=bytes(32))
TEXT = format_checkpoint(origin=ORIGIN, size=0, root=EMPTY_ROOT)
VKEY = "theriac.example/t1+00332239+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
LINE = (
    "— theriac.example/t1 ADMiOYkQhEfsMfeAZ3H9Fp3rC5eRdH0V68MrtaXuoiMFoNP5U9mhc6E6PTHci+uBvo6CAqMj"
    "64iFJ9uBT8bRZGw1MgE="
)
COSIGNATURE = (
    "— w1.example KApPJAAAAABlU/EAfFYROQ8QyQamCjRY9TkWbHocMzAqXLDc2vVCD0MmLM+T1BPIvwXvQKmzPGkarFjZ"
    "a4qVYbEgScYbm/kQ2M0kDQ=="
)


def signed_line(text: str = TEXT, key: VerifierKey = KEY) -> str:
    return format_signature_line(key.name, key.key_hash, SEED.sign(text.encode()).signature)


def cosigned_line(timestamp_s: int) -> str:
    message = cosignature_message(text=TEXT, timestamp_s=timestamp_s)
    blob = timestamp_s.to_bytes(8, "big") + SEED.sign(message).signature
    return format_signature_line(WITNESS.name, WITNESS.key_hash, blob)


def test_the_known_answers_come_out() -> None:
    assert format_vkey(KEY) == VKEY
    assert parse_vkey(VKEY) == KEY
    assert signed_line() == LINE
    assert cosigned_line(1_700_000_000) == COSIGNATURE
    signed = check_note(parse_note(format_note(TEXT, [LINE, COSIGNATURE])), [KEY, WITNESS])
    assert [(one.key, one.timestamp_s) for one in signed] == [(KEY, None), (WITNESS, 1_700_000_000)]


def test_unknown_signatures_are_ignored_but_a_known_key_that_fails_refuses_the_note() -> None:
    unknown = format_signature_line("x", STRANGER.key_hash, bytes(64))
    note = parse_note(format_note(TEXT, [unknown, LINE]))
    assert [one.key for one in check_note(note, [KEY])] == [KEY]
    with pytest.raises(NoteError, match="signature of x does not hold"):
        check_note(note, [KEY, STRANGER])
    with pytest.raises(NoteError, match="no signature of a known key"):
        check_note(parse_note(format_note(TEXT, [unknown])), [KEY])


def test_a_timestamp_out_of_range_and_a_signature_of_another_size_are_refused() -> None:
    with pytest.raises(NoteError, match="beyond"):
        check_note(parse_note(format_note(TEXT, [cosigned_line(2**63)])), [WITNESS])
    for key in (KEY, WITNESS):
        line = format_signature_line(key.name, key.key_hash, bytes(63))
        with pytest.raises(NoteError, match="wrong size"):
            check_note(parse_note(format_note(TEXT, [line])), [key])


def test_the_text_ends_at_the_last_empty_line() -> None:
    text = "a\n\n— not a signature\n\nb\n"
    note = parse_note(format_note(text, [signed_line(text)]))
    assert note.text == text
    check_note(note, [KEY])
    with pytest.raises(NoteError):
        format_note("text without newline", [LINE])
    with pytest.raises(NoteError, match="lines of its own"):
        format_note(TEXT, [f"{LINE}\n\n{LINE}"])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a\n",
        b"a\n\n",
        b"a\n\nb\n",
        f"a\n\n{LINE}".encode(),
        f"a\n\n{LINE}\n\n".encode(),
        f"a\r\n\n{LINE}\n".encode(),
        f"a\t\n\n{LINE}\n".encode(),
        f"\xff\n\n{LINE}\n".encode("latin-1", "replace"),
        f"a\n\n{LINE[2:]}\n".encode(),
        f"a\n\n- {LINE[2:]}\n".encode(),
        "a\n\n— name\n".encode(),
        "a\n\n— name AAAAAA==\n".encode(),
        "a\n\n— name AAAAAAB=\n".encode(),
        "a\n\n— name ****\n".encode(),
        "a\n\n— na+me AAAAAAAA\n".encode(),
        "a\n\n—  AAAAAAAA\n".encode(),
        f"a\n\n{LINE} \n".encode(),
        b"a" * (128 * 1024 + 1),
    ],
    ids=lambda data: ascii(data)[:30],
)
def test_a_malformed_note_is_refused(data: bytes) -> None:
    with pytest.raises(NoteError):
        parse_note(data)


def test_a_hundred_signatures_are_read_and_one_more_is_not() -> None:
    assert len(parse_note(format_note(TEXT, [LINE] * 100)).signatures) == 100
    with pytest.raises(NoteError, match="101 signatures"):
        format_note(TEXT, [LINE] * 101)


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="a\n— +=AB", max_size=40))
def test_any_bytes_are_a_note_or_refused(data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode()
    try:
        note = parse_note(raw)
    except NoteError:
        return
    assert isinstance(note, Note)
    lines = [format_signature_line(s.name, s.key_hash, s.signature) for s in note.signatures]
    assert format_note(note.text, lines) == raw


def vkey_of(name: str, blob: bytes, key_hash: str = "00332239") -> str:
    return f"{name}+{key_hash}+{base64.b64encode(blob).decode()}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a+b",
        VKEY.replace("00332239", "0033223A"),
        VKEY.replace("00332239", "00332230"),
        VKEY + "=",
        VKEY[:-1],
        VKEY.replace("t1+", "t 1+"),
        vkey_of(ORIGIN, b""),
        vkey_of(ORIGIN, b"\x06" + PUBLIC_KEY),
        vkey_of(ORIGIN, b"\x01" + PUBLIC_KEY[:-1]),
        vkey_of("", b"\x01" + PUBLIC_KEY),
    ],
)
def test_a_malformed_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_vkey(text)


def test_a_verifier_key_whose_base64_holds_a_plus_reads_back() -> None:
    keys = [replace(KEY, public_key=bytes([number]) * 32) for number in range(256)]
    assert any(format_vkey(key).count("+") > 2 for key in keys)
    assert [parse_vkey(format_vkey(key)) for key in keys] == keys


@settings(deadline=None)
@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_reads_back(size: int, root: bytes) -> None:
    text = format_checkpoint(origin=ORIGIN, size=size, root=root)
    assert parse_checkpoint(text) == Checkpoint(origin=ORIGIN, size=size, root=root)


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\n1\n",
        f"a\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        f"a\n01\n{ROOT}\n",
        f"a\n-1\n{ROOT}\n",
        f"a\n\u0661\n{ROOT}\n",
        f"a\n{2**63}\n{ROOT}\n",
        f"a\n1\n{ROOT[:-1]}\n",
        f"a\n1\n{ROOT[:-2]}B=\n",
        "a\n1\nAAAA\n",
        f"a\n1\n{ROOT}\n\n",
        f"a\n0\n{ROOT}\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(CheckpointError):
        parse_checkpoint(text)


def test_our_own_checkpoints_have_their_origin_as_key_and_no_further_lines() -> None:
    assert open_checkpoint(format_note(TEXT, [LINE]), KEY).size == 0
    extended = f"{TEXT}further\n"
    assert parse_checkpoint(extended).extensions == ("further",)
    with pytest.raises(CheckpointError, match="further lines"):
        open_checkpoint(format_note(extended, [signed_line(extended)]), KEY)
    other = TEXT.replace("t1", "t2")
    with pytest.raises(CheckpointError, match="t2"):
        open_checkpoint(format_note(other, [signed_line(other)]), KEY)
    with pytest.raises(CheckpointError, match="no signature"):
        open_checkpoint(format_note(TEXT, [COSIGNATURE]), KEY)
    with pytest.raises(CheckpointError, match="origin"):
        format_checkpoint(origin=f"a\n1\n{ROOT}", size=1, root=bytes(32))


def log_of_others() -> Path:
    return shared_vectors("tlog/sumdb-256")


def test_a_log_that_others_made_is_understood() -> None:
    root = log_of_others()
    vkey = parse_vkey((root / "vkey").read_text().strip())
    new = open_checkpoint((root / "checkpoint").read_bytes(), vkey)
    old = open_checkpoint((root / "old.checkpoint").read_bytes(), vkey)
    assert (old.size, new.size) == (85, 256)
    lines = (root / "consistency.proof").read_text().split()
    proof = [base64.b64decode(line) for line in lines]
    check_consistency(size1=85, size2=256, root1=old.root, root2=new.root, proof=proof)

    data = (root / "leaf.tlog-proof").read_bytes()
    parsed = parse_tlog_proof(data)
    assert format_tlog_proof(parsed) == data
    leaf = (root / "leaf").read_bytes()
    assert check_tlog_proof(parsed, leaf=leaf, log=vkey) == new
    with pytest.raises(TlogProofError, match="another root"):
        check_tlog_proof(parsed, leaf=leaf + b" ", log=vkey)


def one_leaf_proof() -> TlogProof:
    text = format_checkpoint(origin=ORIGIN, size=1, root=leaf_hash(b"leaf"))
    note = format_note(text, [signed_line(text)])
    return TlogProof(index=0, hashes=(), checkpoint=note, extra=b"any")


def test_a_one_file_proof_reads_back_and_every_flipped_byte_is_refused() -> None:
    proof = one_leaf_proof()
    data = format_tlog_proof(proof)
    assert parse_tlog_proof(data) == proof
    for at in range(data.index(b"index"), len(data)):
        spoiled = bytearray(data)
        spoiled[at] ^= 1
        with pytest.raises(TlogProofError):
            check_tlog_proof(parse_tlog_proof(bytes(spoiled)), leaf=b"leaf", log=KEY)


def test_a_one_file_proof_needs_the_log_and_every_witness() -> None:
    proof = one_leaf_proof()
    check_tlog_proof(proof, leaf=b"leaf", log=KEY)
    with pytest.raises(TlogProofError, match=r"w1\.example did not sign"):
        check_tlog_proof(proof, leaf=b"leaf", log=KEY, witnesses=[WITNESS])
    with pytest.raises(TlogProofError, match="no signature"):
        check_tlog_proof(proof, leaf=b"leaf", log=STRANGER)
    text = format_checkpoint(origin="other", size=1, root=leaf_hash(b"leaf"))
    other = replace(proof, checkpoint=format_note(text, [signed_line(text)]))
    with pytest.raises(TlogProofError, match="another log"):
        check_tlog_proof(other, leaf=b"leaf", log=KEY)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"c2sp.org/tlog-proof@v2\nindex 0\n\n",
        b"c2sp.org/tlog-proof@v1\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 00\n\n",
        b"c2sp.org/tlog-proof@v1\nextra A\nindex 0\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n" + f"{ROOT}\n".encode() * 64 + b"\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n\xc3\xa9\n\n",
    ],
    ids=lambda data: ascii(data)[:60],
)
def test_a_malformed_one_file_proof_is_refused(data: bytes) -> None:
    with pytest.raises(TlogProofError):
        parse_tlog_proof(data)
    with pytest.raises(TlogProofError):
        format_tlog_proof(replace(one_leaf_proof(), hashes=(b"short",)))
