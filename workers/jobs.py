"""The engine's hints as Celery tasks."""

from __future__ import annotations

from workers.app import HintingCelery


class CeleryJobs:
    """`core.jobs.Jobs` on a Celery app."""

    def __init__(self, app: HintingCelery) -> None:
        self._app = app

    def plan(self, campaign_id: int) -> None:
        self._hint("tailormail.plan", campaign_id)

    def send(self, workers: int) -> None:
        for _ in range(min(workers, self._app.room_for_hints("send"))):
            self._hint("tailormail.send")

    def write_words(self) -> None:
        if self._app.room_for_hints("copy") > 0:
            self._hint("tailormail.copy")

    def warm(self, campaign_id: int) -> None:
        self._hint("tailormail.warm", campaign_id)

    def train(self) -> None:
        self._hint("tailormail.train")

    def _hint(self, name: str, *arguments: int) -> None:
        # A broker that is away must not hold up the person who pressed the button: the scheduler finds it.
        self._app.send_task(name, args=arguments, retry=False, ignore_result=True)
