"""What a log says of other logs: by whom, in which form; core and standalone verifier agree."""

import copy
import json
from typing import Any

import pytest

from ledger.core.canonical import Json
from ledger.core.channels import ChannelNameError, announcement, check_channel_name, link
from ledger.core.checkpoint import Checkpoint
from ledger.core.commitment import check_commitment
from ledger.core.entry import EntryDraft
from ledger.core.governance import (
    CHANNEL_CREATED,
    CHANNEL_LINKED,
    GENESIS,
    KINDS,
    Governance,
    GovernanceError,
)
from ledger.core.note import format_vkey
from tests.ledger.log_builder import LogBuilder, Signer
from tests.ledger.test_governance import CAST, LOG, entry_of, governed, operator_json
from tests.ledger.test_theriac_verify import VERIFIER
from tests.vectors.make_ledger_vectors import FOLDER

OTHER = "ledger.example/0other"
CLEAR: dict[str, Json] = {"origin": OTHER, "vkey": f"{OTHER}+00000000+AAAA"}
ONE = bytes(32)


def replayed() -> Any:
    """Return the standalone verifier's governance after the small log."""
    found = VERIFIER.Governance(format_vkey(LOG.vkey))
    for index, leaf in enumerate(LOG.leaves):
        if LOG.headers[index] != index:
            found.apply(VERIFIER.parse_entry(leaf), index, LOG.headers[index])
    return found


def is_taken(draft: EntryDraft, signer: Signer) -> bool:
    """Return whether the entry is taken next: both verifiers say the same, and nothing changes."""
    entry = entry_of(draft, signer)
    data = LOG.entry(signer, draft)
    governance, other = governed(), replayed()
    before = (dict(governance.keys), dict(governance.members), copy.deepcopy(other.keys))
    taken = []
    try:
        governance.apply(entry, 30, header_index=29)
        taken.append(True)
    except GovernanceError:
        taken.append(False)
    try:
        other.apply(VERIFIER.parse_entry(data), 30, 29)
        taken.append(True)
    except VERIFIER.BadError:
        taken.append(False)
    assert taken[0] == taken[1]
    assert before == (dict(governance.keys), dict(governance.members), other.keys)
    return taken[0]


@pytest.mark.parametrize(
    ("body", "commitments", "by_operator", "taken"),
    [
        (CLEAR, (), True, True),
        ({}, (ONE,), True, True),
        (CLEAR, (), False, False),
        ({}, (ONE,), False, False),
        ({}, (), True, False),
        ({}, (ONE, ONE), True, False),
        (CLEAR, (ONE,), True, False),
        ({"origin": OTHER}, (), True, False),
        ({**CLEAR, "more": 1}, (), True, False),
        ({**CLEAR, "origin": "a b"}, (), True, False),
        ({**CLEAR, "vkey": "other+00000000+AAAA"}, (), True, False),
        ({**CLEAR, "vkey": f"{OTHER}+\n"}, (), True, False),
        ({"origin": LOG.vkey.name, "vkey": format_vkey(LOG.vkey)}, (), True, False),
    ],
)
def test_a_channel_is_announced_by_the_operator_in_clear_or_behind_one_commitment(
    body: dict[str, Json], commitments: tuple[bytes, ...], *, by_operator: bool, taken: bool
) -> None:
    signer = LogBuilder.operator if by_operator else CAST.pharmacy
    assert is_taken(LOG.draft(CHANNEL_CREATED, body, *commitments), signer) == taken


@pytest.mark.parametrize(
    ("body", "commitments", "taken"),
    [({}, (ONE,), True), ({}, (), False), ({}, (ONE, ONE), False), ({"size": 1}, (ONE,), False)],
)
def test_any_member_links_by_one_commitment(
    body: dict[str, Json], commitments: tuple[bytes, ...], *, taken: bool
) -> None:
    assert is_taken(LOG.draft(CHANNEL_LINKED, body, *commitments), CAST.pharmacy) == taken


def test_what_is_said_of_other_logs_need_not_stand_in_a_proof() -> None:
    assert GENESIS in KINDS
    assert not {CHANNEL_CREATED, CHANNEL_LINKED} & set(KINDS)


@pytest.mark.parametrize(("entries", "taken"), [("members", True), ("all", False), (1, False)])
def test_a_genesis_says_whether_entries_are_for_members(entries: Json, *, taken: bool) -> None:
    genesis = LOG.leaves[1]
    assert governed().members_only is False
    body: dict[str, Json] = {
        **VERIFIER.parse_entry(genesis)["body"],
        "operator": operator_json(),
        "entries": entries,
    }
    draft = LOG.draft(GENESIS, body)
    governance, other = Governance(LOG.vkey), VERIFIER.Governance(format_vkey(LOG.vkey))
    entry, data = entry_of(draft, LogBuilder.operator), LOG.entry(LogBuilder.operator, draft)
    if taken:
        governance.apply(entry, 1, header_index=0)
        other.apply(VERIFIER.parse_entry(data), 1, 0)
        assert governance.members_only is True
        assert governance.copy().members_only is True
        return
    with pytest.raises(GovernanceError, match="entries"):
        governance.apply(entry, 1, header_index=0)
    with pytest.raises(VERIFIER.BadError):
        other.apply(VERIFIER.parse_entry(data), 1, 0)


def test_openings_open_what_they_say() -> None:
    head = Checkpoint(origin=OTHER, size=7, root=ONE)
    linked = link(log="a.example/1", linked=head, key=ONE)
    assert linked.header == b'{"kind":"ledger.channel.linked.v1","log":"a.example/1"}'
    assert linked.data == b'{"origin":"%s","root":"%s","size":7}' % (OTHER.encode(), b"0" * 64)
    announced = announcement(directory="a.example/1", origin=OTHER, vkey="v", key=ONE)
    assert announced.data == b'{"origin":"%s","vkey":"v"}' % OTHER.encode()
    for opening in (linked, announced):
        check_commitment(
            commitment=opening.commitment,
            key=opening.key,
            header=opening.header,
            data=opening.data,
        )
    assert linked.commitment != announced.commitment


def test_the_link_that_the_page_quotes_is_the_one_that_the_code_makes() -> None:
    spec = (FOLDER.parents[2] / "docs" / "spec" / "channels.md").read_text()
    root = bytes.fromhex(json.loads((FOLDER / "ledger.json").read_bytes())["tree"]["roots"][4])
    made = link(
        log="ledger.example/1b2c3d",
        linked=Checkpoint(origin=LOG.vkey.name, size=4, root=root),
        key=bytes(range(32)),
    )
    assert f"{made.header.decode()}\n{made.data.decode()}\n{made.commitment.hex()}" in spec


def test_names_of_channels_are_words_of_an_address() -> None:
    for name in ("a", "a-1", "a" * 40):
        check_channel_name(name)
    for name in ("", "1", "-", "A", "a" * 41, "a_b", "a\n"):
        with pytest.raises(ChannelNameError):
            check_channel_name(name)
