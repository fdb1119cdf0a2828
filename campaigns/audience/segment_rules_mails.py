"""Rules about mails: who got them, and who opened or clicked. Machines never count, and nobody who cannot be seen.

Opens and clicks are noted of those alone who granted open_tracking, and a withdrawal acts on what was noted: these
rules hold for nobody who does not grant it now, neither "opened" nor "not_opened".
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select

from campaigns.audience.segment_rules import Condition, Rule, grants
from campaigns.audience.segment_values import days, numbers, only_keys
from campaigns.models import Campaign, Customer, Event, Send, SendStatus

_GOT = (SendStatus.SENT.value, SendStatus.UNCERTAIN.value)


def _got(value: Any, path: str) -> Condition:
    campaigns, within = _which(value, path)
    return lambda now: exists(_mails(campaigns, within, now))


def _did(name: str) -> Rule:
    def rule(value: Any, path: str) -> Condition:
        campaigns, within = _which(value, path)
        return lambda now: and_(grants("open_tracking"), exists(_signs(name, campaigns, within, now)))

    return rule


def _did_not(name: str) -> Rule:
    """Got such a mail that could have shown it, and gave no such sign."""

    def rule(value: Any, path: str) -> Condition:
        campaigns, within = _which(value, path)

        def condition(now: datetime) -> ColumnElement[bool]:
            got = _mails(campaigns, within, now).where(Send.tracked)
            return and_(
                grants("open_tracking"), exists(got), not_(exists(_signs(name, campaigns, within, now)))
            )

        return condition

    return rule


def _which(value: Any, path: str) -> tuple[list[int], timedelta | None]:
    """Of which campaigns (none: of any), and since when."""
    what = only_keys(value, ("campaign", "within_days"), path)
    campaigns = numbers(what["campaign"], f"{path}.campaign") if "campaign" in what else []
    return campaigns, days(what.get("within_days"), f"{path}.within_days")


def _mails(campaigns: list[int], within: timedelta | None, now: datetime) -> Select[Any]:
    mails = select(Send.id).where(Send.customer_id == Customer.id, Send.status.in_(_GOT))
    mails = _of(mails, Send.campaign_id, campaigns, within, now)
    if within is not None:
        mails = mails.where(func.coalesce(Send.sent_at, Send.intent_at, Send.created_at) >= now - within)
    return mails.correlate(Customer)


def _signs(name: str, campaigns: list[int], within: timedelta | None, now: datetime) -> Select[Any]:
    signs = select(Event.id).where(
        Event.customer_id == Customer.id, Event.name == name, Event.machine.is_(False)
    )
    signs = _of(signs, Event.campaign_id, campaigns, None, now)
    if within is not None:
        signs = signs.where(Event.at >= now - within)
    return signs.correlate(Customer)


def _of(
    rows: Select[Any], column: Any, campaigns: list[int], within: timedelta | None, now: datetime
) -> Select[Any]:
    """Of these campaigns alone, so that no other partition is opened."""
    if campaigns:
        return rows.where(column.in_(campaigns))
    if within is None:
        return rows
    # What ended before then can have mailed nobody since; the partitions below are not opened.
    lasted = or_(Campaign.finished_at.is_(None), Campaign.finished_at >= now - within)
    first = select(func.min(Campaign.id)).where(Campaign.started_at.is_not(None), lasted)
    return rows.where(column >= first.correlate(None).scalar_subquery())


MAIL_RULES: dict[str, Rule] = {
    "got": _got,
    "opened": _did("opened"),
    "clicked": _did("clicked"),
    "not_opened": _did_not("opened"),
    "not_clicked": _did_not("clicked"),
}
