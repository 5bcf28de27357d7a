"""The broker, where ``BROKER_URL`` names one: it carries the ids of outbox rows to workers.

It is trusted with nothing: a message that it loses, brings twice or brings late changes no
outcome, because the row says what is still to be done.
"""

from collections.abc import Iterable
from uuid import UUID

from celery import Celery
from django.conf import settings
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from foundation.outbox import QUEUES

TASK = "foundation.outbox_run"
CONNECT_TIMEOUT_S = 3
CONFIRM_TIMEOUT_S = 10
ASKED_ONCE = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.1}


class NoBrokerError(RuntimeError):
    """A worker was started where no broker is configured."""


class BrokerDownError(ConnectionError):
    """The broker cannot be reached, or takes nothing; nothing is lost meanwhile."""


def broker_app() -> Celery:
    """Return Celery as all programs of this deployment use it; raise ``NoBrokerError``."""
    if not settings.BROKER_URL:
        # Celery's own default would be whatever broker this machine happens to run.
        raise NoBrokerError("BROKER_URL is not set: the relay runs everything itself")
    app = Celery("theriac", broker=settings.BROKER_URL, set_as_current=False)
    app.conf.update(
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=CONNECT_TIMEOUT_S,
        # A broker confirms what it keeps; without that a message may die in a socket's buffer.
        broker_transport_options=(
            {"confirm_publish": True}
            if settings.BROKER_URL.startswith(("amqp", "pyamqp"))
            else {"socket_connect_timeout": CONNECT_TIMEOUT_S}
        ),
        task_acks_late=True,
        task_default_queue=queue_name(QUEUES[0]),
        task_queues=[
            Queue(name, Exchange(name), routing_key=name) for name in map(queue_name, QUEUES)
        ],
        task_ignore_result=True,
        task_reject_on_worker_lost=True,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
    )
    return app


def queue_name(queue: str) -> str:
    """Return what an outbox queue is called at the broker, which deployments may share."""
    return f"{settings.BROKER_QUEUE}.{queue}"


def broker_send(app: Celery, message_ids: Iterable[UUID], *, queue: str) -> None:
    """Hand messages on, in order; raise ``BrokerDownError`` at the first that is not taken."""
    for message_id in message_ids:
        try:
            app.send_task(
                TASK,
                [str(message_id)],
                queue=queue_name(queue),
                confirm_timeout=CONFIRM_TIMEOUT_S,
                retry=True,
                retry_policy=ASKED_ONCE,
            )
        except (OperationalError, OSError) as error:
            raise BrokerDownError("the broker took no message") from error


def broker_trouble() -> str:
    """Return what is in the way of the broker: an empty text where nothing is, or none is used."""
    if not settings.BROKER_URL:
        return ""
    try:
        with broker_app().connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=CONNECT_TIMEOUT_S)
    except (OperationalError, OSError):
        return "cannot be reached"
    return ""
