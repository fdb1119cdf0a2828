"""A campaign that too many mails come back from, or too many people complain of, pauses itself and waits for a person.

Mailbox providers judge a sender by these shares, and go on judging while mail goes on. Three are looked at: bounces
that say something about the recipients, complaints, and refusals that are the sender's fault (authentication,
reputation): those say that all others will be refused as well. Whoever resumes the campaign has seen the figures, so
only mails begun after that count for the next time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from time import monotonic

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.flows.console.audit import record
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.sending.counters import counts
from campaigns.models import Campaign, CampaignStatus

log = get_logger(__name__)

BY = "tailormail"

# One person alone stops no campaign, however small it is.
_FEWEST = 2
_OUT = ("sent", "failed", "uncertain")
_LOOK_SECONDS = 1.0
_LOOK_AT_ALL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Shares in percent at which a campaign pauses itself, and how many mails must be out before."""

    bounce_percent: float
    complaint_percent: float
    after_mails: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Mails out, and those of them that bounced, were complained of, or were blocked for the sender's sake."""

    mails: int
    bounced: int
    complained: int
    blocked: int
    code: str = ""  # what most of the blocked were refused with


@dataclass(frozen=True, slots=True)
class Alarm:
    """What is wrong: bounces, complaints or blocked; and the same in words."""

    kind: str
    why: str


def alarm_of(figures: Figures, thresholds: Thresholds) -> Alarm | None:
    """Whether these figures are reason to pause; the sender's own fault first, for that is mended first."""
    if figures.mails < thresholds.after_mails:
        return None
    code = f", most with {figures.code}" if figures.code else ""
    found = (
        (
            "blocked",
            figures.blocked,
            thresholds.bounce_percent,
            f"were refused because of the sender{code}",
        ),
        ("complaints", figures.complained, thresholds.complaint_percent, "were complained of"),
        ("bounces", figures.bounced, thresholds.bounce_percent, "bounced"),
    )
    for kind, n, limit, words in found:
        share = 100 * n / figures.mails
        if n >= _FEWEST and share >= limit:
            return Alarm(
                kind, f"{n} of {figures.mails} mails {words} ({share:.2g} %; the limit is {limit:g} %)"
            )
    return None


class SelfPause:
    """Looks at running campaigns. Cheap where nothing comes back: counters, and an index of what did."""

    def __init__(self, db: Database, clock: Clock, meters: Meters, thresholds: Thresholds) -> None:
        self._db = db
        self._clock = clock
        self._meters = meters
        self._thresholds = thresholds
        self._looked: dict[int, float] = {}
        self._looked_at_all: float | None = None

    def run(self) -> list[int]:
        """Look at all running campaigns, every few seconds; returns those that were paused."""
        now = monotonic()
        if self._looked_at_all is not None and now - self._looked_at_all < _LOOK_AT_ALL_SECONDS:
            return []
        self._looked_at_all = now
        with self._db.transaction() as session:
            running = session.scalars(
                select(Campaign.id).where(Campaign.status == CampaignStatus.SENDING.value)
            ).all()
        self._looked = {one: at for one, at in self._looked.items() if one in running}
        return [one for one in running if self.check(one)]

    def after_batch(self, campaign_id: int) -> bool:
        """`check`, unless that was done less than a second ago: for after mails that failed."""
        now = monotonic()
        if now - self._looked.get(campaign_id, -_LOOK_SECONDS) < _LOOK_SECONDS:
            return False
        self._looked[campaign_id] = now
        return self.check(campaign_id)

    def check(self, campaign_id: int) -> bool:
        """Pause the campaign if its figures say so; whether it was paused now."""
        with self._db.transaction() as session:
            alarm = alarm_of(_figures(session, campaign_id), self._thresholds)
            if alarm is None:
                return False
            # Now that it matters, under the lock: somebody may have paused or resumed it meanwhile.
            campaign = get_campaign(session, campaign_id, lock=True)
            figures = _figures(session, campaign_id)
            alarm = alarm_of(figures, self._thresholds)
            if alarm is None or campaign.status != CampaignStatus.SENDING:
                return False
            moved = campaign.move(CampaignStatus.PAUSED, self._clock.now(), BY, alarm.why)
            assert moved is not None
            moved.figures = {**asdict(figures), "mails": _mails_out(session, campaign_id)}
            session.add(moved)
            record(session, moved.at, BY, "campaign.paused", f"campaign {campaign_id}", {"why": alarm.why})
        log.warning("campaign_paused_itself", campaign_id=campaign_id, why=alarm.why)
        self._meters.add("self_pauses", alarm=alarm.kind)
        self._meters.flush()
        return True


# The last time that it paused itself, and when a person resumed it after that.
_LAST = text(
    """
    select p.figures, (select min(r.at) from campaign_transitions r
        where r.campaign_id = p.campaign_id and r.id > p.id and r.from_status = 'paused') as resumed_at
    from campaign_transitions p where p.campaign_id = :campaign_id and p.figures ->> 'mails' is not null
    order by p.id desc limit 1
    """
)
_EVENTS = """
    select count(distinct e.send_id) filter (where e.name = 'bounced' and not by_us),
           count(distinct e.send_id) filter (where e.name = 'complained'),
           count(distinct e.send_id) filter (where e.name = 'bounced' and by_us),
           mode() within group (order by nullif(e.detail->>'code', ''))
               filter (where e.name = 'bounced' and by_us)
    from events e cross join lateral (select coalesce(e.detail->>'blame', '') = 'sender' as by_us) blame
    where e.campaign_id = :campaign_id and e.name in ('bounced', 'complained')
"""
_COUNT = text(_EVENTS)
_COUNT_SINCE = text(
    f"{_EVENTS} and exists (select 1 from sends s where s.campaign_id = e.campaign_id and s.id = e.send_id"
    " and s.intent_at > :since)"
)


def _figures(session: Session, campaign_id: int) -> Figures:
    """Those that nobody has answered for yet."""
    last = session.execute(_LAST, {"campaign_id": campaign_id}).first()
    before: Mapping[str, int] = last.figures if last else {}
    mails = _mails_out(session, campaign_id) - int(before.get("mails", 0))
    since: datetime | None = last.resumed_at if last else None
    if last is not None and since is None:
        return Figures(0, 0, 0, 0)  # it waits for a person
    if since is None:
        row = session.execute(_COUNT, {"campaign_id": campaign_id}).one()
    else:
        row = session.execute(_COUNT_SINCE, {"campaign_id": campaign_id, "since": since}).one()
    return Figures(max(0, mails), row[0], row[1], row[2], row[3] or "")


def _mails_out(session: Session, campaign_id: int) -> int:
    by_status = counts(session, campaign_id)
    return sum(by_status.get(status, 0) for status in _OUT)
