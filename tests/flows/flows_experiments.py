"""What tests do with experiments: campaigns of the sample shop that try something out, clicks and orders made up."""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update

from campaigns.models import Send
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles

SEED = "0123456789abcdef" * 2


def draft_with(runtime: Runtime, sample: SampleFiles, experiment: dict[str, Any], **changes: Any) -> int:
    """A draft of the sample's campaign with this experiment."""
    raw = tomllib.loads(sample.campaign.read_text()) | {"experiment": {"seed": SEED, **experiment}} | changes
    files = {
        file.name: file.read_bytes() for file in sample.campaign.parent.iterdir() if file.suffix == ".jpg"
    }
    return runtime.campaigns.create(raw, files)


def approved_with(runtime: Runtime, sample: SampleFiles, experiment: dict[str, Any], **changes: Any) -> int:
    """The same, approved."""
    campaign_id = draft_with(runtime, sample, experiment, **changes)
    runtime.campaigns.approve(campaign_id, "test")
    return campaign_id


def sends_of(runtime: Runtime, campaign_id: int) -> list[Send]:
    """All its sends."""
    with runtime.db.transaction() as session:
        return list(session.scalars(select(Send).where(Send.campaign_id == campaign_id).order_by(Send.id)))


def age_sends(runtime: Runtime, campaign_id: int, by: timedelta) -> None:
    """What was sent was sent so much earlier."""
    with runtime.db.transaction() as session:
        session.execute(
            update(Send)
            .where(Send.campaign_id == campaign_id, Send.status == "sent")
            .values(sent_at=Send.sent_at - by, tracked=True)
        )


def click(runtime: Runtime, send: Send, at: datetime, machine: bool = False) -> None:
    """Somebody, or a machine, clicks in this mail."""
    with runtime.db.transaction() as session:
        session.execute(
            text(
                "insert into events (campaign_id, key, name, send_id, customer_id, at, machine)"
                " values (:campaign, :key, 'clicked', :send, :customer, :at, :machine) on conflict do nothing"
            ),
            {
                "campaign": send.campaign_id, "key": f"clicked:{send.id}:{machine}", "send": send.id,
                "customer": send.customer_id, "at": at, "machine": machine,
            },
        )  # fmt: skip
