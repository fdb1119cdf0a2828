"""One way through: a webhook over HTTP, a hint over the broker, and a worker of its own that acts."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select, text

from campaigns.compose.identity import message_id
from campaigns.core.embedded import EmbeddedUrls
from campaigns.models import Send
from campaigns.sampleshop.shop import SampleFiles
from tests.delivery.provider_requests import SendGridSender, sendgrid_event
from tests.shop import approved, fill_shop, make_runtime, send_all
from tests.waiting import until
from tests.workers.processes import celery, worker_options
from web.app import create_app
from workers.app import make_app
from workers.jobs import CeleryJobs


def test_a_bounce_told_over_http_ends_the_address(
    servers: EmbeddedUrls, db: object, tmp_path: Path, sample: SampleFiles
) -> None:
    sendgrid = SendGridSender()
    runtime = make_runtime(servers, tmp_path / "data", sendgrid_public_key=sendgrid.public_key).start()
    try:
        runtime.redis.flushdb()
        fill_shop(runtime, sample)
        campaign = approved(runtime, sample)
        send_all(runtime, campaign)
        with runtime.db.transaction() as session:
            send = session.scalars(select(Send.id).where(Send.status == "sent").limit(1)).one()
        runtime.jobs = CeleryJobs(make_app(runtime.urls[1]))
        now = runtime.clock.now()
        ours = f"<{message_id(runtime.signer, campaign, send, 'fjellandfern.example')}>"
        bounce = {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 no such user"}
        headers, body = sendgrid.batch([sendgrid_event("bounce", ours, "", now, **bounce)], now)
        response = create_app(runtime).test_client().post("/hooks/sendgrid", data=body, headers=headers)
        assert response.status_code == 200

        def handled() -> bool:
            with runtime.db.transaction() as session:
                return bool(
                    session.scalar(text("select count(*) from suppressions where reason = 'bounced'"))
                )

        key = {"SENDGRID_PUBLIC_KEY": sendgrid.public_key}
        with celery(runtime, "worker", *worker_options(), **key):
            until(handled, 30)
        with runtime.db.transaction() as session:
            row = session.execute(text("select handled_at, problem, send_id from provider_payloads")).one()
        assert row.handled_at is not None
        assert (row.problem, row.send_id) == ("", send)
    finally:
        runtime.close()
