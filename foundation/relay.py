"""The relay: takes due messages from the outbox until it is told to stop.

Without a broker it runs them itself, each queue in threads of its own, so that what hangs in one
queue stops no other. With a broker it hands the ids on, and workers run them.
"""

import datetime as dt
import logging
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event, Thread
from uuid import UUID

from celery import Celery
from django.db import DatabaseError, connections

from foundation.broker import BrokerDownError, broker_send
from foundation.outbox import (
    QUEUES,
    outbox_claim,
    outbox_give_back,
    outbox_hand_on,
    outbox_run,
)

logger = logging.getLogger(__name__)

Clock = Callable[[], dt.datetime]
THREADS_PER_QUEUE = 4
IDLE_S = 0.2
TROUBLE_S = 1.0


def relay_once(clock: Clock) -> None:
    """Run what is due, here and now, until nothing is."""
    while claimed := outbox_claim(now=clock()):
        for message_id in claimed:
            outbox_run(message_id, now=clock())


def relay_here(clock: Clock, stop: Event) -> None:
    """Run what is due in this process until ``stop``; what has begun is finished first."""
    lanes = [Thread(target=_lane, args=(queue, clock, stop), name=queue) for queue in QUEUES]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()


def _lane(queue: str, clock: Clock, stop: Event) -> None:
    running: set[Future[None]] = set()
    with ThreadPoolExecutor(THREADS_PER_QUEUE, thread_name_prefix=queue) as pool:
        while not stop.is_set():
            claimed: list[UUID] = []
            try:
                if len(running) < THREADS_PER_QUEUE:
                    claimed = outbox_claim(
                        now=clock(), limit=THREADS_PER_QUEUE - len(running), queue=queue
                    )
            except DatabaseError as error:
                _wait_out(error, stop)
            running |= {pool.submit(_run, message_id, clock) for message_id in claimed}
            if running:
                running = wait(running, IDLE_S, FIRST_COMPLETED).not_done
            elif not claimed:
                stop.wait(IDLE_S)
    connections.close_all()


def _run(message_id: UUID, clock: Clock) -> None:
    try:
        outbox_run(message_id, now=clock())
    except DatabaseError as error:  # the lease runs out, and another round has it
        logger.warning("an outbox message waits", exc_info=error)
    finally:
        connections.close_all()


def relay_to_broker(broker: Celery, clock: Clock, stop: Event, *, once: bool = False) -> None:
    """Hand what is due on to the broker until ``stop``; trouble is waited out."""
    while not stop.is_set():
        handed_on = 0
        try:
            handed_on = sum(hand_on(broker, clock(), queue) for queue in QUEUES)
        except (DatabaseError, BrokerDownError) as error:
            _wait_out(error, stop)
        if once:
            return
        if not handed_on:
            stop.wait(IDLE_S)
    connections.close_all()


def hand_on(broker: Celery, now: dt.datetime, queue: str) -> int:
    """Hand the due messages of a queue on; return how many. Raises ``BrokerDownError``."""
    claimed = outbox_hand_on(now=now, queue=queue)
    try:
        broker_send(broker, claimed, queue=queue)
    except BrokerDownError:
        # Some may have been taken all the same: a worker asks the row before it begins.
        outbox_give_back(claimed)
        raise
    return len(claimed)


def _wait_out(error: Exception, stop: Event) -> None:
    logger.warning("the relay waits", exc_info=error)
    connections.close_all()
    stop.wait(TROUBLE_S)
