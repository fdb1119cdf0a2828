"""What a campaign that is being written would do: how many it reaches, what its words cost, how long sending takes.

No page counts: whom it reaches comes from segment_counts.py (a fair sample at once, everybody soon after). What a
model's words take is foreseen by a worker whenever the campaign has come to rest after a change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.audience.arms import HOLDOUT_REASON
from campaigns.audience.contact import ContactTerms
from campaigns.copywriting.terms import CopyTerms
from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import TellThePerson
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.delivery.relay_plan import RelayPlan
from campaigns.flows.customers.segment_counts import SegmentCount, SegmentCounts, SegmentLook
from campaigns.flows.describing.plans import get_campaign
from campaigns.models import NOT_BEGUN, Campaign, CampaignOutlook

log = get_logger(__name__)

MOST_FORESEEN = 50_000
"""Mails of an audience whose words are foreseen unasked; for more somebody presses a button on the page Copy."""
_REST = timedelta(seconds=10)
_LEASE = timedelta(minutes=15)
# What decides about the words: whom they are for, of which products, from what, and how fine.
_DECIDING = ("segment", "topic", "kind", "picks", "picking", "brief", "copy", "experiment", "slots")


@dataclass(frozen=True, slots=True)
class WordsOutlook:
    """What the model's words would take; `cost` is a decimal string, None where no price is known.

    `at` is when it was foreseen, None: not yet. `stale`: the campaign has changed since. `waiting`: a worker is to
    foresee it. `by_model` is False where the offline writer writes all words, which costs nothing.
    """

    by_model: bool
    calls: int = 0
    cost: str | None = None
    currency: str = ""
    at: datetime | None = None
    stale: bool = False
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a campaign would do now.

    `fits` are in its segment, `planned` would get it, `held_back` would not, by reason. `waiting`: an exact count is
    on its way. `seconds` is how long sending takes at `per_second` mails a second, None where nothing limits it.
    `problem` says why nothing can be told.
    """

    fits: SegmentCount | None
    planned: SegmentCount | None
    held_back: Mapping[str, SegmentCount]
    waiting: bool
    words: WordsOutlook
    per_second: float | None
    seconds: float | None
    problem: str = ""

    def audience(self) -> dict[str, Any]:
        """Planned and held back as JSON-ready values, with what they are worth."""
        planned = self.planned
        return {
            "planned": planned.n if planned else 0,
            "held_back": {reason: count.n for reason, count in self.held_back.items()},
            "exact": planned is not None and planned.exact,
            "low": planned.low if planned else 0,
            "high": planned.high if planned else 0,
            "at": planned.at.isoformat() if planned else None,
        }

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON-ready values."""
        words = self.words
        return {
            **self.audience(),
            "in_segment": self.fits.n if self.fits else 0,
            "waiting": self.waiting,
            "per_second": self.per_second,
            "seconds": self.seconds,
            "words": {
                "by_model": words.by_model,
                "calls": words.calls,
                "cost": words.cost,
                "currency": words.currency,
                "at": words.at.isoformat() if words.at else None,
                "stale": words.stale,
                "waiting": words.waiting,
            },
            "problem": self.problem,
        }


class Outlooks:
    """Tells it, and has it worked out.

    `foresee` makes the forecast of a campaign's copy and keeps it with the campaign; `plan` is the delivery file.
    """

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        counts: Callable[[], SegmentCounts],
        foresee: Callable[[int], object],
        plan: Callable[[], RelayPlan],
        uses_model: bool,
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._counts = counts
        self._foresee = foresee
        self._plan = plan
        self._uses_model = uses_model

    def of(self, campaign_id: int) -> Outlook:
        """What this campaign would do now.

        Raises:
            NotFound: there is none with this number.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            words = self._words(session, campaign)
        return self._of(campaign, words)

    def look(self, campaign_id: int) -> SegmentLook | None:
        """The audience alone, with a few of its customers; None where its rules cannot be read any more.

        Raises:
            NotFound: there is none with this number.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
        try:
            return self._counts().look(campaign.segment, ContactTerms.of(campaign, None))
        except TellThePerson:
            return None

    def changed(self, campaign_id: int) -> None:
        """Have the words foreseen once the campaign has come to rest; nothing without a model."""
        if not self._uses_model:
            return
        due = {"campaign_id": campaign_id, "due_at": self._clock.now() + _REST}
        asked = insert(CampaignOutlook).values(**due)
        with self._db.transaction() as session:
            session.execute(
                asked.on_conflict_do_update(
                    index_elements=["campaign_id"], set_={"due_at": asked.excluded.due_at}
                )
            )
            session.after_commit(self._jobs.make_forecasts)

    def work(self) -> int:
        """Foresee what is due; returns for how many campaigns. For workers; harmless when two do it at once."""
        done = 0
        while (taken := self._take()) is not None:
            campaign_id, lease, digest = taken
            try:
                if digest and self._is_small(campaign_id):
                    self._foresee(campaign_id)
                    done += 1
            except TellThePerson as error:
                log.info("outlook_not_made", campaign_id=campaign_id, why=error.message)
                digest = ""
            self._keep(campaign_id, lease, digest)
        return done

    def _of(self, campaign: Campaign, words: WordsOutlook) -> Outlook:
        try:
            look = self._counts().look(campaign.segment, ContactTerms.of(campaign, None))
        except TellThePerson as error:
            return Outlook(None, None, {}, False, words, None, None, error.message)
        held = float((campaign.experiment or {}).get("holdout") or 0)
        planned, held_back = _without_holdout(look, held)
        pace = self._pace(campaign)
        return Outlook(
            fits=look.fits,
            planned=planned,
            held_back=held_back,
            waiting=look.waiting,
            words=words,
            per_second=pace,
            seconds=planned.n / pace if pace else None,
            problem=look.failed,
        )

    def _words(self, session: Session, campaign: Campaign) -> WordsOutlook:
        if not self._uses_model:
            return WordsOutlook(False)
        row = session.get(CampaignOutlook, campaign.id)
        waiting = row is not None and row.due_at is not None
        told = campaign.copy_forecast
        if not told:
            return WordsOutlook(True, waiting=waiting)
        granularity = CopyTerms.from_json(campaign.copy).granularity
        own = told["by_granularity"].get(granularity) or {}
        return WordsOutlook(
            by_model=True,
            calls=int(own.get("calls", 0)),
            cost=own.get("cost"),
            currency=told.get("currency", ""),
            at=datetime.fromisoformat(told["at"]),
            stale=row is not None and row.digest != _digest(campaign),
            waiting=waiting,
        )

    def _pace(self, campaign: Campaign) -> float | None:
        """Mails a second at most: the campaign's own limit, or what all relays take together."""
        own = (campaign.delivery or {}).get("per_second")
        relays = [relay.per_second for relay in self._plan().relays]
        all_told = sum(rate for rate in relays if rate) if relays and all(relays) else None
        limits = [float(limit) for limit in (own, all_told) if limit]
        return min(limits) if limits else None

    def _is_small(self, campaign_id: int) -> bool:
        planned = self.of(campaign_id).planned
        return planned is not None and planned.n <= MOST_FORESEEN

    def _take(self) -> tuple[int, datetime, str] | None:
        """(campaign, until when it is ours, digest of what it says now) of one that is due; "" if it has begun."""
        now = self._clock.now()
        due = select(CampaignOutlook).where(CampaignOutlook.due_at <= now).order_by(CampaignOutlook.due_at)
        with self._db.transaction() as session:
            row = session.scalars(due.limit(1).with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            row.due_at = now + _LEASE
            campaign = get_campaign(session, row.campaign_id)
            digest = _digest(campaign) if campaign.status in NOT_BEGUN else ""
            return row.campaign_id, row.due_at, digest

    def _keep(self, campaign_id: int, lease: datetime, digest: str) -> None:
        """It is done; where somebody asked again meanwhile, that stands."""
        mine = update(CampaignOutlook).where(
            CampaignOutlook.campaign_id == campaign_id, CampaignOutlook.due_at == lease
        )
        with self._db.transaction() as session:
            session.execute(mine.values(due_at=None, digest=digest, at=self._clock.now()))


def _digest(campaign: Campaign) -> str:
    told = {name: getattr(campaign, name) for name in _DECIDING}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _without_holdout(look: SegmentLook, share: float) -> tuple[SegmentCount, dict[str, SegmentCount]]:
    """Some of those who could be mailed are left out on purpose, to see what the mails do."""
    planned, held_back = look.planned, dict(look.held_back)
    if not share or HOLDOUT_REASON in held_back:
        return planned, held_back
    out = replace(
        planned,
        n=round(planned.n * share),
        low=round(planned.low * share),
        high=round(planned.high * share),
        exact=False,
    )
    rest = replace(
        planned, n=planned.n - out.n, low=planned.low - out.low, high=planned.high - out.high, exact=False
    )
    return rest, {**held_back, HOLDOUT_REASON: out}
