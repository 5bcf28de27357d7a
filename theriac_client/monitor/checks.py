"""What is asked at every look beside the log's growth: receipts, witnesses, freshness."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from http import HTTPStatus

from foundation.core.problem import BadInputError
from ledger.core.members import format_base64, format_time
from ledger.core.policy import Policy, PolicyWitness, witness_addresses
from ledger.core.sequenced import Sequenced
from theriac_client.errors import AnswerError, ClientError, StateError
from theriac_client.journal import Record
from theriac_client.loghead import Head, open_head
from theriac_client.monitor.evidence import Alarm, Kind
from theriac_client.monitor.follow import Follower, rolled_back
from theriac_client.monitor.member import Member
from theriac_client.web import Web

# What an evidence file carries the leaf hashes of: 2 MiB of them.
LEAVES_MAX = 65_536
# A witness cosigns a head before the log publishes it: only later is it held against the log.
AHEAD_MAX = timedelta(minutes=10)


def receipts(follower: Follower, member: Member, head: Head, *, now: datetime) -> Iterator[Alarm]:
    """Yield an alarm for each kept receipt that the log, read up to ``head``, goes back on.

    ``now`` is from before the head was asked for. Raise ``AnswerError`` where the log does not
    show what would decide it.
    """
    # The time of a head is what its quorum says, or else that of the look which fetched it.
    policy = follower.reader.policy
    head_at = head.quorum_at_s(policy) if policy.quorum else now.timestamp()
    for record in member.records():
        if record.receipt is None:
            continue
        promise = record.receipt.promise
        found = promise.statement_hash in follower.memory.own
        if not found and head_at > promise.deadline.timestamp():
            yield _missing(follower, member, record, head)
        if record.sequenced is not None:
            alarm = _contradiction(follower, record.sequenced, head)
            if alarm is not None:
                yield alarm
    follower.memory.persist(follower.memory.progress)


def witnesses(follower: Follower, head: Head, *, now: datetime) -> Iterator[Alarm | ClientError]:
    """Yield what the policy's witnesses know otherwise; in place of one, why it did not answer."""
    ahead = dict(follower.memory.progress.ahead)
    for witness, address in _asked(follower.reader.policy):
        name = witness.name.decode("latin-1")
        try:
            theirs = _witnessed(follower, witness, address)
            alarm = None if theirs is None else _disagreement(follower, theirs, head)
            late = theirs is not None and theirs.size > head.size
        except ClientError as error:
            yield error
            continue
        if alarm is not None:
            yield alarm
        elif late and theirs is not None:
            since = ahead.setdefault(name, now)
            if now - since > AHEAD_MAX:
                yield rolled_back(theirs, head)
            continue
        ahead.pop(name, None)
    if tuple(ahead.items()) != follower.memory.progress.ahead:
        follower.memory.persist(replace(follower.memory.progress, ahead=tuple(ahead.items())))


def stale(follower: Follower, *, now: datetime, after: timedelta) -> Alarm | None:
    """Return the alarm of a log that showed nothing newer for longer than ``after``."""
    seen = follower.memory.progress.head
    if seen is None or now - seen.at <= after:
        return None
    return Alarm(
        kind=Kind.STALE,
        what=f"no newer head since {format_time(seen.at)}",
        about=format_time(seen.at),
        heads=(seen.note,),
        members={"seen_at": format_time(seen.at)},
    )


def _missing(follower: Follower, member: Member, record: Record, head: Head) -> Alarm:
    assert record.receipt is not None
    promise = record.receipt.promise
    alarm = Alarm(
        kind=Kind.MISSING,
        what=f"submission {promise.id} was promised by {format_time(promise.deadline)}",
        about=promise.statement_hash.hex(),
        heads=(head.note,),
        members={
            "receipt": record.receipt.as_json(),
            "receipt_key": format_base64(member.receipt_key),
        },
    )
    if record.own is not None and head.size <= LEAVES_MAX:
        alarm.members["header"] = format_base64(record.own.header)
        alarm.members["leaves"] = format_base64(follower.reader.leaf_hashes(head))
    return alarm


def _contradiction(follower: Follower, sequenced: Sequenced, head: Head) -> Alarm | None:
    """Return the alarm where the checkpoint of a sequenced receipt is not of the log's history."""
    digest = sha256(sequenced.checkpoint).digest()
    if digest in follower.memory.checked:
        return None
    theirs = follower.opened(sequenced.checkpoint)
    if theirs.size > head.size:
        # The receipt may be younger than the head; then the next look compares them.
        newest = follower.shown(theirs.size)
        return rolled_back(theirs, newest) if newest.size < theirs.size else None
    alarm = follower.compared(theirs, head)
    if alarm is None:
        follower.memory.checkpoint_fits(digest)
    return alarm


def _asked(policy: Policy) -> Iterator[tuple[PolicyWitness, str]]:
    try:
        addresses = witness_addresses(policy)
    except BadInputError as error:
        raise StateError(f"the policy's witnesses: {error.detail}") from error
    for witness in policy.witnesses:
        if witness.key in addresses:
            yield witness, addresses[witness.key]


def _witnessed(follower: Follower, witness: PolicyWitness, address: str) -> Head | None:
    """Return the head that a witness cosigned last, ``None`` where it cosigned none."""
    vkey = follower.reader.vkey
    answer = Web(address, timeout_s=follower.reader.web.timeout_s).get(
        f"/{sha256(vkey.name.encode()).hexdigest()}/checkpoint"
    )
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    if answer.status != HTTPStatus.OK:
        raise AnswerError(f"witness {address}: {answer.problem()[1]}")
    alone = Policy(witnesses=(replace(witness, name=b"it"),), quorum=b"it")
    return open_head(answer.body, vkey=vkey, policy=alone)


def _disagreement(follower: Follower, theirs: Head, head: Head) -> Alarm | None:
    if theirs.size <= head.size:
        return follower.compared(theirs, head)
    try:
        return follower.compared(head, theirs)
    except AnswerError:
        return None  # the log shows nothing of it yet; how long that lasts is counted
