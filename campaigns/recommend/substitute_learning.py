"""What customers accepted in place of what was sold out, counted over the mails of the last months."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.recommend.minimums import LEAST_CUSTOMERS
from campaigns.recommend.substitutes import Accepted, Learned

_DAYS, _DAYS_TO_TAKE = 120, 14
_MOST_KEPT = 5_000

# Containment looks into the arrays of an array: mails without any substitute, nearly all, are left at once.
_ACCEPTED = text(
    """
    with shown as (
        select s.campaign_id, s.id, s.customer_id, s.sent_at, p.ordinal - 1 as number,
            cast(p.pick->>2 as bigint) as original, cast(p.pick->>0 as bigint) as substitute
        from sends s cross join lateral jsonb_array_elements(s.picks) with ordinality p(pick, ordinal)
        where s.status = 'sent' and s.personal and s.sent_at > :since and s.sent_at <= :now
          and s.picks @> '[["instead_of"]]' and p.pick->>1 = 'instead_of'
    )
    select original, substitute, count(*) as shown, count(*) filter (where exists (
            select from events e
            where e.campaign_id = h.campaign_id and e.send_id = h.id and e.name = 'clicked' and not e.machine
              and e.detail->>'place' = 'pick' and cast(e.detail->>'number' as integer) = h.number
        ) or exists (
            select from order_lines l
            where l.customer_id = h.customer_id and l.product_id = h.substitute and l.ordered_at > h.sent_at
              and l.ordered_at < h.sent_at + make_interval(days => :days)
        )) as taken
    from shown h group by original, substitute having count(distinct customer_id) >= :least
    order by shown desc, original, substitute limit :most
    """
)


def accepted_substitutes(session: Session, now: datetime) -> list[list[int]]:
    """[sold out, substitute, how often shown, how often taken] of each pair, fit for JSON; it names no customer.

    Taken means clicked by a person, or bought within two weeks. Only mails to customers who agreed to profiling
    count, and only pairs that enough distinct customers saw.
    """
    values: dict[str, Any] = {
        "since": now - timedelta(days=_DAYS),
        "now": now,
        "days": _DAYS_TO_TAKE,
        "least": LEAST_CUSTOMERS,
        "most": _MOST_KEPT,
    }
    return [[int(number) for number in row] for row in session.execute(_ACCEPTED, values)]


def learned_from(meta: Mapping[str, Any]) -> Learned:
    """The same from what is stored with a model."""
    rows: Sequence[Sequence[int]] = meta.get("substitutes", ())
    return {(sold_out, substitute): Accepted(shown, taken) for sold_out, substitute, shown, taken in rows}
