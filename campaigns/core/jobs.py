"""Jobs: hints to workers. All work is also found from the database, so a lost hint only delays."""

from __future__ import annotations

from typing import Protocol


class Jobs(Protocol):
    """Hands hints to whoever works; called after the commit."""

    def plan(self, campaign_id: int) -> None:
        """Freeze the audience of a campaign and start its batches."""
        ...

    def send(self, workers: int) -> None:
        """So many workers should look for mails that are due, of whichever campaign has its turn."""
        ...

    def write_words(self) -> None:
        """Somebody should write the words that sends are waiting for."""
        ...

    def warm(self, campaign_id: int) -> None:
        """Fetch the weather where the audience of a campaign lives, before they open it."""
        ...

    def train(self) -> None:
        """Train the recommender on what is there now."""
        ...

    def handle_payloads(self) -> None:
        """Providers have told something of mails that went out."""
        ...

    def catch_up(self) -> None:
        """Many customers' consents or homes have changed: tell those who answer image requests."""
        ...

    def send_notices(self) -> None:
        """Somebody waits for a mail about their own business."""
        ...

    def count_engagement(self) -> None:
        """A campaign has ended: count who still looks at their mail."""
        ...

    def write_samples(self) -> None:
        """Somebody waits for samples of a campaign's copy."""
        ...

    def make_forecasts(self) -> None:
        """Somebody waits for a forecast of a campaign's copy."""
        ...

    def look_at_experiments(self) -> None:
        """An arm was chosen, and customers wait for it."""
        ...

    def run_preflights(self) -> None:
        """Somebody waits for a preflight of a campaign."""
        ...

    def send_test_mails(self) -> None:
        """Somebody waits for a test mail."""
        ...

    def count_segments(self) -> None:
        """Somebody waits for an exact count of a segment."""
        ...

    def import_files(self) -> None:
        """Somebody waits for a file to be checked or imported."""
        ...

    def make_reports(self) -> None:
        """Somebody waits for a campaign's report."""
        ...

    def judge_models(self) -> None:
        """A model of the recommender was trained: see how well it does."""
        ...

    def see_to_troubles(self) -> None:
        """Somebody wants to know why mails failed, or has them tried again."""
        ...


class NoJobs:
    """Hints nobody: the scheduler will find the work."""

    def plan(self, campaign_id: int) -> None:
        pass

    def send(self, workers: int) -> None:
        pass

    def write_words(self) -> None:
        pass

    def warm(self, campaign_id: int) -> None:
        pass

    def train(self) -> None:
        pass

    def handle_payloads(self) -> None:
        pass

    def catch_up(self) -> None:
        pass

    def send_notices(self) -> None:
        pass

    def count_engagement(self) -> None:
        pass

    def write_samples(self) -> None:
        pass

    def make_forecasts(self) -> None:
        pass

    def look_at_experiments(self) -> None:
        pass

    def run_preflights(self) -> None:
        pass

    def send_test_mails(self) -> None:
        pass

    def count_segments(self) -> None:
        pass

    def import_files(self) -> None:
        pass

    def make_reports(self) -> None:
        pass

    def judge_models(self) -> None:
        pass

    def see_to_troubles(self) -> None:
        pass


class RecordedJobs:
    """Keeps the hints in order, for tests and for running without workers."""

    def __init__(self) -> None:
        self.hints: list[tuple[str, int]] = []

    def plan(self, campaign_id: int) -> None:
        self.hints.append(("plan", campaign_id))

    def send(self, workers: int) -> None:
        self.hints.append(("send", workers))

    def write_words(self) -> None:
        self.hints.append(("write_words", 1))

    def warm(self, campaign_id: int) -> None:
        self.hints.append(("warm", campaign_id))

    def train(self) -> None:
        self.hints.append(("train", 0))

    def handle_payloads(self) -> None:
        self.hints.append(("handle_payloads", 0))

    def catch_up(self) -> None:
        self.hints.append(("catch_up", 0))

    def send_notices(self) -> None:
        self.hints.append(("send_notices", 0))

    def count_engagement(self) -> None:
        self.hints.append(("count_engagement", 0))

    def write_samples(self) -> None:
        self.hints.append(("write_samples", 0))

    def make_forecasts(self) -> None:
        self.hints.append(("make_forecasts", 0))

    def look_at_experiments(self) -> None:
        self.hints.append(("look_at_experiments", 0))

    def run_preflights(self) -> None:
        self.hints.append(("run_preflights", 0))

    def send_test_mails(self) -> None:
        self.hints.append(("send_test_mails", 0))

    def count_segments(self) -> None:
        self.hints.append(("count_segments", 0))

    def import_files(self) -> None:
        self.hints.append(("import_files", 0))

    def make_reports(self) -> None:
        self.hints.append(("make_reports", 0))

    def judge_models(self) -> None:
        self.hints.append(("judge_models", 0))

    def see_to_troubles(self) -> None:
        self.hints.append(("see_to_troubles", 0))
