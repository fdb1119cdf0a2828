"""Who is in a campaign and what each did, gathered once into temporary tables that the parts of a report ask.

They last until the end of the transaction. One row a customer, so that nobody is counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

# Customers who are still to be told their arm (audience/arms.py) wait until this year.
_WAITING_YEAR = "9000-01-01"

_TABLES = ("report_people", "report_orders")
_PEOPLE = f"""
    create temporary table report_people on commit drop as
    with did as (
        select send_id,
               bool_or(name = 'opened' and not machine) as opened,
               bool_or(name = 'opened' and machine) as opened_machine,
               bool_or(name = 'clicked' and not machine) as clicked,
               bool_or(name = 'clicked' and machine) as clicked_machine,
               bool_or(name = 'unsubscribed') as unsubscribed,
               bool_or(name = 'complained') as complained,
               bool_or(name = 'bounced') as bounced
        from events where campaign_id = :campaign_id and send_id is not null group by send_id)
    select s.id as send_id, s.customer_id, s.status, s.sent_at, s.arm, s.copy_id,
           s.status = 'sent' as mailed, s.status = 'sent' and s.tracked as measured,
           s.arm is not distinct from -1 as holdout,
           coalesce(s.arm, -2) >= 0 or (s.arm is null and s.status <> 'held_back'
               and coalesce(s.not_before < '{_WAITING_YEAR}', true)) as treated,
           coalesce(d.opened, false) as opened, coalesce(d.opened_machine, false) as opened_machine,
           coalesce(d.clicked, false) as clicked, coalesce(d.clicked_machine, false) as clicked_machine,
           coalesce(d.unsubscribed, false) as unsubscribed, coalesce(d.complained, false) as complained,
           coalesce(d.bounced, false) as bounced
    from sends s left join did d on d.send_id = s.id
    where s.campaign_id = :campaign_id"""
# An order of several lines is one order; where they are in several currencies, it has a row for each.
_ORDERS = """
    create temporary table report_orders on commit drop as
    select o.customer_id, o.order_id, coalesce(p.currency, '') as currency, min(o.ordered_at) as at,
           sum((o.quantity - o.returned) * coalesce(o.unit_price, 0)) as value
    from order_lines o join products p on p.id = o.product_id
    where o.ordered_at <= :now and o.returned < o.quantity
      and o.customer_id in (select customer_id from report_people where mailed or holdout or treated)
    group by 1, 2, 3"""
_SPAN = (
    "select min(sent_at) as first, max(sent_at) as last from sends "
    "where campaign_id = :campaign_id and status = 'sent'"
)
_CURRENCY = "select currency from products where currency <> '' group by 1 order by count(*) desc, 1 limit 1"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a report is of: the campaign, when it began, when its first and last mail left, and the moment it is of.

    `currency` is the one that most products are priced in; "" where none is.
    """

    campaign_id: int
    started_at: datetime
    first_sent: datetime | None
    last_sent: datetime | None
    now: datetime
    currency: str


def gather(session: Session, campaign_id: int, started_at: datetime | None, now: datetime) -> Scope:
    """Fill the temporary tables `report_people` and `report_orders` (of what was ordered until `now`)."""
    for table in _TABLES:
        session.execute(text(f"drop table if exists pg_temp.{table}"))
    asked = {"campaign_id": campaign_id, "now": now}
    session.execute(text(_PEOPLE), asked)
    session.execute(text("create index on report_people (customer_id)"))
    session.execute(text("analyze report_people"))
    session.execute(text(_ORDERS), asked)
    session.execute(text("create index on report_orders (customer_id)"))
    session.execute(text("analyze report_orders"))
    first, last = session.execute(text(_SPAN), asked).one()
    return Scope(
        campaign_id,
        min(moment for moment in (started_at, first, now) if moment),
        first,
        last,
        now,
        session.scalar(text(_CURRENCY)) or "",
    )
