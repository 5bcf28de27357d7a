"""Ed25519 as libsodium decides it: all answers of CCTV and Wycheproof."""

import json

import pytest
from nacl.signing import SigningKey

from ledger.core.ed25519 import SignatureError, check_signature, key_id_of
from tests.vectors_at import shared_vectors

REFUSED_FLAGS = {
    "low_order_A",
    "low_order_R",
    "low_order_residue",
    "non_canonical_A",
    "non_canonical_R",
}


def holds(public_key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        check_signature(public_key, message, signature)
    except SignatureError:
        return False
    return True


def test_all_914_cases_of_cctv_are_decided_by_the_rule() -> None:
    cases = json.loads(shared_vectors("crypto/ed25519/cctv_ed25519vectors.json").read_bytes())
    accepted = 0
    for case in cases:
        expected = not REFUSED_FLAGS & set(case["flags"] or ())
        key, signature = bytes.fromhex(case["key"]), bytes.fromhex(case["sig"])
        assert holds(key, case["msg"].encode(), signature) is expected, case
        accepted += expected
    assert (len(cases), accepted) == (914, 43)


def test_all_cases_of_wycheproof_are_decided_as_expected() -> None:
    path = shared_vectors("crypto/ed25519/wycheproof_ed25519_test.json")
    counts = {True: 0, False: 0}
    for group in json.loads(path.read_bytes())["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            expected = case["result"] == "valid"
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            assert holds(key, message, signature) is expected, case
            counts[expected] += 1
    assert counts == {True: 88, False: 63}


def test_a_signature_belongs_to_its_key_and_message_alone() -> None:
    seed = SigningKey(bytes(32))
    public_key, signature = bytes(seed.verify_key), seed.sign(b"message").signature
    check_signature(public_key, b"message", signature)
    for key, message, spoiled, reason in (
        (public_key, b"other", signature, key_id_of(public_key).hex()[:16]),
        (public_key[:-1], b"message", signature, "31 bytes"),
        (public_key, b"message", signature + b"\0", "65 bytes"),
        (bytes(32), b"message", signature, "does not belong"),
    ):
        with pytest.raises(SignatureError, match=reason):
            check_signature(key, message, spoiled)
