"""A real scheduler and worker bring serves into the database, and consents onto the shelf, by themselves."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from campaigns.runtime import Runtime
from tests.opentime.opentime_serves import serve
from tests.waiting import until
from tests.workers.processes import celery, worker_options
from workers.app import make_app
from workers.broker import QUEUES


def test_every_scheduled_task_exists_and_has_a_queue() -> None:
    app = make_app("redis://127.0.0.1:1")
    app.loader.import_default_modules()
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
        route = app.amqp.router.route({}, entry["task"])
        assert route["queue"].name in QUEUES


@pytest.mark.slow
def test_serves_are_drained_and_withdrawals_caught_up(shop: Runtime) -> None:
    with shop.db.transaction() as session:
        customer = session.scalar(
            text("select min(customer_id) from consent_states where purpose = 'open_tracking' and granted")
        )
        session.execute(
            text(
                "insert into campaigns (name, template, picks, sender, postal_address, brief, segment, slots) "
                "values ('C', 'outdoor', 1, 'a@shop.example', 'Street 1', '{}', '{}', '[]')"
            )
        )
        session.execute(
            text("insert into sends (campaign_id, id, customer_id, status) values (1, 1, :c, 'sent')"),
            {"c": customer},
        )
    with celery(shop, "worker", *worker_options(1)), celery(shop, "beat", "--pidfile", ""):
        shop.serve_log.add(serve(1, n=3))

        def drained() -> bool:
            with shop.db.transaction() as session:
                return session.scalar(text("select count from slot_serves")) == 3

        until(drained, 60)
        # Only now: what stands in a Redis of which nobody knows what it was told is thrown away at first.
        shop.state_shelf.put(shop.open_states.of([customer]))
        with shop.db.transaction() as session:
            session.execute(
                text("update consent_states set granted = false where customer_id = :c"), {"c": customer}
            )
        took = until(lambda: not shop.state_shelf.read([customer])[customer].tracking, 30)
        assert took < 10
