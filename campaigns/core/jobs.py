"""Jobs: hints to workers. All work is also found from the database, so a lost hint only delays."""

from __future__ import annotations

from typing import Protocol


class Jobs(Protocol):
    """Hands hints to whoever works; called after the commit."""

    def plan(self, campaign_id: int) -> None:
        """Freeze the audience of a campaign and start its batches."""
        ...

    def send_batches(self, campaign_id: int, batches: int) -> None:
        """Work on `batches` batches of a campaign."""
        ...

    def train(self) -> None:
        """Train the recommender on what is there now."""
        ...


class NoJobs:
    """Hints nobody: the scheduler will find the work."""

    def plan(self, campaign_id: int) -> None:
        pass

    def send_batches(self, campaign_id: int, batches: int) -> None:
        pass

    def train(self) -> None:
        pass


class RecordedJobs:
    """Keeps the hints in order, for tests and for running without workers."""

    def __init__(self) -> None:
        self.hints: list[tuple[str, int, int]] = []

    def plan(self, campaign_id: int) -> None:
        self.hints.append(("plan", campaign_id, 1))

    def send_batches(self, campaign_id: int, batches: int) -> None:
        self.hints.append(("send_batches", campaign_id, batches))

    def train(self) -> None:
        self.hints.append(("train", 0, 1))
