"""Signatures are verified in processes with the same result as in one."""

import pytest
from nacl.signing import SigningKey

from ledger.core.verify import SignatureTask
from ledger.services.signatures import CHUNK, SignatureChecker

KEY = SigningKey(bytes(range(32)))


def tasks(count: int, bad: set[int]) -> list[SignatureTask]:
    """Make signatures of which those at ``bad`` have one bit too many."""
    made = []
    for index in range(count):
        message = index.to_bytes(4)
        signature = bytearray(KEY.sign(message).signature)
        signature[index % 64] ^= index in bad
        made.append(
            SignatureTask(
                index=index,
                public_key=bytes(KEY.verify_key),
                message=message,
                signature=bytes(signature),
            )
        )
    return made


def feed(checker: SignatureChecker, made: list[SignatureTask]) -> None:
    for task in made:
        checker.add(task, "bad")


@pytest.mark.parametrize("processes", [1, 2, None])
@pytest.mark.parametrize("bad", [set(), {0, CHUNK - 1, CHUNK, 2 * CHUNK + 3}])
def test_those_that_do_not_hold_are_named(processes: int | None, bad: set[int]) -> None:
    with SignatureChecker(processes=processes) as checker:
        for task in tasks(2 * CHUNK + 9, bad):
            checker.add(task, "not of {key}")
        found = list(checker.faults())
    assert checker.count == 2 * CHUNK + 9
    assert [fault.index for fault in found] == sorted(bad)
    assert {fault.what for fault in found} <= {"not of 56475aa75463474c"}


def test_more_than_may_wait_is_taken_back_on_the_way() -> None:
    bad = {1, 17 * CHUNK, 18 * CHUNK - 1}
    with SignatureChecker(processes=2) as checker:
        feed(checker, tasks(18 * CHUNK, bad))
        assert [fault.index for fault in checker.faults()] == sorted(bad)


def test_trouble_stops_the_processes() -> None:
    checker = SignatureChecker(processes=2)
    feed(checker, tasks(CHUNK, set()))
    checker.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    with pytest.raises(RuntimeError, match="shutdown"):
        feed(checker, tasks(CHUNK, set()))
