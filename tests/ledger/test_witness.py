"""What a witness decides: each row of the specification's table, small logs, hostile bodies."""

import itertools
from dataclasses import replace
from hashlib import sha256
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from ledger.core.checkpoint import SIZE_MAX, format_checkpoint
from ledger.core.members import format_base64
from ledger.core.merkle import EMPTY_ROOT, leaf_hash, tree_root
from ledger.core.note import (
    KeyType,
    NoteError,
    VerifierKey,
    check_note,
    cosignature_message,
    format_note,
    format_signature_line,
    parse_note,
)
from ledger.core.proof import node_reader, prove_consistency
from ledger.core.witness import (
    ADD_CHECKPOINT_SIZE_BYTES_MAX,
    TIMESTAMP_S_MAX,
    AddCheckpointError,
    Answer,
    ClockBehindError,
    Conflict,
    CosignedHead,
    Outcome,
    Reply,
    cosign_time,
    decide,
    format_add_checkpoint,
    format_cosignature,
    parse_add_checkpoint,
    parse_size,
    read_answer,
)

SEED, OTHER_SEED = SigningKey(bytes(range(32))), SigningKey(bytes(32))
ORIGIN = "theriac.example/t1"
KEY = VerifierKey(name=ORIGIN, key_type=KeyType.ED25519, public_key=bytes(SEED.verify_key))
OTHER = replace(KEY, public_key=bytes(OTHER_SEED.verify_key))
WITNESS = VerifierKey(
    name="w1.example", key_type=KeyType.COSIGNATURE, public_key=bytes(SEED.verify_key)
)
KNOWN_COSIGNATURE = (
    "— w1.example KApPJAAAAABlU/EAfFYROQ8QyQamCjRY9TkWbHocMzAqXLDc2vVCD0MmLM+T1BPIvwXvQKmzPGkarFjZ"
    "a4qVYbEgScYbm/kQ2M0kDQ=="
)
FIRST, SECOND = "one history", "another"
OK, CONFLICT = HTTPStatus.OK, HTTPStatus.CONFLICT
UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY


def leaves(history: str, size: int, common: int = 0) -> list[bytes]:
    """Return the leaves of a history that shares its first ``common`` ones with all others."""
    return [leaf_hash(f"{'all' if at < common else history} {at}".encode()) for at in range(size)]


def signed(size: int, root: bytes, seed: SigningKey = SEED, key: VerifierKey = KEY) -> bytes:
    text = f"{ORIGIN}\n{size}\n{format_base64(root)}\n"
    line = format_signature_line(key.name, key.key_hash, seed.sign(text.encode()).signature)
    return format_note(text, [line])


def head_of(history: list[bytes]) -> CosignedHead:
    return CosignedHead(size=len(history), root=tree_root(history))


def ask(
    *, old: int, proof: tuple[bytes, ...] = (), note: bytes, head: CosignedHead | None = None
) -> Outcome:
    request = parse_add_checkpoint(format_add_checkpoint(old_size=old, proof=proof, note=note))
    return decide(request, keys=[KEY], head=head or CosignedHead())


def test_the_known_answer_of_a_cosignature_comes_out() -> None:
    text = format_checkpoint(origin=ORIGIN, size=0, root=EMPTY_ROOT)
    message = cosignature_message(text=text, timestamp_s=1_700_000_000)
    line = format_cosignature(
        WITNESS, timestamp_s=1_700_000_000, signature=SEED.sign(message).signature
    )
    assert line == KNOWN_COSIGNATURE
    (found,) = check_note(parse_note(format_note(text, [line])), [WITNESS])
    assert (found.key, found.timestamp_s) == (WITNESS, 1_700_000_000)
    with pytest.raises(NoteError):
        format_cosignature(replace(WITNESS, name="a b"), timestamp_s=1, signature=bytes(64))


# --- the decision ----------------------------------------------------------------------------


def test_an_unknown_origin_is_not_found_whatever_else_is_wrong() -> None:
    request = parse_add_checkpoint(
        format_add_checkpoint(old_size=9, proof=[bytes(32)], note=signed(0, bytes(32)))
    )
    assert decide(request, keys=[], head=CosignedHead()).status == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("old", [0, 9])
def test_a_checkpoint_that_no_trusted_key_signed_is_forbidden(old: int) -> None:
    stranger = signed(5, bytes(32), OTHER_SEED, OTHER)
    assert ask(old=old, note=stranger).status == HTTPStatus.FORBIDDEN
    # A trusted key's signature that fails refuses the note, other good ones notwithstanding.
    failing = format_signature_line(KEY.name, KEY.key_hash, bytes(64))
    good = signed(5, bytes(32))
    for note in (
        signed(5, bytes(32), OTHER_SEED, KEY),
        good + f"{failing}\n".encode(),
    ):
        outcome = ask(old=old, note=note)
        assert outcome.status == HTTPStatus.FORBIDDEN
        assert (outcome.size, outcome.conflict) == (None, None)
    request = parse_add_checkpoint(format_add_checkpoint(old_size=0, proof=[], note=good))
    assert decide(request, keys=[OTHER, KEY], head=CosignedHead()).status == OK


def test_an_old_size_beyond_the_checkpoint_is_a_bad_request_even_where_it_is_the_cosigned_one() -> (
    None
):
    history = leaves(FIRST, 5)
    for old in (4, 5, 9, SIZE_MAX):
        outcome = ask(old=old, note=signed(3, bytes(32)), head=head_of(history))
        assert outcome.status == HTTPStatus.BAD_REQUEST


def test_another_old_size_than_the_cosigned_one_is_told_the_cosigned_one() -> None:
    head = head_of(leaves(FIRST, 5))
    for old in (0, 4, 6, 7):
        outcome = ask(old=old, note=signed(7, bytes(32)), head=head)
        assert (outcome.status, outcome.size, outcome.conflict) == (CONFLICT, 5, None)
    # Before the first cosignature the size is 0, and so the answer is.
    assert ask(old=1, note=signed(7, bytes(32))).size == 0


def test_an_empty_log_has_the_root_of_the_empty_tree() -> None:
    assert ask(old=0, note=signed(0, EMPTY_ROOT)).status == OK
    wrong = ask(old=0, note=signed(0, bytes(32)))
    assert (wrong.status, wrong.conflict) == (UNPROCESSABLE, None)


def test_nothing_is_proven_from_size_0() -> None:
    root = tree_root(leaves(FIRST, 5))
    assert ask(old=0, note=signed(5, root)).status == OK
    with_proof = ask(old=0, note=signed(5, root), proof=(bytes(32),))
    assert (with_proof.status, with_proof.conflict) == (UNPROCESSABLE, None)
    assert ask(old=0, note=signed(0, EMPTY_ROOT), proof=(bytes(32),)).status == UNPROCESSABLE


def test_the_same_head_is_cosigned_again_without_a_proof_only() -> None:
    head = head_of(leaves(FIRST, 5))
    assert ask(old=5, note=signed(5, head.root), head=head).status == OK
    with_proof = ask(old=5, note=signed(5, head.root), proof=(bytes(32),), head=head)
    assert (with_proof.status, with_proof.conflict) == (UNPROCESSABLE, None)


def test_another_root_at_the_cosigned_size_is_a_fork_with_or_without_a_proof() -> None:
    head = head_of(leaves(FIRST, 5))
    for proof in ((), (bytes(32),)):
        outcome = ask(old=5, note=signed(5, bytes(32)), proof=proof, head=head)
        assert (outcome.status, outcome.conflict) == (UNPROCESSABLE, Conflict.FORK)


def test_of_all_small_histories_only_extensions_are_cosigned() -> None:
    """Two histories that part after any number of leaves, every pair of sizes, honest proofs."""
    for common, old, new in itertools.product(range(5), range(9), range(9)):
        if new < old:
            continue
        first, second = leaves(FIRST, old, common), leaves(SECOND, new, common)
        extends = old <= common
        proof = (
            prove_consistency(size1=old, size2=new, read_node=node_reader(second)) if old else ()
        )
        outcome = ask(
            old=old, note=signed(new, tree_root(second)), proof=proof, head=head_of(first)
        )
        assert outcome.status == (OK if extends else UNPROCESSABLE)
        kind = Conflict.FORK if new == old else Conflict.INCONSISTENT
        assert outcome.conflict == (None if extends else kind)


def test_every_flipped_bit_of_a_proof_is_refused() -> None:
    history = leaves(FIRST, 7)
    head, note = head_of(history[:3]), signed(7, tree_root(history))
    proof = prove_consistency(size1=3, size2=7, read_node=node_reader(history))
    assert ask(old=3, note=note, proof=proof, head=head).status == OK
    for at, bit in itertools.product(range(len(proof)), range(256)):
        spoiled = bytearray(proof[at])
        spoiled[bit // 8] ^= 1 << bit % 8
        outcome = ask(
            old=3, note=note, proof=(*proof[:at], bytes(spoiled), *proof[at + 1 :]), head=head
        )
        assert (outcome.status, outcome.conflict) == (UNPROCESSABLE, Conflict.INCONSISTENT)
    for length in range(len(proof)):
        assert ask(old=3, note=note, proof=proof[:length], head=head).status == UNPROCESSABLE
    assert ask(old=3, note=note, proof=(*proof, bytes(32)), head=head).status == UNPROCESSABLE


# --- times and answers -----------------------------------------------------------------------


def test_the_time_of_a_cosignature_never_steps_back() -> None:
    assert cosign_time(now_s=1_700_000_000, last_s=0) == 1_700_000_000
    assert cosign_time(now_s=100, last_s=100) == 100
    assert cosign_time(now_s=100, last_s=160) == 160
    assert cosign_time(now_s=TIMESTAMP_S_MAX, last_s=0) == TIMESTAMP_S_MAX
    for now_s, last_s in ((100, 161), (0, 0), (-1, 0), (TIMESTAMP_S_MAX + 1, 0)):
        with pytest.raises(ClockBehindError):
            cosign_time(now_s=now_s, last_s=last_s)


def test_a_size_is_read_exactly() -> None:
    assert parse_size(b"0\n") == 0
    assert parse_size(b"%d\n" % SIZE_MAX) == SIZE_MAX
    for data in (
        b"",
        b"0",
        b"00\n",
        b"5\n\n",
        b"5\r\n",
        b" 5\n",
        b"-5\n",
        b"%d\n" % 2**63,
        b"\xb2\n",
    ):
        assert parse_size(data) is None, data


TEXT = format_checkpoint(origin=ORIGIN, size=0, root=EMPTY_ROOT)


def replied(status: int, body: str, media_type: str = "text/plain") -> Answer:
    reply = Reply(status=status, media_type=media_type, body=body.encode())
    return read_answer(reply, text=TEXT, key=WITNESS)


def cosigned_line(timestamp_s: int, text: str = TEXT) -> str:
    message = cosignature_message(text=text, timestamp_s=timestamp_s)
    signature = SEED.sign(message).signature
    return format_cosignature(WITNESS, timestamp_s=timestamp_s, signature=signature)


def test_an_answer_is_a_cosignature_a_size_or_trouble() -> None:
    found = replied(200, f"{KNOWN_COSIGNATURE}\n")
    assert found == Answer(line=KNOWN_COSIGNATURE, timestamp_s=1_700_000_000)
    stranger = format_signature_line("x.example", bytes(4), bytes(72))
    assert replied(200, f"{stranger}\n{KNOWN_COSIGNATURE}\n") == found
    assert replied(409, "7\n", "text/x.tlog.size") == Answer(size=7)
    assert replied(409, "7", "text/x.tlog.size") == Answer(trouble="a size that is none")
    # Version 1.0.0 says so of another root at equal size.
    assert replied(409, "no\n") == Answer(trouble="status 409")
    for status in (201, 302, 403, 422, 500):
        assert replied(status, f"{KNOWN_COSIGNATURE}\n") == Answer(trouble=f"status {status}")


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        ("", "no empty line"),
        (KNOWN_COSIGNATURE, "no empty line"),
        (f"{KNOWN_COSIGNATURE}\r\n", "control character"),
        (f"{KNOWN_COSIGNATURE}\n".replace("EAfFYR", "EAfFYS"), "does not hold"),
        (f"{cosigned_line(7, TEXT + 'more')}\n", "does not hold"),
        (f"{cosigned_line(0)}\n", "of no time"),
        (f"x\n\n{cosigned_line(7, TEXT + chr(10) + 'x' + chr(10))}\n", "something else"),
        (f"{format_signature_line('x.example', bytes(4), bytes(72))}\n", "no signature"),
    ],
)
def test_what_is_no_cosignature_of_the_text_is_trouble(body: str, trouble: str) -> None:
    found = replied(200, body)
    assert trouble in found.trouble
    assert (found.line, found.size) == ("", None)


# --- hostile bodies --------------------------------------------------------------------------

NOTE = signed(5, bytes(32))
HASH = format_base64(sha256(b"").digest()).encode()


def test_a_request_is_read_as_it_was_written() -> None:
    hashes = [sha256(bytes([number])).digest() for number in range(63)]
    request = parse_add_checkpoint(format_add_checkpoint(old_size=4, proof=hashes, note=NOTE))
    assert (request.old_size, request.proof, request.data) == (4, tuple(hashes), NOTE)
    assert (request.checkpoint.origin, request.checkpoint.size) == (ORIGIN, 5)
    with pytest.raises(AddCheckpointError, match="more than 63"):
        format_add_checkpoint(old_size=4, proof=[*hashes, bytes(32)], note=NOTE)
    for old_size in (-1, 2**63):
        with pytest.raises(AddCheckpointError, match="line 1 is not"):
            format_add_checkpoint(old_size=old_size, proof=[], note=NOTE)


def test_extension_lines_of_other_logs_are_read() -> None:
    text = f"{ORIGIN}\n5\n{HASH.decode()}\nextension\n"
    line = format_signature_line(KEY.name, KEY.key_hash, SEED.sign(text.encode()).signature)
    assert ask(old=0, note=format_note(text, [line])).status == OK


@pytest.mark.parametrize("size", [2**63, 2**64 - 1, 2**64, 10**40])
def test_sizes_that_no_table_holds_are_refused_in_both_places(size: int) -> None:
    with pytest.raises(AddCheckpointError, match="line 1 is not"):
        parse_add_checkpoint(b"old %d\n\n" % size + NOTE)
    with pytest.raises(AddCheckpointError, match="no signed note"):
        parse_add_checkpoint(b"old 0\n\n" + signed(size, bytes(32)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "line 1 is not"),
        (b"\n\n" + NOTE, "line 1 is not"),
        (NOTE, "line 1 is not"),
        (b"old\n\n" + NOTE, "line 1 is not"),
        (b"old  5\n\n" + NOTE, "line 1 is not"),
        (b"old 05\n\n" + NOTE, "line 1 is not"),
        (b"old +5\n\n" + NOTE, "line 1 is not"),
        (b"old -1\n\n" + NOTE, "line 1 is not"),
        (b"old 5 \n\n" + NOTE, "line 1 is not"),
        (b"old 5\r\n\r\n" + NOTE, "line 1 is not"),
        (b"old 5\x00\n\n" + NOTE, "line 1 is not"),
        (b"Old 5\n\n" + NOTE, "line 1 is not"),
        (b"old \xd9\xa5\n\n" + NOTE, "line 1 is not"),
        (b"old 5\n" + HASH, "no empty line"),
        (b"old 5\n" + NOTE.replace(b"\n\n", b"\n"), "no empty line"),
        (b"old 5\n" + b"\n".join([HASH] * 64) + b"\n\n" + NOTE, "more than 63"),
        (b"old 5\n" + b"\n".join([b""] * 9) + NOTE, "no signed note"),
        (b"old 5\n" + HASH + b"\r\n\n" + NOTE, "line 2 is no base64"),
        (b"old 5\n" + HASH + b"\n " + HASH + b"\n\n" + NOTE, "line 3 is no base64"),
        (b"old 5\n" + HASH[:-1] + b"\n\n" + NOTE, "line 2 is no base64"),
        (b"old 5\n\xff\n\n" + NOTE, "line 2 is no base64"),
        (b"old 5\n" + HASH[:-2] + b"V=\n\n" + NOTE, "line 2 is no base64"),
        (b"old 5\nAAAA\n\n" + NOTE, "line 2 holds 3 bytes"),
        (b"old 5\n" + format_base64(bytes(33)).encode() + b"\n\n" + NOTE, "line 2 holds 33 bytes"),
        (b"old 5\n\n", "no signed note"),
        (b"old 5\n\n" + NOTE[:-1], "no signed note"),
        (b"old 5\n\n" + NOTE.replace(b"\n5\n", b"\n05\n"), "no signed note"),
        (b"old 5\n\n" + NOTE.replace(b"\n5\n", b"\n5\r\n"), "no signed note"),
        (b"old 5\n\n" + NOTE.replace(b"\n5\n", b"\n5\x1b\n"), "no signed note"),
        (b"old 5\n\n" + NOTE.replace(b"\n5\n", b"\n5\n\n"), "no signed note"),
        (b"old 5\n\n" + NOTE.replace(b"theriac", b"\xff"), "no signed note"),
        (b"old 5\n\n" + signed(5, bytes(31)), "no signed note"),
        (b"old 5\n\n" + NOTE + b"\n", "no signed note"),
    ],
)
def test_a_body_of_another_form_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(AddCheckpointError, match=reason):
        parse_add_checkpoint(data)


def test_a_body_is_measured_before_it_is_read() -> None:
    with pytest.raises(AddCheckpointError, match="bytes are read"):
        parse_add_checkpoint(b"o" * (ADD_CHECKPOINT_SIZE_BYTES_MAX + 1))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    for body in (data, b"old 0\n\n" + data, b"old 0\n" + data + b"\n\n" + NOTE):
        try:
            request = parse_add_checkpoint(body)
        except AddCheckpointError:
            continue
        assert (
            format_add_checkpoint(old_size=request.old_size, proof=request.proof, note=request.data)
            == body
        )
