"""The log as C2SP clients read it: what they fetch, they can verify without us."""

import json
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from ledger.core.bundle import check_bundle, parse_bundle
from ledger.core.checkpoint import open_checkpoint
from ledger.core.entry import EntryDraft
from ledger.core.note import parse_vkey
from ledger.core.proof import check_inclusion
from ledger.core.tiles import format_tile_path, tiles_between
from ledger.core.tiles import parse_bundle as parse_entry_bundle
from ledger.core.tlog_proof import check_tlog_proof, parse_tlog_proof
from ledger.services import channel_create, submission_append
from ledger.services.proofs import proof_bundle
from tests.conftest import NOW, Channel

ROOT = Path(__file__).parents[2]
VERIFIER = ROOT / "ledger" / "verifier" / "theriac_verify.py"


def write(channel: Channel, count: int) -> bytes:
    """Write one submission of ``count`` entries; return the id of its last entry."""
    drafts = [
        EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={"n": number})
        for number in range(count)
    ]
    receipt = submission_append(actor=channel.operator, entries=drafts, now=NOW)
    channel.sequence()
    return receipt.entry_ids[-1]


def get(anyone: Client, path: str, **headers: str) -> bytes:
    response = anyone.get(f"/log/main/{path}", headers=headers)
    assert response.status_code == 200, response.content
    return bytes(response.content)


def test_a_channel_that_is_none_is_not_found_and_ones_own_not_yet(
    fresh_db: Channel, anyone: Client, settings: Settings
) -> None:
    entry_id = write(fresh_db, 1).hex()
    for path in ("checkpoint", "vkey", "tile/0/000", f"proof/{entry_id}"):
        response = anyone.get(f"/log/other/{path}")
        assert response.status_code == 404, path
        assert response.json()["type"] == "urn:theriac:problem:not-found"
    settings.CHANNEL_NAME = "other"
    response = anyone.get("/log/other/checkpoint")
    assert response.status_code == 503
    assert response.json()["type"] == "urn:theriac:problem:no-log"


def test_each_channel_proves_its_own_entries_only(
    fresh_db: Channel, anyone: Client, settings: Settings
) -> None:
    entry_id = write(fresh_db, 2).hex()
    settings.CHANNEL_NAME = "second"
    second = channel_create(operator_id=uuid4(), operator_name="Other", now=NOW)
    # Whichever channel is the deployment's own, the address says whose proof is wanted.
    for name in ("main", "second"):
        settings.CHANNEL_NAME = name
        bundle = parse_bundle(get(anyone, f"proof/{entry_id}"))
        check_bundle(bundle, parse_vkey(fresh_db.log.vkey))
        for accept in ("application/json", "text/plain"):
            other = anyone.get(f"/log/second/proof/{entry_id}", headers={"Accept": accept})
            assert (other.status_code, b"unknown-entry" in other.content) == (404, True)
        own = get(anyone, f"proof/{entry_id}.tlog-proof")
        assert own == get(anyone, f"proof/{entry_id}", Accept="text/plain")
        assert anyone.get(f"/log/second/proof/{entry_id}.tlog-proof").status_code == 404
        vkey = anyone.get("/log/second/vkey").content.decode()
        assert vkey == f"{second.vkey}\n"


@pytest.mark.parametrize("count", [1, 253, 254, 600])
def test_what_is_served_is_the_exported_log(
    fresh_db: Channel, anyone: Client, tmp_path: Path, count: int
) -> None:
    write(fresh_db, count)
    checkpoint = open_checkpoint(get(anyone, "checkpoint"), parse_vkey(fresh_db.log.vkey))
    assert checkpoint.size == count + 3
    call_command("ledger_export", str(tmp_path / "export"))
    files = {format_tile_path(tile) for tile in tiles_between(0, checkpoint.size)}
    exported = {
        str(path.relative_to(tmp_path / "export"))
        for path in (tmp_path / "export").rglob("*")
        if path.is_file()
    }
    assert exported == files | {"checkpoint", "vkey"}
    for name in exported:
        assert get(anyone, name) == (tmp_path / "export" / name).read_bytes(), name
    said = subprocess.run(
        [sys.executable, str(VERIFIER), "--export", str(tmp_path / "export")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/000.p/99",
        "tile/0/001",
        "tile/1/000",
        "tile/64/000",
        "tile/0/1",
        "tile/entries/000.p/0",
        "tile/0/../vkey",
    ],
)
def test_a_tile_that_is_not_published_is_not_there(
    fresh_db: Channel, anyone: Client, path: str
) -> None:
    write(fresh_db, 1)
    assert anyone.get(f"/log/main/{path}").status_code == 404


def test_a_bundle_of_entries_holds_the_leaves(fresh_db: Channel, anyone: Client) -> None:
    write(fresh_db, 2)
    leaves = parse_entry_bundle(get(anyone, "tile/entries/000.p/5"), 5)
    assert [b'"sig"' in leaf for leaf in leaves] == [True, False, True, False, False]


def test_both_proofs_of_an_entry_hold(fresh_db: Channel, anyone: Client) -> None:
    fresh_db.admit("pharmacy")
    entry_id = write(fresh_db, 5)
    write(fresh_db, 3)
    vkey = parse_vkey(fresh_db.log.vkey)
    bundle = parse_bundle(get(anyone, f"proof/{entry_id.hex()}"))
    checked = check_bundle(bundle, vkey)
    assert checked.entry.body == {"n": 4}
    assert checked.index == 9
    proof = parse_tlog_proof(get(anyone, f"proof/{entry_id.hex()}", accept="text/plain"))
    checkpoint = check_tlog_proof(proof, leaf=bundle.entry.entry, log=vkey)
    check_inclusion(
        leaf=entry_id,
        index=9,
        size=checkpoint.size,
        proof=proof.hashes,
        root=checkpoint.root,
    )


def test_a_bundle_takes_as_many_queries_however_many_members_there_are(fresh_db: Channel) -> None:
    sent, governance = [], []
    for members in (1, 12):
        for _ in range(members):
            fresh_db.admit("pharmacy")
        entry_id = write(fresh_db, 1)
        with CaptureQueriesContext(connections["default"]) as captured:
            bundle = parse_bundle(proof_bundle(entry_id))
        sent.append(len(captured))
        check_bundle(bundle, parse_vkey(fresh_db.log.vkey))
        governance.append(len(bundle.governance))
    assert sent[0] == sent[1] > 0
    assert governance == [2, 14]  # genesis and the admissions


def test_a_promised_entry_has_no_proof_yet_and_an_unknown_one_none(
    fresh_db: Channel, anyone: Client
) -> None:
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})
    receipt = submission_append(actor=fresh_db.operator, entries=[draft], now=NOW)
    promised = anyone.get(f"/log/main/proof/{receipt.entry_ids[0].hex()}")
    assert (promised.status_code, promised["Retry-After"]) == (503, "5")
    unknown = anyone.get(f"/log/main/proof/{'0' * 64}")
    assert unknown.status_code == 404
    assert json.loads(unknown.content)["type"] == "urn:theriac:problem:unknown-entry"


def test_an_export_replaces_an_older_one_and_nothing_else(
    fresh_db: Channel, tmp_path: Path
) -> None:
    write(fresh_db, 1)
    call_command("ledger_export", str(tmp_path / "export"))
    write(fresh_db, 1)
    call_command("ledger_export", str(tmp_path / "export"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("kept")
    with pytest.raises(CommandError, match="not an export"):
        call_command("ledger_export", str(tmp_path / "mine"))
    assert (tmp_path / "mine" / "file").read_text() == "kept"


def test_only_reading_is_allowed(channel: Channel, anyone: Client) -> None:
    assert channel.log.name == "main"
    for path in ("checkpoint", "vkey", "tile/0/000.p/1", f"proof/{'0' * 64}"):
        assert anyone.post(f"/log/main/{path}").status_code == 405
