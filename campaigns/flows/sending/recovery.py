"""What the scheduler does every few seconds: find all that was lost on the way, and go on with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from campaigns.core.clock import Clock
from campaigns.core.db import Database, rows
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.flows.describing.campaigns import Campaigns
from campaigns.flows.sending.left_behind import LeftBehind
from campaigns.flows.sending.reconciling import Reconciling
from campaigns.flows.sending.sending import Sending
from campaigns.models import CampaignStatus, SendStatus

log = get_logger(__name__)

_HINTS_A_SWEEP = 4
# `due` needs no count: whether there is anything decides, and the counters say how much at most. In the order
# of an index, so that no plan can be tempted to look for the first one from the beginning of the table.
_OPEN_WORK = """
    select c.id, c.status,
           case when (select s.id from sends s where s.campaign_id = c.id and s.status = 'planned'
                      and s.not_before is null order by s.campaign_id, s.id limit 1) is not null
                  or (select s.id from sends s where s.campaign_id = c.id and s.status = 'planned'
                      and s.not_before <= %(now)s order by s.campaign_id, s.not_before, s.id limit 1) is not null
                then coalesce(n.planned, 0) else 0 end + coalesce(n.written, 0),
           coalesce(n.picked, 0), coalesce(n.open, 0),
           (c.delivery->>'local_time' is not null or c.delivery @> '{"best_hour": true}')
           and (select s.id from sends s where s.campaign_id = c.id and s.status = 'planned'
                and s.not_before is not null and s.cell_number is null
                order by s.campaign_id, s.id limit 1) is not null
    from campaigns c left join lateral (
        select sum(n) filter (where status = 'planned')::bigint as planned,
               sum(n) filter (where status = 'picked')::bigint as picked,
               sum(n) filter (where status = 'written')::bigint as written,
               sum(n) filter (where status not in ('sent', 'failed', 'held_back', 'uncertain'))::bigint as open
        from campaign_counts where campaign_id = c.id) n on true
    where c.status in ('planning', 'sending')
"""


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What one sweep found: campaigns started, and sends by what became of them."""

    started: int
    sends: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Open:
    """A running campaign: sends that may be due, sends that wait for words, sends that have not ended; and whether
    it mails by local time and has sends whose cells nobody has looked for yet."""

    campaign_id: int
    status: str
    due: int
    picked: int
    open: int
    unseen: bool


class Recovery:
    """Finds what workers left behind, campaigns that are due, and work that nobody was told of."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        campaigns: Campaigns,
        sending: Sending,
        left_behind: LeftBehind,
        batch_size: int,
        meters: Meters,
        reconciling: Reconciling,
        words_elsewhere: bool = False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._campaigns = campaigns
        self._sending = sending
        self._left_behind = left_behind
        self._batch_size = batch_size
        self._meters = meters
        self._reconciling = reconciling
        self._words_elsewhere = words_elsewhere

    def sweep(self) -> SweepResult:
        """One round; harmless when several schedulers do it at once."""
        started = self._campaigns.start_due()
        left = self._left_behind
        tally = left.of_the_dead() + left.of_the_hung() + left.of_expired_leases()
        if tally[SendStatus.UNCERTAIN]:
            # A provider may have told of the mail before anybody knew that it was uncertain.
            self._reconciling.settle_by_events()
        self._tell(tally)
        self._hint_at_open_work()
        return SweepResult(len(started), {status.value: n for status, n in tally.items()})

    def settle_here(self) -> None:
        """Only what dead workers of this host left: a sweep may be anybody's, their journals lie here."""
        self._tell(self._left_behind.of_the_dead())

    def _tell(self, tally: Counter[SendStatus]) -> None:
        if not tally:
            return
        log.warning("sends_recovered", **{status.value: n for status, n in tally.items()})
        for status, n in tally.items():
            self._meters.add("recoveries", n, status=status.value)
        self._meters.flush()

    def _hint_at_open_work(self) -> None:
        with self._db.transaction() as session:
            found = [_Open(*row) for row in rows(session, _OPEN_WORK, {"now": self._clock.now()})]
        for one in found:
            if one.status == CampaignStatus.PLANNING:
                self._jobs.plan(one.campaign_id)
            elif not one.open:
                self._sending.finish_if_done(one.campaign_id)
        # A worker that is at it goes on by itself: this is for those that were away, or have died.
        due = sum(-(-one.due // self._batch_size) for one in found)
        if due:
            self._jobs.send(min(_HINTS_A_SWEEP, due))
        if any(one.picked or (one.unseen and self._words_elsewhere) for one in found):
            self._jobs.write_words()
