"""The cells of a campaign: which words its sends wait for, who has them written, and what became of them.

Rows are there only where a model writes. A cell is held by one worker at a time, under the lease under which that
worker holds sends: when it dies, others take the cell over, and find what was answered in the answer store.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from campaigns.copywriting.written import Verdict
from campaigns.core.db import rows
from campaigns.flows.copy_purse import open_spend


class Cell(NamedTuple):
    """A cell as a worker sees it; `picks` are [sku, reason kind] of the mail that its words are written for."""

    number: int
    key: str
    sends: int
    picks: list[tuple[str, str]]
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a cell; `counts_as` names its column of copy_spend."""

    key: str
    state: str
    counts_as: str
    copy_id: int | None
    line_ids: tuple[int, ...]
    verdicts: tuple[Verdict, ...]


# A sample that the model did not write (it was away, or the like) is tried again when the campaign runs, unless a
# person approved of the offline writer's words.
_TRIED = "c.state = 'offline' and c.sends = 0 and c.sample in ('', 'shown')"
_REGISTER = f"""
    insert into copy_cells as c (campaign_id, key, sends, facts)
    select %(campaign)s, d.key, d.sends, d.facts::jsonb
    from unnest(%(keys)s::text[], %(sends)s::integer[], %(facts)s::text[]) as d (key, sends, facts)
    on conflict (campaign_id, key) do update set sends = c.sends + excluded.sends,
        state = case when excluded.sends > 0 and {_TRIED} then 'waiting' else c.state end
    returning key, number
"""
_LEAVE = """
    update copy_cells c set sends = c.sends - d.n
    from unnest(%(numbers)s::bigint[], %(n)s::integer[]) as d (number, n)
    where c.campaign_id = %(campaign)s and c.number = d.number
"""
_FREE = """
    (c.claimed_by in ('', %(worker)s) or not exists (
        select 1 from worker_leases l where l.worker = c.claimed_by and l.lease_until > clock_timestamp()))
"""
_CLAIM = f"""
    with chosen as (
        select number from copy_cells c
        where campaign_id = %(campaign)s and state = 'waiting' and sends > 0 and {_FREE}
        order by sends desc, number limit %(limit)s for update skip locked
    )
    update copy_cells c set claimed_by = %(worker)s from chosen where c.number = chosen.number
    returning c.number, c.key, c.sends, c.facts, c.sample
"""
# Of cells that are still waiting when all their sends were seen to: their words had been written elsewhere, or
# nobody is in them any more.
_END_KNOWN = """
    update copy_cells c set written_at = clock_timestamp(),
        state = case when c.sample = 'rejected' then 'offline' else 'written' end,
        copy_id = case when c.sample = 'rejected' then null else k.id end
    from copies k
    where c.campaign_id = %(campaign)s and c.state = 'waiting' and {which} and k.content_hash = c.key
"""
_END_KNOWN_OF_MINE = _END_KNOWN.format(which="c.claimed_by = %(worker)s")
_END_KNOWN_BY_KEY = _END_KNOWN.format(which="c.key = any(%(keys)s::text[])")
_LET_GO = """
    update copy_cells set claimed_by = '',
        sends = case when state = 'waiting' and %(emptied)s then 0 else sends end
    where campaign_id = %(campaign)s and claimed_by = %(worker)s
"""
_SENDS_WAITING = """
    select coalesce(sum(sends), 0)::bigint from copy_cells
    where campaign_id = %(campaign)s and state = 'waiting' and sends > 0
"""
_OFFLINE = f"""
    select key from copy_cells c where campaign_id = %(campaign)s and key = any(%(keys)s::text[])
        and (state = 'offline' and not ({_TRIED}) or sample = 'rejected')
"""
_FACTS = "select key, facts from copy_cells where campaign_id = %(campaign)s and key = any(%(keys)s::text[])"
_END = """
    update copy_cells c set state = d.e->>1, copy_id = (d.e->>2)::bigint, line_ids = d.e->3, verdicts = d.e->4,
        written_at = clock_timestamp()
    from jsonb_array_elements(%(ended)s::jsonb) as d (e)
    where c.campaign_id = %(campaign)s and c.key = d.e->>0 and c.state = 'waiting'
    returning c.key
"""
_COUNT = """
    update copy_spend set first_pass = first_pass + %(first_pass)s, repaired = repaired + %(repaired)s,
        partly_offline = partly_offline + %(partly_offline)s, refused = refused + %(refused)s,
        outages = outages + %(outages)s, over_budget = over_budget + %(over_budget)s
    where campaign_id = %(campaign)s
"""
_COUNTED = ("first_pass", "repaired", "partly_offline", "refused", "outages", "over_budget")


def register(
    session: Session, campaign_id: int, sends: Mapping[str, int], facts: Mapping[str, Mapping[str, Any]]
) -> dict[str, int]:
    """Add so many sends to cells by key, making those that are new; returns their numbers."""
    keys = sorted(sends)  # in one order everywhere, so that no two processes wait for each other in a circle
    if not keys:
        return {}
    told = [json.dumps(facts[key], ensure_ascii=False) for key in keys]
    asked = {"campaign": campaign_id, "keys": keys, "sends": [sends[key] for key in keys], "facts": told}
    return dict(rows(session, _REGISTER, asked))


def leave(session: Session, campaign_id: int, sends: Mapping[int, int]) -> None:
    """Take so many sends out of cells by number: they have come to belong to others."""
    if sends:
        numbers = sorted(sends)
        asked = {"campaign": campaign_id, "numbers": numbers, "n": [sends[number] for number in numbers]}
        rows(session, _LEAVE, asked)


def claim_cells(session: Session, campaign_id: int, worker: str, limit: int) -> list[Cell]:
    """Up to `limit` cells that wait for words and that no living worker holds, those of most sends first."""
    found = rows(session, _CLAIM, {"campaign": campaign_id, "worker": worker, "limit": limit})
    cells = [
        Cell(number, key, sends, picks_told(facts), sample == "rejected")
        for number, key, sends, facts, sample in found
    ]
    return sorted(cells, key=lambda cell: (-cell.sends, cell.number))


def let_go(session: Session, campaign_id: int, worker: str, emptied: bool) -> None:
    """What this worker holds of the campaign's cells is free again; with `emptied`, all their sends were seen to."""
    asked = {"campaign": campaign_id, "worker": worker, "emptied": emptied}
    if emptied:
        rows(session, _END_KNOWN_OF_MINE, asked)
    rows(session, _LET_GO, asked)


def end_known(session: Session, campaign_id: int, keys: Collection[str]) -> None:
    """Note of those of these cells whose words had been written elsewhere that they are written."""
    rows(session, _END_KNOWN_BY_KEY, {"campaign": campaign_id, "keys": sorted(keys)})


def sends_waiting(session: Session, campaign_id: int) -> int:
    """How many sends the cells have that wait for words, about."""
    return int(rows(session, _SENDS_WAITING, {"campaign": campaign_id})[0][0])


def offline_among(session: Session, campaign_id: int, keys: Collection[str]) -> frozenset[str]:
    """Those of these cells whose words are the offline writer's in this campaign, whatever was written elsewhere:
    a person rejected their sample, or the model had its chance."""
    asked = {"campaign": campaign_id, "keys": sorted(keys)}
    return frozenset(key for (key,) in rows(session, _OFFLINE, asked))


def picks_of(session: Session, campaign_id: int, keys: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """For which picks the words of these cells are written: see `Cell`."""
    found = rows(session, _FACTS, {"campaign": campaign_id, "keys": sorted(keys)})
    return {key: picks_told(facts) for key, facts in found}


def picks_told(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The picks in what a writer was told: [sku, reason kind]."""
    return [(str(pick["sku"]), str(pick["reason"])) for pick in facts.get("picks", ())]


def end_cells(session: Session, campaign_id: int, ended: Sequence[Ended]) -> set[str]:
    """Note what became of cells and count it in copy_spend; returns the keys of those that had not ended yet."""
    if not ended:
        return set()
    told = [
        [one.key, one.state, one.copy_id, list(one.line_ids), [asdict(verdict) for verdict in one.verdicts]]
        for one in sorted(ended, key=lambda one: one.key)
    ]
    done = {key for (key,) in rows(session, _END, {"campaign": campaign_id, "ended": json.dumps(told)})}
    fresh = [one.counts_as for one in ended if one.key in done and one.counts_as]
    if fresh:
        open_spend(session, campaign_id)
        rows(session, _COUNT, {"campaign": campaign_id} | {name: fresh.count(name) for name in _COUNTED})
    return done
