"""The tasks. Each one calls one flow of the process's own Runtime."""

from __future__ import annotations

from celery import shared_task

from campaigns.core.idle_memory import give_back_idle_memory
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
    here.message_sending.work()
    here.notices.work()  # in the midst of a big campaign too: somebody is waiting for them
    here.sending.work()


@shared_task(name="tailormail.notices")
def notices() -> None:
    """Send mails about somebody's own business: what the shop's programs ask for, confirm, download."""
    here = runtime()
    here.message_sending.work()
    here.notices.work()


@shared_task(name="tailormail.test_mails")
def test_mails() -> None:
    """Send test mails that somebody waits for."""
    runtime().test_mails.work()


@shared_task(name="tailormail.preflights")
def preflights() -> None:
    """Run preflights that somebody waits for."""
    runtime().preflights.work()


@shared_task(name="tailormail.forget")
def forget() -> None:
    """Delete sign-ups that nobody confirmed in time, and what programs asked for and were told long ago."""
    here = runtime()
    here.signing_up.forget_expired()
    here.test_mails.forget_old()
    here.notices.forget_old()
    here.file_imports.forget_old()
    here.segment_counts.forget_old()
    here.message_sending.forget_old(here.settings.message_days)
    here.idempotency.forget_old()
    here.webhook_delivery.forget_old()


@shared_task(name="tailormail.webhooks")
def webhooks() -> None:
    """Find what happened since, and tell it to those who want to know."""
    here = runtime()
    here.webhook_collecting.run()
    here.webhook_delivery.work()


@shared_task(name="tailormail.copy")
def copy() -> None:
    """Write words that sends wait for."""
    runtime().wordsmith.work()


@shared_task(name="tailormail.copy_samples")
def copy_samples() -> None:
    """Write samples of copy that somebody waits for."""
    runtime().copy_samples.work()


@shared_task(name="tailormail.copy_forecasts")
def copy_forecasts() -> None:
    """Make forecasts of copy that somebody waits for."""
    here = runtime()
    here.copy_forecasts.work()
    here.outlooks.work()


@shared_task(name="tailormail.copy_batches")
def copy_batches() -> None:
    """Hand copy of scheduled campaigns to the model server as batches, and fetch what they brought."""
    runtime().copy_batches.run()


@shared_task(name="tailormail.warm")
def warm(campaign_id: int) -> None:
    """Fetch what the first opens of a campaign's audience will ask for: consents, pictures, products, weather."""
    here = runtime()
    here.open_states.warm(campaign_id)
    here.warming.run(campaign_id)
    if here.product_pictures.run(campaign_id):
        here.warming.products(campaign_id)  # now with these pictures


@shared_task(name="tailormail.open_states")
def open_states() -> None:
    """Tell those who answer image requests of consents and homes that have changed."""
    runtime().open_states.catch_up()


@shared_task(name="tailormail.drain")
def drain() -> None:
    """Bring what was served into the database, and before that withdrawals to those who answer image requests.

    Both wait in one queue, and when much is opened drainings fill it: nobody's withdrawal waits for them.
    """
    here = runtime()
    try:
        here.open_states.catch_up(1.0)
    finally:
        here.draining.drain()


@shared_task(name="tailormail.sweep")
def sweep() -> None:
    """Find what was lost on the way."""
    here = runtime()
    here.unsubscribing.catch_up()
    here.recovery.sweep()
    here.self_pause.run()
    here.series.run_due()  # the next sweep starts what it makes


@shared_task(name="tailormail.provider_payloads")
def provider_payloads() -> None:
    """Handle what providers' webhooks told."""
    runtime().provider_payloads.work()


@shared_task(name="tailormail.erasures")
def erasures() -> None:
    """Finish what an erasure could not reach at once, and what suppressing a domain left to be done."""
    here = runtime()
    here.erasures.finish()
    here.suppressing.fill_in()


@shared_task(name="tailormail.retention")
def retention() -> None:
    """Drop what is too old to be kept."""
    runtime().uploads.forget_unused()
    runtime().retention.run()


@shared_task(name="tailormail.engagement")
def engagement() -> None:
    """Count who still looks at their mail, and let those go who do not answer."""
    runtime().engagement.run()


@shared_task(name="tailormail.experiments")
def experiments() -> None:
    """Count what campaigns try out, open the next waves, and decide where the rule says so."""
    runtime().experiment_looks.run()


@shared_task(name="tailormail.make_reports")
def make_reports() -> None:
    """Make reports that are due or that somebody waits for."""
    runtime().report_keeping.work()


@shared_task(name="tailormail.judge_models")
def judge_models() -> None:
    """See how well new models of the recommender foretell what is bought."""
    if runtime().model_judging.work():
        # The same process sends mails next, and takes little for that.
        give_back_idle_memory()


@shared_task(name="tailormail.train")
def train() -> None:
    """Train the recommender."""
    here = runtime()
    if here.training.run().outcome != "nothing_new":
        here.model_judging.hint()
        give_back_idle_memory()


@shared_task(name="tailormail.troubles")
def troubles() -> None:
    """Try failed mails again where somebody ordered it, and count by cause what went wrong."""
    here = runtime()
    here.retrying.work()
    here.troubles.work()


@shared_task(name="tailormail.best_hours")
def best_hours() -> None:
    """Count at which hours customers click."""
    runtime().best_hour.run()


@shared_task(name="tailormail.calendar")
def calendar() -> None:
    """Foresee how campaigns that are planned get into each other's way."""
    runtime().calendar_outlooks.run()


@shared_task(name="tailormail.count_segments")
def count_segments() -> None:
    """Count segments one by one that somebody looks at."""
    runtime().segment_counts.work()


@shared_task(name="tailormail.import_files")
def import_files() -> None:
    """Try out and import files that somebody sent to this host."""
    runtime().file_imports.work()
