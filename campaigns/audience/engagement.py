"""Who still looks at their mail: mails in a row without any sign of a person, and what follows from many.

A sign is an open or a click by a person, an order, a consent given, or preferences saved. Machine opens and clicks
are none. Only mails that could have shown a sign count: those that were sent with open_tracking granted. So who
does not grant it is never counted, and rests no longer once they withdraw it.

    active -> snoozed   as many mails without a sign as the house says: marketing rests
    snoozed -> asked    a re-permission campaign has asked them whether they still want mail
    asked -> sunset     no answer came in time: flows/engagement.py withdraws their consent to marketing
    any of these -> active   a sign came; after a sunset only with a new consent to marketing

All functions work on many customers at once, and may be repeated: they count anew from sends and events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from campaigns.audience.contact import REPERMISSION
from campaigns.core.db import rows

# The newest sign of a customer. Nothing from the future: a shop's clock may be ahead, and would silence the rest.
_SIGN = """greatest(
    (select max(v.at) from events v where v.customer_id = {customer} and v.name in ('opened', 'clicked')
     and not v.machine and v.at <= %(now)s),
    (select max(o.ordered_at) from order_lines o where o.customer_id = {customer} and o.ordered_at <= %(now)s),
    (select max(c.at) from consent_states c where c.customer_id = {customer} and c.granted and c.at <= %(now)s),
    (select p.updated_at from contact_preferences p where p.customer_id = {customer} and p.updated_at <= %(now)s))"""
_MAILS_SINCE = """(select count(*) from sends s where s.customer_id = {customer} and s.status = 'sent' and s.tracked
    and s.sent_at > coalesce({sign}, '-infinity'))"""
_GRANTS = """exists (select from consent_states c where c.customer_id = {customer} and c.purpose = '{purpose}'
    and c.granted)"""

_WATCHED = """
    select customer_id from consent_states
    where purpose = 'open_tracking' and granted and customer_id > %(after)s order by customer_id limit %(limit)s
"""
# Who is at rest is not counted: only `wake` may take notice of their signs.
_COUNT = f"""
    with people as (
        select w.id, e.last_human_at from unnest(%(ids)s::bigint[]) as w (id)
        left join engagement_states e on e.customer_id = w.id
        where coalesce(e.state, 'active') = 'active' and exists (
            select from sends s where s.customer_id = w.id and s.campaign_id = any(%(campaigns)s::bigint[])
            and s.campaign_id between %(lowest)s and %(highest)s and s.status = 'sent' and s.tracked)
    ), signs as (
        select id, greatest(last_human_at, {_SIGN.format(customer="people.id")}) as sign from people
    ), counted as (
        select id, sign, {_MAILS_SINCE.format(customer="signs.id", sign="signs.sign")} as mails from signs
    )
    insert into engagement_states as e (customer_id, mails, last_human_at, state, state_at)
    select id, mails, sign, case when mails >= %(most)s then 'snoozed' else 'active' end, %(now)s
    from counted order by id
    on conflict (customer_id) do update set mails = excluded.mails, last_human_at = excluded.last_human_at,
        state = excluded.state,
        state_at = case when e.state = excluded.state then e.state_at else excluded.state_at end
    where e.state = 'active'
    returning e.state = 'snoozed'
"""
_QUIET = """
    select customer_id from engagement_states
    where state <> 'active' and customer_id > %(after)s order by customer_id limit %(limit)s
"""
_WAKE = f"""
    with quiet as (
        select customer_id as id, state, last_human_at from engagement_states
        where customer_id = any(%(ids)s::bigint[]) and state <> 'active' order by customer_id for update
    ), signs as (
        select id, state, last_human_at, {_SIGN.format(customer="quiet.id")} as sign from quiet
    ), woken as (
        select id, greatest(last_human_at, sign) as sign from signs
        where case when state = 'sunset'
            then {_GRANTS.format(customer="signs.id", purpose="marketing")} and sign > coalesce(last_human_at, '-infinity')
            else sign > coalesce(last_human_at, '-infinity')
                or not {_GRANTS.format(customer="signs.id", purpose="open_tracking")} end
    )
    update engagement_states e set state = 'active', state_at = %(now)s, last_human_at = woken.sign,
        mails = {_MAILS_SINCE.format(customer="woken.id", sign="woken.sign")}
    from woken where e.customer_id = woken.id returning e.customer_id
"""
_SIGNS = f"""
    with people as (
        select w.id, e.last_human_at from unnest(%(ids)s::bigint[]) as w (id)
        left join engagement_states e on e.customer_id = w.id
        where {_GRANTS.format(customer="w.id", purpose="open_tracking")}
    ), signs as (
        select id, greatest(last_human_at, {_SIGN.format(customer="people.id")}) as sign from people
    )
    select id, {_MAILS_SINCE.format(customer="signs.id", sign="signs.sign")} as mails, sign from signs
"""
_WAKE_ALL = """
    update engagement_states set state = 'active', state_at = %(now)s
    where state in ('snoozed', 'asked') returning customer_id
"""
_ASKING = (
    "select id from campaigns where kind = %(kind)s and started_at is not null and sends_dropped_at is null"
)
_ASK = """
    update engagement_states e set state = 'asked', state_at = asked.at
    from (select q.customer_id, (select min(s.sent_at) from sends s where s.customer_id = q.customer_id
              and s.campaign_id = any(%(campaigns)s::bigint[]) and s.campaign_id between %(lowest)s and %(highest)s
              and s.status = 'sent' and s.sent_at >= q.state_at) as at
          from engagement_states q where q.state = 'snoozed') as asked
    where e.customer_id = asked.customer_id and e.state = 'snoozed' and asked.at is not null
    returning e.customer_id
"""
_SILENT = """
    select customer_id from engagement_states
    where state = 'asked' and state_at < %(before)s and customer_id > %(after)s
    order by customer_id limit %(limit)s for update
"""
_SET = """
    update engagement_states set state = 'sunset', state_at = %(now)s
    where state = 'asked' and customer_id = any(%(ids)s::bigint[]) returning customer_id
"""
_DUE = """
    select id, finished_at from campaigns
    where finished_at is not null and engagement_at is distinct from finished_at and sends_dropped_at is null
"""
_COUNTED = """
    update campaigns set engagement_at = %(finished)s
    where id = %(campaign)s and finished_at = %(finished)s returning id
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """A campaign that ended, and when; it may be opened again, and end once more."""

    campaign_id: int
    at: datetime


def to_be_counted(session: Session) -> list[Finished]:
    """The campaigns that ended since their mails were last counted."""
    return [Finished(*row) for row in rows(session, _DUE, {})]


def mark_counted(session: Session, campaigns: Sequence[Finished]) -> None:
    """Note that the mails of these campaigns, as they ended then, are counted."""
    for one in campaigns:
        rows(session, _COUNTED, {"campaign": one.campaign_id, "finished": one.at})


def watched(session: Session, after: int, limit: int) -> list[int]:
    """The next customers, by number, of whom a sign could be seen: those who grant open_tracking."""
    return [row[0] for row in rows(session, _WATCHED, {"after": after, "limit": limit})]


def count(
    session: Session, ids: Sequence[int], campaigns: Sequence[Finished], most: int, now: datetime
) -> int:
    """Count anew for those of these customers whom one of these campaigns mailed; returns how many are now snoozed.

    `most` mails without a sign make somebody snoozed.
    """
    if not ids or not campaigns:
        return 0
    mailed = _among([one.campaign_id for one in campaigns])
    return sum(
        row[0] for row in rows(session, _COUNT, {"ids": list(ids), "most": most, "now": now, **mailed})
    )


def last_signs(session: Session, ids: Sequence[int], now: datetime) -> dict[int, tuple[int, datetime | None]]:
    """Mails in a row without a sign of a person, and when the last sign was, of those who grant open_tracking."""
    if not ids:
        return {}
    return {key: (mails, sign) for key, mails, sign in rows(session, _SIGNS, {"ids": list(ids), "now": now})}


def quiet(session: Session, after: int, limit: int) -> list[int]:
    """The next customers, by number, who are not active."""
    return [row[0] for row in rows(session, _QUIET, {"after": after, "limit": limit})]


def wake(session: Session, ids: Sequence[int], now: datetime) -> int:
    """Those of these customers who gave a sign, or who can no longer be seen, are active again; returns how many."""
    return len(rows(session, _WAKE, {"ids": list(ids), "now": now})) if ids else 0


def wake_all(session: Session, now: datetime) -> int:
    """Nobody rests any more, because the house wants nobody to; returns how many did."""
    return len(rows(session, _WAKE_ALL, {"now": now}))


def note_asked(session: Session) -> int:
    """Snoozed customers to whom a re-permission campaign was sent are asked; returns how many."""
    asking = [row[0] for row in rows(session, _ASKING, {"kind": REPERMISSION})]
    return len(rows(session, _ASK, _among(asking))) if asking else 0


def silent(session: Session, wait: timedelta, after: int, limit: int, now: datetime) -> list[int]:
    """The next customers, by number, who were asked longer than `wait` ago; held until the transaction ends."""
    return [row[0] for row in rows(session, _SILENT, {"before": now - wait, "after": after, "limit": limit})]


def note_sunset(session: Session, ids: Sequence[int], now: datetime) -> list[int]:
    """Those of these customers who are still asked are let go; returns them."""
    return [row[0] for row in rows(session, _SET, {"ids": list(ids), "now": now})] if ids else []


def _among(campaigns: Sequence[int]) -> dict[str, Any]:
    """The campaigns, and between which numbers they lie: other partitions need not be opened."""
    return {"campaigns": list(campaigns), "lowest": min(campaigns), "highest": max(campaigns)}
