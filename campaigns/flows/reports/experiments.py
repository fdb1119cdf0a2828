"""Experiments for people: how they stand, choosing an arm, and help with the size beforehand. Reads only what is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, NotFound, Refused
from campaigns.flows.console.audit import record
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.reports.experiment_looks import ExperimentLooks
from campaigns.flows.reports.experiment_waves import terms_of, waves_of
from campaigns.insight.experiment_terms import ExperimentTerms
from campaigns.insight.sample_size import effect_seen, mails_needed
from campaigns.models import Campaign, CampaignStatus, ExperimentState, KeptReport

_BEGUN = (CampaignStatus.SENDING, CampaignStatus.PAUSED, CampaignStatus.SENT)
_SUMS = (
    "told", "sent", "failed", "mature", "measured", "clicked", "opened", "ordered", "unsubscribed", "complained",
)  # fmt: skip
# Where no campaign has gone out yet; what many shops see.
_ASSUMED = {"clicks": 0.02, "orders": 0.005}
_LOOKED_BACK = 20


@dataclass(frozen=True, slots=True)
class SizeHelp:
    """What an experiment of this size can tell.

    `base` is the usual rate (part of 1), `source` where it is from. To tell an effect of `effect` (part of `base`) with
    `power`, `each` mails of each arm are wanted, `total` of all; `available` are there for each arm (None: not known),
    which tells an effect from `smallest` on (None: nothing). `enough` is None where it is not known.
    """

    base: float
    source: str
    effect: float
    power: float
    each: int
    total: int
    available: int | None
    smallest: float | None
    enough: bool | None
    hours: float

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)


class Experiments:
    """Shows and decides experiments.

    `audience_of` gives how many mails a draft would send, without the holdout, where that is known.
    """

    def __init__(
        self, db: Database, clock: Clock, looks: ExperimentLooks, audience_of: Callable[[int], int | None]
    ) -> None:
        self._db = db
        self._clock = clock
        self._looks = looks
        self._audience_of = audience_of

    def show(self, campaign_id: int) -> dict[str, Any]:
        """The experiment of a campaign as JSON-ready values, as it was last counted.

        Raises:
            NotFound: there is no such campaign, or it tries nothing out.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            terms = _terms(campaign)
            state = session.get(ExperimentState, campaign_id)
            waves = waves_of(session, campaign_id)
            judged = (state.judged if state else None) or {}
            return {
                "campaign": campaign_id,
                "name": campaign.name,
                "status": campaign.status,
                **_as_planned(terms),
                "at": state.looked_at.isoformat() if state and state.looked_at else None,
                "arms": [_arm(terms, number, state, judged) for number in range(len(terms.arms))],
                "verdict": judged.get("verdict"),
                "mismatch": judged.get("mismatch"),
                "currency": judged.get("currency", ""),
                "waiting": judged.get("waiting", 0),
                "holdout_customers": judged.get("holdout", 0),
                "waves": [
                    {
                        "number": wave.number,
                        "starts": wave.starts,
                        "ends": wave.ends,
                        "shares": wave.shares,
                        "basis": wave.basis,
                        "opened_at": wave.opened_at.isoformat(),
                        "opened_by": wave.opened_by,
                    }
                    for wave in waves
                ],
                "decision": _decision(terms, state),
            }

    def decide(self, campaign_id: int, arm: int | str, by: str) -> int:
        """Choose an arm, by number from 0 or name; a worker tells those who wait. Returns how many, as last counted.

        Raises:
            NotFound: there is no such campaign, it tries nothing out, or has no such arm.
            Refused: it has not begun, was cancelled, or is decided already.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            terms = _terms(campaign)
            number = _number(terms, arm)
            state = session.scalars(
                select(ExperimentState).where(ExperimentState.campaign_id == campaign_id).with_for_update()
            ).one_or_none()
            if state is None or campaign.status not in _BEGUN:
                raise Refused(f"campaign {campaign_id} is {campaign.status}; there is nothing to decide now")
            if state.decided_arm is not None:
                chosen = terms.arms[state.decided_arm].name
                raise Refused(f"{state.decided_by or 'somebody'} has chosen {chosen!r} already")
            return self._looks.decide(session, campaign, terms, number, by, self._clock.now())

    def ask(self, campaign_id: int, by: str) -> None:
        """Have it counted anew by a worker, within about a minute.

        Raises:
            NotFound: there is no such campaign, or it tries nothing out.
        """
        with self._db.transaction() as session:
            _terms(get_campaign(session, campaign_id))
            state = session.get(ExperimentState, campaign_id, with_for_update=True)
            if state is not None:
                state.looked_at = None
                record(session, self._clock.now(), by, "experiment.asked_for", f"campaign {campaign_id}")

    def size_help(
        self, campaign_id: int, terms: ExperimentTerms, effect: float = 0.2, power: float = 0.8
    ) -> SizeHelp:
        """How many mails these arms need, and what the audience of this campaign can tell.

        Raises:
            NotFound: there is no such campaign.
            BadInput: no such effect can be.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            base, source = _usual_rate(session, campaign, terms.goal)
        arms = max(2, len(terms.arms))
        try:
            needed = mails_needed(base, effect, arms, power)
        except ValueError as error:
            raise BadInput(f"cannot be told: {error}", where="effect") from None
        audience = self._audience_of(campaign_id)
        available = None
        if audience is not None:
            in_test = terms.test_share if terms.method == "fixed" else 1.0
            available = int(audience * in_test * min(terms.shares, default=1 / arms))
        smallest = None if available is None else effect_seen(base, available, arms, power)
        return SizeHelp(
            base, source, effect, power, needed.each, needed.total, available, smallest,
            None if available is None else available >= needed.each, terms.window,
        )  # fmt: skip


def _terms(campaign: Campaign) -> ExperimentTerms:
    terms = terms_of(campaign)
    if terms is None:
        raise NotFound(f"campaign {campaign.id} tries nothing out")
    return terms


def _as_planned(terms: ExperimentTerms) -> dict[str, Any]:
    """The terms without the seed, by which one could foretell anybody's arm, and without the arms."""
    return {
        **terms.model_dump(mode="json", exclude={"seed", "arms", "window_hours", "wave_hours", "waves"}),
        "window_hours": terms.window,
        "wave_hours": terms.between_waves,
        "in_stages": terms.in_stages,
        "waves_planned": terms.waves,
    }


def _arm(
    terms: ExperimentTerms, number: int, state: ExperimentState | None, judged: Mapping[str, Any]
) -> dict[str, Any]:
    arm = terms.arms[number]
    mine = [cell for cell in (state.cells if state else ()) if cell["arm"] == number]
    found: dict[str, Any] = {
        "number": number,
        "name": arm.name,
        "weight": arm.weight,
        "share": terms.shares[number],
        "value": arm.value,
        **{name: sum(cell.get(name, 0) for cell in mine) for name in _SUMS},
        "revenue": round(sum(cell.get("revenue", 0.0) for cell in mine), 2),
    }
    for key in ("rate", "low", "high", "best", "loss", "diff", "diff_low", "diff_high"):
        found[key] = judged["arms"][number][key] if judged and judged.get("arms") else None
    found["revenue_per_mail"] = judged["revenue"][number] if judged and judged.get("revenue") else None
    return found


def _decision(terms: ExperimentTerms, state: ExperimentState | None) -> dict[str, Any] | None:
    if state is None or state.decided_arm is None or state.decided_at is None:
        return None
    return {
        "arm": state.decided_arm,
        "name": terms.arms[state.decided_arm].name,
        "at": state.decided_at.isoformat(),
        "by": state.decided_by,
        "on": (state.decided_on or {}).get("verdict"),
    }


def _number(terms: ExperimentTerms, arm: int | str) -> int:
    if isinstance(arm, str) and not arm.isdigit():
        for number, one in enumerate(terms.arms):
            if one.name.casefold() == arm.strip().casefold():
                return number
    elif 0 <= int(arm) < len(terms.arms):
        return int(arm)
    known = ", ".join(f"{number} ({one.name})" for number, one in enumerate(terms.arms)) or "none"
    raise NotFound(f"there is no arm {arm!r}; there are {known}")


def _counted(headline: Mapping[str, Any], goal: str) -> tuple[int, int]:
    """Of a kept report's headline (insight/full_report.py), how many did what counts, and of how many."""
    if goal == "orders":
        return int((headline.get("week") or {}).get("orders") or 0), int(headline.get("mailed") or 0)
    clicked = (headline.get("rates") or {}).get("clicked") or {}
    return int(clicked.get("n") or 0), int(clicked.get("of") or 0)


def _usual_rate(session: Session, campaign: Campaign, goal: str) -> tuple[float, str]:
    """The rate of past campaigns, of the same topic first, from their kept reports; else what is assumed."""
    for topic in dict.fromkeys((campaign.topic, None)):
        wanted = select(KeptReport.headline).join(Campaign, Campaign.id == KeptReport.campaign_id)
        wanted = wanted.where(Campaign.id != campaign.id, KeptReport.body.is_not(None))
        if topic is not None:
            wanted = wanted.where(Campaign.topic == topic)
        found = session.scalars(wanted.order_by(Campaign.id.desc()).limit(_LOOKED_BACK)).all()
        counted = [_counted(one, goal) for one in found]
        won, sent = sum(n for n, _ in counted), sum(of for _, of in counted)
        if sent and won:
            about = f" about {topic}" if topic else ""
            number = f"the last {len(found)} campaigns" if len(found) > 1 else "the last campaign"
            return min(won / sent, 0.5), f"{number}{about}"
    return _ASSUMED[goal], "an assumption: no campaign has been reported on yet"
