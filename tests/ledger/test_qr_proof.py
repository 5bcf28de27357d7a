"""Printed codes: what they hold comes back, whatever was spoiled is refused, and their sizes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.core.note import NoteSignature, format_vkey
from ledger.core.qr_proof import (
    CODE_SIZE_BYTES_MAX,
    CODES_MAX,
    QrProofError,
    format_digits,
    format_qr_proof,
    format_qr_texts,
)
from tests.ledger.log_builder import DONE, LogBuilder, governed_log, small_log
from tests.ledger.qr_codes import in_a_log_of, payload_of, qr_proof_of, stored
from tests.ledger.test_theriac_verify import VERIFIER


def said(payload: bytes, vkey: str | None = None) -> str:
    """Return what the standalone verifier says: what does not hold, or nothing."""
    try:
        VERIFIER.verify_qr(format_qr_texts(payload), vkey)
    except VERIFIER.BadError as error:
        return str(error)
    return ""


def flips(data: bytes) -> Iterator[bytes]:
    for at in range(len(data)):
        yield bytes([*data[:at], data[at] ^ 1 << at % 8, *data[at + 1 :]])


@given(st.binary(max_size=60))
def test_digits_stand_for_the_bytes(data: bytes) -> None:
    digits = format_digits(data)
    assert VERIFIER.qr_bytes(digits) == data
    assert digits.isdecimal() or not data


@pytest.mark.parametrize("digits", ["1", "256", "99999", "9" * 17, "1" * 18, "1" * 7])
def test_digits_that_stand_for_nothing_are_refused(digits: str) -> None:
    with pytest.raises(VERIFIER.BadError):
        VERIFIER.qr_bytes(digits)


def test_every_entry_of_a_log_is_proven_under_the_key_that_is_trusted() -> None:
    log = governed_log()[0]
    vkey = format_vkey(log.vkey)
    indices = [at for at, header in enumerate(log.headers) if at != header]
    assert [said(payload_of(log, index), vkey) for index in indices] == [""] * len(indices)
    assert said(payload_of(log, 11), vkey.replace("ledger.example", "l.example")) == (
        "the code is of a log with another key"
    )


def test_every_flipped_bit_is_refused() -> None:
    log = small_log()[0]
    vkey, proof = format_vkey(log.vkey), qr_proof_of(log, 11)
    payload = format_qr_proof(replace(proof, entry=stored(log.leaves[11])))
    assert said(payload, vkey) == ""
    # DEFLATE has five bits here that say nothing; all others are refused, the check made again.
    padding = len(payload) - len(log.leaves[11]) - 5
    held = [at for at, form in enumerate(flips(payload)) if not said(form, vkey)]
    assert set(held) <= {padding}
    assert [end for end in range(len(payload)) if end and not said(payload[:end], vkey)] == []
    assert said(payload + b"\0", vkey) == "the entry in the code cannot be unpacked"


def test_no_digit_may_change() -> None:
    (text,) = format_qr_texts(payload_of(small_log()[0], 11))
    start = text.rindex(".") + 1
    for at in range(start, len(text)):
        changed = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
        with pytest.raises(VERIFIER.BadError, match=r"damaged|stand for no bytes"):
            VERIFIER.qr_payload([changed])


def test_a_forged_entry_needs_both_signatures() -> None:
    log, cast = small_log()
    proof, vkey = qr_proof_of(log, 9), format_vkey(log.vkey)
    forged = log.leaves[9].replace(b'"step":2', b'"step":3')
    assert "the statement" in said(format_qr_proof(replace(proof, entry=stored(forged))), vkey)
    # Its signer may sign another; the log did not take it.
    log.submit(cast.pharmacy, log.draft(DONE, {"step": 99}))
    other = qr_proof_of(log, 15)
    mixed = replace(proof, entry=other.entry, statement=other.statement, path=other.path)
    mixed = replace(mixed, position=0, public_key=other.public_key, signature=other.signature)
    assert "the checkpoint" in said(format_qr_proof(mixed), vkey)
    # Under a key of the forger's own, everything holds but the one thing that is trusted.
    forger = LogBuilder()
    forger.log_signer = cast.scanner
    forger.submit(forger.operator, forger.genesis())
    made = payload_of(forger, 1)
    assert said(made) == ""
    assert said(made, vkey) == "the code is of a log with another key"


def test_texts_come_in_any_order_and_form_and_none_may_be_missing() -> None:
    texts = json.loads((Path(__file__).parents[1] / "vectors/theriac/qr.json").read_text())
    one, (first, second) = texts["one"]["texts"][0], texts["two"]["texts"]
    payload = bytes.fromhex(texts["two"]["payload"])
    for given_ in ([second, first], [f"https://a.example/verify/#{first}\n{second}  "]):
        assert VERIFIER.qr_payload(given_) == payload
    for missing in ([first], [second, second]):
        with pytest.raises(VERIFIER.UnreadableError, match="is missing"):
            VERIFIER.qr_payload(missing)
    with pytest.raises(VERIFIER.UnreadableError, match="no text"):
        VERIFIER.qr_payload(["tq2.1.1.00000000.1"])
    for wrong, what in (
        ([first, one], "different proofs"),
        ([one[:-1]], "digit too many or too few"),
        ([one[:-5] + "00000"], "damaged"),
        ([one.replace("tq1.1.1.", "tq1.1.9.")], "more codes"),
    ):
        with pytest.raises(VERIFIER.BadError, match=what):
            VERIFIER.qr_payload(wrong)


def test_the_command_takes_texts_and_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = json.loads((Path(__file__).parents[1] / "vectors/theriac/qr.json").read_text())
    (tmp_path / "codes").write_text("\n".join(parts["two"]["texts"]))
    run = VERIFIER.main
    assert run(["--qr", str(tmp_path / "codes"), "--vkey", parts["vkey"]]) == 0
    assert "take the proof bundle" in capsys.readouterr().out
    assert run(["--qr", parts["two"]["texts"][0]]) == 2
    assert run(["--qr", str(tmp_path / "none")]) == 2
    assert run(["--qr", parts["one"]["texts"][0][:-3]]) == 1


def test_witnesses_stand_in_the_code() -> None:
    log = small_log()[0]
    line = NoteSignature(name="w.example/é", key_hash=b"hash", signature=bytes(72))
    payload = format_qr_proof(qr_proof_of(log, 11, cosignatures=[line]))
    assert said(payload, format_vkey(log.vkey)) == ""
    for bad in (replace(line, name="w" * 256), replace(line, signature=bytes(64))):
        with pytest.raises(QrProofError, match="no code holds"):
            format_qr_proof(qr_proof_of(log, 11, cosignatures=[bad]))


@pytest.mark.parametrize(("size", "most"), [(10_000, 1150), (10_000_000, 1480)])
def test_one_code_holds_an_entry_of_a_large_log(size: int, most: int) -> None:
    log = small_log()[0]
    payload = format_qr_proof(in_a_log_of(size, log, 11))
    assert said(payload, format_vkey(log.vkey)) == ""
    assert len(payload) < most
    assert len(format_qr_texts(payload)) == 1


def test_too_much_for_codes_is_refused() -> None:
    texts = format_qr_texts(bytes(CODES_MAX * CODE_SIZE_BYTES_MAX))
    assert len(texts) == CODES_MAX
    with pytest.raises(QrProofError, match="more than 4 codes"):
        format_qr_texts(bytes(CODES_MAX * CODE_SIZE_BYTES_MAX + 1))
    check = sha256(bytes(CODES_MAX * CODE_SIZE_BYTES_MAX)).hexdigest()[:8]
    assert all(text.split(".")[3] == check for text in texts)
