"""The engine's hints as Celery tasks."""

from __future__ import annotations

from workers.app import HintingCelery


class CeleryJobs:
    """`core.jobs.Jobs` on a Celery app."""

    def __init__(self, app: HintingCelery) -> None:
        self._app = app

    def plan(self, campaign_id: int) -> None:
        if self._app.room_for_hints("plan") > 0:
            self._app.send_task("tailormail.plan", (campaign_id,))

    def send(self, workers: int) -> None:
        for _ in range(min(workers, self._app.room_for_hints("send"))):
            self._app.send_task("tailormail.send")

    def write_words(self) -> None:
        if self._app.room_for_hints("copy") > 0:
            self._app.send_task("tailormail.copy")

    # Hinted at by people and never by the scheduler: these two cannot pile up, and must not be left out.
    def warm(self, campaign_id: int) -> None:
        self._app.send_task("tailormail.warm", (campaign_id,))

    def train(self) -> None:
        self._app.send_task("tailormail.train")

    def catch_up(self) -> None:
        if self._app.room_for_hints("feedback") > 0:
            self._app.send_task("tailormail.open_states")
