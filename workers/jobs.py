"""The engine's hints as Celery tasks."""

from __future__ import annotations

from celery import Celery


class CeleryJobs:
    """`core.jobs.Jobs` on a Celery app."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def plan(self, campaign_id: int) -> None:
        self._send("tailormail.plan", campaign_id)

    def send_batches(self, campaign_id: int, batches: int) -> None:
        for _ in range(batches):
            self._send("tailormail.send_batch", campaign_id)

    def train(self) -> None:
        self._send("tailormail.train")

    def _send(self, name: str, *arguments: int) -> None:
        # A broker that is away must not hold up the person who pressed the button: the scheduler finds it.
        self._app.send_task(name, args=arguments, retry=False, ignore_result=True)
