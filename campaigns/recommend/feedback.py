"""What customers did beside buying: carts, looks, clicks in mails, and what mails showed them to no avail.

All of it is read for a whole batch by a few queries along the indexes by customer, so that what happened a second
ago counts for the next mail. Only for customers who consented to profiling; clicks in mails are on record
only where they also granted open_tracking. Whether a mail was looked at is not asked: that is known of few, and a
mail that was handed over and not clicked has shown its products to no avail either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.recommend.bulk import read_columns

Ints = NDArray[np.int64]

CART_DAYS, LOOK_DAYS = 30, 14
# The last mails that still count for what is ignored, and the days after which a showing counts half.
SHOWN_MAILS, SHOWN_DAYS, SHOWN_HALF_LIFE = 8, 56, 21.0
# What somebody did most recently says most, and a robot of a customer's may do a lot.
_MOST_SIGNALS = 60

# `first`: with it PostgreSQL looks into the partitions of campaigns of the last weeks only.
_NOW_AND_FIRST_CAMPAIGN = text(f"""
    select said.now, (
        select coalesce(min(id), 0) from campaigns where started_at is not null
        and (finished_at is null or finished_at > said.now - interval '{SHOWN_DAYS} days')
    ) as first from (select coalesce(cast(:now as timestamptz), clock_timestamp()) as now) said
""")
_CLICKS = """
    select e.customer_id, e.campaign_id, e.send_id, cast(e.detail->>'number' as integer) as number, e.at
    from events e
    where e.customer_id = any(%(ids)s::bigint[]) and e.campaign_id >= %(first)s and e.name = 'clicked'
      and not e.machine and e.detail->>'place' = 'pick' and e.at <= %(now)s::timestamptz
"""
_INTEREST = f"""
    with clicks as ({_CLICKS}),
    done as (
        select g.customer_id, g.product_id, max(g.at) filter (where g.kind = 'cart') as carted,
            max(g.at) filter (where g.kind = 'uncart') as uncarted,
            max(g.at) filter (where g.kind = 'view') as looked
        from (
            select *, row_number() over (partition by customer_id order by at desc) as place from signals
            where customer_id = any(%(ids)s::bigint[]) and at <= %(now)s::timestamptz
              and at > %(now)s::timestamptz - interval '{CART_DAYS} days'
        ) g where g.place <= {_MOST_SIGNALS} group by 1, 2
        union all
        select k.customer_id, cast(s.picks->k.number->>0 as bigint), null, null, k.at
        from clicks k join sends s on s.campaign_id = k.campaign_id and s.id = k.send_id
        where k.number < jsonb_array_length(s.picks)
    ),
    wanted as (
        select customer_id, product_id, max(carted) as carted, max(uncarted) as uncarted, max(looked) as looked
        from done where product_id is not null group by 1, 2
    ),
    open as (
        select w.customer_id, w.product_id, w.carted > coalesce(w.uncarted, '-infinity')
                and w.carted >= coalesce(b.bought, '-infinity') as is_carted,
            w.looked > %(now)s::timestamptz - interval '{LOOK_DAYS} days'
                and w.looked >= coalesce(b.bought, '-infinity') as is_looked
        from wanted w left join lateral (
            select max(l.ordered_at) as bought from order_lines l
            where l.customer_id = w.customer_id and l.product_id = w.product_id
              and l.ordered_at > %(now)s::timestamptz - interval '{CART_DAYS} days'
        ) b on true
    )
    select customer_id, product_id, (is_carted is true)::int as carted from open
    where is_carted or is_looked order by customer_id, product_id
"""
_INTEREST_COLUMNS = {"customer_id": "i8", "product_id": "i8", "carted": "i4"}

_SHOWN = f"""
    with clicks as ({_CLICKS}),
    mails as (
        select * from (
            select s.customer_id, s.campaign_id, s.id, s.picks, s.sent_at,
                row_number() over (partition by s.customer_id order by s.sent_at desc, s.id desc) as place
            from sends s
            where s.customer_id = any(%(ids)s::bigint[]) and s.campaign_id >= %(first)s and s.status = 'sent'
              and s.sent_at <= %(now)s::timestamptz
              and s.sent_at > %(now)s::timestamptz - interval '{SHOWN_DAYS} days' and s.picks is not null
        ) numbered where place <= {SHOWN_MAILS}
    ),
    shown as (
        select m.customer_id, cast(p.pick->>0 as bigint) as product_id, m.place,
            cast(extract(epoch from %(now)s::timestamptz - m.sent_at) / 86400 as float8) as days,
            k.send_id is not null as clicked
        from mails m cross join lateral jsonb_array_elements(m.picks) with ordinality p(pick, ordinal)
        left join clicks k on k.campaign_id = m.campaign_id and k.send_id = m.id and k.number = p.ordinal - 1
    )
    -- As floats: powers of numeric take ten times as long.
    select customer_id, product_id, sum(cast(0.5 as float8) ^ (days / {SHOWN_HALF_LIFE})) as times,
        (min(place) = 1)::int as in_last
    from shown group by customer_id, product_id having not bool_or(clicked)
    order by customer_id, product_id
"""
_SHOWN_COLUMNS = {"customer_id": "i8", "product_id": "i8", "times": "f8", "in_last": "i4"}
_COUNTRIES = text("select id, country from customers where id = any(:ids) and country <> ''")


@dataclass(frozen=True, slots=True, eq=False)
class Feedback:
    """What is known of some customers at `now`, by their ids; who is missing has none. See scoring.History."""

    now: datetime
    countries: Mapping[int, str]
    interest: Mapping[int, NDArray[Any]]
    shown: Mapping[int, NDArray[Any]]

    def of(self, customer_id: int) -> dict[str, Any]:
        """The fields of this customer's History that are not empty."""
        fields: dict[str, Any] = {}
        if customer_id in self.countries:
            fields["country"] = self.countries[customer_id]
        if customer_id in self.interest:
            interest = self.interest[customer_id]
            carted = interest["carted"] == 1
            fields |= {"carted": interest["product_id"][carted], "clicked": interest["product_id"][~carted]}
        if customer_id in self.shown:
            shown = self.shown[customer_id]
            fields |= {
                "ignored": shown["product_id"].copy(),
                "shown": shown["times"].copy(),
                "last_picks": shown["product_id"][shown["in_last"] == 1],
            }
        return fields


def load_feedback(session: Session, customer_ids: Sequence[int], now: datetime | None = None) -> Feedback:
    """What these customers did and were shown up to `now`, without it up to this moment by the database's clock.

    They must have consented to profiling.
    """
    ids = list(customer_ids)
    moment, first = session.execute(_NOW_AND_FIRST_CAMPAIGN, {"now": now}).one()
    if not ids:
        return Feedback(moment, {}, {}, {})
    values = {"ids": ids, "now": moment, "first": first}
    return Feedback(
        moment,
        {home.id: home.country for home in session.execute(_COUNTRIES, {"ids": ids})},
        _by_customer(read_columns(session, _INTEREST, values, _INTEREST_COLUMNS)),
        _by_customer(read_columns(session, _SHOWN, values, _SHOWN_COLUMNS)),
    )


def _by_customer(rows: NDArray[Any]) -> dict[int, NDArray[Any]]:
    """Rows in order of customers, taken apart."""
    ids, starts = np.unique(rows["customer_id"], return_index=True)
    return dict(zip(ids.tolist(), np.split(rows, starts[1:]), strict=True)) if len(ids) else {}
