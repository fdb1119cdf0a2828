"""How well a campaign's copy went: passed, repaired, refused, what it took of the budget, and what a mail cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.copywriting.terms import CopyTerms
from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.flows.copy.copy_fallback import STOPPED_BY
from campaigns.flows.describing.plans import get_campaign
from campaigns.models import Campaign, CampaignStatus, CampaignTransition, CopySpend

_MOST_RULES = 20
_ACTIVE = (CampaignStatus.PLANNING.value, CampaignStatus.SENDING.value)
OUTCOMES = ("first_pass", "repaired", "partly_offline", "refused", "outages", "over_budget")
"""What becomes of a cell that is written for this campaign; the last three are written offline."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule of the guard that drafts broke: so often, in so many cells; `example` is one message of it."""

    rule: str
    times: int
    cells: int
    example: str


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound of the campaign's [copy]: `used` of `limit`, both in `unit`."""

    name: str
    used: float
    limit: float
    unit: str

    @property
    def share(self) -> float:
        """How much of it is used, from 0.0; 1.0 and more: nothing is left."""
        return self.used / self.limit if self.limit else 1.0


@dataclass(frozen=True, slots=True)
class Spent:
    """Calls of the model, their tokens (`cached_tokens` among the input ones), and the cost in millionths."""

    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0
    began_at: datetime | None = None
    last_at: datetime | None = None

    @property
    def tokens(self) -> int:
        """Asked and answered."""
        return self.input_tokens + self.output_tokens

    @property
    def cost(self) -> Decimal | None:
        """In whole units of the currency; None where tokens were used at prices that nobody has said."""
        return Decimal(self.cost_micros).scaleb(-6) if self.cost_micros or not self.tokens else None

    @property
    def cached_share(self) -> float | None:
        """Of the tokens asked, the part that the server knew from before; None before the first."""
        return self.cached_tokens / self.input_tokens if self.input_tokens else None

    @property
    def seconds(self) -> float:
        """From the first call to the last."""
        return (self.last_at - self.began_at).total_seconds() if self.began_at and self.last_at else 0.0


@dataclass(frozen=True, slots=True)
class CopyReport:
    """Numbers of cells unless said otherwise; a cell is all mails that are written together.

    `cells` and `mails` are by state: waiting, written, partly_offline, offline. Mails are counted that have their
    words, from earlier campaigns too, and those of cells that wait.
    `outcomes` has OUTCOMES of the cells that were written for this campaign.
    `line_orders` are the requests for lines of further products: asked, refused as a whole, away (the model was).
    `tried` are samples among the cells that have no words of the model yet, and are asked again in the campaign.
    `samples` is by what a person said: shown (nothing yet), approved, rejected. `stopped` says why the campaign
    paused itself for its copy, "" if it did not; `used_up` names the bounds of which nothing is left.
    `forecast` is flows/copy_forecast.py's, from before.
    """

    granularity: str
    mode: str
    variants: int
    fallback_limit: float
    currency: str
    cells: Mapping[str, int] = field(default_factory=dict)
    mails: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    line_orders: Mapping[str, int] = field(default_factory=dict)
    tried: int = 0
    rules: tuple[Broken, ...] = ()
    spent: Spent = field(default_factory=Spent)
    bounds: tuple[Bound, ...] = ()
    samples: Mapping[str, int] = field(default_factory=dict)
    approve_samples: bool = False
    stopped: str = ""
    forecast: Mapping[str, Any] | None = None

    @property
    def all_cells(self) -> int:
        """Cells of the campaign."""
        return sum(self.cells.values())

    @property
    def done_cells(self) -> int:
        """Those that have their words."""
        return self.all_cells - self.cells.get("waiting", 0)

    @property
    def done_mails(self) -> int:
        """Mails that have their words."""
        return sum(self.mails.values()) - self.mails.get("waiting", 0)

    @property
    def drafted(self) -> int:
        """Cells for which the model gave a draft, so that the guard had something to judge."""
        return sum(self.outcomes.get(name, 0) for name in OUTCOMES[:4])

    @property
    def written_here(self) -> int:
        """Cells that were written for this campaign, by whomever."""
        return sum(self.outcomes.values())

    @property
    def known_before(self) -> int:
        """Cells whose words were there already."""
        return max(self.done_cells - self.written_here - self.tried, 0)

    @property
    def rates(self) -> dict[str, float | None]:
        """Parts of 1, None of nothing.

        first_try, after_repair (those of the first try included) and partly_offline are of the drafted cells;
        fallback_cells and fallback_mails of all that have their words: those without any of a model's.
        """
        passed = self.outcomes.get("first_pass", 0)
        return {
            "first_try": _share(passed, self.drafted),
            "after_repair": _share(passed + self.outcomes.get("repaired", 0), self.drafted),
            "partly_offline": _share(self.outcomes.get("partly_offline", 0), self.drafted),
            "fallback_cells": _share(self.cells.get("offline", 0), self.done_cells),
            "fallback_mails": _share(self.mails.get("offline", 0), self.done_mails),
        }

    @property
    def cost_per_thousand(self) -> Decimal | None:
        """What the words of a thousand mails cost; None where no price is known, or no mail has words."""
        cost = self.spent.cost
        return None if cost is None or not self.done_mails else cost * 1000 / self.done_mails

    @property
    def used_up(self) -> tuple[str, ...]:
        """The bounds of which nothing is left."""
        return tuple(bound.name for bound in self.bounds if bound.share >= 1)

    def as_json(self) -> dict[str, Any]:
        """As JSON-ready values; money is a decimal string, null where no price was known."""
        cost, each = self.spent.cost, self.cost_per_thousand
        spent = asdict(self.spent) | {
            name: at.isoformat() if at else None
            for name, at in (("began_at", self.spent.began_at), ("last_at", self.spent.last_at))
        }
        return {
            "granularity": self.granularity,
            "mode": self.mode,
            "variants": self.variants,
            "cells": dict(self.cells),
            "mails": dict(self.mails),
            "outcomes": dict(self.outcomes),
            "line_orders": dict(self.line_orders),
            "known_before": self.known_before,
            "rates": {name: _rounded(rate) for name, rate in self.rates.items()},
            "rules": [asdict(rule) for rule in self.rules],
            "spent": spent
            | {
                "tokens": self.spent.tokens,
                "cached_share": _rounded(self.spent.cached_share),
                "cost": None if cost is None else f"{cost:f}",
                "cost_per_thousand_mails": None if each is None else f"{each:.4f}",
                "currency": self.currency,
                "seconds": round(self.spent.seconds, 3),
            },
            "bounds": [asdict(bound) | {"share": round(bound.share, 4)} for bound in self.bounds],
            "used_up": list(self.used_up),
            "fallback_limit": self.fallback_limit,
            "stopped": self.stopped,
            "samples": dict(self.samples),
            "approve_samples": self.approve_samples,
            "forecast": dict(self.forecast) if self.forecast else None,
        }


def copy_report(
    session: Session, campaign: Campaign, currency: str, now: datetime, mails: Mapping[str, int] | None = None
) -> CopyReport:
    """The report of a campaign's copy as of `now`; its mails are counted unless `mails` says how many there are."""
    terms = CopyTerms.from_json(campaign.copy)
    spend = session.get(CopySpend, campaign.id, populate_existing=True)
    spent = _spent(spend)
    kept = (campaign.summary or {}).get("copy") if campaign.sends_dropped_at else None
    counted = kept or copy_counts(session, campaign.id, mails)
    at_work = campaign.status in _ACTIVE and "waiting" in counted["cells"]
    return CopyReport(
        granularity=terms.granularity,
        mode=terms.mode,
        variants=terms.variants,
        fallback_limit=terms.fallback_limit,
        currency=currency,
        cells=counted["cells"],
        mails=counted["mails"],
        outcomes={name: int(getattr(spend, name)) for name in OUTCOMES} if spend else {},
        line_orders=_line_orders(spend),
        tried=counted.get("tried", 0),
        rules=tuple(Broken(**rule) for rule in counted["rules"]),
        spent=spent,
        bounds=tuple(_bounds(terms, spent, currency, now if at_work else None)),
        samples=counted["samples"],
        approve_samples=terms.approve_samples,
        stopped=_stopped(session, campaign),
        forecast=campaign.copy_forecast,
    )


def mails_by_writer(session: Session, campaign_id: int) -> dict[str, int]:
    """How many mails have their words, by state as in CopyReport; reads all sends of the campaign."""
    return {row.state: row.mails for row in session.execute(text(_MAILS), {"campaign": campaign_id})}


def copy_counts(session: Session, campaign_id: int, mails: Mapping[str, int] | None = None) -> dict[str, Any]:
    """What is counted in the rows of cells and mails, JSON-ready: it is kept when those are dropped.

    Returns cells and mails by state, samples by what was said, and the rules that drafts broke.
    """
    asked = {"campaign": campaign_id}
    cells = {row.state: row.cells for row in session.execute(text(_CELLS), asked)}
    mails = mails_by_writer(session, campaign_id) if mails is None else mails
    waiting = session.scalar(text(_WAITING), asked)
    rules = session.execute(text(_RULES), {**asked, "most": _MOST_RULES}).mappings()
    return {
        "cells": cells,
        "mails": {**mails, **({"waiting": waiting} if waiting else {})},
        "samples": {row.sample: row.n for row in session.execute(text(_SAMPLES), asked)},
        "tried": session.scalar(text(_TRIED), asked),
        "rules": [dict(rule) for rule in rules],
    }


_CELLS = """
    -- What a person rejected is written offline, whoever wrote the sample.
    select case when sample = 'rejected' then 'offline' else state end as state, count(*)::int as cells
    from copy_cells
    -- Whose sends have come to belong to other cells, as with another model, waits for nothing.
    where campaign_id = :campaign and (state <> 'waiting' or sends > 0) group by 1 order by 1"""
_TRIED = (
    "select count(*)::int from copy_cells where campaign_id = :campaign and state = 'offline' and sends = 0"
)
_MAILS = """
    select case when c.writer = 'offline' then 'offline' when c.offline_fields <> '[]' then 'partly_offline'
                else 'written' end as state, count(*) as mails
    from sends s join copies c on c.id = s.copy_id
    where s.campaign_id = :campaign and s.status <> 'held_back' group by 1 order by 1"""
_WAITING = "select sum(sends)::bigint from copy_cells where campaign_id = :campaign and state = 'waiting'"
_RULES = """
    select v->>'rule' as rule, count(*)::int as times, count(distinct key)::int as cells,
           min(v->>'message') as example
    from copy_cells, jsonb_array_elements(verdicts) v
    where campaign_id = :campaign group by 1 order by 2 desc, 1 limit :most"""
_SAMPLES = (
    "select sample, count(*)::int as n from copy_cells where campaign_id = :campaign and sample <> '' "
    "group by 1 order by 1"
)


def _line_orders(row: CopySpend | None) -> dict[str, int]:
    if row is None:
        return {}
    return {"asked": row.line_orders, "refused": row.line_orders_refused, "away": row.line_orders_away}


def _spent(row: CopySpend | None) -> Spent:
    if row is None:
        return Spent()
    return Spent(
        row.calls,
        row.input_tokens,
        row.cached_tokens,
        row.output_tokens,
        row.cost_micros,
        row.began_at,
        row.last_at,
    )


def _bounds(terms: CopyTerms, spent: Spent, currency: str, now: datetime | None) -> list[Bound]:
    """The bounds that the campaign has; its time runs on until `now`, or stood still at the last call."""
    bounds = []
    if terms.max_calls is not None:
        bounds.append(Bound("max_calls", spent.calls, terms.max_calls, "calls"))
    if terms.max_tokens is not None:
        bounds.append(Bound("max_tokens", spent.tokens, terms.max_tokens, "tokens"))
    if terms.max_cost is not None:
        bounds.append(Bound("max_cost", spent.cost_micros / 1e6, float(terms.max_cost), currency))
    if terms.max_minutes is not None:
        until = now or spent.last_at
        took = (until - spent.began_at).total_seconds() / 60 if until and spent.began_at else 0.0
        bounds.append(Bound("max_minutes", round(max(took, 0.0), 2), terms.max_minutes, "minutes"))
    return bounds


def _stopped(session: Session, campaign: Campaign) -> str:
    """Why it paused itself for its copy, if that is how it stands."""
    if campaign.status != CampaignStatus.PAUSED.value:
        return ""
    newest = (
        select(CampaignTransition)
        .where(CampaignTransition.campaign_id == campaign.id)
        .order_by(CampaignTransition.id.desc())
        .limit(1)
    )
    last = session.scalars(newest).first()
    figures = (last.figures or {}) if last else {}
    return last.why if last and figures.get("stopped_by") == STOPPED_BY else ""


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 4)


class CopyReporting:
    """Reads what became of a campaign's copy; `currency` is that of the model's prices."""

    def __init__(self, db: Database, clock: Clock, currency: str) -> None:
        self._db = db
        self._clock = clock
        self._currency = currency

    def report(self, campaign_id: int, mails: Mapping[str, int] | None = None) -> CopyReport:
        """The report of now; `mails` by state where they were counted already, for pages that must not count.

        Raises:
            NotFound: there is no such campaign.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            return copy_report(session, campaign, self._currency, self._clock.now(), mails)
