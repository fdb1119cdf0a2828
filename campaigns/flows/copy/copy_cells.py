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
from campaigns.flows.copy.copy_purse import open_spend

NO_SALTS: Mapping[str, str] = {}


class Cell(NamedTuple):
    """A cell as the worker sees it that has it written: how many `sends` wait for it, about."""

    number: int
    key: str
    sends: int


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
    insert into copy_cells as c (campaign_id, key, sends, facts, salt)
    select %(campaign)s, d.key, d.sends, d.facts::jsonb, d.salt
    from unnest(%(keys)s::text[], %(sends)s::integer[], %(facts)s::text[], %(salts)s::text[])
        as d (key, sends, facts, salt)
    on conflict (campaign_id, key) do update set sends = c.sends + excluded.sends,
        state = case when excluded.sends > 0 and {_TRIED} then 'waiting' else c.state end
    returning key, number
"""
# Not below those who have just come to stay: a cell whose sends had all been seen to counts none, and where some
# of them come again, they have been added and are taken off here at once.
_LEAVE = """
    update copy_cells c set sends = greatest(c.sends - d.n, d.stay)
    from unnest(%(numbers)s::bigint[], %(n)s::integer[], %(stay)s::integer[]) as d (number, n, stay)
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
    returning c.number, c.key, c.sends
"""
# Of cells that are still waiting when all their sends were seen to: their words had been written elsewhere, or
# nobody is in them any more.
_END_KNOWN = """
    update copy_cells c set written_at = clock_timestamp(),
        state = case when {rejected} then 'offline' else 'written' end,
        copy_id = case when {rejected} then null else k.id end
    from copies k
    where c.campaign_id = %(campaign)s and c.state = 'waiting' and {which} and k.content_hash = c.key
"""
_REJECTED = "c.sample = 'rejected' or k.rejected_at is not null"
# That nobody is no worker is said for the index: it has only cells that somebody holds.
_MINE = "claimed_by = %(worker)s and claimed_by <> ''"
_END_KNOWN_OF_MINE = _END_KNOWN.format(which=_MINE, rejected=_REJECTED)
_END_KNOWN_BY_KEY = _END_KNOWN.format(which="c.key = any(%(keys)s::text[])", rejected=_REJECTED)
_LET_GO = f"""
    update copy_cells set claimed_by = '',
        sends = case when state = 'waiting' and %(emptied)s then 0 else sends end
    where campaign_id = %(campaign)s and {_MINE}
    returning number, state
"""
_SENDS_WAITING = """
    select coalesce(sum(sends), 0)::bigint from copy_cells
    where campaign_id = %(campaign)s and state = 'waiting' and sends > 0
"""
_OFFLINE = f"""
    select key from copy_cells c where campaign_id = %(campaign)s and key = any(%(keys)s::text[])
        and (state = 'offline' and not ({_TRIED}) or sample = 'rejected' or exists (
            select 1 from copies k where k.content_hash = c.key and k.rejected_at is not null))
"""
_FACTS = "select key, facts from copy_cells where campaign_id = %(campaign)s and key = any(%(keys)s::text[])"
_END = """
    update copy_cells c set sends = greatest(c.sends, %(least)s), state = d.e->>1, copy_id = (d.e->>2)::bigint,
        line_ids = d.e->3, verdicts = d.e->4, written_at = clock_timestamp()
    from jsonb_array_elements(%(ended)s::jsonb) as d (e)
    where c.campaign_id = %(campaign)s and c.key = d.e->>0 and c.state = 'waiting'
    returning c.key, c.sends
"""
_COUNT = """
    update copy_spend set first_pass = first_pass + %(first_pass)s, repaired = repaired + %(repaired)s,
        partly_offline = partly_offline + %(partly_offline)s, refused = refused + %(refused)s,
        outages = outages + %(outages)s, over_budget = over_budget + %(over_budget)s
    where campaign_id = %(campaign)s
"""
_COUNTED = ("first_pass", "repaired", "partly_offline", "refused", "outages", "over_budget")


def register(
    session: Session,
    campaign_id: int,
    sends: Mapping[str, int],
    facts: Mapping[str, Mapping[str, Any]],
    salts: Mapping[str, str] = NO_SALTS,
) -> dict[str, int]:
    """Add so many sends to cells by key, making those that are new; returns their numbers.

    `salts` are those of cells that are for one customer only (CopyRequest.salt), by which an erasure finds them.
    """
    keys = sorted(sends)  # in one order everywhere, so that no two processes wait for each other in a circle
    if not keys:
        return {}
    told = [json.dumps(facts[key], ensure_ascii=False) for key in keys]
    asked = {
        "campaign": campaign_id,
        "keys": keys,
        "sends": [sends[key] for key in keys],
        "facts": told,
        "salts": [salts.get(key, "") for key in keys],
    }
    return dict(rows(session, _REGISTER, asked))


def leave(session: Session, campaign_id: int, sends: Mapping[int, int], stay: Mapping[int, int]) -> None:
    """Take so many sends out of cells by number, in which they were counted before they were registered anew.

    `stay` says how many of those who were registered now are in a cell: so many it has at least.
    """
    if sends:
        numbers = sorted(sends)
        asked = {
            "campaign": campaign_id,
            "numbers": numbers,
            "n": [sends[number] for number in numbers],
            "stay": [stay.get(number, 0) for number in numbers],
        }
        rows(session, _LEAVE, asked)


def claim_cells(session: Session, campaign_id: int, worker: str, limit: int) -> list[Cell]:
    """Up to `limit` cells that wait for words and that no living worker holds, those of most sends first."""
    found = rows(session, _CLAIM, {"campaign": campaign_id, "worker": worker, "limit": limit})
    return sorted((Cell(*row) for row in found), key=lambda cell: (-cell.sends, cell.number))


def let_go(session: Session, campaign_id: int, worker: str, emptied: bool) -> list[int]:
    """What this worker holds of the campaign's cells is free again; with `emptied`, all their sends were seen to.

    Returns the numbers of those that have ended: whoever waits in them still needs no model any more.
    """
    asked = {"campaign": campaign_id, "worker": worker, "emptied": emptied}
    if emptied:
        rows(session, _END_KNOWN_OF_MINE, asked)
    return sorted(number for number, state in rows(session, _LET_GO, asked) if state != "waiting")


def end_known(session: Session, campaign_id: int, keys: Collection[str]) -> None:
    """Note of those of these cells whose words had been written elsewhere that they are written."""
    rows(session, _END_KNOWN_BY_KEY, {"campaign": campaign_id, "keys": sorted(keys)})


def sends_waiting(session: Session, campaign_id: int) -> int:
    """How many sends the cells have that wait for words, about."""
    return int(rows(session, _SENDS_WAITING, {"campaign": campaign_id})[0][0])


def offline_among(session: Session, campaign_id: int, keys: Collection[str]) -> frozenset[str]:
    """Those of these cells whose words are the offline writer's in this campaign, whatever was written elsewhere:
    a person rejected their sample or the words themselves, or the model had its chance."""
    asked = {"campaign": campaign_id, "keys": sorted(keys)}
    return frozenset(key for (key,) in rows(session, _OFFLINE, asked))


def picks_of(session: Session, campaign_id: int, keys: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """For which picks the words of these cells are written: see `Cell`."""
    found = rows(session, _FACTS, {"campaign": campaign_id, "keys": sorted(keys)})
    return {key: picks_told(facts) for key, facts in found}


def picks_told(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The picks in what a writer was told: [sku, reason kind]."""
    return [(str(pick["sku"]), str(pick["reason"])) for pick in facts.get("picks", ())]


def end_cells(session: Session, campaign_id: int, ended: Sequence[Ended], as_samples: bool) -> set[str]:
    """Note what became of cells and count it in copy_spend; returns the keys of those that had not ended yet.

    A sample without the model's words is not counted: it is tried again when the campaign runs, and then is.
    What was not written as a sample was for a send, also where the cell counts none: another worker that found
    them held by a third may have taken all of them for seen to.
    """
    if not ended:
        return set()
    told = [
        [one.key, one.state, one.copy_id, list(one.line_ids), [asdict(verdict) for verdict in one.verdicts]]
        for one in sorted(ended, key=lambda one: one.key)
    ]
    asked = {"campaign": campaign_id, "ended": json.dumps(told), "least": 0 if as_samples else 1}
    done = dict(rows(session, _END, asked))
    fresh = [one.counts_as for one in ended if one.key in done and (done[one.key] or one.state != "offline")]
    if fresh:
        open_spend(session, campaign_id)
        rows(session, _COUNT, {"campaign": campaign_id} | {name: fresh.count(name) for name in _COUNTED})
    return set(done)
