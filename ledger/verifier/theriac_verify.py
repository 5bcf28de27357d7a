#!/usr/bin/env python3
"""Check a Theriac ledger, or one entry of it, without Theriac: one file, PyNaCl and nothing else.

    python theriac_verify.py BUNDLE.json [--vkey VKEY]
    python theriac_verify.py --qr TEXT [--qr TEXT]... [--vkey VKEY]
    python theriac_verify.py --export DIR [--vkey VKEY] [--receipt FILE]...

Without ``--vkey`` the log key that comes with the input is taken on trust, and the output says so.
Exit 0: everything holds. 1: something does not; the first bad index is named. 2: wrong usage, or
an input that cannot be read. Written from docs/spec alone, so that two programs have to agree.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import hashlib
import hmac
import json
import pathlib
import re
import sys
import zlib
from typing import Any, Callable, Iterator  # noqa: UP035 - runs on Python 3.9 and later

try:
    import nacl.exceptions
    import nacl.signing
except ImportError:
    sys.exit("theriac_verify: PyNaCl is needed: python -m pip install pynacl")

Check = Callable[[Any], bool]
HOLDERS = ("system", "person", "member", "device")
ENDORSEMENTS_MAX = 64
WIDTH = 256


class BadError(Exception):
    """Something does not hold; ``index`` is the leaf where the log first goes wrong."""

    def __init__(self, what: str, index: int | None = None) -> None:
        """Keep what is wrong, and where if that is known here."""
        super().__init__(what)
        self.what, self.index = what, index


class UnreadableError(Exception):
    """The input is missing, or it is no file of the kind that was named."""


def need(holds: object, what: str) -> None:
    """Raise ``BadError`` unless it holds."""
    if not holds:
        raise BadError(what)


# --- bytes and JSON ----------------------------------------------------------------------------


def unbase64(text: str) -> bytes:
    """Return the bytes of strict base64; raise ``BadError``."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise BadError("a text is no base64") from None
    need(base64.b64encode(data).decode() == text, "a text is not the one base64 of its bytes")
    return data


def canonical(value: Any) -> bytes:
    """Return canonical JSON."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def in_profile(value: Any, depth: int = 1) -> bool:
    """Return whether a value is inside the ledger's profile of JSON."""
    if isinstance(value, str):
        return not re.search("[\0\ud800-\udfff]", value)
    if isinstance(value, int):
        return abs(value) < 2**53
    if depth > 32 or not isinstance(value, (dict, list)):  # noqa: PLR2004 - the profile
        return False
    if isinstance(value, dict):
        if not all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_.:-]{0,62}", name) for name in value):
            return False
        value = list(value.values())
    return all(in_profile(item, depth + 1) for item in value)


def parse_json(data: bytes) -> Any:
    """Return the value of JSON text; raise ``BadError``."""
    try:
        value = json.loads(data.decode())
        sound = in_profile(value)
    except (ValueError, RecursionError):
        raise BadError("not JSON") from None
    need(sound, "JSON outside the profile")
    return value


def parse_canonical(data: bytes) -> Any:
    """Return the value of canonical JSON; raise ``BadError``."""
    value = parse_json(data)
    need(canonical(value) == data, "not the canonical spelling of the JSON")
    return value


def text_of(pattern: str) -> Check:
    """Return the check that a value is a text which the pattern describes."""
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def blob_of(size: int | None = None) -> Check:
    """Return the check that a value is base64, of ``size`` bytes if that is given."""

    def check(value: Any) -> bool:
        return isinstance(value, str) and size in (None, len(unbase64(value)))

    return check


def list_of(item_check: Check) -> Check:
    """Return the check that a value is an array of such items."""
    return lambda value: isinstance(value, list) and all(item_check(item) for item in value)


def is_time(value: Any) -> bool:
    """Return whether a value is a time to the millisecond that the calendar knows."""
    if not text_of(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")(value):
        return False
    try:
        time = dt.datetime.fromisoformat(value[:-1])
    except ValueError:
        return False
    # Some Pythons read 24:00 as the next midnight: two texts, one time.
    return bool(time.isoformat(timespec="milliseconds") == value[:-1])


def is_count(value: Any) -> bool:
    """Return whether a value is a whole number, zero or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_object(value: Any) -> bool:
    """Return whether a value is an object."""
    return isinstance(value, dict)


def rises(texts: list[str]) -> bool:
    """Return whether each text is greater than the one before."""
    return texts == sorted(set(texts))


def are_endorsements(value: Any) -> bool:
    """Return whether a value is an array of endorsements in order; raise ``BadError``."""
    if not isinstance(value, list) or len(value) > ENDORSEMENTS_MAX:
        return False
    return rises([shape(each, ENDORSEMENT, "endorsement")["org"] for each in value])


HEX = text_of("[0-9a-f]{64}")
UUID = text_of("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ORIGIN = text_of("[!-*,-~]{1,255}")
NAME = text_of("[^\\x00-\\x1f\\x7f]{1,200}")
WORD = text_of("[a-z][a-z_]{0,31}")
ONE: Check = lambda value: value is not True and value == 1  # noqa: E731 - one of a list of checks
SIGNED_BY = {"v": ONE, "log": ORIGIN, "org": UUID, "key": HEX, "id": UUID, "time": is_time}
COUNT: Check = lambda value: is_count(value) and value > 0  # noqa: E731 - one of a list of checks
STATEMENT = {**SIGNED_BY, "n": COUNT, "root": HEX}
CHAINED = {**STATEMENT, "first": is_count, "prev": HEX}
PROMISE = {**STATEMENT, "stmt": HEX, "deadline": is_time}
KIND = text_of(r"(?=.{1,128}\Z)[a-z]+(\.[a-z_]+)+\.v[1-9][0-9]*")
ENDORSEMENT = {"org": UUID, "key": HEX, "policy": is_count, "sig": blob_of(64)}
ENTRY = {
    **SIGNED_BY,
    "kind": KIND,
    "body": is_object,
    "commitments": list_of(HEX),
    "endorsements": are_endorsements,
}
KEY = {"key": HEX, "public_key": blob_of(32)}
HELD_KEY = {**KEY, "holder": lambda value: value in HOLDERS}
PROVEN = {
    "entry": blob_of(),
    "index": is_count,
    "proof": list_of(blob_of(32)),
    "path": list_of(blob_of(32)),
    "header": blob_of(),
    "header_index": is_count,
    "header_proof": list_of(blob_of(32)),
}
SEQUENCED = {
    "header": blob_of(),
    "header_index": is_count,
    "header_proof": list_of(blob_of(32)),
    "last_proof": list_of(blob_of(32)),
    "chain_before": HEX,
    "chain_after": HEX,
    "checkpoint": blob_of(),
}
OPENING = {"commitment": is_count, "key": blob_of(32), "header": blob_of(), "data": blob_of()}


def shape(value: Any, members: dict[str, Check], what: str) -> Any:
    """Return the value if it is an object of exactly these members; raise ``BadError``."""
    need(isinstance(value, dict), f"{what} is no object")
    odd = sorted(value.keys() ^ members.keys())
    need(not odd, f"{what}: missing or unknown member {odd}")
    for name, check in members.items():
        need(check(value[name]), f"{what}: bad member {name}")
    return value


# --- hashes, proofs, signatures ------------------------------------------------------------------


def sha256(data: bytes) -> bytes:
    """Return SHA-256."""
    return hashlib.sha256(data).digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\0" + data)


def tree_root(hashes: list[bytes]) -> bytes:
    """Return the root: level by level in pairs, a last one without a partner goes up as it is."""
    while len(hashes) > 1:
        pairs = range(0, len(hashes) - 1, 2)
        above = [sha256(b"\1" + hashes[at] + hashes[at + 1]) for at in pairs]
        hashes = above + hashes[len(pairs) * 2 :]
    return hashes[0] if hashes else sha256(b"")


def proven_root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that a path leads to, from the top of the tree down; raise ``BadError``."""
    need(0 <= index < size, "an index outside its tree")
    if size == 1:
        need(not path, "a proof that is too long")
        return leaf
    need(path, "a proof that is too short")
    half = 1 << ((size - 1).bit_length() - 1)
    if index < half:
        return sha256(b"\1" + proven_root(leaf, index, half, path[:-1]) + path[-1])
    return sha256(b"\1" + path[-1] + proven_root(leaf, index - half, size - half, path[:-1]))


def check_signature(public_key: bytes, message: bytes, signature: bytes, what: str) -> None:
    """Raise ``BadError`` unless libsodium accepts the signature."""
    try:
        nacl.signing.VerifyKey(public_key).verify(message, signature)
    except (nacl.exceptions.CryptoError, ValueError, TypeError):
        raise BadError(f"{what}: the signature does not hold") from None


def open_checkpoint(note: bytes, vkey: str) -> tuple[str, int, bytes]:
    """Return origin, size and root of a checkpoint that the key signed; raise ``BadError``."""
    parts = vkey.split("+", 2)
    need(len(parts) == 3, "the log key is no verifier key")  # noqa: PLR2004 - name, hash, key
    name, key_hash, key = parts[0], parts[1], unbase64(parts[2])
    need(key[:1] == b"\1" and len(key) == 33 and ORIGIN(name), "the log key is no Ed25519 key")  # noqa: PLR2004 - type and key
    expected = sha256(name.encode() + b"\n" + key)[:4]
    need(key_hash == expected.hex(), "the log key does not match its hash")
    found = re.fullmatch(
        rb"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)\n\n((?:\xe2\x80\x94 [^ \n]+ [^ \n]+\n)+)", note
    )
    need(found, "the checkpoint has not the form of one")
    assert found  # for the type checker; need() has raised
    text = note[: found.start(4) - 1]
    signers = 0
    for line in found[4].decode(errors="replace").split("\n")[:-1]:
        signer, encoded = line.split(" ")[1:]
        blob = unbase64(encoded)
        if (signer, blob[:4]) == (name, expected):
            check_signature(key[1:], text, blob[4:], "the checkpoint")
            signers += 1
    need(signers, "the log key did not sign the checkpoint")
    need(found[1].decode(errors="replace") == name, "the checkpoint is another log's")
    root = unbase64(found[3].decode(errors="replace"))
    need(int(found[2]) or root == sha256(b""), "an empty log with a root")
    return name, int(found[2]), root


# --- witnesses -----------------------------------------------------------------------------------


class Policy:
    """A witness policy in tlog-policy's format; raises ``UnreadableError`` for anything else."""

    def __init__(self, data: bytes) -> None:
        """Read the file; names are octets, each defined before its use and counted once."""
        self.logs: list[bytes] = []
        self.keys: dict[tuple[bytes, bytes], bytes] = {}  # (name, hash) -> public key
        self.names: dict[bytes, tuple[bytes, bytes]] = {}  # a witness -> its (name, hash)
        self.groups: dict[bytes, tuple[int, list[bytes]]] = {}
        self.used: set[bytes] = {b"none"}
        self.public_keys: set[bytes] = set()
        self.quorum: bytes | None = None
        if re.search(rb"[^\t\n\x20-\x7e\x80-\xff]", data) or data[-1:] != b"\n":
            raise UnreadableError("policy: a control character, or no newline at the end")
        for number, line in enumerate(data[:-1].split(b"\n"), start=1):
            words = re.findall(rb"[^ \t]+", line)
            if words and not words[0].startswith(b"#") and not self.line(*words):
                raise UnreadableError(f"policy: line {number} cannot be used")
        if self.quorum is None:
            raise UnreadableError("policy: no quorum")

    def line(self, word: bytes, *words: bytes) -> bool:
        """Take one line; return whether it keeps all rules."""
        count = len(words)
        if word == b"log" and count in (1, 2):
            self.logs.append(words[0])
            return self.key(words[0], b"\1") is not None
        if word == b"witness" and count in (2, 3):
            key = self.key(words[1], b"\4")
            if key is None or not self.fresh(words[0]):
                return False
            self.names[words[0]] = key
            return True
        if word == b"group" and count > 2:  # noqa: PLR2004 - name, threshold, a member
            return self.group(words[0], words[1], list(words[2:]))
        if word == b"quorum" and count == 1 and self.quorum is None:
            self.quorum = words[0]
            return words[0] in {b"none", *self.names, *self.groups}
        return False

    def key(self, vkey: bytes, kind: bytes) -> tuple[bytes, bytes] | None:
        """Return name and hash of a verifier key that no line had before."""
        parts = vkey.split(b"+", 2)
        try:
            key = unbase64(parts[-1].decode("ascii"))
        except (BadError, UnicodeDecodeError):
            return None
        expected = sha256(parts[0] + b"\n" + key)[:4]
        right = len(parts) == 3 and len(key) == 33 and key[:1] == kind  # noqa: PLR2004 - as above
        if not right or parts[1] != expected.hex().encode() or key[1:] in self.public_keys:
            return None
        self.public_keys.add(key[1:])
        if kind == b"\4":
            self.keys[parts[0], expected] = key[1:]
        return parts[0], expected

    def fresh(self, name: bytes) -> bool:
        """Return whether a name may be defined."""
        return name != b"none" and name not in self.names and name not in self.groups

    def group(self, name: bytes, how: bytes, members: list[bytes]) -> bool:
        """Take a group; return whether it keeps all rules."""
        known = all(member in self.names or member in self.groups for member in members)
        once = len(set(members)) == len(members) and self.used.isdisjoint(members)
        if not known or not once or not self.fresh(name):
            return False
        least = {b"all": len(members), b"any": 1}.get(how, 0)
        if re.fullmatch(rb"[1-9][0-9]{0,4}", how):
            least = int(how)
        self.used.update(members)
        self.groups[name] = (least, members)
        return 1 <= least <= len(members)

    def has(self, name: bytes, signed: set[tuple[bytes, bytes]]) -> bool:
        """Return whether a witness or a group cosigned."""
        if name in self.names:
            return self.names[name] in signed
        least, members = self.groups[name]
        return sum(self.has(member, signed) for member in members) >= least

    def check(self, note: bytes, vkey: str) -> list[str]:
        """Return what the cosignatures show; raise ``BadError`` where the quorum is missing."""
        need(not self.logs or vkey.encode() in self.logs, "the policy accepts other logs")
        text, _, lines = note.rpartition(b"\n\n")
        text += b"\n"
        signed: set[tuple[bytes, bytes]] = set()
        for line in lines.split(b"\n")[:-1]:
            name, encoded = line.split(b" ")[1:]
            blob = unbase64(encoded.decode(errors="replace"))
            who = (name, blob[:4])
            if who in self.keys:
                time = int.from_bytes(blob[4:12], "big")
                need(0 < time < 2**63, "a cosignature of no time")
                message = b"cosignature/v1\ntime %d\n" % time + text
                check_signature(self.keys[who], message, blob[12:], "a cosignature")
                signed.add(who)
        assert self.quorum is not None
        holds = self.quorum == b"none" or self.has(self.quorum, signed)
        need(holds, f"{len(signed)} of {len(self.keys)} witnesses cosigned: below the quorum")
        return [f"{len(signed)} of {len(self.keys)} witnesses cosigned: the policy's quorum"]


def trusted(vkey: str | None, policy: Policy | None) -> str | None:
    """Return the log key to trust: the one given, or the only one that the policy accepts."""
    if vkey is not None or policy is None or len(policy.logs) != 1:
        return vkey
    return policy.logs[0].decode(errors="replace")


# --- the log's rules -----------------------------------------------------------------------------


def parse_header(data: bytes) -> tuple[Any, bytes, bytes]:
    """Return statement, what was signed, and the signature of a header leaf."""
    header = shape(parse_canonical(data), {"sig": blob_of(64), "stmt": is_object}, "header")
    statement = header["stmt"]
    chained = "first" in statement or "prev" in statement
    shape(statement, CHAINED if chained else STATEMENT, "statement")
    if chained:
        starts = statement["prev"] == "0" * 64
        need((statement["first"] == 0) == starts, "statement: first and prev do not agree")
    return statement, b"theriac/submission/v1\n" + canonical(statement), unbase64(header["sig"])


def parse_entry(data: bytes) -> Any:
    """Return the entry; raise ``BadError``."""
    need(len(data) < 1 << 16, "an entry that is too large")
    return shape(parse_canonical(data), ENTRY, "entry")


class Governance:
    """Members, keys and policies as the entries so far say.

    A key is [public key, org, holder, from, to], a policy (index, n, orgs, member kind).
    """

    def __init__(self, vkey: str) -> None:
        """Start before the genesis of the log with this key."""
        self.vkey = vkey
        self.log = vkey.partition("+")[0]
        self.operator = ""
        self.members: dict[str, str] = {}
        self.kinds: dict[str, str] = {}
        self.left: set[str] = set()
        self.keys: dict[str, list[Any]] = {}
        self.policies: dict[str, list[tuple[int, int, list[str], str]]] = {}
        self.receipt_key = b""

    def key_of(self, statement: dict[str, Any], index: int) -> Any:
        """Return the key that a statement at ``index`` has to be signed under."""
        need(statement["log"] == self.log, "a statement for another log")
        key = self.valid_key(statement["key"], statement["org"], index)
        chains = key[2] in ("member", "device")
        need(chains == ("prev" in statement), "first and prev do not go with the key's holder")
        return key

    def valid_key(self, key_id: str, org: str, index: int) -> Any:
        """Return a key of an organisation that is valid at a header's index."""
        key = self.keys.get(key_id)
        need(key and key[1] == org, "a key that its organisation does not have")
        assert key  # for the type checker; need() has raised
        need(key[3] < index or (key[3], index) == (1, 0), "a key that is not valid yet")
        need(key[4] is None or index < key[4], "a key that was revoked before")
        return key

    def apply(self, entry: dict[str, Any], index: int, at: int) -> None:
        """Take the next entry, of the submission with its header ``at``; raise ``BadError``."""
        kind, body = entry["kind"], entry["body"]
        need((kind == "ledger.genesis.v1") == (index == 1), "a genesis at index 1, only there")
        self.check_endorsements(entry, at)
        if kind.startswith("ledger."):
            rules = self.rules()
            need(kind in rules, f"{kind} is no kind of governance that this file knows")
            may = index == 1 or (entry["org"] in self.members and entry["org"] not in self.left)
            need(may, "governance by no member")
            rules[kind](entry, body, index)

    def rules(self) -> dict[str, Callable[[dict[str, Any], dict[str, Any], int], None]]:
        """Return what each kind of governance does."""
        return {
            "ledger.genesis.v1": self.genesis,
            "ledger.member.admitted.v1": self.admit,
            "ledger.member.left.v1": self.leave,
            "ledger.key.added.v1": self.add_key,
            "ledger.key.rotated.v1": self.rotate_key,
            "ledger.key.revoked.v1": self.revoke_key,
            "ledger.policy.set.v1": self.set_policy,
            "ledger.channel.created.v1": self.create_channel,
            "ledger.channel.linked.v1": self.link_channel,
        }

    def check_endorsements(self, entry: dict[str, Any], at: int) -> None:
        """Raise ``BadError`` unless the policy in force at the header is met, exactly."""
        before = [policy for policy in self.policies.get(entry["kind"], []) if policy[0] < at]
        given = entry["endorsements"]
        if not before or not before[-1][1]:
            need(not given, "endorsements that no policy asks for")
            return
        policy = before[-1]
        number = policy[0]
        plain = leaf_hash(canonical({**entry, "endorsements": []}))
        message = b"theriac/endorsement/v1\n" + plain + number.to_bytes(8, "big")
        for each in given:
            need(each["policy"] == number, "an endorsement under a policy that is not in force")
            key = self.valid_key(each["key"], each["org"], at)
            need(key[2] != "device", "an endorsement under a device's key")
            need(
                self.means(policy, each["org"]), "an endorsement by one that the policy leaves out"
            )
            check_signature(key[0], message, unbase64(each["sig"]), "an endorsement")
        need(
            len(given) >= policy[1],
            f"{len(given)} endorsements of {policy[1]} that the policy at index {number} asks for",
        )

    def means(self, policy: tuple[int, int, list[str], str], org: str) -> bool:
        """Return whether a member's endorsement counts under a policy."""
        return self.kinds[org] == policy[3] if policy[3] else org in policy[2]

    def need_met(self, policies: list[tuple[int, int, list[str], str]], gone: list[Any]) -> None:
        """Raise ``BadError`` where without keys too few could endorse under a policy."""
        able = {
            key[1]
            for key in self.keys.values()
            if key[1] and key[4] is None and key[2] != "device" and key not in gone
        }
        for policy in policies:
            meant = [org for org in able if self.means(policy, org)]
            need(len(meant) >= policy[1], "fewer could endorse than a policy asks for")

    def genesis(self, entry: dict[str, Any], body: dict[str, Any], index: int) -> None:
        """Take the operator and the receipt key."""
        members: dict[str, Check] = {
            "origin": ORIGIN,
            "channel": NAME,
            "vkey": text_of(".*"),
            "operator": is_object,
            "receipt_key": is_object,
            "quorum": text_of("none"),
        }
        if "entries" in body:
            members["entries"] = text_of("members")
        shape(body, members, "genesis")
        need((body["origin"], body["vkey"]) == (self.log, self.vkey), "a genesis of another log")
        operator = shape(body["operator"], {"org": UUID, "name": NAME, **KEY}, "operator")
        signer = (entry["org"], entry["key"])
        need(signer == (operator["org"], operator["key"]), "a genesis that another one signed")
        receipt_key = shape(body["receipt_key"], KEY, "receipt key")
        need(receipt_key["key"] != operator["key"], "one key for two purposes")
        self.new_key(receipt_key, "", "receipt", index)
        self.receipt_key = unbase64(receipt_key["public_key"])
        self.operator = operator["org"]
        self.new_key(operator, self.operator, "system", index)
        self.members[self.operator] = operator["name"]
        self.kinds[self.operator] = "operator"

    def admit(self, entry: dict[str, Any], body: dict[str, Any], index: int) -> None:
        """Take a new member with its first key."""
        shape(body, {"org": UUID, "name": NAME, "kind": WORD, "first_key": is_object}, "admission")
        need(entry["org"] == self.operator, "only the operator admits members")
        need(body["org"] not in self.members, "a member that is or was one already")
        need(body["kind"] != "operator", "a second operator")
        key = shape(body["first_key"], HELD_KEY, "first key")
        self.new_key(key, body["org"], key["holder"], index)
        self.members[body["org"]] = body["name"]
        self.kinds[body["org"]] = body["kind"]

    def leave(self, entry: dict[str, Any], body: dict[str, Any], index: int) -> None:
        """End a member and all its keys."""
        shape(body, {"org": UUID, "reason": WORD}, "leave")
        org = body["org"]
        need(org in self.members and org not in self.left, "a leave of no member")
        need(entry["org"] in (org, self.operator), "a leave that another member declares")
        need(org != self.operator, "the operator cannot leave")
        keys = [key for key in self.keys.values() if key[1] == org and key[4] is None]
        self.need_met([policies[-1] for policies in self.policies.values()], keys)
        self.left.add(org)
        for key in keys:
            key[4] = index

    def add_key(self, entry: dict[str, Any], body: dict[str, Any], index: int) -> None:
        """Take one more key of a member."""
        shape(body, {**HELD_KEY, **({"label": NAME} if "label" in body else {})}, "added key")
        self.new_key(body, entry["org"], body["holder"], index)

    def rotate_key(self, entry: dict[str, Any], body: dict[str, Any], index: int) -> None:
        """Put a new key, which proves itself, in the place of one."""
        members = {**KEY, "old": HEX, "possession": blob_of(64)}
        shape(body, {**members, **({"label": NAME} if "label" in body else {})}, "rotation")
        old, signer = self.keys.get(body["old"]), self.keys.get(entry["key"])
        need(old and old[1] == entry["org"], "a rotation of a key that its organisation has not")
        assert old  # for the type checker; need() has raised
        need(old[4] is None, "a rotation of a key that ended before")
        managed = signer is not None and signer[2] in ("system", "member")
        need(entry["key"] == body["old"] or managed, "a rotation under a key that may not")
        proof = {"v": 1, "log": self.log, "org": old[1], "key": body["key"], "holder": old[2]}
        message = b"theriac/key-possession/v1\n" + canonical(proof)
        public_key = self.fresh_key(body)
        check_signature(public_key, message, unbase64(body["possession"]), "the new key's proof")
        self.keys[body["key"]] = [public_key, old[1], old[2], index, None]
        old[4] = index

    def revoke_key(self, entry: dict[str, Any], body: dict[str, Any], index: int) -> None:
        """End a key."""
        shape(body, {"key": HEX, "reason": WORD}, "revocation")
        key = self.keys.get(body["key"])
        need(key and key[1], "a revocation of a key that nobody has")
        assert key  # for the type checker; need() has raised
        need(entry["org"] in (key[1], self.operator), "a revocation by somebody else")
        need(key[4] is None, "a key that was revoked before")
        left = [one for one in self.keys.values() if one[1] == key[1] and one[4] is None]
        need(len(left) > 1, "a revocation of the last key")
        self.need_met([policies[-1] for policies in self.policies.values()], [key])
        key[4] = index

    def set_policy(self, entry: dict[str, Any], body: dict[str, Any], index: int) -> None:
        """Take a policy: how many endorsements, and whose, entries of a kind need from here on."""
        by_kind = "member_kind" in body
        meant: dict[str, Check] = {"member_kind": WORD} if by_kind else {"orgs": list_of(UUID)}
        shape(body, {"kind": KIND, "n": is_count, **meant}, "policy")
        need(entry["org"] == self.operator, "only the operator sets policies")
        kind, orgs = body["kind"], body.get("orgs", [])
        governs = kind in self.rules() and kind != "ledger.genesis.v1"
        need(governs or not kind.startswith("ledger."), "a policy for no kind of entries")
        need(max(body["n"], len(orgs)) <= ENDORSEMENTS_MAX, "a policy of too many")
        need(rises(orgs), "a policy whose organisations are not in order")
        present = all(org in self.members and org not in self.left for org in orgs)
        need(present, "a policy that names no member")
        need((body["n"] == 0) == (not by_kind and not orgs), "a policy of none, or for nobody")
        policy = (index, body["n"], orgs, body.get("member_kind", ""))
        self.need_met([policy], [])
        self.policies.setdefault(kind, []).append(policy)

    def create_channel(self, entry: dict[str, Any], body: dict[str, Any], index: int) -> None:
        """Note that another log begins, in clear or behind a commitment; nothing changes here."""
        del index
        need(entry["org"] == self.operator, "only the operator creates channels")
        if entry["commitments"]:
            self.commit_only(entry, body)
            return
        shape(body, {"origin": ORIGIN, "vkey": text_of(".*")}, "channel")
        need(body["origin"] != self.log, "a channel that is this very log")
        need(body["vkey"].startswith(body["origin"] + "+"), "a channel with the key of another")

    def link_channel(self, entry: dict[str, Any], body: dict[str, Any], index: int) -> None:
        """Note that a head of another log is known here; nothing changes."""
        del index
        self.commit_only(entry, body)

    def commit_only(self, entry: dict[str, Any], body: dict[str, Any]) -> None:
        """Raise ``BadError`` unless the entry says nothing but one commitment."""
        shape(body, {}, "body")
        need(len(entry["commitments"]) == 1, "more or fewer than one commitment")

    def new_key(self, key: dict[str, Any], org: str, holder: str, index: int) -> None:
        """Register a key whose id was never there."""
        self.keys[key["key"]] = [self.fresh_key(key), org, holder, index, None]

    def fresh_key(self, key: dict[str, Any]) -> bytes:
        """Return a public key that was never there; raise ``BadError``."""
        public_key = unbase64(key["public_key"])
        need(sha256(public_key).hex() == key["key"], "a key id that is not its key's")
        need(key["key"] not in self.keys, "a key that is there already")
        return public_key


def check_same_signer(entry: dict[str, Any], statement: dict[str, Any]) -> None:
    """Raise ``BadError`` unless entry and statement name the same log, organisation and key."""
    for name in ("log", "org", "key"):
        need(entry[name] == statement[name], f"entry and statement differ in {name}")


# --- a whole log ---------------------------------------------------------------------------------


class Replay:
    """One pass over all leaves of a log."""

    def __init__(self, vkey: str) -> None:
        """Start with nothing but the key."""
        self.governance = Governance(vkey)
        self.hashes: list[bytes] = []
        self.statements: dict[str, dict[str, Any]] = {}
        self.heads: dict[str, tuple[int, str]] = {}
        self.ids: set[tuple[str, str, str]] = set()

    def run(self, leaves: Iterator[bytes]) -> None:
        """Check all leaves; raise ``BadError`` with the index of the first bad one."""
        for header in leaves:
            index = len(self.hashes)
            try:
                self.submission(index, header, leaves)
            except BadError as error:
                raise BadError(error.what, index if error.index is None else error.index) from None

    def submission(self, index: int, data: bytes, leaves: Iterator[bytes]) -> None:
        """Check a header and the entries that follow it."""
        statement, message, signature = parse_header(data)
        self.hashes.append(leaf_hash(data))
        self.see("submission", statement)
        if index:
            self.signature(index, statement, message, signature)
        for at in range(index + 1, index + 1 + statement["n"]):
            entry_data = next(leaves, None)
            if entry_data is None:
                raise BadError("the log ends inside this submission")
            self.hashes.append(leaf_hash(entry_data))
            try:
                self.entry(at, index, entry_data, statement)
            except BadError as error:
                raise BadError(error.what, at) from None
            if at == 1:
                self.signature(index, statement, message, signature)
        root = tree_root(self.hashes[index + 1 :]).hex()
        need(root == statement["root"], "the entries are not those of the signed root")

    def signature(
        self, index: int, statement: dict[str, Any], message: bytes, signature: bytes
    ) -> None:
        """Check who signed, and the chain of the key if it has one."""
        key = self.governance.key_of(statement, index)
        check_signature(key[0], message, signature, "the statement")
        digest = sha256(message).hex()
        if "prev" in statement:
            head = self.heads.get(statement["key"], (0, "0" * 64))
            need((statement["first"], statement["prev"]) == head, "the key's chain is broken")
            self.heads[statement["key"]] = (head[0] + statement["n"], digest)
        self.statements[digest] = statement

    def entry(self, index: int, at: int, data: bytes, statement: dict[str, Any]) -> None:
        """Check one entry of the submission with its header ``at``."""
        entry = parse_entry(data)
        self.see("entry", entry)
        check_same_signer(entry, statement)
        self.governance.apply(entry, index, at)

    def see(self, what: str, value: dict[str, Any]) -> None:
        """Refuse an id that the organisation has used."""
        seen = (what, value["org"], value["id"])
        need(seen not in self.ids, f"an id of a {what} that was used before")
        self.ids.add(seen)


def tile_path(level: str, index: int, width: int) -> str:
    """Return the path of a tile or bundle."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    return f"tile/{level}/{path}" + (f".p/{width}" if width < WIDTH else "")


def read_part(folder: pathlib.Path, path: str, index: int) -> bytes:
    """Return a file of the export; a missing one is a hole in the log at ``index``."""
    try:
        return (folder / path).read_bytes()
    except OSError as error:
        raise BadError(f"{path}: {error.strerror or error}", index) from None


def exported_leaves(folder: pathlib.Path, size: int) -> Iterator[bytes]:
    """Yield the leaves of an export."""
    for first in range(0, size, WIDTH):
        width = min(WIDTH, size - first)
        path = tile_path("entries", first // WIDTH, width)
        data, at = read_part(folder, path, first), 0
        for index in range(first, first + width):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            if at + 2 > len(data) or end > len(data):
                raise BadError(f"{path} breaks off", index)
            yield data[at + 2 : end]
            at = end
        if at != len(data):
            raise BadError(f"{path} holds more than {width} leaves", first + width - 1)


def check_tiles(folder: pathlib.Path, hashes: list[bytes]) -> int:
    """Compare every tile with what the leaves give; return how many there are."""
    level, count, span = 0, 0, 1
    while hashes:
        for at in range(0, len(hashes), WIDTH):
            part = hashes[at : at + WIDTH]
            path = tile_path(str(level), at // WIDTH, len(part))
            if read_part(folder, path, at * span) != b"".join(part):
                raise BadError(f"{path} does not hold the hashes of the leaves", at * span)
            count += 1
        full = range(0, len(hashes) - WIDTH + 1, WIDTH)
        hashes = [tree_root(hashes[at : at + WIDTH]) for at in full]
        level, span = level + 1, span * WIDTH
    return count


def check_receipt(text: bytes, replay: Replay, size: int) -> str:
    """Return the id of the promised submission if it is there; raise ``BadError``."""
    if not text.lstrip().startswith(b"{"):
        text = unbase64(text.decode(errors="replace").strip())
    receipt = parse_json(text)
    sequenced = None
    if isinstance(receipt, dict):
        # A server's answer repeats the places in words; nobody signs those.
        receipt.pop("places", None)
        sequenced = receipt.pop("sequenced", None)
    members: dict[str, Check] = {"receipt": is_object, "sig": blob_of(64)}
    if isinstance(receipt, dict) and "entry_ids" in receipt:
        members["entry_ids"] = list_of(HEX)
    promise = shape(shape(receipt, members, "receipt")["receipt"], PROMISE, "promise")
    need(promise["deadline"] >= promise["time"], "a deadline before the promise")
    key = replay.governance.receipt_key
    need(promise["key"] == sha256(key).hex(), "a receipt under another key")
    message = b"theriac/receipt/v1\n" + canonical(promise)
    check_signature(key, message, unbase64(receipt["sig"]), "the receipt")
    statement = replay.statements.get(promise["stmt"])
    if statement is None:
        what = f"submission {promise['id']} is missing, promised by {promise['deadline']}"
        raise BadError(what, size)
    for name in ("log", "org", "id", "n", "root"):
        need(promise[name] == statement[name], f"receipt and statement differ in {name}")
    if "entry_ids" in receipt:
        ids = [bytes.fromhex(entry_id) for entry_id in receipt["entry_ids"]]
        need(tree_root(ids).hex() == promise["root"], "entry ids that are not the promised ones")
    if sequenced is not None:
        check_sequenced(sequenced, receipt, replay)
    return str(promise["id"])


def check_sequenced(sequenced: Any, receipt: dict[str, Any], replay: Replay) -> None:
    """Raise ``BadError`` unless a sequenced receipt's place holds, and is the place in this log."""
    shape(sequenced, SEQUENCED, "sequenced")
    promise, ids = receipt["receipt"], [bytes.fromhex(id_) for id_ in receipt.get("entry_ids", [])]
    need(len(ids) == promise["n"], f"the receipt names {len(ids)} entries of {promise['n']}")
    header = unbase64(sequenced["header"])
    message = parse_header(header)[1]
    note = unbase64(sequenced["checkpoint"])
    _, size, root = open_checkpoint(note, replay.governance.vkey)
    at = sequenced["header_index"]
    leaves = [leaf_hash(header), *ids]
    for leaf, index, name in (
        (leaves[0], at, "header_proof"),
        (leaves[-1], at + promise["n"], "last_proof"),
    ):
        path = [unbase64(text) for text in sequenced[name]]
        need(proven_root(leaf, index, size, path) == root, f"{name}: another root")
    need(sha256(message).hex() == promise["stmt"], "the header leaf is that of another submission")
    chain = bytes.fromhex(sequenced["chain_before"])
    for leaf in leaves:
        chain = sha256(chain + leaf)
    need(chain.hex() == sequenced["chain_after"], "the chain does not lead over the submission")
    if replay.hashes[at : at + len(leaves)] != leaves:
        raise BadError(f"a receipt proves other leaves from index {at} on", at)


def verify_export(
    folder: pathlib.Path, vkey: str | None, receipts: list[str], policy: Policy | None = None
) -> list[str]:
    """Return what was checked of an export; raise ``BadError`` or ``UnreadableError``."""
    note, own = read_input(folder / "checkpoint"), read_input(folder / "vkey")
    lines = [trust_line(vkey, own.decode(errors="replace").rstrip("\n"))]
    vkey = own.decode(errors="replace")[:-1] if vkey is None else vkey
    need(own == vkey.encode() + b"\n", "the export is of a log with another key")
    origin, size, root = open_checkpoint(note, vkey)
    cosigned = [] if policy is None else policy.check(note, vkey)
    replay = Replay(vkey)
    replay.run(exported_leaves(folder, size))
    tiles = check_tiles(folder, replay.hashes)
    if tree_root(replay.hashes) != root:
        raise BadError("the leaves are not those of the signed root", 0)
    entries = size - len(replay.statements)
    governance = replay.governance
    lines += [
        f"checkpoint of {origin}: {size} leaves, root {root.hex()}, signed by the log",
        *cosigned,
        f"{tiles} tiles hold the hashes of the leaves",
        f"governance: {len(governance.members)} members, {len(governance.keys) - 1} keys",
        f"{len(replay.statements)} submissions with {entries} entries",
        "signatures under keys valid there, signed roots, key chains and ids hold",
    ]
    for path in receipts:
        name = check_receipt(read_input(pathlib.Path(path)), replay, size)
        lines.append(f"receipt {path}: submission {name} is in the log")
    if not receipts:
        lines.append("no receipts given: that nothing was cut off the end is not checked")
    return lines


# --- one entry -----------------------------------------------------------------------------------


def check_proven(
    proven: dict[str, Any], size: int, root: bytes, governance: Governance
) -> dict[str, Any]:
    """Return an entry that is proven to be in the log and signed; raise ``BadError``."""
    entry_data, header_data = unbase64(proven["entry"]), unbase64(proven["header"])
    statement, message, signature = parse_header(header_data)
    entry: dict[str, Any] = parse_entry(entry_data)
    index, at = proven["index"], proven["header_index"]
    for data, where, name in ((entry_data, index, "proof"), (header_data, at, "header_proof")):
        path = [unbase64(text) for text in proven[name]]
        need(proven_root(leaf_hash(data), where, size, path) == root, f"{name}: another root")
    path = [unbase64(text) for text in proven["path"]]
    signed = proven_root(leaf_hash(entry_data), index - at - 1, statement["n"], path)
    need(signed.hex() == statement["root"], "the entry is not in the root that was signed")
    check_same_signer(entry, statement)
    # The genesis names the key that it is signed under; every other key was there before.
    if index == 1:
        governance.apply(entry, index, at)
    check_signature(governance.key_of(statement, at)[0], message, signature, "the statement")
    if index != 1:
        governance.apply(entry, index, at)
    return entry


def verify_bundle(path: pathlib.Path, vkey: str | None, policy: Policy | None = None) -> list[str]:
    """Return what a bundle proves; raise ``BadError`` or ``UnreadableError``."""
    bundle = parse_canonical(read_input(path))
    members: dict[str, Check] = {
        "v": ONE,
        "vkey": text_of(".*"),
        "checkpoint": blob_of(),
        "entry": is_object,
        "governance": list_of(is_object),
    }
    if isinstance(bundle, dict) and "openings" in bundle:
        members["openings"] = lambda value: bool(value) and list_of(is_object)(value)
    shape(bundle, members, "bundle")
    lines = [trust_line(vkey, bundle["vkey"])]
    need(vkey in (None, bundle["vkey"]), "the bundle is of a log with another key")
    note = unbase64(bundle["checkpoint"])
    origin, size, root = open_checkpoint(note, bundle["vkey"])
    cosigned = [] if policy is None else policy.check(note, bundle["vkey"])
    governance = Governance(bundle["vkey"])
    entry: dict[str, Any] = {}
    last = 0
    for proven in [*bundle["governance"], bundle["entry"]]:
        shape(proven, PROVEN, "a proven entry")
        try:
            need(proven["index"] > last, "the entries are not in order")
            entry = check_proven(proven, size, root, governance)
        except BadError as error:
            raise BadError(error.what, proven["index"]) from None
        last = proven["index"]
    lines += [
        f"entry {last} of {origin}: {entry['kind']}, recorded {entry['time']}",
        f"in the checkpoint of {size} leaves, root {root.hex()}, signed by the log",
        *cosigned,
        f"signed under key {entry['key']}",
        f"of {governance.members.get(entry['org'], '')!a}, organisation {entry['org']}",
        f"governance: {len(bundle['governance'])} entries before it",
        "that none of those is left out, only the whole log can show",
    ]
    for opening in bundle.get("openings", []):
        lines.append(check_opening(opening, entry))
    return lines


def check_opening(opening: dict[str, Any], entry: dict[str, Any]) -> str:
    """Return a line that says what opens; raise ``BadError``."""
    shape(opening, OPENING, "opening")
    number = opening["commitment"]
    need(number < len(entry["commitments"]), "an opening of a commitment that is not there")
    message = b"theriac/commitment/v1\n"
    for name in ("header", "data"):
        part = unbase64(opening[name])
        message += len(part).to_bytes(8, "big") + part
    mac = hmac.new(unbase64(opening["key"]), message, hashlib.sha256).hexdigest()
    need(hmac.compare_digest(mac, entry["commitments"][number]), "the data opens no commitment")
    return f"commitment {number}: the {len(unbase64(opening['data']))} bytes given open it"


# --- printed codes -------------------------------------------------------------------------------

QR_DIGITS = (0, 3, 5, 8, 10, 13, 15, 17)
QR_CODES_MAX = 4


def qr_bytes(digits: str) -> bytes:
    """Return the bytes that digits stand for: 17 for each 7 bytes; raise ``BadError``."""
    parts = []
    for at in range(0, len(digits), 17):
        group = digits[at : at + 17]
        need(len(group) in QR_DIGITS, "a code with a digit too many or too few")
        size = QR_DIGITS.index(len(group))
        need(int(group) < 256**size, "a code with digits that stand for no bytes")
        parts.append(int(group).to_bytes(size, "big"))
    return b"".join(parts)


def qr_payload(texts: list[str]) -> bytes:
    """Return what the codes carry together; raise ``BadError`` or ``UnreadableError``."""
    pattern = r"tq1\.([1-9])\.([1-9])\.([0-9a-f]{8})\.([0-9]+)(?![0-9])"
    found = [each for text in texts for each in re.findall(pattern, text)]
    if not found:
        raise UnreadableError("no text of a printed code")
    _, count, check, _ = found[0]
    need(all(each[1:3] == (count, check) for each in found), "codes of different proofs")
    need(int(count) <= QR_CODES_MAX, "more codes than a proof has")
    digits = {int(each[0]): each[3] for each in found}
    missing = [str(at) for at in range(1, int(count) + 1) if at not in digits]
    if missing:
        raise UnreadableError(f"code {', '.join(missing)} of {count} is missing")
    need(len(digits) == int(count), "more codes than the proof has")
    payload = b"".join(qr_bytes(digits[at]) for at in sorted(digits))
    need(sha256(payload)[:4].hex() == check, "the text of the code is damaged or incomplete")
    return payload


class QrReader:
    """Reads the bytes of codes from the beginning; raises ``BadError`` where they break off."""

    def __init__(self, data: bytes) -> None:
        """Start at the beginning."""
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        """Return the next bytes."""
        need(self.at + size <= len(self.data), "the code breaks off")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        """Return the next whole number."""
        return int.from_bytes(self.take(size), "big")

    def hashes(self) -> list[bytes]:
        """Return the hashes that follow their number."""
        count = self.number(1)
        need(count < 64, "a proof of more than 63 hashes")  # noqa: PLR2004 - the format
        return [self.take(32) for _ in range(count)]

    def cosignatures(self) -> bytes:
        """Return the lines of the witnesses, as they stand in the checkpoint."""
        lines = b""
        for _ in range(self.number(1)):
            name = self.take(self.number(1))
            need(re.fullmatch(rb"[^\x00-\x20+]+", name), "a cosignature without a name")
            lines += b"\xe2\x80\x94 " + name + b" " + base64.b64encode(self.take(76)) + b"\n"
        return lines


def inflated(data: bytes) -> bytes:
    """Return what raw DEFLATE stands for, an entry; raise ``BadError``."""
    unpacker = zlib.decompressobj(-15)
    try:
        entry = unpacker.decompress(data, 1 << 16)
    except zlib.error:
        raise BadError("the entry in the code cannot be unpacked") from None
    whole = unpacker.eof and not unpacker.unused_data and len(entry) < 1 << 16
    need(whole, "the entry in the code cannot be unpacked")
    return entry


def verify_qr(texts: list[str], vkey: str | None, policy: Policy | None = None) -> list[str]:
    """Return what printed codes prove; raise ``BadError`` or ``UnreadableError``."""
    reader = QrReader(qr_payload(texts))
    need(reader.number(1) == 1, "a code of another version")
    log_key, size, log_signature = reader.take(32), reader.number(8), reader.take(64)
    index, proof = reader.number(8), reader.hashes()
    position, count, path = reader.number(4), reader.number(4), reader.hashes()
    id_, time = reader.take(16).hex(), reader.take(24).decode(errors="replace")
    chained = reader.number(1)
    need(chained in (0, 1), "a chain that is neither there nor not")
    chain = {"first": reader.number(8), "prev": reader.take(32).hex()} if chained else {}
    public_key, signature, cosigned = reader.take(32), reader.take(64), reader.cosignatures()
    data = inflated(reader.data[reader.at :])
    entry = parse_entry(data)
    log, leaf = entry["log"], leaf_hash(data)
    key_hash = sha256(log.encode() + b"\n\1" + log_key)[:4]
    encoded = base64.b64encode(b"\1" + log_key).decode()
    own = f"{log}+{key_hash.hex()}+{encoded}"
    lines = [trust_line(vkey, own)]
    need(vkey in (None, own), "the code is of a log with another key")
    need(sha256(public_key).hex() == entry["key"], "the key in the code is not the entry's")
    statement = {
        **{name: entry[name] for name in ("v", "log", "org", "key")},
        **chain,
        "id": "-".join((id_[:8], id_[8:12], id_[12:16], id_[16:20], id_[20:])),
        "n": count,
        "root": proven_root(leaf, position, count, path).hex(),
        "time": time,
    }
    header = canonical({"sig": base64.b64encode(signature).decode(), "stmt": statement})
    check_signature(public_key, parse_header(header)[1], signature, "the statement")
    root = proven_root(leaf, index, size, proof)
    note = f"{log}\n{size}\n{base64.b64encode(root).decode()}\n\n\u2014 {log} ".encode()
    note += base64.b64encode(key_hash + log_signature) + b"\n" + cosigned
    open_checkpoint(note, own)
    lines += [
        f"entry {index} of {log}: {entry['kind']}, recorded {entry['time']}",
        f"in the checkpoint of {size} leaves, root {root.hex()}, signed by the log",
        *([] if policy is None else policy.check(note, own)),
        f"signed under key {entry['key']}, for organisation {entry['org']}",
        "a code does not show whose key that is, that it was valid there, or endorsements",
        "take the proof bundle for that",
    ]
    return lines


def qr_text(given: str) -> str:
    """Return the text of a code: what was given, or what the file of that name holds."""
    if "tq1." in given:
        return given
    return read_input(pathlib.Path(given)).decode(errors="replace")


# --- the command ---------------------------------------------------------------------------------


def trust_line(given: str | None, own: str) -> str:
    """Return a line that says where the trust comes from."""
    if given is not None:
        return f"log key as you gave it: {given!a}"
    return f"log key taken from the input itself, compare it with the published one: {own!a}"


def read_input(path: pathlib.Path) -> bytes:
    """Return a file; raise ``UnreadableError``."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror or error}") from None


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Check a Theriac proof bundle or log export.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("bundle", nargs="?", metavar="BUNDLE.json", help="a proof bundle")
    what.add_argument("--export", metavar="DIR", help="the folder of a log export")
    what.add_argument(
        "--qr", metavar="TEXT", action="append", help="the text of a printed code, or its file"
    )
    parser.add_argument("--vkey", help="the log key that you trust: name+hash+base64")
    parser.add_argument("--policy", metavar="FILE", help="demand its quorum of cosignatures")
    parser.add_argument("--receipt", metavar="FILE", action="append", default=[])
    options = parser.parse_args(arguments)
    if options.receipt and options.export is None:
        parser.error("--receipt goes with --export")
    try:
        policy = Policy(read_input(pathlib.Path(options.policy))) if options.policy else None
        vkey = trusted(options.vkey, policy)
        if options.qr:
            lines = verify_qr([qr_text(each) for each in options.qr], vkey, policy)
        elif options.export is None:
            lines = verify_bundle(pathlib.Path(options.bundle), vkey, policy)
        else:
            lines = verify_export(pathlib.Path(options.export), vkey, options.receipt, policy)
    except UnreadableError as error:
        sys.stderr.write(f"UNREADABLE {error}\n")
        return 2
    except BadError as error:
        where = "" if error.index is None else f" at index {error.index}"
        sys.stdout.write(f"BAD{where}: {error.what}\n")
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in [*lines, "SOUND: everything holds"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
