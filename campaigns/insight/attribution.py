"""Orders after a mail: each order counts for one campaign at most, the one whose mail (or click) was the last before it.

An observation: many of these orders would have come anyway. What a mail brought is told by lift.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.insight.people import Scope
from campaigns.insight.rates import Rate

WINDOWS = (1, 3, 7, 14, 30)
"""Days after a mail in which an order may come; windows contain the shorter ones."""
MAIN_WINDOW = 7

# Campaigns of which a mail may have gone out after the first one of this campaign.
_RIVALS = """
    select id from campaigns where id <> :campaign_id and started_at <= :now
      and (finished_at is null or finished_at >= :first)"""
_BY_MAIL = """
    create temporary table report_attributed on commit drop as
    select o.customer_id, o.order_id, o.currency, o.value, p.arm, o.at - p.sent_at as age
    from report_people p
    join report_orders o on o.customer_id = p.customer_id and o.at > p.sent_at and o.at <= p.sent_at + :longest
    where p.mailed and not exists (
        select 1 from sends x
        where x.customer_id = p.customer_id and x.campaign_id = any(:rivals) and x.status = 'sent'
          and x.sent_at <= o.at
          and (x.sent_at > p.sent_at or (x.sent_at = p.sent_at and x.campaign_id > :campaign_id)))"""
_BY_CLICK = """
    create temporary table report_clicked on commit drop as
    select o.customer_id, o.order_id, o.currency, o.value, p.arm, o.at - c.at as age
    from report_people p
    join report_orders o on o.customer_id = p.customer_id
    cross join lateral (
        select e.campaign_id, e.at from events e
        where e.customer_id = o.customer_id and e.campaign_id = any(:campaigns) and e.name = 'clicked'
          and not e.machine and e.at <= o.at
        order by e.at desc, e.campaign_id desc limit 1) c
    where p.mailed and p.clicked and o.at > p.sent_at
      and c.campaign_id = :campaign_id and o.at <= c.at + :longest"""
_ORDERS = """
    select {by} as name, count(distinct (customer_id, order_id)) as orders, count(distinct customer_id) as buyers
    from {table} where age <= :window group by 1"""
_REVENUE = """
    select {by} as name, currency, sum(value) as revenue from {table} where age <= :window group by 1, 2 order by 3 desc"""


def attributed(session: Session, scope: Scope, mailed: int) -> dict[str, Any]:
    """By window: orders, customers who ordered and revenue after the mail, the same after a person's click.

    `complete` tells whether the window has passed for every mail. `by_arm` is of MAIN_WINDOW: {arm: figures}.
    """
    _prepare(session, scope)
    windows = []
    for days in WINDOWS:
        window = timedelta(days=days)
        after_mail = _figures(session, "report_attributed", window).get("", _NOTHING)
        windows.append(
            {
                "days": days,
                "complete": bool(scope.last_sent and scope.last_sent + window <= scope.now),
                "orders": after_mail["orders"],
                "revenue": after_mail["revenue"],
                "conversion": Rate(min(after_mail["buyers"], mailed), mailed).to_json(),
                "after_click": _figures(session, "report_clicked", window).get("", _NOTHING),
            }
        )
    by_arm = _figures(session, "report_attributed", timedelta(days=MAIN_WINDOW), "coalesce(arm::text, '')")
    return {
        "windows": windows,
        "by_arm": {name: figures for name, figures in by_arm.items() if name not in ("", "-1")},
    }


_NOTHING: dict[str, Any] = {"orders": 0, "buyers": 0, "revenue": {}}


def _prepare(session: Session, scope: Scope) -> None:
    for table in ("report_attributed", "report_clicked"):
        session.execute(text(f"drop table if exists pg_temp.{table}"))
    asked: dict[str, Any] = {
        "campaign_id": scope.campaign_id,
        "now": scope.now,
        "first": scope.first_sent or scope.now,
        "longest": timedelta(days=WINDOWS[-1]),
    }
    rivals: Sequence[int] = session.scalars(text(_RIVALS), asked).all()
    asked |= {"rivals": list(rivals), "campaigns": [*rivals, scope.campaign_id]}
    session.execute(text(_BY_MAIL), asked)
    session.execute(text(_BY_CLICK), asked)


def _figures(session: Session, table: str, window: timedelta, by: str = "''") -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in session.execute(text(_ORDERS.format(table=table, by=by)), {"window": window}):
        found[row.name] = {"orders": row.orders, "buyers": row.buyers, "revenue": {}}
    for row in session.execute(text(_REVENUE.format(table=table, by=by)), {"window": window}):
        if row.revenue:
            found[row.name]["revenue"][row.currency or "?"] = money(row.revenue)
    return found


def money(amount: Decimal | float) -> str:
    """With two decimals, as a string: JSON's numbers are not exact."""
    return f"{Decimal(amount).quantize(Decimal('0.01')):f}"
