"""The Celery app: queues, delivery guarantees and schedule.

Tasks carry ids only and may be lost, doubled or reordered without harm: a hint that is lost is repeated by
the scheduler, and one that comes twice finds nothing planned.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import before_task_publish, task_prerun
from kombu.exceptions import OperationalError

from campaigns.core.errors import ServiceUnavailable
from campaigns.core.log import bind_trace, current_trace
from workers.broker import QUEUES, celery_url, options, queue_lengths, queues

__all__ = [
    "MOST_WAITING",
    "QUEUES",
    "SWEEP_SECONDS",
    "HintingCelery",
    "celery_url",
    "make_app",
]

# Not a whole number: workers ask Redis anew each second, and in step with them it would always be the same one,
# on the same host, that gets the sweep. Journals of dead workers are found by a sweep on their own host.
SWEEP_SECONDS = 1.7
# Where so many tasks wait in a queue, one more that says "look what is to be done" says nothing new. Otherwise
# they would pile up while the workers are away, and all be run at their return. Celery's own way, a time at
# which a task expires, is read off the clock of whoever takes it: one host whose clock is ahead would take
# all of them and throw them away.
MOST_WAITING = {"plan": 8, "copy": 16, "send": 100, "feedback": 8}
# Where a withdrawal could not be told to those who answer image requests, they are told after so long.
CATCH_UP_SECONDS = 5.0
DRAIN_SECONDS = 2.0
# Webhooks are hinted at; this finds what they told where the hint was lost.
PAYLOADS_SECONDS = 5.0
WEBHOOKS_SECONDS = 2.0
# Notices are hinted at; this finds those whose hint was lost, and those that are tried again.
NOTICE_SECONDS = 5.0
FORGET_SECONDS = 600.0
# Samples of copy are hinted at; this finds those whose hint was lost, or whose worker was killed.
SAMPLES_SECONDS = 29.0
# Batches take hours; whether they are done is asked so often.
BATCHES_SECONDS = 60.0
# Like a sweep, it is for the files of the host that gets it: not in step with how workers ask for tasks.
ERASURE_SECONDS = 61.3
REPORTS_SECONDS = 20.0
EXPERIMENTS_SECONDS = 43.0
# Counts and imports are hinted at; these find those whose hint was lost, or whose worker was killed. Files lie on the
# host that took them: like a sweep, not in step with how workers ask for tasks.
COUNT_SECONDS = 31.0
COUNT_EXPIRES = 600.0
IMPORT_SECONDS = 7.3
ENGAGEMENT_EXPIRES = 1800.0
TRAINING_EXPIRES = 1800.0
TROUBLES_SECONDS = 31.0
# How often it is looked whether campaigns that are planned get into each other's way.
CALENDAR_SECONDS = 307.0
RETENTION_EXPIRES = 6 * 3600.0

_ROUTES: dict[str, Any] = {
    "tailormail.plan": {"queue": "plan"},
    "tailormail.sweep": {"queue": "plan"},
    "tailormail.retention": {"queue": "plan"},
    "tailormail.train": {"queue": "pick"},
    "tailormail.judge_models": {"queue": "pick"},
    "tailormail.make_reports": {"queue": "pick"},
    "tailormail.engagement": {"queue": "pick"},
    "tailormail.pick*": {"queue": "pick"},
    "tailormail.best_hours": {"queue": "pick"},
    "tailormail.experiments": {"queue": "pick"},
    "tailormail.calendar": {"queue": "pick"},
    "tailormail.troubles": {"queue": "plan"},
    "tailormail.warm": {"queue": "pick"},
    "tailormail.copy*": {"queue": "copy"},
    "tailormail.send*": {"queue": "send"},
    "tailormail.notices": {"queue": "send"},
    "tailormail.test_mails": {"queue": "send"},
    "tailormail.preflights": {"queue": "pick"},
    "tailormail.forget": {"queue": "plan"},
    "tailormail.count_segments": {"queue": "pick"},
    "tailormail.import_files": {"queue": "plan"},
    "tailormail.feedback*": {"queue": "feedback"},
    "tailormail.open_states": {"queue": "feedback"},
    "tailormail.erasures": {"queue": "feedback"},
    "tailormail.drain": {"queue": "feedback"},
    "tailormail.provider_payloads": {"queue": "feedback"},
    "tailormail.webhooks": {"queue": "feedback"},
}
_SCHEDULE: dict[str, Any] = {
    "sweep": {
        "task": "tailormail.sweep",
        "schedule": SWEEP_SECONDS,
    },
    "open_states": {
        "task": "tailormail.open_states",
        "schedule": CATCH_UP_SECONDS,
    },
    "notices": {
        "task": "tailormail.notices",
        "schedule": NOTICE_SECONDS,
    },
    "test_mails": {
        "task": "tailormail.test_mails",
        "schedule": SAMPLES_SECONDS,
    },
    "preflights": {
        "task": "tailormail.preflights",
        "schedule": SAMPLES_SECONDS,
    },
    "copy_samples": {
        "task": "tailormail.copy_samples",
        "schedule": SAMPLES_SECONDS,
    },
    "copy_forecasts": {
        "task": "tailormail.copy_forecasts",
        "schedule": SAMPLES_SECONDS,
    },
    "copy_batches": {
        "task": "tailormail.copy_batches",
        "schedule": BATCHES_SECONDS,
        "options": {"expires": BATCHES_SECONDS},
    },
    "experiments": {
        "task": "tailormail.experiments",
        "schedule": EXPERIMENTS_SECONDS,
        "options": {"expires": EXPERIMENTS_SECONDS},
    },
    "forget": {
        "task": "tailormail.forget",
        "schedule": FORGET_SECONDS,
        "options": {"expires": FORGET_SECONDS},
    },
    "drain": {
        "task": "tailormail.drain",
        "schedule": DRAIN_SECONDS,
    },
    "provider_payloads": {
        "task": "tailormail.provider_payloads",
        "schedule": PAYLOADS_SECONDS,
    },
    "webhooks": {
        "task": "tailormail.webhooks",
        "schedule": WEBHOOKS_SECONDS,
    },
    "erasures": {
        "task": "tailormail.erasures",
        "schedule": ERASURE_SECONDS,
    },
    "count_segments": {
        "task": "tailormail.count_segments",
        "schedule": COUNT_SECONDS,
        "options": {"expires": COUNT_EXPIRES},
    },
    "import_files": {
        "task": "tailormail.import_files",
        "schedule": IMPORT_SECONDS,
    },
    "train": {
        # Trends age, and a hint may be lost; where nothing is new it ends at once.
        "task": "tailormail.train",
        "schedule": crontab(minute="7"),
        "options": {"expires": TRAINING_EXPIRES},
    },
    "judge_models": {
        # Hinted at after each training; this finds what was lost.
        "task": "tailormail.judge_models",
        "schedule": crontab(minute="27"),
        "options": {"expires": TRAINING_EXPIRES},
    },
    "make_reports": {
        "task": "tailormail.make_reports",
        "schedule": REPORTS_SECONDS,
        "options": {"expires": REPORTS_SECONDS},
    },
    "engagement": {
        "task": "tailormail.engagement",
        "schedule": crontab(minute="37"),
        "options": {"expires": ENGAGEMENT_EXPIRES},
    },
    "troubles": {
        # Hinted at; this finds those whose hint was lost, or whose worker was killed.
        "task": "tailormail.troubles",
        "schedule": TROUBLES_SECONDS,
        "options": {"expires": TROUBLES_SECONDS},
    },
    "best_hours": {
        "task": "tailormail.best_hours",
        "schedule": crontab(minute="52"),
        "options": {"expires": ENGAGEMENT_EXPIRES},
    },
    "calendar": {
        "task": "tailormail.calendar",
        "schedule": CALENDAR_SECONDS,
        "options": {"expires": CALENDAR_SECONDS},
    },
    "retention": {
        "task": "tailormail.retention",
        "schedule": crontab(hour="3", minute="17"),  # UTC, when few mails go out
        "options": {"expires": RETENTION_EXPIRES},
    },
}

_AWAY_SECONDS = 1.0


class HintingCelery(Celery):
    """A Celery app whose publishing never takes long, and says `ServiceUnavailable` where the broker is away."""

    _away_until = 0.0

    def room_for_hints(self, queue: str) -> int:
        """How many more hints make sense in this queue (see MOST_WAITING).

        Raises:
            ServiceUnavailable: the broker is away, or was so a second ago.
        """
        with self._asked_once():
            return MOST_WAITING[queue] - queue_lengths(str(self.conf.broker_url), names=(queue,))[queue]

    def send_task(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """As Celery's own, without retries: a hint is repeated by the scheduler.

        Raises:
            ServiceUnavailable: the broker is away, or was so a second ago.
        """
        with self._asked_once():
            return super().send_task(name, *args, **{**kwargs, "retry": False})

    @contextmanager
    def _asked_once(self) -> Iterator[None]:
        """Nobody waits twice for a broker that is away: not the person who pressed a button, and no worker."""
        if time.monotonic() < self._away_until:
            raise ServiceUnavailable("broker", "was away a moment ago")
        try:
            yield
        except (ServiceUnavailable, OperationalError, OSError) as error:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            if isinstance(error, ServiceUnavailable):
                raise
            raise ServiceUnavailable("broker", str(error) or type(error).__name__) from None


def make_app(broker: str, patience: float = 1.0) -> HintingCelery:
    """A Celery app on this broker.

    Args:
        broker: `redis://`, `rediss://` or `unix://` as redis-py writes it, `amqp://` or `amqps://`.
        patience: how many seconds a call may take when the broker does not answer.
    """
    app = HintingCelery("tailormail", broker=celery_url(broker), include=["workers.tasks"])
    app.conf.update(
        # Results would be a second, lesser record of what the database already knows.
        task_ignore_result=True,
        # A batch whose worker was killed is handed to another one ...
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # ... but freezing a big audience may take longer than a broker waits for an acknowledgement
        # (see broker.py), and the sweep finds a campaign that is still being planned.
        task_annotations={
            "tailormail.plan": {"acks_late": False},
            # These are found again by their leases.
            "tailormail.make_reports": {"acks_late": False},
            "tailormail.judge_models": {"acks_late": False},
        },
        # Batches are long: a worker that hoards them would starve the others.
        worker_prefetch_multiplier=1,
        task_queues=queues(broker),
        task_default_queue="plan",
        task_routes=_ROUTES,
        beat_scheduler="workers.beat:LockedScheduler",
        beat_schedule=_SCHEDULE,
        broker_connection_retry_on_startup=True,
        # Celery's own is 100 attempts; a worker that gave up would have to be started by hand.
        broker_connection_max_retries=None,
        # A worker that lost its broker finishes what it has: the database knows what is done.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        **options(broker, patience),
    )
    return app


@before_task_publish.connect
def _carry_trace(headers: dict[str, Any], **_: Any) -> None:
    headers["trace"] = current_trace()


@task_prerun.connect
def _bind_trace(task: Any, **_: Any) -> None:
    bind_trace(getattr(task.request, "trace", None), task=task.name)
