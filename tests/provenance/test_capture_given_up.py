"""A capture job whose work the outbox gave up has ended, and says so."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from foundation.outbox import ATTEMPTS_MAX, outbox_claim, outbox_given_up, outbox_run
from foundation.tenancy import acting_as
from ledger.services import gate
from provenance.models import CaptureJob
from provenance.selectors import CAPTURE_HANDLER, CAPTURE_ID
from tests.conftest import Channel
from tests.provenance.epcis_samples import document
from tests.provenance.test_capture_http import CAPTURE, job_of, recorded, send, state, work_off
from tests.provenance.test_epcis_rest import caller
from tests.provenance.world import commission, member, packs


def try_often(times: int) -> None:
    """Do what the relay does, so many times, each time hours later."""
    now = timezone.now()  # noqa: TID251 - the views' clock
    for _ in range(times):
        now += dt.timedelta(hours=2)
        for message_id in outbox_claim(now=now):
            outbox_run(message_id, now=now)


def test_a_job_that_was_given_up_has_ended_with_its_reason(
    fresh_db: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker, other = member(fresh_db, "manufacturer"), member(fresh_db, "wholesaler")
    done = send(maker, document(commission(packs(1))))
    work_off()
    whole = document(commission(packs(1)))
    lost = send(maker, whole)
    with monkeypatch.context() as full:
        full.setattr(gate, "OUTSTANDING_MAX", 0)
        try_often(ATTEMPTS_MAX - 1)
        assert state(job_of(maker, lost)) == (True, True)
        try_often(1 + ATTEMPTS_MAX)
    waits = send(maker, document(commission(packs(1))))
    job: dict[str, Any] = job_of(maker, lost)
    assert (state(job), "finishedAt" in job, job["theriac:eventIDs"]) == ((False, False), True, [])
    with acting_as(maker.actor):
        kept = {str(each.capture_id): each.document for each in CaptureJob.objects.all()}
    assert kept.pop(job["captureID"]) is None  # its sender has the document, and nobody else
    assert sorted(each is None for each in kept.values()) == [False, True]  # waits, and done
    (error,) = job["errors"]
    assert (error["status"], error["type"]) == (500, "epcisException:ImplementationException")
    listed = caller(maker, "epcis:read").get(CAPTURE).json()
    assert [state(each) for each in listed] == [(True, True), (False, False), (False, True)]
    assert listed[1]["errors"] == job["errors"]
    assert (state(job_of(maker, done)), state(job_of(maker, waits))) == (
        (False, True),
        (True, True),
    )
    # Nobody else learns of it; its sender sends it again, and that is recorded.
    lost_id = [job["captureID"]]
    for who, seen in ((maker, 1), (other, 0)):
        with acting_as(who.actor):
            found = outbox_given_up(handler=CAPTURE_HANDLER, name=CAPTURE_ID, values=lost_id)
            assert len(found) == seen
    again = send(maker, whole, **{"Idempotency-Key": "again"})
    assert again["Location"] != lost["Location"]
    work_off()
    assert state(job_of(maker, again)) == (False, True)
    assert len(recorded(maker)) == 3
