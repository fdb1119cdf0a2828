"""The whole report of a campaign as one JSON document: what is kept, shown, printed, exported and answered by the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.insight import attribution, before_after, clicks, lift, responses, returns
from campaigns.insight.people import gather
from campaigns.insight.report import Report, campaign_report
from campaigns.insight.returns import CopyCost, Prices

VERSION = 1
"""Of the document; one that is older is made anew as long as the sends are there."""

TREND = ("mailed", "unsubscribed", "complained")
"""What is told week by week over all campaigns."""
_MOST_WEEKS = 26

# The first mail, by number, of those that can be shown again and whose links are counted.
_SAMPLE = """
    select s.id from sends s where s.campaign_id = :campaign_id and s.status = 'sent' and s.tracked
       and s.copy_id is not null order by s.id limit 1"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is made of beside the events: names of slots and arms, and what the house pays."""

    campaign_id: int
    started_at: datetime | None
    slot_names: Sequence[str] = ()
    arm_names: Mapping[int, str] = field(default_factory=dict)
    words: CopyCost = field(default_factory=lambda: CopyCost(None, "USD"))
    prices: Prices = field(default_factory=Prices)


def full_report(
    session: Session, asked: Asked, now: datetime, totals: Report | None = None
) -> dict[str, Any]:
    """Everything as of `now`, JSON-ready; `totals` where they were counted already.

    Reads all sends, events and the orders of everybody in the campaign: seconds to minutes for a big one, and no page
    waits for it.
    """
    campaign_id = asked.campaign_id
    scope = gather(session, campaign_id, asked.started_at, now)
    counted = responses.totals(session)
    revenue = attribution.attributed(session, scope, counted["mailed"])
    lifted = lift.lift(session, scope)
    spent = returns.costs(counted["mailed"], asked.prices, asked.words)
    totals = totals or campaign_report(session, campaign_id, list(asked.slot_names), now)
    return {
        "version": VERSION,
        "totals": totals.to_json(),
        "counts": counted,
        "rates": responses.rates(counted),
        "requesters": responses.requesters(session, campaign_id),
        "days": responses.by_day(session, campaign_id),
        "clicks": clicks.by_place(session, campaign_id, asked.slot_names, counted["measured"]),
        "products": clicks.by_product(session, campaign_id),
        "pictures": clicks.by_picture(session, campaign_id, asked.slot_names),
        "signals": clicks.signals(session, campaign_id),
        "weather": clicks.weather(session, campaign_id),
        "groups": responses.by_group(session, scope),
        "arms": _arms(session, asked, revenue["by_arm"]),
        "revenue": revenue["windows"],
        "lift": lifted,
        "before_after": before_after.before_after(session, scope),
        "costs": spent,
        "returns": returns.on_investment(spent, lifted, revenue["windows"], asked.prices),
        "sample_send": session.scalar(text(_SAMPLE), {"campaign_id": campaign_id}),
        "first_sent": scope.first_sent.isoformat() if scope.first_sent else None,
        "last_sent": scope.last_sent.isoformat() if scope.last_sent else None,
    }


def headline(report: Mapping[str, Any]) -> dict[str, Any]:
    """The few figures that lists of campaigns show."""
    week = next(window for window in report["revenue"] if window["days"] == attribution.MAIN_WINDOW)
    names = ("opened", "clicked", "unsubscribed", "complained", "bounced")
    return {
        "mailed": report["counts"]["mailed"],
        "measured": report["counts"]["measured"],
        "rates": {name: report["rates"][name] for name in names},
        "week": {"orders": week["orders"], "revenue": week["revenue"], "complete": week["complete"]},
        "first_sent": report["first_sent"],
    }


def by_week(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Mails, unsubscribes and complaints by week (its Monday, UTC), the first 26 of them."""
    weeks: dict[str, dict[str, Any]] = {}
    for day in report["days"]:
        at = date.fromisoformat(day["day"])
        monday = (at - timedelta(days=at.weekday())).isoformat()
        week = weeks.setdefault(monday, {"week": monday, **dict.fromkeys(TREND, 0)})
        for name in TREND:
            week[name] += day[name]
    return list(weeks.values())[:_MOST_WEEKS]


def _arms(session: Session, asked: Asked, revenue: Mapping[str, Any]) -> list[dict[str, Any]]:
    nothing = {"orders": 0, "buyers": 0, "revenue": {}}
    return [
        {**row, "week": revenue.get(str(row["arm"]), nothing)}
        for row in responses.by_arm(session, asked.arm_names)
    ]
