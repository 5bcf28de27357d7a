"""kill -9 at every step: what is on disk is enough to go on, and nothing becomes two entries."""

import signal
import subprocess
import sys

import pytest

from ledger.services.verification import log_verify
from ops.environment import ROOT
from tests.client.conftest import Machine, event
from tests.client.test_client import key_state, recorded
from theriac_client.settings import read_settings

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
STEPS_MAX = 40


def killed_at(machine: Machine, steps: int, document: bytes) -> bool:
    """Run a client that is killed at this step; return whether it came so far."""
    words = [str(machine.folder), machine.address, machine.api_key, str(steps)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.client.killed", *words],
        cwd=ROOT,
        input=document,
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode != 0


def test_a_submission_survives_at_every_step(machine: Machine) -> None:
    client = machine.registered()
    steps = 1
    while killed_at(machine, steps, document := event()):
        record = machine.client().submit(document)
        assert record.own is not None
        # One more event, one more entry: whatever the killed one had done was finished, not redone.
        assert (recorded(machine), record.own.after.first) == (steps, steps)
        assert key_state(client).pending is None
        steps += 1
        assert steps < STEPS_MAX
    assert steps > 10
    assert [record.id for record in client.journal.records() if record.receipt is None] == []
    assert len(list((machine.folder / "submissions").glob("[!.]*"))) == 3 * (steps + 1)
    machine.channel.sequence()
    assert log_verify().faults == ()


def test_a_rotation_survives_at_every_step(machine: Machine) -> None:
    machine.registered()
    steps = 1
    while killed_at(machine, steps, b""):
        machine.channel.sequence()
        client = machine.client()
        client.rotate()
        machine.channel.sequence()
        client.submit(event())
        steps += 1
        assert steps < STEPS_MAX
    assert steps > 10
    assert recorded(machine) == steps - 1
    machine.channel.sequence()
    assert log_verify().faults == ()


def test_the_control_a_client_that_loses_its_state_is_told_the_head(machine: Machine) -> None:
    client = machine.registered()
    key_id = read_settings(client.folder).key_id
    before = key_state(client)
    client.submit(event())
    client.journal.key_move(key_id, before)
    told: list[str] = []
    machine.client(told=told.append).submit(event())
    assert told == ["the key signed elsewhere too: going on after entry 1, not 0"]
