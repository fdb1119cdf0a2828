"""Redis or RabbitMQ as Celery's broker: what each needs to be told, and how much waits in its queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from amqp.exceptions import NotFound
from kombu import Connection, Queue
from kombu.exceptions import ChannelError, OperationalError
from kombu.utils.url import maybe_sanitize_url

from campaigns.core.errors import ServiceUnavailable
from campaigns.runtime import Runtime

QUEUES = ("plan", "pick", "copy", "send", "feedback")

# Where the broker is Redis, a task that was handed out and not acknowledged comes back after this many
# seconds. It must be longer than the longest task that is acknowledged at its end (training), or that one
# runs twice at once. Nothing waits for it: sends of a worker that died are found by their lease.
VISIBILITY_SECONDS = 3600
# RabbitMQ (since 3.8.17) closes the channel of a worker that keeps a task unacknowledged for longer than
# its consumer_timeout, 30 minutes unless its operator says otherwise, and hands the task out again. So what
# may run for longer is acknowledged at its start; app.py says which tasks, and who finds them again.
CONSUMER_TIMEOUT_SECONDS = 1800


def broker_url(runtime: Runtime) -> str:
    """Where hints go: TAILORMAIL_BROKER_URL, and Redis where that is not set."""
    return runtime.settings.broker_url or runtime.urls[1]


def is_rabbitmq(url: str) -> bool:
    """Whether this broker speaks AMQP."""
    return urlsplit(url).scheme in ("amqp", "amqps")


def celery_url(url: str) -> str:
    """`unix:///path?db=0` as Celery writes it; other URLs are the same."""
    if not url.startswith("unix://"):
        return url
    path, _, query = url.removeprefix("unix://").partition("?")
    number = query.removeprefix("db=") or "0"
    return f"redis+socket://{path}?virtual_host={number}"


def without_password(url: str) -> str:
    """The URL as it may stand in a log."""
    return str(maybe_sanitize_url(celery_url(url)))


def options(url: str, patience: float) -> dict[str, Any]:
    """Celery's settings for this broker; a call to one that does not answer takes `patience` seconds."""
    shared: dict[str, Any] = {
        # A hint that cannot be handed over at once is given up: the person who waits matters more, and the
        # scheduler repeats it. Workers reconnect by `broker_connection_retry` all the same.
        "max_retries": 0,
        "interval_start": 0,
    }
    if is_rabbitmq(url):
        return {
            "broker_connection_timeout": patience,
            "broker_transport_options": {
                **shared,
                # Without it a publish into a connection that has just died counts as done.
                "confirm_publish": True,
                "read_timeout": patience,
                "write_timeout": patience,
            },
            # How a peer that vanished without a word (power, cable) is noticed at both ends.
            "broker_heartbeat": 10,
            # RabbitMQ is about to refuse shared queues that do not survive it; a worker's own is exclusive.
            "control_queue_exclusive": True,
        }
    return {
        "broker_connection_timeout": patience,
        "broker_transport_options": {
            **shared,
            "visibility_timeout": VISIBILITY_SECONDS,
            "socket_connect_timeout": patience,
            "socket_keepalive": True,
            "socket_timeout": patience,
        },
    }


def queues(url: str) -> list[Queue]:
    """The queues as they are declared, by whoever comes first.

    At RabbitMQ they are quorum queues: they survive the loss of a node, while a classic queue is away until
    its node returns. What a quorum queue costs, a disk write at most nodes for each message, is nothing at
    one hint for some hundred mails. Redis knows no kinds of queues.
    """
    arguments = {"x-queue-type": "quorum"} if is_rabbitmq(url) else None
    return [Queue(name, routing_key=name, durable=True, queue_arguments=arguments) for name in QUEUES]


def queue_lengths(url: str, seconds: float = 1.0, names: Sequence[str] = QUEUES) -> dict[str, int]:
    """How many tasks wait in each of these queues, without those that are being worked on.

    Raises:
        ServiceUnavailable: the broker does not answer within about `seconds`.
    """
    told = options(url, seconds)
    lengths = {}
    with Connection(
        celery_url(url),
        connect_timeout=seconds,
        transport_options=told["broker_transport_options"],
    ) as connection:
        trouble = (*connection.connection_errors, OperationalError, OSError)
        try:
            connection.ensure_connection(max_retries=0, interval_start=0, timeout=seconds)
            for name in names:
                lengths[name] = _length(connection, name)
        except trouble as error:
            raise ServiceUnavailable("broker", str(error) or type(error).__name__) from None
    return lengths


def _length(connection: Connection, name: str) -> int:
    # RabbitMQ closes a channel on which a queue is asked for that is not there.
    with connection.channel() as channel:
        try:
            return int(channel.queue_declare(name, passive=True).message_count)
        except (NotFound, ChannelError):
            return 0
