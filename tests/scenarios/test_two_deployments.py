"""Two deployments witness each other over HTTP, each with a database, keys and programs of its own.

One of them is then restored from an old copy, forked, and rewritten: the other cosigns nothing of
it, keeps the evidence, and goes on with the history that it knows.
"""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.core.checkpoint import open_checkpoint
from ledger.core.note import check_note, parse_note, parse_vkey
from ops.environment import ROOT
from tests.scenarios.deployments import Deployment, admitted, deployment, opened

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


def test_a_log_that_was_rolled_back_forked_or_rewritten_is_cosigned_no_more(tmp_path: Path) -> None:
    with (
        deployment("a.example", tmp_path / "a") as a,
        deployment("bb.example", tmp_path / "b") as b,
    ):
        (log_a, witness_a), (log_b, witness_b) = opened(a), opened(b)
        assert len({parse_vkey(v).public_key for v in (log_a, witness_a, log_b, witness_b)}) == 4
        b.run(("witness", "add", log_a))
        a.demand(log_a, witness_b, b)
        b.demand(log_b, witness_a, a)
        with b.serving():
            assert a.ask(("witness", "add", log_b)) == 1
            # Copies of the database as it is now: a backup, and what a dishonest hand works on.
            old, fork = a.copy("old"), a.copy("fork")
            with a.serving():
                each_cosigns_the_other(a, b, witness_a, witness_b)
                check_as_a_stranger(a, tmp_path)
            honest = cosigned_by(b, log_a)
            rolled_back(old)
            forked_and_rewritten(fork)
            assert cosigned_by(b, log_a) == honest
            evidence_of(b, log_a)
            # The history that the witness knows goes on.
            assert a.ask(*admitted("east")) == 1
            assert open_checkpoint(cosigned_by(b, log_a), parse_vkey(log_a)).size == 6


def each_cosigns_the_other(a: Deployment, b: Deployment, witness_a: str, witness_b: str) -> None:
    assert b.get("/log/main/checkpoint") == b"503"  # nothing is published below the quorum
    assert b.ask() == 1
    a.run(*admitted("north"))
    assert a.get("/log/main/checkpoint").split(b"\n")[1] == b"2"
    assert a.ask() == 1
    for of, witness, size in ((a, witness_b, 4), (b, witness_a, 2)):
        note = of.get("/log/main/checkpoint")
        vkey = parse_vkey(of.get("/log/main/vkey").decode().strip())
        assert open_checkpoint(note, vkey).size == size
        assert [each.key for each in check_note(parse_note(note), [parse_vkey(witness)])]


def check_as_a_stranger(a: Deployment, folder: Path) -> None:
    """The standalone verifier, with the policy that demands the other's cosignature."""
    a.run(("ledger_export", str(folder / "export")))
    assert a.policy is not None
    verifier = [sys.executable, str(ROOT / "ledger" / "verifier" / "theriac_verify.py")]
    said = subprocess.run(
        [*verifier, "--export", str(folder / "export"), "--policy", str(a.policy)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout
    assert "1 of 1 witnesses cosigned: the policy's quorum\n" in said.stdout


def cosigned_by(witness: Deployment, log: str) -> bytes:
    """Return the last checkpoint of a log that a deployment's witness shows."""
    origin = parse_vkey(log).name
    return witness.get(f"/witness/{sha256(origin.encode()).hexdigest()}/checkpoint")


def rolled_back(old: Deployment) -> None:
    """The backup believes in its old head; asking finds out, and nothing more is signed."""
    assert old.ask() == 0
    # Whoever does not ask is stopped all the same: the freeze is in the database.
    refused = old.run(*admitted("south"), status=1)
    assert "The ledger is frozen" in refused


def forked_and_rewritten(fork: Deployment) -> None:
    """Under the log's own key another history is signed, of the same size and then of a larger."""
    policy, fork.policy = fork.policy, None  # whoever does this asks nobody first
    fork.run(*admitted("south"))
    fork.policy = policy
    assert fork.ask() == 0
    fork.policy = None
    fork.run(*admitted("west"))
    fork.policy = policy
    assert fork.ask() == 0


def evidence_of(b: Deployment, log_a: str) -> None:
    """Both heads of each pair are under the log's own signature, and cannot both be true."""
    conflicts: Any = json.loads(b.run(("witness", "conflicts", "--json")))
    assert [each["kind"] for each in conflicts] == ["fork", "inconsistent"]
    vkey = parse_vkey(log_a)
    for each, sizes in zip(conflicts, ((4, 4), (4, 6)), strict=True):
        assert each["origin"] == vkey.name
        heads = [open_checkpoint(each[name].encode(), vkey) for name in ("cosigned", "refused")]
        assert tuple(head.size for head in heads) == sizes
        assert heads[0].root != heads[1].root
    assert (conflicts[0]["proof"], len(conflicts[1]["proof"]) > 0) == ([], True)
