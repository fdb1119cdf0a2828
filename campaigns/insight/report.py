"""A campaign's report, read from sends, events, served slots and orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.models import PIXEL_SLOT

# Orders within this time after a mail count as "after it": an observation, not yet an effect.
ORDER_WINDOW = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Report:
    """Numbers of customers unless said otherwise.

    `held_back`, `failed_by_reason`, `uncertain_by_reason`: by reason. Opens and clicks count each customer
    once; the machine ones are customers for whom *only* machines opened or clicked. `pictures`: mails by
    slot and variant last shown. `signals`: pictures last shown by what decided the place (address, apple_city,
    home, none), over all slots and `signals_by_slot`; `signal_shares`: the same as parts of 1. The pixel is
    no picture. `revenue_after` by currency.
    `sends_dropped_at` (ISO 8601): since when there are only these numbers and no single sends any more.
    """

    audience: int = 0
    held_back: dict[str, int] = field(default_factory=dict)
    planned: int = 0
    sent: int = 0
    failed: int = 0
    failed_by_reason: dict[str, int] = field(default_factory=dict)
    uncertain: int = 0
    opens_human: int = 0
    opens_machine_only: int = 0
    clicks_human: int = 0
    clicks_machine_only: int = 0
    clicks_by_place: dict[str, int] = field(default_factory=dict)
    unsubscribes: int = 0
    orders_after: int = 0
    revenue_after: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, dict[str, int]] = field(default_factory=dict)
    signals: dict[str, int] = field(default_factory=dict)
    signal_shares: dict[str, float] = field(default_factory=dict)
    signals_by_slot: dict[str, dict[str, int]] = field(default_factory=dict)
    copy_writers: dict[str, int] = field(default_factory=dict)
    sends_dropped_at: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)


def summarised_report(summary: Mapping[str, Any], dropped_at: datetime) -> Report:
    """The report of a campaign of which only the `to_json` of back then was kept."""
    # A later version may have more numbers than were kept, or fewer.
    known = {f.name for f in fields(Report)}
    kept = {name: value for name, value in summary.items() if name in known}
    return Report(**{**kept, "sends_dropped_at": dropped_at.isoformat()})


def campaign_report(session: Session, campaign_id: int, slot_names: list[str], now: datetime) -> Report:
    """The report as of now."""
    by_status = _pairs(session, _BY_STATUS, campaign_id)
    opens = _pairs(session, _BY_PEOPLE, campaign_id, name="opened")
    clicks = _pairs(session, _BY_PEOPLE, campaign_id, name="clicked")
    orders = session.execute(
        text(_ORDERS), {"campaign_id": campaign_id, "now": now, "window": ORDER_WINDOW}
    ).all()
    signals = _by_slot(session, _SIGNALS, campaign_id, slot_names)
    everywhere = Counter[str]()
    for counts in signals.values():
        everywhere.update(counts)
    ended = {"sent", "failed", "held_back", "uncertain"}
    return Report(
        audience=sum(by_status.values()),
        held_back=_pairs(session, _REASONS, campaign_id, status="held_back"),
        planned=sum(n for status, n in by_status.items() if status not in ended),
        sent=by_status.get("sent", 0),
        failed=by_status.get("failed", 0),
        failed_by_reason=_pairs(session, _REASONS, campaign_id, status="failed"),
        uncertain=by_status.get("uncertain", 0),
        opens_human=opens.get("human", 0),
        opens_machine_only=opens.get("machine", 0),
        clicks_human=clicks.get("human", 0),
        clicks_machine_only=clicks.get("machine", 0),
        clicks_by_place=_pairs(session, _CLICK_PLACES, campaign_id),
        unsubscribes=_pairs(session, _UNSUBSCRIBES, campaign_id).get("n", 0),
        orders_after=sum(row.orders for row in orders),
        revenue_after={row.currency or "?": str(row.revenue) for row in orders if row.revenue is not None},
        pictures=_by_slot(session, _SERVES, campaign_id, slot_names),
        signals=dict(everywhere.most_common()),
        signal_shares={name: round(n / everywhere.total(), 4) for name, n in everywhere.most_common()},
        signals_by_slot=signals,
        copy_writers=_pairs(session, _WRITERS, campaign_id),
    )


_BY_STATUS = "select status, count(*) from sends where campaign_id = :campaign_id group by 1"
_REASONS = (
    "select coalesce(nullif(reason, ''), 'unknown'), count(*) from sends "
    "where campaign_id = :campaign_id and status = :status group by 1 order by 2 desc, 1 limit 50"
)
_BY_PEOPLE = """
    select case when human then 'human' else 'machine' end, count(*) from (
        select send_id, bool_or(not machine) as human from events
        where campaign_id = :campaign_id and name = :name group by send_id) people
    group by 1"""
_CLICK_PLACES = (
    "select detail->>'place', count(distinct send_id) from events "
    "where campaign_id = :campaign_id and name = 'clicked' and not machine group by 1 order by 2 desc"
)
_UNSUBSCRIBES = (
    "select 'n', count(distinct customer_id) from events "
    "where campaign_id = :campaign_id and name = 'unsubscribed'"
)
_ORDERS = """
    select p.currency, count(distinct o.order_id) as orders, sum((o.quantity - o.returned) * o.unit_price) as revenue
    from sends s
    join order_lines o on o.customer_id = s.customer_id
     and o.ordered_at > s.sent_at and o.ordered_at <= s.sent_at + :window and o.ordered_at <= :now
     and o.returned < o.quantity
    join products p on p.id = o.product_id
    where s.campaign_id = :campaign_id and s.status = 'sent'
    group by 1"""
# Cards of products bear the product's number (opentime/slots/drawn_choices.py), which tells people nothing.
_SERVES = (
    "select v.slot, coalesce('card of ' || p.sku, v.variant), count(*) from slot_serves v "
    "left join products p on v.variant = 'product:' || p.id "
    "where v.campaign_id = :campaign_id and v.slot <> :pixel group by 1, 2 order by 1, 3 desc, 2"
)
# Pictures for which no place was asked have no signal.
_SIGNALS = (
    "select slot, signal, count(*) from slot_serves "
    "where campaign_id = :campaign_id and slot <> :pixel and signal <> '' group by 1, 2 order by 1, 3 desc"
)
_WRITERS = (
    "select c.writer, count(*) from sends s join copies c on c.id = s.copy_id "
    "where s.campaign_id = :campaign_id and s.status = 'sent' group by 1"
)


def _pairs(session: Session, sql: str, campaign_id: int, **values: object) -> dict[str, int]:
    rows = session.execute(text(sql), {"campaign_id": campaign_id, **values})
    return {str(key): int(n) for key, n in rows}


def _by_slot(
    session: Session, sql: str, campaign_id: int, slot_names: list[str]
) -> dict[str, dict[str, int]]:
    """Numbers of pictures by slot, and by whatever the query groups them by."""
    counted: dict[str, dict[str, int]] = {}
    for slot, what, n in session.execute(text(sql), {"campaign_id": campaign_id, "pixel": PIXEL_SLOT}):
        name = slot_names[slot] if slot < len(slot_names) else f"slot {slot}"
        counted.setdefault(name, {})[what] = n
    return counted
