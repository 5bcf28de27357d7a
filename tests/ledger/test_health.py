"""What readiness says of the log."""

import datetime as dt
from uuid import uuid4

import pytest
from django.db import OperationalError

from foundation.core.actor import SYSTEM
from foundation.tenancy import acting_as
from ledger import health
from ledger.core.entry import EntryDraft
from ledger.models import LogFreeze
from ledger.services import submission_append
from tests.conftest import NOW, Channel


def test_a_frozen_log_and_a_broken_promise_are_named(fresh_db: Channel) -> None:
    assert health.sequencer_trouble(now=NOW) == ""
    draft = EntryDraft(kind="test.thing.done.v1", id=uuid4(), body={})
    submission_append(actor=fresh_db.operator, entries=[draft], now=NOW)
    assert health.sequencer_trouble(now=NOW) == ""
    assert health.checkpoint_trouble(now=NOW + dt.timedelta(seconds=29)) == ""
    said = health.checkpoint_trouble(now=NOW + dt.timedelta(seconds=30))
    assert said == "the last one is 30 s old, and submissions wait"
    late = NOW + dt.timedelta(seconds=61)
    assert "beyond the deadline" in health.sequencer_trouble(now=late)
    fresh_db.sequence()
    assert health.sequencer_trouble(now=late) == ""
    assert health.checkpoint_trouble(now=late) == ""  # an idle log signs nothing
    with acting_as(SYSTEM):
        LogFreeze.objects.create(log_id=fresh_db.log.id, reason="a test", frozen_at=NOW)
    assert "frozen" in health.sequencer()


def test_a_database_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(actor: object) -> None:
        raise OperationalError(actor)

    monkeypatch.setattr(health, "acting_as", refuse)
    assert health.sequencer_trouble(now=NOW) == "cannot be asked"
    assert health.checkpoint_trouble(now=NOW) == "cannot be asked"


def test_before_its_genesis_a_log_is_no_trouble_and_has_no_gauges(
    fresh_db: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "log_list", list)  # what there is before the genesis
    assert fresh_db.log.id
    assert health.log_states(now=NOW) == {}
    assert health.checkpoint_trouble(now=NOW) == ""
    assert list(health.gauges()) == []
