"""Every task that a worker has or that waits is delivered once more, as after a visibility timeout."""

from __future__ import annotations

import json

import redis

from tests.torture.stage import QUEUES


def double_tasks(url: str) -> int:
    """Put a copy of each waiting task, and of each that is being worked on, into its queue; returns how many.

    kombu keeps what was handed out and not acknowledged in the hash `unacked`, as
    [message, exchange, routing key].
    """
    client = redis.Redis.from_url(url, socket_timeout=2)
    try:
        copies = [(queue, task) for queue in QUEUES.split(",") for task in client.lrange(queue, 0, -1)]
        for kept in client.hvals("unacked"):
            message, _, queue = json.loads(kept)
            copies.append((queue, json.dumps(message).encode()))
        for queue, task in copies:
            client.lpush(queue, _with_a_tag_of_its_own(task))
        return len(copies)
    except redis.RedisError:
        return 0
    finally:
        client.close()


def _with_a_tag_of_its_own(task: bytes | str) -> bytes:
    """The same task in a delivery of its own: else acknowledging one would acknowledge both."""
    message = json.loads(task)
    message["properties"]["delivery_tag"] += "-again"
    return json.dumps(message).encode()
