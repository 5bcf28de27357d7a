"""What is counted, and who may read it."""

import os
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.db import OperationalError
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from accounts.services import operator_project
from foundation import metrics, outbox
from foundation.metrics import render_metrics
from foundation.outbox import ATTEMPTS_MAX, outbox_begin, outbox_put, outbox_run
from foundation.tenancy import acting_as
from ledger.core.entry import EntryDraft
from ledger.services import submission_append
from ops.environment import ROOT
from tests.accounts.conftest import World
from tests.conftest import NOW, Channel

FAR = "203.0.113.5"
Numbers = dict[tuple[str, ...], float]


def numbers(text: str) -> Numbers:
    """Return every sample: (name, label values …) → value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def world(channel: Channel) -> World:
    """Organisations with keys."""
    operator_project(actor=channel.operator)
    return World(channel=channel)


def ask(address: str = FAR, key: str = "", **headers: str) -> tuple[int, str]:
    """Ask from an address; return the status and the text."""
    if key:
        headers["Authorization"] = f"Bearer {key}"
    answer = Client(REMOTE_ADDR=address).get("/metrics", headers=headers)
    return answer.status_code, answer.content.decode()


def test_this_machine_may_ask_and_the_world_may_not(world: World) -> None:
    assert world.channel.log.name
    assert ask("127.0.0.1")[0] == 200
    assert ask("::1")[0] == 200
    for address in (FAR, "10.0.0.1", "", "no address"):
        status, text = ask(address)
        assert status == 403
        assert "theriac_" not in text


def test_networks_are_the_operators_to_name(world: World, settings: LazySettings) -> None:
    assert world.channel.log.name
    settings.METRICS_NETWORKS = [ip_network("10.0.0.0/8")]
    assert ask("10.9.8.7")[0] == 200
    assert ask("127.0.0.1")[0] == 403


def test_a_proxy_passes_nobody_off_as_near(world: World, settings: LazySettings) -> None:
    assert world.channel.log.name
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert ask("127.0.0.1")[0] == 403
    assert ask("127.0.0.1", **{"X-Forwarded-For": f"127.0.0.1, {FAR}"})[0] == 403
    assert ask("127.0.0.1", **{"X-Forwarded-For": f"{FAR}, 127.0.0.1"})[0] == 200


def test_the_operators_key_opens_it_from_anywhere_and_nobody_elses(world: World) -> None:
    operator = world.channel.operator
    good, _ = world.key(operator, "ledger:read")
    weak, _ = world.key(operator, "epcis:read")
    foreign, _ = world.key(world.admit(), "ledger:read")
    assert ask(key=good)[0] == 200
    assert ask(key=weak)[0] == 403
    assert ask(key=foreign)[0] == 403
    assert ask(key="thk_no_key")[0] == 401


def test_requests_are_counted_by_route_and_never_by_what_was_asked_for(
    world: World, anyone: Client
) -> None:
    assert world.channel.log.name
    path = ("theriac_requests_total", "GET", "api/v1/ledger/receipts/<uuid:submission_id>", "401")
    before = numbers(ask("127.0.0.1")[1])
    missing = str(uuid4())
    anyone.get(f"/api/v1/ledger/receipts/{missing}")
    anyone.get(f"/{missing}")
    anyone.generic("BREW", "/healthz")
    status, text = ask("127.0.0.1")
    after = numbers(text)
    assert status == 200
    assert after[path] == before.get(path, 0) + 1
    assert after["theriac_request_seconds_count", path[2]] >= 1
    assert after["theriac_requests_total", "GET", "none", "404"] >= 1
    assert after["theriac_requests_total", "other", "healthz", "405"] >= 1
    assert missing not in text


def test_what_waits_and_what_was_given_up_shows(
    fresh_db: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_HANDLERS", {})
    with acting_as(fresh_db.operator):
        ids = [outbox_put(handler="tests.none", payload={}, now=NOW) for _ in range(3)]
    monkeypatch.setattr(outbox, "BACK_OFF_BASE_S", 0)
    for _ in range(ATTEMPTS_MAX):
        outbox_begin(ids[0], now=NOW)
        outbox_run(ids[0], now=NOW)
    before = numbers(render_metrics().decode())
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})
    submission_append(actor=fresh_db.operator, entries=[draft], now=NOW)
    found = numbers(render_metrics().decode())
    assert found["theriac_outbox_due", "default"] == 2
    assert found["theriac_outbox_oldest_seconds", "default"] > 0
    assert found["theriac_outbox_given_up", "default"] == 1
    assert found["theriac_outbox_due", "outside"] == 0
    assert before["theriac_receipts_waiting", "main"] == 0
    assert found["theriac_receipts_waiting", "main"] == 1
    # The test's clock stands still in the past.
    assert found["theriac_receipts_overdue", "main"] == 1
    assert found["theriac_sequencer_lag_seconds", "main"] > 60
    assert found["theriac_log_frozen", "main"] == 0
    fresh_db.sequence()
    after = numbers(render_metrics().decode())
    assert after["theriac_log_size", "main"] == found["theriac_log_size", "main"] + 2
    assert after["theriac_sequencer_lag_seconds", "main"] == 0


def test_a_database_that_is_gone_still_lets_requests_be_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone() -> None:
        raise OperationalError("host db.example refused")

    monkeypatch.setattr(metrics, "_SOURCES", {"ledger": gone})
    status, text = ask("127.0.0.1")
    assert status == 200
    assert numbers(text)["theriac_answers", "ledger"] == 0
    assert "db.example" not in text


COUNT = """
import django
django.setup()
from foundation import metrics
metrics._SOURCES.clear()
metrics.count_request(method="GET", route="healthz", status=200, seconds=0.01)
print(metrics.render_metrics().decode())
"""


@pytest.mark.slow
def test_processes_that_share_a_folder_count_together(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        "THERIAC_HOME": str(tmp_path / "home"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    for count in (1, 2):
        done = subprocess.run(
            [sys.executable, "-c", COUNT],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert numbers(done.stdout)["theriac_requests_total", "GET", "healthz", "200"] == count
