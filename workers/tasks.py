"""The tasks. Each one calls one flow of the process's own Runtime."""

from __future__ import annotations

from celery import shared_task

from workers.process import runtime


@shared_task(name="tailormail.plan")
def plan(campaign_id: int) -> None:
    """Freeze a campaign's audience and start its batches."""
    runtime().sending.plan(campaign_id)


@shared_task(name="tailormail.send_batch")
def send_batch(campaign_id: int) -> None:
    """Work on one batch."""
    runtime().sending.send_batch(campaign_id)


@shared_task(name="tailormail.sweep")
def sweep() -> None:
    """Find what was lost on the way."""
    runtime().recovery.sweep()


@shared_task(name="tailormail.train")
def train() -> None:
    """Train the recommender."""
    runtime().training.run()
