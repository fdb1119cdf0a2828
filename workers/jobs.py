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

    # Hinted at by people, or once a campaign: these cannot pile up, and must not be left out.
    def warm(self, campaign_id: int) -> None:
        self._app.send_task("tailormail.warm", (campaign_id,))

    def count_engagement(self) -> None:
        self._app.send_task("tailormail.engagement")

    def write_samples(self) -> None:
        self._app.send_task("tailormail.copy_samples")

    def make_forecasts(self) -> None:
        self._app.send_task("tailormail.copy_forecasts")

    def count_segments(self) -> None:
        self._app.send_task("tailormail.count_segments")

    def import_files(self) -> None:
        self._app.send_task("tailormail.import_files")

    def look_at_experiments(self) -> None:
        self._app.send_task("tailormail.experiments")

    def make_reports(self) -> None:
        self._app.send_task("tailormail.make_reports")

    def judge_models(self) -> None:
        self._app.send_task("tailormail.judge_models")

    def run_preflights(self) -> None:
        self._app.send_task("tailormail.preflights")

    def send_test_mails(self) -> None:
        self._app.send_task("tailormail.test_mails")

    def see_to_troubles(self) -> None:
        self._app.send_task("tailormail.troubles")

    def train(self) -> None:
        self._app.send_task("tailormail.train")

    def handle_payloads(self) -> None:
        if self._app.room_for_hints("feedback") > 0:
            self._app.send_task("tailormail.provider_payloads")

    def catch_up(self) -> None:
        if self._app.room_for_hints("feedback") > 0:
            self._app.send_task("tailormail.open_states")

    def send_notices(self) -> None:
        # Where many wait in this queue, each of them begins with the notices.
        if self._app.room_for_hints("send") > 0:
            self._app.send_task("tailormail.notices")
