"""Where people clicked: by link of the mail, by product, by picture that was shown; and what decided the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.insight.folding import Group, as_rows, folded
from campaigns.insight.rates import Rate
from campaigns.models import PIXEL_SLOT

_MOST_PRODUCTS = 50
# Each customer once for each link, by people where a person ever clicked it.
_PLACES = """
    select place, number, count(*) filter (where human) as people, count(*) filter (where not human) as machines
    from (
        select e.detail->>'place' as place, (e.detail->>'number')::int as number, e.send_id,
               bool_or(not e.machine) as human
        from events e join report_people p on p.send_id = e.send_id
        where e.campaign_id = :campaign_id and e.name = 'clicked' and p.measured group by 1, 2, 3) clicks
    group by 1, 2 order by 3 desc, 1, 2"""
_PRODUCTS = """
    with shown as (
        select s.id as send_id, (pick.value->>0)::bigint as product_id, (pick.place - 1)::int as number
        from sends s join report_people p on p.send_id = s.id and p.measured,
             jsonb_array_elements(s.picks) with ordinality pick (value, place)
        where s.campaign_id = :campaign_id and jsonb_typeof(s.picks) = 'array'),
    clicked as (
        select distinct send_id, (detail->>'number')::int as number from events
        where campaign_id = :campaign_id and name = 'clicked' and not machine and detail->>'place' = 'pick')
    select r.sku, r.title, count(distinct w.send_id) as shown, count(distinct c.send_id) as clicked
    from shown w join products r on r.id = w.product_id
    left join clicked c on c.send_id = w.send_id and c.number = w.number
    group by r.id, r.sku, r.title order by 4 desc, 3 desc, 1 limit :most"""
_PICTURES = """
    with clicked as (
        select distinct send_id, (detail->>'number')::int as slot from events
        where campaign_id = :campaign_id and name = 'clicked' and not machine and detail->>'place' = 'slot')
    select v.slot, coalesce('card of ' || r.sku, v.variant) as variant, count(*) as shown,
           count(c.send_id) as clicked
    from slot_serves v join report_people p on p.send_id = v.send_id and p.measured
    left join clicked c on c.send_id = v.send_id and c.slot = v.slot
    left join products r on v.variant = 'product:' || r.id
    where v.campaign_id = :campaign_id and v.slot <> :pixel
    group by 1, 2 order by 1, 3 desc, 2"""
_SIGNALS = (
    "select signal as name, count(distinct send_id) as n from slot_serves "
    "where campaign_id = :campaign_id and slot <> :pixel and signal <> '' group by 1 order by 2 desc, 1"
)
_WEATHER = (
    "select weather as name, count(distinct send_id) as n from slot_serves "
    "where campaign_id = :campaign_id and slot <> :pixel and weather <> '' group by 1 order by 2 desc, 1"
)


def by_place(
    session: Session, campaign_id: int, slot_names: Sequence[str], measured: int
) -> list[dict[str, Any]]:
    """One row for each link that was clicked: its place and number in the mail, its name for people, and the share
    of the `measured` customers who clicked it. A customer may have clicked several."""
    rows = session.execute(text(_PLACES), {"campaign_id": campaign_id})
    return [
        {
            "place": row.place,
            "number": row.number,
            "name": _name(row.place, row.number, slot_names),
            "machines": row.machines,
            "rate": Rate(row.people, measured).to_json(),
        }
        for row in rows
    ]


def by_product(session: Session, campaign_id: int) -> list[dict[str, Any]]:
    """By product: mails that showed it as a pick to somebody who is measured, and the share who clicked it there."""
    rows = session.execute(text(_PRODUCTS), {"campaign_id": campaign_id, "most": _MOST_PRODUCTS}).all()
    groups = [Group(f"{row.title} ({row.sku})", row.shown, {"clicked": row.clicked}) for row in rows]
    return [_shown_row(group) for group in folded(groups)]


def by_picture(session: Session, campaign_id: int, slot_names: Sequence[str]) -> list[dict[str, Any]]:
    """By slot and by the picture last shown in it: mails, and the share in which a person clicked it."""
    asked = {"campaign_id": campaign_id, "pixel": PIXEL_SLOT}
    slots: dict[int, list[Group]] = {}
    for row in session.execute(text(_PICTURES), asked):
        slots.setdefault(row.slot, []).append(Group(row.variant, row.shown, {"clicked": row.clicked}))
    return [
        {"slot": _slot_name(slot, slot_names), **_shown_row(group)}
        for slot, groups in slots.items()
        for group in folded(groups)
    ]


def signals(session: Session, campaign_id: int) -> list[dict[str, Any]]:
    """What decided the place of pictures, in mails."""
    return _mails(session, _SIGNALS, campaign_id)


def weather(session: Session, campaign_id: int) -> list[dict[str, Any]]:
    """The weather where a mail was opened last, in mails."""
    return _mails(session, _WEATHER, campaign_id)


def _mails(session: Session, sql: str, campaign_id: int) -> list[dict[str, Any]]:
    rows = session.execute(text(sql), {"campaign_id": campaign_id, "pixel": PIXEL_SLOT})
    return as_rows([Group(row.name, row.n) for row in rows])


def _shown_row(group: Group) -> dict[str, Any]:
    rate = Rate(group.counts.get("clicked", 0), group.customers).to_json() if group.customers else None
    return {"name": group.name, "shown": group.customers or None, "rate": rate}


def _name(place: str, number: int, slot_names: Sequence[str]) -> str:
    if place == "call_to_action":
        return "the button"
    return f"pick {number + 1}" if place == "pick" else f"picture “{_slot_name(number, slot_names)}”"


def _slot_name(number: int, slot_names: Sequence[str]) -> str:
    return slot_names[number] if number < len(slot_names) else f"slot {number}"
