"""Which mails have come to an end since: sends are walked through in the order of their numbers.

A send that was sent has no row of its own that says so, and none is to be written a million times for whoever listens.
So each campaign's sends are read once, in parts; those that are not at an end are looked at again, often where
something moves and seldom where nothing does. All of it is by the primary key of the campaign's partition.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.flows.webhooks.webhook_sources import Told
from campaigns.models import Campaign, CampaignStatus, SendStatus, WebhookWalk
from campaigns.models.send import FINAL

PART = 5000
PARTS_AT_ONCE = 20
OF_SENDS = frozenset({"mail.sent", "mail.failed", "mail.held_back", "mail.uncertain"})

_SOON, _SELDOM = 2, 128
_NEVER = timedelta(days=36_500)
_BEGUN = (
    CampaignStatus.SENDING.value,
    CampaignStatus.PAUSED.value,
    CampaignStatus.SENT.value,
    CampaignStatus.CANCELLED.value,
)
_ENDS = sorted(status.value for status in FINAL)
# Once a campaign is cancelled nothing moves any more.
_STILL = (CampaignStatus.SENT.value, CampaignStatus.CANCELLED.value)
_NEXT = text(
    "select id, customer_id, status, reason, sent_at from sends"
    " where campaign_id = :campaign and id > :since order by id limit :most"
)
_AGAIN = text(
    "select id, customer_id, status, reason, sent_at from sends"
    " where campaign_id = :campaign and id = any(cast(:ids as bigint[])) and status = any(:ends) order by id"
)


def begin_walks(session: Session, since: datetime) -> None:
    """Walk through the campaigns that began after `since`, too."""
    new = (
        select(Campaign.id)
        .where(Campaign.started_at >= since, Campaign.status.in_(_BEGUN), Campaign.audience_size.is_not(None))
        .where(Campaign.sends_dropped_at.is_(None))
        .where(~select(WebhookWalk.part).where(WebhookWalk.campaign_id == Campaign.id).exists())
    )
    rows = [{"campaign_id": number, "part": 0, "look_at": func.now()} for number in session.scalars(new)]
    if rows:
        session.execute(insert(WebhookWalk).values(rows).on_conflict_do_nothing())


def walk_on(session: Session, now: datetime, wanted: Collection[str]) -> list[Told]:
    """Mails that have come to an end, of the `wanted` names; what others are at is left to them."""
    due = session.scalars(
        select(WebhookWalk)
        .where(WebhookWalk.look_at <= now)
        .order_by(WebhookWalk.look_at)
        .limit(PARTS_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    told: list[Told] = []
    for walk in due:
        found = _first_time(session, walk, now) if walk.part == 0 else _again(session, walk, now)
        told += [one for one in found if one.name in wanted]
    return told


def look_again(session: Session, campaign_id: int, send_ids: Sequence[int], now: datetime) -> None:
    """These mails are on their way anew, though their end was told: tell their next one as well."""
    head = select(WebhookWalk).where(WebhookWalk.campaign_id == campaign_id, WebhookWalk.part == 0)
    walk = session.scalar(head.with_for_update()) if send_ids else None
    # Those behind it are told when the walk comes to them.
    told = sorted(one for one in send_ids if walk is not None and one <= walk.up_to)
    for start in range(0, len(told), PART):
        _keep_open(session, campaign_id, told[start : start + PART], now)


def forget_walks(session: Session) -> None:
    """Of campaigns whose sends are gone there is nothing to be told."""
    session.execute(
        text(
            "delete from webhook_walks w using campaigns c where c.id = w.campaign_id"
            " and c.sends_dropped_at is not null"
        )
    )


def _first_time(session: Session, walk: WebhookWalk, now: datetime) -> list[Told]:
    rows = session.execute(_NEXT, {"campaign": walk.campaign_id, "since": walk.up_to, "most": PART}).all()
    told = [_told(walk.campaign_id, row, now) for row in rows if row.status in _ENDS]
    open_ids = [row.id for row in rows if row.status not in _ENDS]
    if open_ids:
        _keep_open(session, walk.campaign_id, open_ids, now)
    if rows:
        walk.up_to = rows[-1].id
        walk.look_at = now
    else:
        # The audience is frozen before it begins, so there are no more.
        walk.last = True
        walk.look_at = now + _NEVER
    return told


def _again(session: Session, walk: WebhookWalk, now: datetime) -> list[Told]:
    rows = session.execute(_AGAIN, {"campaign": walk.campaign_id, "ids": walk.open_ids, "ends": _ENDS}).all()
    ended = {row.id for row in rows}
    left = [one for one in walk.open_ids if one not in ended]
    if not left or (not ended and _stands_still(session, walk.campaign_id)):
        session.delete(walk)
    else:
        if ended:
            walk.open_ids = left
        walk.seconds = _SOON if ended else min(walk.seconds * 2, _SELDOM)
        walk.look_at = now + timedelta(seconds=walk.seconds)
    return [_told(walk.campaign_id, row, now) for row in rows]


def _keep_open(session: Session, campaign_id: int, ids: list[int], now: datetime) -> None:
    highest = select(func.max(WebhookWalk.part)).where(WebhookWalk.campaign_id == campaign_id)
    part = 1 + (session.scalar(highest) or 0)
    look_at = now + timedelta(seconds=_SOON)
    session.add(WebhookWalk(campaign_id=campaign_id, part=part, open_ids=ids, look_at=look_at, seconds=_SOON))
    session.flush()


def _stands_still(session: Session, campaign_id: int) -> bool:
    status = session.scalar(select(Campaign.status).where(Campaign.id == campaign_id))
    return status is None or status in _STILL


def _told(campaign_id: int, row: Any, now: datetime) -> Told:
    facts: dict[str, Any] = {"campaign": campaign_id, "send": row.id, "customer": row.customer_id}
    if row.status != SendStatus.SENT:
        # What stands before the colon is one of a few phrases; behind it relays may repeat the address.
        facts["reason"] = row.reason.partition(":")[0]
    at = row.sent_at if row.status == SendStatus.SENT and row.sent_at else now
    return Told(f"send-{campaign_id}-{row.id}-{row.status}", f"mail.{row.status}", at, facts)
