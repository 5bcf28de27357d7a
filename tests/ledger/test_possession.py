"""Whoever offers a key proves that they hold it, for this log, organisation and holder only."""

from uuid import UUID

import pytest
from nacl.signing import SigningKey

from ledger.core.ed25519 import SignatureError
from ledger.core.possession import check_possession, possession_message

KEY = SigningKey(bytes(range(32)))
OFFER = {
    "log": "ledger.example/7f3a9c",
    "organisation_id": UUID("00000000-0000-4000-8000-000000000002"),
    "public_key": bytes(KEY.verify_key),
    "holder": "device",
}
# docs/spec/governance.md shows these bytes.
MESSAGE = (
    b"theriac/key-possession/v1\n"
    b'{"holder":"device","key":"56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c",'
    b'"log":"ledger.example/7f3a9c","org":"00000000-0000-4000-8000-000000000002","v":1}'
)


def test_the_message_is_that_of_the_specification() -> None:
    assert possession_message(**OFFER) == MESSAGE  # type: ignore[arg-type] # members as named


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"log": "ledger.example/other"},
        {"organisation_id": UUID("00000000-0000-4000-8000-000000000003")},
        {"holder": "member"},
        {"public_key": bytes(SigningKey(bytes(32)).verify_key)},
    ],
)
def test_a_proof_holds_for_what_it_names_only(change: dict[str, object]) -> None:
    signature = KEY.sign(MESSAGE).signature
    offer: dict[str, object] = {**OFFER, **change}
    if not change:
        check_possession(**offer, signature=signature)  # type: ignore[arg-type] # as above
        return
    with pytest.raises(SignatureError):
        check_possession(**offer, signature=signature)  # type: ignore[arg-type] # as above
