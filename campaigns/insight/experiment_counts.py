"""What became of the mails of each arm, by wave: read in one statement, in the background, and kept.

What counts is what a person did within the window after the mail. A mail is mature when that window has passed: only
then has it had the chance that all others had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CTE, ColumnElement, and_, case, func, literal, select, text
from sqlalchemy.orm import Session

from campaigns.insight.experiments import Trials
from campaigns.models import Event, OrderLine, Product, Send


@dataclass(frozen=True, slots=True)
class Cell:
    """One arm in one wave, numbers of customers.

    `told` were told this arm, `sent` got their mail. Of the `mature`, `measured` are those whose clicks may be noted
    (as they agreed when the audience was frozen); and who `clicked`, `opened`, `ordered` within the
    window (people only); `revenue`, the sum of their orders, of its squares, and the largest, in `currency`, that of
    most of the orders. Unsubscribes and complaints at any time.
    """

    wave: int
    arm: int
    told: int = 0
    sent: int = 0
    failed: int = 0
    mature: int = 0
    measured: int = 0
    clicked: int = 0
    opened: int = 0
    ordered: int = 0
    revenue: float = 0.0
    revenue_squares: float = 0.0
    revenue_largest: float = 0.0
    unsubscribed: int = 0
    complained: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)


def cells_from_json(stored: Sequence[Mapping[str, Any]]) -> list[Cell]:
    """The reverse of `to_json`, also of what another version kept."""
    known = {field.name for field in fields(Cell)}
    return [Cell(**{name: value for name, value in cell.items() if name in known}) for cell in stored]


def trials_of(cells: Sequence[Cell], goal: str) -> list[Trials]:
    """What decides: mature mails, and those of them that won. Clicks are told of those who agreed to it alone."""
    return [
        Trials(cell.wave, cell.arm, cell.mature, cell.ordered)
        if goal == "orders"
        else Trials(cell.wave, cell.arm, cell.measured, min(cell.clicked, cell.measured))
        for cell in cells
    ]


def count_cells(
    session: Session, campaign_id: int, wave: ColumnElement[Any], window: timedelta, now: datetime
) -> tuple[list[Cell], str]:
    """All cells of a campaign, and the currency of their revenue ("" without orders).

    `wave` gives the wave of a send in SQL. Reads every send of the campaign: not for a page.
    """
    mails = (
        select(
            Send.id, Send.customer_id, Send.arm, Send.status, Send.sent_at, Send.tracked, wave.label("wave")
        )
        .where(Send.campaign_id == campaign_id, Send.arm >= 0)
        .cte("mails")
    )
    did = _did(mails, campaign_id, window)
    currency = _currency(session, campaign_id, window, now)
    bought = _bought(mails, window, now, currency)
    mature = and_(mails.c.status == "sent", mails.c.sent_at <= now - window)
    revenue = bought.c.revenue

    def n(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count().filter(*conditions)

    counted = (
        select(
            mails.c.wave,
            mails.c.arm,
            func.count(),
            n(mails.c.status == "sent"),
            n(mails.c.status == "failed"),
            n(mature),
            n(mature, mails.c.tracked),
            n(mature, mails.c.tracked, did.c.clicked),
            n(mature, mails.c.tracked, did.c.opened),
            n(mature, bought.c.id.is_not(None)),
            func.coalesce(func.sum(revenue).filter(mature), 0),
            func.coalesce(func.sum(revenue * revenue).filter(mature), 0),
            func.coalesce(func.max(revenue).filter(mature), 0),
            n(did.c.unsubscribed),
            n(did.c.complained),
        )
        .select_from(
            mails.outerjoin(did, did.c.id == mails.c.id).outerjoin(bought, bought.c.id == mails.c.id)
        )
        .group_by(mails.c.wave, mails.c.arm)
        .order_by(mails.c.wave, mails.c.arm)
    )
    return [_cell(tuple(row)) for row in session.execute(counted)], currency


def _did(mails: CTE, campaign_id: int, window: timedelta) -> CTE:
    """What people did with each mail; those who did nothing are left out."""
    within = Event.at <= mails.c.sent_at + window
    return (
        select(
            mails.c.id,
            func.bool_or(and_(Event.name == "clicked", ~Event.machine, within)).label("clicked"),
            func.bool_or(and_(Event.name == "opened", ~Event.machine, within)).label("opened"),
            func.bool_or(Event.name == "unsubscribed").label("unsubscribed"),
            func.bool_or(Event.name == "complained").label("complained"),
        )
        .join(Event, Event.customer_id == mails.c.customer_id)
        .where(
            Event.campaign_id == campaign_id,
            Event.name.in_(("clicked", "opened", "unsubscribed", "complained")),
        )
        .group_by(mails.c.id)
        .cte("did")
    )


def _bought(mails: CTE, window: timedelta, now: datetime, currency: str) -> CTE:
    """What was ordered within the window after each mail, in this currency."""
    kept = OrderLine.quantity - OrderLine.returned
    worth = case((Product.currency == currency, kept * OrderLine.unit_price), else_=0)
    return (
        select(mails.c.id, func.coalesce(func.sum(worth), 0).label("revenue"))
        .join(
            OrderLine,
            and_(
                OrderLine.customer_id == mails.c.customer_id,
                OrderLine.ordered_at > mails.c.sent_at,
                OrderLine.ordered_at <= mails.c.sent_at + window,
            ),
        )
        .join(Product, Product.id == OrderLine.product_id)
        .where(OrderLine.ordered_at <= now)
        .group_by(mails.c.id)
        .cte("bought")
    )


def _cell(row: tuple[Any, ...]) -> Cell:
    money = [round(float(value), 4) for value in row[10:13]]
    return Cell(*map(int, row[:10]), *money, *map(int, row[13:]))


_CURRENCY = text(
    """
    select p.currency from sends s
    join order_lines o on o.customer_id = s.customer_id and o.ordered_at > s.sent_at
     and o.ordered_at <= s.sent_at + :window and o.ordered_at <= :now
    join products p on p.id = o.product_id
    where s.campaign_id = :campaign and s.arm >= 0 and p.currency <> ''
    group by 1 order by count(*) desc, 1 limit 1
    """
)


def _currency(session: Session, campaign_id: int, window: timedelta, now: datetime) -> str:
    asked = {"campaign": campaign_id, "window": window, "now": now}
    return str(session.scalar(_CURRENCY, asked) or "")


def holdout_size(session: Session, campaign_id: int, holdout: int) -> int:
    """How many customers get no mail."""
    wanted = select(func.count()).where(Send.campaign_id == campaign_id, Send.arm == literal(holdout))
    return int(session.scalar(wanted) or 0)
