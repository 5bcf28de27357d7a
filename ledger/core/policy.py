"""Witness policies: which cosignatures make a checkpoint count (C2SP tlog-policy).

A file of octets with a line each for the logs and the witnesses that are known, for groups of
witnesses, and for the one name whose cosigning is demanded, the quorum. Names are opaque octets
and belong to at most one group, so a witness counts in one way only. Nothing here asks anybody.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from foundation.core.problem import BadInputError
from ledger.core.note import KeyType, NoteError, VerifierKey, format_vkey, parse_vkey

# The specification asks for 32 of each; more than this no channel needs.
LOGS_MAX = WITNESSES_MAX = GROUPS_MAX = 64
POLICY_SIZE_BYTES_MAX = 64 * 1024
_NONE = b"none"
_REFUSED_OCTET = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_SPACE = re.compile(rb"[ \t]+")
_THRESHOLD = re.compile(rb"[1-9][0-9]{0,4}")
_WORD = re.compile(rb"[\x21-\x7e\x80-\xff]+")


class PolicyError(BadInputError):
    """The file is no policy; ``line`` counts from 1 where one line is at fault."""

    slug = "bad-witness-policy"
    title = "This is not a witness policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLog:
    """A log that the policy accepts; ``url`` is what the file says, its meaning the reader's."""

    key: VerifierKey
    url: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyWitness:
    """A witness; ``name`` is the policy's own word for it, ``url`` its submission prefix."""

    name: bytes
    key: VerifierKey
    url: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyGroup:
    """A group that counts as cosigning where ``threshold`` or more of its members do."""

    name: bytes
    threshold: int
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy that was checked; ``quorum`` is the demanded name, ``None`` for ``none``."""

    logs: tuple[PolicyLog, ...] = ()
    witnesses: tuple[PolicyWitness, ...] = ()
    groups: tuple[PolicyGroup, ...] = ()
    quorum: bytes | None = None

    @property
    def witness_keys(self) -> tuple[VerifierKey, ...]:
        """The keys of all witnesses, demanded or not."""
        return tuple(witness.key for witness in self.witnesses)


def has_quorum(policy: Policy, cosigners: Collection[VerifierKey]) -> bool:
    """Return whether these keys' cosignatures are what the policy demands."""
    if policy.quorum is None:
        return True
    cosigned = {witness.name: witness.key in cosigners for witness in policy.witnesses}
    # A group names only what stands before it, so one pass decides all of them.
    for group in policy.groups:
        cosigned[group.name] = sum(cosigned[name] for name in group.members) >= group.threshold
    return cosigned[policy.quorum]


def cosigners_min(policy: Policy) -> int:
    """Return how many cosignatures there are at least wherever the quorum is reached."""
    if policy.quorum is None:
        return 0
    least = {witness.name: 1 for witness in policy.witnesses}
    for group in policy.groups:
        # Members share no witness, so what each needs adds up.
        least[group.name] = sum(sorted(least[name] for name in group.members)[: group.threshold])
    return least[policy.quorum]


def witness_addresses(policy: Policy) -> dict[VerifierKey, str]:
    """Return where each witness that has an address is asked.

    Raise ``PolicyError`` for an address that is none, and where those that can be asked are too
    few for the quorum: no checkpoint would ever have it.
    """
    addresses = {
        witness.key: _address(witness) for witness in policy.witnesses if witness.url is not None
    }
    if not has_quorum(policy, addresses):
        raise PolicyError("too few witnesses have an address: the quorum could never be reached")
    return addresses


def parse_policy(data: bytes) -> Policy:
    """Return the policy of a file; raise ``PolicyError`` with the line at fault."""
    if len(data) > POLICY_SIZE_BYTES_MAX:
        raise PolicyError(f"{len(data)} bytes; at most {POLICY_SIZE_BYTES_MAX} are read")
    if octet := _REFUSED_OCTET.search(data):
        line = data.count(b"\n", 0, octet.start()) + 1
        raise PolicyError(f"line {line}: the octet 0x{octet.group().hex()}", line=line)
    if not data.endswith(b"\n"):
        # A file that was cut short must not pass for a laxer one.
        raise PolicyError("the last line has no newline")
    reader = _Reader()
    for number, text in enumerate(data[:-1].split(b"\n"), start=1):
        words = [word for word in _SPACE.split(text) if word]
        if words and not words[0].startswith(b"#"):
            try:
                reader.take(words[0], words[1:])
            except _LineError as error:
                raise PolicyError(f"line {number}: {error}", line=number) from error
    return reader.policy()


def format_policy(policy: Policy) -> bytes:
    """Return the file of a policy; raise ``PolicyError`` for one that could not be read again."""
    lines = [_line(b"log", _vkey(log.key), log.url) for log in policy.logs]
    lines += [
        _line(b"witness", witness.name, _vkey(witness.key), witness.url)
        for witness in policy.witnesses
    ]
    lines += [
        _line(b"group", group.name, b"%d" % group.threshold, *group.members)
        for group in policy.groups
    ]
    lines.append(_line(b"quorum", _NONE if policy.quorum is None else policy.quorum))
    data = b"".join(lines)
    if parse_policy(data) != policy:
        raise PolicyError("the policy's groups have no order that a file could keep")
    return data


class _LineError(ValueError):
    """What is wrong with one line."""


@dataclass
class _Reader:
    """The lines so far; ``names`` are those defined, with whether a group has them."""

    logs: list[PolicyLog] = field(default_factory=list)
    witnesses: list[PolicyWitness] = field(default_factory=list)
    groups: list[PolicyGroup] = field(default_factory=list)
    names: dict[bytes, bool] = field(default_factory=dict)
    public_keys: set[bytes] = field(default_factory=set)
    quorum: bytes | None = None

    def take(self, word: bytes, words: list[bytes]) -> None:
        takers: Mapping[bytes, Callable[[list[bytes]], None]] = {
            b"log": self._log,
            b"witness": self._witness,
            b"group": self._group,
            b"quorum": self._quorum,
        }
        if word not in takers:
            raise _LineError(f"{_shown(word)} begins no line of a policy")
        takers[word](words)

    def policy(self) -> Policy:
        if self.quorum is None:
            raise PolicyError("no quorum line; write `quorum none` where nothing is demanded")
        return Policy(
            logs=tuple(self.logs),
            witnesses=tuple(self.witnesses),
            groups=tuple(self.groups),
            quorum=None if self.quorum == _NONE else self.quorum,
        )

    def _log(self, words: list[bytes]) -> None:
        if len(words) not in (1, 2):
            raise _LineError("a log is `log <vkey> [<url>]`")
        _check_room("logs", self.logs, LOGS_MAX)
        key = self._key(words[0], KeyType.ED25519)
        self.logs.append(PolicyLog(key=key, url=_url(words[1:])))

    def _witness(self, words: list[bytes]) -> None:
        if len(words) not in (2, 3):
            raise _LineError("a witness is `witness <name> <vkey> [<url>]`")
        _check_room("witnesses", self.witnesses, WITNESSES_MAX)
        self._define(words[0])
        key = self._key(words[1], KeyType.COSIGNATURE)
        self.witnesses.append(PolicyWitness(name=words[0], key=key, url=_url(words[2:])))

    def _group(self, words: list[bytes]) -> None:
        if len(words) < 3:  # noqa: PLR2004 - the format
            raise _LineError("a group is `group <name> all|any|<k> <member>...`")
        _check_room("groups", self.groups, GROUPS_MAX)
        name, how, *members = words
        for member in members:
            if member not in self.names:
                raise _LineError(f"{_shown(member)} is defined on no line before")
            if self.names[member]:
                raise _LineError(f"{_shown(member)} is a member already; once is all it counts")
            self.names[member] = True
        # Only now: a group is no member of itself.
        self._define(name)
        threshold = _threshold(how, len(members))
        self.groups.append(PolicyGroup(name=name, threshold=threshold, members=tuple(members)))

    def _quorum(self, words: list[bytes]) -> None:
        if len(words) != 1:
            raise _LineError("a quorum is `quorum <name>|none`")
        if self.quorum is not None:
            raise _LineError("a second quorum")
        if words[0] != _NONE and words[0] not in self.names:
            raise _LineError(f"{_shown(words[0])} is defined on no line before")
        self.quorum = words[0]

    def _define(self, name: bytes) -> None:
        if name == _NONE:
            raise _LineError("`none` is the quorum that demands nothing, and no other name")
        if name in self.names:
            raise _LineError(f"{_shown(name)} is defined twice")
        self.names[name] = False

    def _key(self, word: bytes, key_type: KeyType) -> VerifierKey:
        try:
            key = parse_vkey(word.decode())
        except (NoteError, UnicodeDecodeError) as error:
            raise _LineError(f"{_shown(word)} is no verifier key: {error}") from error
        if key.key_type is not key_type:
            raise _LineError(
                f"the key of {key.name} has type {key.key_type:#04x}, not {key_type:#04x}"
            )
        # One key, one role: under another name it would count twice.
        if key.public_key in self.public_keys:
            raise _LineError(f"the public key of {key.name} stands on a line before")
        self.public_keys.add(key.public_key)
        return key


def _address(witness: PolicyWitness) -> str:
    try:
        address = (witness.url or b"").decode("ascii")
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise PolicyError(f"the address of {_shown(witness.name)} is none: {error}") from error
    plain = parts.username is None and not parts.query and not parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not plain:
        raise PolicyError(
            f"the address of {_shown(witness.name)} is not http(s)://host[:port][/path]"
        )
    return address.rstrip("/")


def _check_room(what: str, items: Collection[object], most: int) -> None:
    if len(items) == most:
        raise _LineError(f"more than {most} {what}")


def _threshold(how: bytes, members: int) -> int:
    if how in (b"all", b"any"):
        return members if how == b"all" else 1
    if _THRESHOLD.fullmatch(how) is None or int(how) > members:
        raise _LineError(f"{_shown(how)} is neither `all`, `any` nor a number from 1 to {members}")
    return int(how)


def _url(words: list[bytes]) -> bytes | None:
    return words[0] if words else None


def _vkey(key: VerifierKey) -> bytes:
    try:
        return format_vkey(key).encode()
    except NoteError as error:
        raise PolicyError(str(error)) from error


def _line(*words: bytes | None) -> bytes:
    present = [word for word in words if word is not None]
    for word in present:
        if _WORD.fullmatch(word) is None:
            raise PolicyError(f"{_shown(word)} cannot stand in a policy")
    return b" ".join(present) + b"\n"


def _shown(word: bytes) -> str:
    return ascii(word[:64].decode("latin-1"))
