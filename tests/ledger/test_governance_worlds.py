"""Governance in small worlds: every order of changes, against a model that only looks back.

The model keeps a list of what was accepted and answers each question by reading all of it, so it
shares no state, no order of checks and no code with the core. The standalone verifier goes along.
"""

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from ledger.core.canonical import Json
from ledger.core.entry import endorse_entry, parse_entry
from ledger.core.governance import POLICY_SET, Governance, GovernanceError
from ledger.core.note import format_vkey
from tests.ledger.log_builder import DONE, OPERATOR, PHARMACY, WHOLESALER, LogBuilder, Signer
from tests.ledger.test_theriac_verify import VERIFIER

# Each key by name: whose it is and who holds it.
KEYS = {
    "o1": (OPERATOR, "system"),
    "a1": (WHOLESALER, "system"),
    "a2": (WHOLESALER, "person"),
    "a3": (WHOLESALER, "system"),
    "a4": (WHOLESALER, "device"),
    "a5": (WHOLESALER, "person"),
    "b1": (PHARMACY, "system"),
    "b2": (PHARMACY, "system"),
}
SIGNERS = {name: Signer(name, org) for name, (org, _) in KEYS.items()}
MEMBER_KINDS = {OPERATOR: "operator", WHOLESALER: "store", PHARMACY: "store"}


@dataclass(frozen=True)
class Act:
    """One submission of one entry: by which key, what, and endorsed by which keys."""

    by: str
    what: str  # add, rotate, revoke, leave, policy, done
    key: str = ""
    old: str = ""
    org: UUID = OPERATOR
    kind: str = DONE
    n: int = 0
    meant: tuple[UUID, ...] | str = ()
    endorsed: tuple[str, ...] = ()


class Model:
    """What was accepted, in order: pairs of an index and an act."""

    START = (
        (1, Act("o1", "add", key="o1")),
        (3, Act("o1", "add", key="a1")),
        (5, Act("o1", "add", key="b1")),
    )

    def __init__(self, past: Sequence[tuple[int, Act]]) -> None:
        self.past = [*past]

    def end(self, key: str) -> int | None:
        """Return the index at which a key ended."""
        for index, act in self.past:
            gone = act.what == "revoke" and act.key == key
            gone |= act.what == "rotate" and act.old == key
            there = any(i < index and key == one.key for i, one in self.past if one.what in ADDS)
            gone |= act.what == "leave" and act.org == KEYS[key][0] and there
            if gone:
                return index
        return None

    def there(self, key: str) -> bool:
        return any(act.key == key for _, act in self.past if act.what in ADDS)

    def valid(self, key: str) -> bool:
        return self.there(key) and self.end(key) is None

    def left(self, org: UUID) -> bool:
        return any(act.what == "leave" and act.org == org for _, act in self.past)

    def policy(self, kind: str) -> tuple[int, Act] | None:
        for index, act in reversed(self.past):
            if act.what == "policy" and act.kind == kind:
                return (index, act) if act.n else None
        return None

    @staticmethod
    def means(policy: Act, org: UUID) -> bool:
        if isinstance(policy.meant, str):
            return MEMBER_KINDS[org] == policy.meant
        return org in policy.meant

    def met(self) -> bool:
        """Return whether every policy in force could be met."""
        for kind in {act.kind for _, act in self.past if act.what == "policy"}:
            found = self.policy(kind)
            if found is not None:
                able = {
                    org
                    for key, (org, holder) in KEYS.items()
                    if self.valid(key) and holder != "device" and self.means(found[1], org)
                }
                if len(able) < found[1].n:
                    return False
        return True

    def endorsed(self, act: Act) -> bool:
        found = self.policy(KINDS[act.what])
        if found is None:
            return not act.endorsed
        good = [
            key
            for key in act.endorsed
            if self.valid(key) and KEYS[key][1] != "device" and self.means(found[1], KEYS[key][0])
        ]
        return len(good) == len(act.endorsed) >= found[1].n

    def allowed(self, act: Act) -> bool:
        """Return whether the act may stand: by itself, and by what it would leave behind."""
        org = KEYS[act.by][0]
        if not self.valid(act.by) or not self.endorsed(act):
            return False
        operator = org == OPERATOR
        alone = {
            "add": not self.there(act.key) and act.key in keys_of(org),
            "rotate": (
                self.valid(act.old)
                and not self.there(act.key)
                and KEYS[act.old][0] == org
                and (act.by == act.old or KEYS[act.by][1] in ("system", "member"))
            ),
            "revoke": self.valid(act.key) and (operator or KEYS[act.key][0] == org),
            "leave": (
                not self.left(act.org) and act.org != OPERATOR and (operator or act.org == org)
            ),
            "policy": (
                operator
                and all(not self.left(one) for one in act.meant if not isinstance(one, str))
            ),
            "done": True,
        }
        if not alone[act.what]:
            return False
        after = Model([*self.past, (self.past[-1][0] + 1, act)])
        keyless = [
            org
            for org in MEMBER_KINDS
            if not after.left(org) and not any(after.valid(key) for key in keys_of(org))
        ]
        return not keyless and after.met()


ADDS = ("add", "rotate")
KINDS = {
    "add": "ledger.key.added.v1",
    "rotate": "ledger.key.rotated.v1",
    "revoke": "ledger.key.revoked.v1",
    "leave": "ledger.member.left.v1",
    "policy": POLICY_SET,
    "done": DONE,
}
BUILDER = LogBuilder()


def keys_of(org: UUID) -> list[str]:
    return [name for name, (owner, _) in KEYS.items() if owner == org]


@cache
def entry_of(act: Act, policy_index: int) -> bytes:
    """Return the entry of an act, endorsed under the policy at an index."""
    if act.what == "add":
        draft = BUILDER.key_added(SIGNERS[act.key], KEYS[act.key][1])
    elif act.what == "rotate":
        draft = BUILDER.key_rotated(SIGNERS[act.old], SIGNERS[act.key], KEYS[act.old][1])
    elif act.what == "revoke":
        draft = BUILDER.key_revoked(SIGNERS[act.key])
    elif act.what == "leave":
        draft = BUILDER.member_left(Signer("any", act.org))
    elif act.what == "policy":
        meant = (act.meant,) if isinstance(act.meant, str) else act.meant
        draft = BUILDER.policy_set(act.kind, act.n, *meant)
    else:
        draft = BUILDER.draft(DONE, {})
    data = BUILDER.entry(SIGNERS[act.by], draft)
    endorsements = [SIGNERS[key].endorse(data, policy_index) for key in act.endorsed]
    return endorse_entry(data, endorsements)


class World:
    """The core, the standalone verifier, and the model beside them."""

    def __init__(self, core: Governance, standalone: Any, past: Sequence[tuple[int, Act]]) -> None:
        self.core, self.standalone = core, standalone
        self.model = Model(past)

    def copy(self) -> "World":
        """Return a world that goes on alone; what neither program changes in place is shared."""
        core, standalone = self.core.copy(), copy.copy(self.standalone)
        standalone.keys = {key_id: [*key] for key_id, key in standalone.keys.items()}
        standalone.policies = {kind: [*past] for kind, past in standalone.policies.items()}
        standalone.left = {*standalone.left}
        return World(core, standalone, self.model.past)


def beginning() -> World:
    """Return a log in which all three are members, with one key each."""
    core = Governance(BUILDER.vkey)
    standalone = VERIFIER.Governance(format_vkey(BUILDER.vkey))
    genesis = BUILDER.genesis()
    operator: dict[str, Json] = {
        "org": str(OPERATOR),
        "name": "Example Operator",
        **SIGNERS["o1"].key_json(),
    }
    drafts = [
        BUILDER.draft(genesis.kind, {**genesis.body, "operator": operator}),
        BUILDER.admission(SIGNERS["a1"], "A", "store", "system"),
        BUILDER.admission(SIGNERS["b1"], "B", "store", "system"),
    ]
    for index, draft in zip((1, 3, 5), drafts, strict=True):
        data = BUILDER.entry(SIGNERS["o1"], draft)
        core.apply(parse_entry(data), index, header_index=index - 1)
        standalone.apply(VERIFIER.parse_entry(data), index, index - 1)
    return World(core, standalone, Model.START)


def taken(core: Governance, act: Act, data: bytes, header_index: int) -> bool:
    """Return whether the core takes the act's submission there, its key included."""
    signer = SIGNERS[act.by]
    try:
        core.key_for(
            key_id=signer.key_id,
            organisation_id=signer.organisation_id,
            header_index=header_index,
        )
        core.apply(parse_entry(data), header_index + 1, header_index=header_index)
    except GovernanceError:
        return False
    return True


def taken_too(standalone: Any, data: bytes, header_index: int) -> bool:
    """Return whether the standalone verifier takes it."""
    entry = VERIFIER.parse_entry(data)
    try:
        standalone.valid_key(entry["key"], entry["org"], header_index)
        standalone.apply(entry, header_index + 1, header_index)
    except VERIFIER.BadError:
        return False
    return True


def compare(world: World) -> None:
    """Fail where keys, members or policies are not what the model says."""
    core, model = world.core, world.model
    for name, signer in SIGNERS.items():
        key, other = core.keys.get(signer.key_id), world.standalone.keys.get(signer.key_id.hex())
        assert (key is not None) == (other is not None) == model.there(name)
        assert key is None or key.revoked_index == other[4] == model.end(name)
    for org in MEMBER_KINDS:
        assert (core.members[org].left_index is not None) == model.left(org)
        assert (str(org) in world.standalone.left) == model.left(org)
    for kind in KINDS.values():
        policy, found = core.policy_for(kind, 10**6), model.policy(kind)
        assert (policy is None) == (found is None)
        assert found is None or policy is None or policy.set_index == found[0]


def step(world: World, act: Act, header_index: int) -> bool:
    """Take one act in all three; return whether it was accepted."""
    policy = world.core.policy_for(KINDS[act.what], header_index)
    data = entry_of(act, 0 if policy is None else policy.set_index)
    accepted = taken(world.core, act, data, header_index)
    assert accepted == taken_too(world.standalone, data, header_index), (act, world.model.past)
    assert accepted == world.model.allowed(act), (act, world.model.past)
    if accepted:
        world.model.past.append((header_index + 1, act))
    return accepted


BOTH = (WHOLESALER, PHARMACY)
ACTS = [
    Act("a1", "add", key="a2"),
    Act("a1", "add", key="a4"),
    Act("a1", "rotate", old="a1", key="a3"),
    Act("a2", "rotate", old="a1", key="a3"),
    Act("o1", "revoke", key="a1"),
    Act("o1", "revoke", key="a1", endorsed=("b1",)),
    Act("b1", "leave", org=PHARMACY),
    Act("o1", "leave", org=WHOLESALER),
    Act("o1", "policy", n=1, meant=BOTH),
    Act("o1", "policy", n=2, meant="store"),
    Act("o1", "policy", n=0, endorsed=("b1",)),
    Act("o1", "policy", kind=POLICY_SET, n=1, meant=(PHARMACY,)),
    Act("o1", "policy", kind="ledger.key.revoked.v1", n=1, meant="store"),
    Act("a1", "done"),
    Act("b1", "done", endorsed=("a1",)),
    Act("b1", "done", endorsed=("a3", "b1")),
    Act("o1", "done", endorsed=("a4",)),
]


def test_every_sequence_of_three_changes_is_decided_as_the_model_decides() -> None:
    accepted = 0
    start = beginning()
    for one in ACTS:
        first = start.copy()
        step(first, one, 6)
        for two in ACTS:
            second = first.copy()
            step(second, two, 8)
            for three in ACTS:
                third = second.copy()
                accepted += step(third, three, 10)
                compare(third)
    # Neither side refuses everything, or takes everything.
    assert len(ACTS) ** 3 / 5 < accepted < len(ACTS) ** 3 * 4 / 5


ORDERS = [
    [
        Act("a1", "add", key="a2"),
        Act("a2", "rotate", old="a2", key="a5"),
        Act("o1", "revoke", key="a1"),
        Act("o1", "policy", n=1, meant="store"),
        Act("b1", "done", endorsed=("a5",)),
        Act("o1", "leave", org=WHOLESALER),
    ],
    [
        Act("o1", "policy", kind=POLICY_SET, n=2, meant=BOTH),
        Act("o1", "policy", n=1, meant=(OPERATOR, WHOLESALER), endorsed=("a1", "b1")),
        Act("o1", "policy", kind=POLICY_SET, n=0, endorsed=("a1", "b1")),
        Act("b1", "rotate", old="b1", key="b2"),
        Act("b2", "done", endorsed=("o1", "a1")),
        Act("a1", "leave", org=WHOLESALER),
    ],
]


def test_every_order_of_six_changes_is_decided_as_the_model_decides() -> None:
    start = beginning()
    for acts in ORDERS:
        whole = 0
        for order in itertools.permutations(acts):
            world = start.copy()
            done = [step(world, act, 6 + 2 * at) for at, act in enumerate(order)]
            compare(world)
            whole += all(done)
        assert whole > 0
