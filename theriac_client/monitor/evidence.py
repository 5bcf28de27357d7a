"""Evidence: one file that shows a third party, offline, what the monitor found.

Everything in it is signed by those it speaks of, or leads to what is signed
(docs/spec/evidence.md); ``check_evidence`` says what it proves, and what rests on the monitor's
word. Nothing here reads a clock, a file or the network.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from foundation.core.problem import BadInputError
from ledger.core.canonical import Json
from ledger.core.members import Members, format_base64, format_time
from ledger.core.note import VerifierKey, format_vkey, parse_vkey
from ledger.core.policy import Policy, parse_policy
from theriac_client.errors import AnswerError, ClientError
from theriac_client.loghead import NO_POLICY, Head, open_head


class Kind(StrEnum):
    """What was found."""

    MISSING = "missing"  # a promise whose time is up, and a head without its submission
    ROLLED_BACK = "rolled_back"  # a smaller head after a larger one
    FORKED = "forked"  # two heads, one of which does not extend the other
    UNEXPECTED = "unexpected_entry"  # signed for this organisation, or about it, and not by it
    INVALID = "invalid"  # a leaf that the log's own rules forbid
    STALE = "stale"  # no newer head for too long


class EvidenceError(ClientError):
    """The file shows nothing: it is damaged, made up, or what it says does not follow."""

    status = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A leaf, and the proof that it stands at ``index`` under the head beside it."""

    leaf: bytes
    index: int
    proof: tuple[bytes, ...]

    def as_json(self) -> dict[str, Json]:
        """Return the member of an evidence file."""
        return {
            "leaf": format_base64(self.leaf),
            "index": self.index,
            "proof": [format_base64(digest) for digest in self.proof],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something found; ``about`` tells one finding from another of its kind, for ever.

    ``members`` are those that the kind adds to the file.
    """

    kind: Kind
    what: str
    about: str
    heads: tuple[bytes, ...]
    members: dict[str, Json]


def format_evidence(
    alarm: Alarm, *, vkey: VerifierKey, policy: bytes | None, found_at: datetime
) -> dict[str, Json]:
    """Return the evidence file of an alarm."""
    value: dict[str, Json] = {
        "v": 1,
        "kind": alarm.kind.value,
        "what": alarm.what,
        "vkey": format_vkey(vkey),
        "found_at": format_time(found_at),
        "heads": [format_base64(note) for note in alarm.heads],
        **alarm.members,
    }
    if policy is not None:
        value["policy"] = format_base64(policy)
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """An evidence file whose heads hold; ``members`` reads what its kind adds."""

    kind: Kind
    what: str
    vkey: VerifierKey
    found_at: datetime
    heads: tuple[Head, ...]
    members: Members
    policy: Policy


_COMMON = ("v", "kind", "what", "vkey", "found_at", "heads")
_HEADS = {Kind.FORKED: 2, Kind.ROLLED_BACK: 2}
_OWN: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Kind.MISSING: (("receipt", "receipt_key"), ("header", "leaves")),
    Kind.ROLLED_BACK: ((), ()),
    Kind.FORKED: (("prefix_root", "proof"), ()),
    Kind.UNEXPECTED: (("organisation", "header"), ("entry", "public_key")),
    Kind.INVALID: (("place",), ("public_key",)),
    Kind.STALE: (("seen_at",), ()),
}


def parse_evidence(value: object) -> Evidence:
    """Return the evidence that a JSON value is, its heads verified; raise ``EvidenceError``."""
    try:
        members = Members(value, "evidence", BadInputError)
        kind = _kind(members)
        required, optional = _OWN[kind]
        members.expect((*_COMMON, *required), ("policy", *optional))
        members.literal("v", 1)
        vkey = parse_vkey(members.text("vkey"))
        policy = parse_policy(members.blob("policy")) if members.has("policy") else NO_POLICY
        heads = tuple(_head(note, vkey, policy) for note in members.blobs("heads"))
        if len(heads) != _HEADS.get(kind, 1):
            raise members.fault("heads", f"are {len(heads)}")
        return Evidence(
            kind=kind,
            what=members.text("what"),
            vkey=vkey,
            found_at=members.time("found_at"),
            heads=heads,
            members=members,
            policy=policy,
        )
    except (BadInputError, AnswerError) as error:
        raise EvidenceError(f"this shows nothing: {error}") from error


def _kind(members: Members) -> Kind:
    if not members.has("kind") or members.text("kind") not in tuple(Kind):
        raise BadInputError("evidence.kind is none that is known")
    return Kind(members.text("kind"))


def _head(note: bytes, vkey: VerifierKey, policy: Policy) -> Head:
    """Return a head with what known witnesses signed: evidence needs no quorum."""
    return open_head(note, vkey=vkey, policy=replace(policy, quorum=None))
