"""Seal an EPCIS event with a key of your own and send it: an example client, from docs/spec alone.

It needs PyNaCl and nothing of Theriac's. Save what ``head`` answers, or what you sent last: the
next statement names the one before.

    python sealed_client.py https://theriac.example thk_… event.json key.seed
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import urllib.request
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

EVENT_HEADER = b'{"media_type":"application/ld+json"}'
SEALED = "application/vnd.theriac.sealed+json"
NO_STATEMENT = "0" * 64


def canonical(value: Any) -> bytes:
    """Return canonical JSON (entry.md); of an event without fractions, its bytes (event.md)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def commitment(key: bytes, data: bytes) -> bytes:
    """Return the commitment to an event's bytes (commitment.md)."""
    message = b"theriac/commitment/v1\n"
    for part in (EVENT_HEADER, data):
        message += len(part).to_bytes(8, "big") + part
    return hmac.digest(key, message, "sha256")


def tree_root(leaves: list[bytes]) -> bytes:
    """Return the RFC 6962 root over leaf hashes (log.md)."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    halves = tree_root(leaves[:split]) + tree_root(leaves[split:])
    return hashlib.sha256(b"\x01" + halves).digest()


def key_id(private: SigningKey) -> str:
    """Return the hex key id: SHA-256 of the public key."""
    return hashlib.sha256(bytes(private.verify_key)).hexdigest()


def possession(private: SigningKey, log: str, org: str, holder: str = "device") -> dict[str, str]:
    """Return the body of ``POST /api/v1/keys`` that adds this key (governance.md)."""
    proof = {"v": 1, "log": log, "org": org, "key": key_id(private), "holder": holder}
    message = b"theriac/key-possession/v1\n" + canonical(proof)
    return {
        "holder": holder,
        "public_key": _base64(bytes(private.verify_key)),
        "possession": _base64(private.sign(message).signature),
    }


def seal(
    events: list[dict[str, Any]],
    document: bytes,
    *,
    private: SigningKey,
    log: str,
    org: str,
    head: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the sealed submission of a document's events, and the head that follows it.

    ``head`` is ``{"first": …, "prev": …}``, as the server tells it or as returned here last.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    common = {"v": 1, "log": log, "org": org, "key": key_id(private), "time": now}
    entries, openings = [], []
    for event in events:
        opening = os.urandom(32)
        entry = {
            **common,
            "kind": "provenance.event.captured.v1",
            "id": str(uuid.uuid4()),
            "body": {},
            "commitments": [commitment(opening, canonical(event)).hex()],
            "endorsements": [],
        }
        entries.append(canonical(entry))
        openings.append(opening)
    root = tree_root([hashlib.sha256(b"\x00" + entry).digest() for entry in entries])
    stated = {**common, **head, "id": str(uuid.uuid4()), "n": len(entries), "root": root.hex()}
    statement = canonical(stated)
    message = b"theriac/submission/v1\n" + statement
    sealed = {
        "document": _base64(document),
        "media_type": "application/ld+json",
        "entries": [_base64(entry) for entry in entries],
        "openings": [_base64(opening) for opening in openings],
        "statement": _base64(statement),
        "signature": _base64(private.sign(message).signature),
    }
    after = {
        "first": head["first"] + len(entries),
        "prev": hashlib.sha256(message).hexdigest(),
    }
    return sealed, after


def main() -> None:
    """Send one event, which carries its ``@context`` and its ``eventID``."""
    server, api_key, event_path, seed_path = sys.argv[1:]
    private = SigningKey(Path(seed_path).read_bytes())
    document = Path(event_path).read_bytes()
    headers = {"Authorization": f"Bearer {api_key}"}
    vkey = _call(f"{server}/log/main/vkey", headers).decode()
    me = json.loads(_call(f"{server}/api/v1/me", headers))
    sealed, _ = seal(
        [json.loads(document)],
        document,
        private=private,
        log=vkey.partition("+")[0],
        org=me["organisation"]["id"],
        head=json.loads(_call(f"{server}/api/v1/keys/{key_id(private)}/head", headers)),
    )
    headers["Content-Type"] = SEALED
    _call(f"{server}/epcis/v2/events", headers, json.dumps(sealed).encode())
    print("recorded:", json.loads(document)["eventID"])


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _call(url: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - the caller's own server
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
        data: bytes = answer.read()
    return data


if __name__ == "__main__":
    main()
