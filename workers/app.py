"""The Celery app: queues, delivery guarantees and schedule.

Tasks carry ids only and may be lost, doubled or reordered without harm: a hint that is lost is repeated by
the scheduler, and one that comes twice finds nothing planned.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import before_task_publish, task_prerun

from campaigns.core.log import bind_trace, current_trace

SWEEP_SECONDS = 2.0
QUEUES = ("plan", "send", "train")


def make_app(broker_url: str) -> Celery:
    """A Celery app on this broker (`redis://` or `unix://`, as redis-py writes it)."""
    app = Celery("tailormail", broker=celery_url(broker_url), include=["workers.tasks"])
    app.conf.update(
        # Results would be a second, lesser record of what the database already knows.
        task_ignore_result=True,
        # A batch whose worker was killed is handed to another one ...
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # ... after this many seconds, where the broker is Redis. Sweeping is faster; this is the second net.
        broker_transport_options={
            "visibility_timeout": 600,
            # A hint that cannot be handed over soon is given up: the person who waits matters more, and the
            # scheduler repeats it. Workers reconnect by `broker_connection_retry` all the same.
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0.2,
            "socket_connect_timeout": 2,
        },
        # Batches are long: a worker that hoards them would starve the others.
        worker_prefetch_multiplier=1,
        task_default_queue="plan",
        task_routes={
            "tailormail.plan": {"queue": "plan"},
            "tailormail.sweep": {"queue": "plan"},
            "tailormail.send_batch": {"queue": "send"},
            "tailormail.train": {"queue": "train"},
        },
        beat_schedule={
            "sweep": {
                "task": "tailormail.sweep",
                "schedule": SWEEP_SECONDS,
                # When the workers are away, sweeps must not pile up for their return.
                "options": {"expires": SWEEP_SECONDS * 2},
            }
        },
        broker_connection_retry_on_startup=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
    )
    return app


def celery_url(url: str) -> str:
    """`unix:///path?db=0` as Celery writes it; other URLs are the same."""
    if not url.startswith("unix://"):
        return url
    path, _, query = url.removeprefix("unix://").partition("?")
    number = query.removeprefix("db=") or "0"
    return f"redis+socket://{path}?virtual_host={number}"


@before_task_publish.connect
def _carry_trace(headers: dict[str, Any], **_: Any) -> None:
    headers["trace"] = current_trace()


@task_prerun.connect
def _bind_trace(task: Any, **_: Any) -> None:
    bind_trace(getattr(task.request, "trace", None), task=task.name)
