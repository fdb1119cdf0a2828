"""Trying failed mails again: those of chosen causes become planned anew, in batches, by a worker.

Only what failed is touched, under a lock on each row, so that nothing that was sent or is uncertain ever moves; and all
that is planned anew goes the whole way again, with consent asked at each step. A kill between two batches loses
nothing: the order stands in the database, and how far it came with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from campaigns.core.clock import Clock
from campaigns.core.db import Database, UnitOfWork, rows
from campaigns.core.errors import BadInput, Refused
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.delivery.causes import CAUSES
from campaigns.flows.console.audit import record
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.sending.counters import add_counts
from campaigns.flows.sending.troubles import CODE, REASON, TroubleKeeping
from campaigns.flows.webhooks.webhook_walks import look_again
from campaigns.models import CampaignStatus, Retry, SendStatus

log = get_logger(__name__)

AT_ONCE = 1000
_HINTS = 4

# Due now and not fresh: workers that claim in the order of ids have passed these. The count of attempts begins anew.
_PLAN = f"""
    with chosen as materialized (
        select s.id from sends s
        where s.campaign_id = %(campaign)s and s.status = 'failed' and s.id > %(after)s
          and ({REASON}, {CODE}) in (select * from unnest(%(reasons)s::text[], %(codes)s::text[]))
        order by s.campaign_id, s.id limit %(limit)s for update
    )
    update sends s set status = 'planned', reason = 'tried again', not_before = %(now)s, claimed_by = '',
        attempts = 0, unreached = 0
    from chosen where s.campaign_id = %(campaign)s and s.id = chosen.id and s.status = 'failed' returning s.id
"""
# A refusal that is not the last word was a delay. It also makes room for a bounce that comes after all.
_BOUNCES = """
    update events set name = 'deferred', key = key || ':retry' || %(retry)s, detail = detail || '{"retried": true}'
    where campaign_id = %(campaign)s and send_id = any(%(ids)s::bigint[]) and name = 'bounced'
"""


@dataclass(frozen=True, slots=True)
class RetryOrder:
    """An order to try again: who gave it when, for which causes (keys), how many were planned, whether it is done."""

    number: int
    by: str
    at: datetime
    causes: tuple[str, ...]
    planned: int
    done: bool


class Retrying:
    """Takes orders to try failed mails again, and carries them out."""

    def __init__(self, db: Database, clock: Clock, jobs: Jobs, troubles: TroubleKeeping) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._troubles = troubles

    def ask(self, campaign_id: int, causes: Sequence[str], by: str) -> int:
        """Order that the failed mails of these causes (keys; none: all that may succeed) are tried again.

        Returns how many there are.

        Raises:
            NotFound: there is no such campaign.
            BadInput: there is no such cause.
            Refused: it was cancelled, its single sends are gone, nothing of that failed, or it cannot succeed.
        """
        wrong = [key for key in causes if key not in CAUSES]
        if wrong:
            raise BadInput(
                f"there is no cause {wrong[0][:40]!r}; causes are {', '.join(CAUSES)}", where="cause"
            )
        hopeless = [CAUSES[key] for key in causes if not CAUSES[key].may_retry]
        if hopeless:
            raise Refused(f"“{hopeless[0].title}” is not tried again: {hopeless[0].refusal}")
        meant = [
            group
            for group in self._troubles.failed(campaign_id)
            if group.cause.may_retry and (not causes or group.cause.key in causes)
        ]
        if not meant:
            raise Refused(
                "nothing failed for these causes" if causes else "nothing failed that may succeed later"
            )
        now = self._clock.now()
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id, lock=True)
            if campaign.status == CampaignStatus.CANCELLED:
                raise Refused(f"campaign {campaign_id} was cancelled: nothing of it is sent any more")
            if campaign.sends_dropped_at is not None:
                raise Refused(f"campaign {campaign_id} is so old that its single mails are not kept any more")
            chosen = [[group.cause.key, [list(pair) for pair in group.pairs]] for group in meant]
            session.add(Retry(campaign_id=campaign_id, causes=chosen, by=by, asked_at=now))
            keys = [group.cause.key for group in meant]
            record(session, now, by, "campaign.retried", f"campaign {campaign_id}", {"causes": keys})
            session.after_commit(self._jobs.see_to_troubles)
        return sum(group.n for group in meant)

    def work(self) -> int:
        """Carry out what was ordered; returns how many sends were planned anew. Harmless when several do it."""
        with self._db.transaction() as session:
            open_ = session.scalars(
                select(Retry.id).where(Retry.finished_at.is_(None)).order_by(Retry.id)
            ).all()
        planned = 0
        for number in open_:
            more = True
            while more:
                n, more = self._batch(number)
                planned += n
        return planned

    def _batch(self, number: int) -> tuple[int, bool]:
        """The next of an order's sends; how many, and whether there may be more. None where somebody else is at it."""
        with self._db.transaction() as session:
            query = select(Retry).where(Retry.id == number, Retry.finished_at.is_(None))
            order = session.scalars(query.with_for_update(skip_locked=True)).one_or_none()
            if order is None:
                return 0, False
            ids = self._plan(session, order)
            if len(ids) < AT_ONCE:
                order.finished_at = self._clock.now()
                log.info("failed_mails_planned_anew", campaign_id=order.campaign_id, mails=order.planned)
        return len(ids), len(ids) == AT_ONCE

    def _plan(self, session: UnitOfWork, order: Retry) -> list[int]:
        now, campaign_id = self._clock.now(), order.campaign_id
        # First, as whoever ends a campaign does: it must not end between these sends and its status.
        campaign = get_campaign(session, campaign_id, lock=True)
        if campaign.status == CampaignStatus.CANCELLED or campaign.sends_dropped_at is not None:
            return []
        pairs = [pair for _, of in order.causes for pair in of]
        asked: dict[str, Any] = {"campaign": campaign_id, "after": order.after, "limit": AT_ONCE, "now": now}
        asked |= {"reasons": [reason for reason, _ in pairs], "codes": [code for _, code in pairs]}
        ids = sorted(row[0] for row in rows(session, _PLAN, asked))
        if not ids:
            return []
        order.after, order.planned = ids[-1], order.planned + len(ids)
        rows(session, _BOUNCES, {"campaign": campaign_id, "ids": ids, "retry": str(order.id)})
        if campaign.status == CampaignStatus.SENT:
            why = f"reopened by {order.by} to try failed mails again"
            session.add(campaign.move(CampaignStatus.SENDING, now, order.by, why))
            campaign.finished_at = None
        if campaign.status == CampaignStatus.SENDING:
            session.after_commit(lambda: self._jobs.send(_HINTS))
        add_counts(session, campaign_id, {SendStatus.FAILED: -len(ids), SendStatus.PLANNED: len(ids)})
        look_again(session, campaign_id, ids, now)
        return ids

    def orders(self, campaign_id: int, most: int = 20) -> list[RetryOrder]:
        """What was ordered for this campaign, the newest first."""
        with self._db.transaction() as session:
            found = session.scalars(
                select(Retry).where(Retry.campaign_id == campaign_id).order_by(Retry.id.desc()).limit(most)
            ).all()
        return [
            RetryOrder(
                one.id,
                one.by,
                one.asked_at,
                tuple(key for key, _ in one.causes),
                one.planned,
                one.finished_at is not None,
            )
            for one in found
        ]
