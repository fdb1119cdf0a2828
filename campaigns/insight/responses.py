"""What those did who were mailed: opens and clicks of people and of machines, unsubscribes, complaints; and by whom.

Opens and clicks are of those who agreed to be measured; unsubscribes, complaints and bounces of all who were mailed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.insight.folding import Group, folded
from campaigns.insight.people import Scope
from campaigns.insight.rates import Rate

_COUNTED = """
    count(*) filter (where mailed) as mailed,
    count(*) filter (where measured) as measured,
    count(*) filter (where measured and opened) as opened,
    count(*) filter (where measured and (opened or opened_machine)) as opened_any,
    count(*) filter (where measured and clicked) as clicked,
    count(*) filter (where measured and (clicked or clicked_machine)) as clicked_any,
    count(*) filter (where mailed and unsubscribed) as unsubscribed,
    count(*) filter (where mailed and complained) as complained,
    count(*) filter (where mailed and bounced) as bounced"""
_NAMES = (
    "measured", "opened", "opened_any", "clicked", "clicked_any", "unsubscribed", "complained", "bounced",
)  # fmt: skip
_MOST_GROUPS = 25
OTHERS = "others"
_ALL = f"select {_COUNTED} from report_people"
_BY_ARM = f"select coalesce(arm::text, '') as name, {_COUNTED} from report_people group by 1 order by 1"
_BY_COPY = f"""
    select coalesce(nullif(c.fields->>'subject', ''), 'no words kept')
           || coalesce(' (' || (c.facts->>'language') || ')', '') as name, {_COUNTED}
    from report_people p left join copies c on c.id = p.copy_id where mailed group by p.copy_id, 1 order by 2 desc"""
_BY_CUSTOMER = f"""
    select coalesce(nullif({{what}}, ''), 'unknown') as name, {_COUNTED}
    from report_people p join customers c on c.id = p.customer_id where mailed group by 1 order by 2 desc, 1"""
# What they had bought when the campaign began.
_BY_LOYALTY = f"""
    with bought as (
        select p.customer_id, count(distinct o.order_id) as n
        from report_people p left join report_orders o on o.customer_id = p.customer_id and o.at < :start
        where p.mailed group by 1)
    select case when b.n = 0 then 'no order before' when b.n = 1 then '1 order before'
                when b.n <= 4 then '2 to 4 orders before' else '5 orders or more before' end as name, {_COUNTED}
    from report_people p join bought b on b.customer_id = p.customer_id group by 1 order by min(b.n)"""
_REQUESTERS = """
    select e.detail->>'requester' as name, bool_or(e.machine) as machine, count(distinct e.send_id) as n
    from events e join report_people p on p.send_id = e.send_id
    where e.campaign_id = :campaign_id and e.name = 'opened' and p.measured group by 1 order by 3 desc, 1"""
_DAYS = """
    select day, sum(mailed)::int as mailed, sum(opened)::int as opened, sum(clicked)::int as clicked,
           sum(unsubscribed)::int as unsubscribed, sum(complained)::int as complained
    from (
        select (sent_at at time zone 'UTC')::date as day, count(*) as mailed, 0 as opened, 0 as clicked,
               0 as unsubscribed, 0 as complained
        from report_people where mailed group by 1
        union all
        select (e.at at time zone 'UTC')::date, 0,
               count(distinct e.send_id) filter (where e.name = 'opened' and not e.machine),
               count(distinct e.send_id) filter (where e.name = 'clicked' and not e.machine),
               count(distinct e.send_id) filter (where e.name = 'unsubscribed'),
               count(distinct e.send_id) filter (where e.name = 'complained')
        from events e where e.campaign_id = :campaign_id
          and e.name in ('opened', 'clicked', 'unsubscribed', 'complained') group by 1) counted
    group by 1 order by 1 limit 400"""


def totals(session: Session) -> dict[str, int]:
    """How many were mailed, measured, opened (by people), opened_any (machines too), and so on."""
    return dict(session.execute(text(_ALL)).mappings().one())


def rates(counts: Mapping[str, Any]) -> dict[str, Any]:
    """The rates of these counts, each with its base and interval.

    `opened` and `clicked` are people's; `opened_any` and `clicked_any` count customers for whom anybody or any
    machine did. `clicked_of_opened` is of those who were seen to open.
    """
    mailed, measured = int(counts["mailed"]), int(counts["measured"])
    named = {
        **{
            name: Rate(int(counts[name]), measured)
            for name in ("opened", "opened_any", "clicked", "clicked_any")
        },
        "clicked_of_opened": Rate(min(int(counts["clicked"]), int(counts["opened"])), int(counts["opened"])),
        **{name: Rate(int(counts[name]), mailed) for name in ("unsubscribed", "complained", "bounced")},
    }
    return {name: rate.to_json() for name, rate in named.items()}


def by_arm(session: Session, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """One row for each arm of the experiment, with counts and rates; the holdout's is of customers alone."""
    rows = []
    for row in session.execute(text(_BY_ARM)).mappings():
        if row["name"] in ("", "-1") or not row["mailed"]:
            continue
        number = int(row["name"])
        rows.append({"arm": number, "name": names.get(number, f"arm {number + 1}"), **_row(dict(row))})
    return rows


def by_group(session: Session, scope: Scope) -> dict[str, list[dict[str, Any]]]:
    """By what customers are alike in: their words, country, language, and how often they had bought before."""
    queries = {
        "copy": _BY_COPY,
        "country": _BY_CUSTOMER.format(what="c.country"),
        "language": _BY_CUSTOMER.format(what="lower(split_part(replace(c.locale, '_', '-'), '-', 1))"),
        "loyalty": _BY_LOYALTY,
    }
    return {
        by: _folded_rows(session.execute(text(sql), {"start": scope.started_at}).mappings().all())
        for by, sql in queries.items()
    }


def requesters(session: Session, campaign_id: int) -> list[dict[str, Any]]:
    """What fetched the pictures: mails by requester, with whether it is a machine; small ones together."""
    rows = session.execute(text(_REQUESTERS), {"campaign_id": campaign_id}).all()
    found = []
    for machine in (False, True):
        groups = [Group(str(row.name or "unknown"), row.n) for row in rows if bool(row.machine) is machine]
        found += [
            {"name": group.name, "machine": machine, "mails": group.customers or None}
            for group in folded(groups)
        ]
    return found


def by_day(session: Session, campaign_id: int) -> list[dict[str, Any]]:
    """Mails, and what people did, by day (UTC)."""
    rows = session.execute(text(_DAYS), {"campaign_id": campaign_id}).mappings()
    return [{**row, "day": row["day"].isoformat()} for row in rows if row["day"] is not None]


def _folded_rows(rows: Any) -> list[dict[str, Any]]:
    groups = [Group(row["name"], row["mailed"], {name: row[name] for name in _NAMES}) for row in rows]
    if len(groups) > _MOST_GROUPS:
        rest = groups[_MOST_GROUPS:]
        summed = {name: sum(group.counts[name] for group in rest) for name in _NAMES}
        groups = [*groups[:_MOST_GROUPS], Group(OTHERS, sum(group.customers for group in rest), summed)]
    return [
        {
            "name": group.name,
            **(_row({"mailed": group.customers, **group.counts}) if group.counts else _NOTHING),
        }
        for group in folded(groups)
    ]


def _row(counts: Mapping[str, Any]) -> dict[str, Any]:
    return {"mailed": int(counts["mailed"]), "measured": int(counts["measured"]), "rates": rates(counts)}


_NOTHING: dict[str, Any] = {"mailed": None, "measured": None, "rates": {}}
