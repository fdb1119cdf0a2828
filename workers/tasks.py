"""The tasks. Each one calls one flow of the process's own Runtime."""

from __future__ import annotations

from celery import shared_task

from workers.process import runtime


@shared_task(name="tailormail.plan")
def plan(campaign_id: int) -> None:
    """Freeze a campaign's audience and start its batches."""
    runtime().sending.plan(campaign_id)


@shared_task(name="tailormail.send")
def send() -> None:
    """Send for some seconds, whatever is due."""
    here = runtime()
    here.recovery.settle_here()
    here.sending.work()


@shared_task(name="tailormail.copy")
def copy() -> None:
    """Write words that sends wait for."""
    runtime().wordsmith.work()


@shared_task(name="tailormail.warm")
def warm(campaign_id: int) -> None:
    """Fetch the weather of a campaign's audience."""
    runtime().warming.run(campaign_id)


@shared_task(name="tailormail.sweep")
def sweep() -> None:
    """Find what was lost on the way."""
    runtime().recovery.sweep()


@shared_task(name="tailormail.retention")
def retention() -> None:
    """Drop what is too old to be kept."""
    runtime().retention.run()


@shared_task(name="tailormail.train")
def train() -> None:
    """Train the recommender."""
    runtime().training.run()
