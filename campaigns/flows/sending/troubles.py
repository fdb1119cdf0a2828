"""What went wrong with a campaign, by cause: counted in the background, kept, and looked up customer by customer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.masking import masked
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database, rows
from campaigns.core.errors import NotFound
from campaigns.core.jobs import Jobs
from campaigns.delivery.causes import CAUSES, Cause, cause_of
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.sending.addressees import load_addressees
from campaigns.flows.sending.counters import counts
from campaigns.models import CauseTally

FAILED, UNCERTAIN, HELD_BACK = "failed", "uncertain", "held_back"
COUNTED = (FAILED, UNCERTAIN, HELD_BACK)
PAGE = 50
_EXPORTED_AT_ONCE = 500

REASON = "regexp_replace(split_part(s.reason, ':', 1), '[0-9]+', '#', 'g')"
"""The reason of a send without what follows a colon, and without its numbers."""

_ENHANCED = r"[245]\.[0-9]{1,3}\.[0-9]{1,3}"
CODE = (
    "coalesce(regexp_replace(substring(s.smtp_reply from "
    rf"'^(?:smtp;)? *([2-5][0-9][0-9](?:[ -]+{_ENHANCED})?|{_ENHANCED})'), '[ -]+', ' '), '')"
)
"""The codes with which the reply of a send begins, such as "550 5.1.1", "550" or "5.1.1"."""

# Failed and uncertain ones have an index of their own (ix_sends_troubled).
_FAILED = f"""
    select status, {REASON}, {CODE}, count(*) from sends s
    where s.campaign_id = %(campaign)s and s.status in ('failed', 'uncertain') group by 1, 2, 3
"""
_TALLY = f"""
    {_FAILED}
    union all
    select status, {REASON}, '', count(*) from sends s
    where s.campaign_id = %(campaign)s and s.status = 'held_back' group by 1, 2
"""
_LIST = f"""
    select s.id, s.customer_id, c.external_id, s.reason, s.smtp_reply,
           coalesce(s.intent_at, s.created_at), s.attempts
    from sends s join customers c on c.id = s.customer_id
    where s.campaign_id = %(campaign)s and s.status = 'failed' and s.id > %(after)s
      and ({REASON}, {CODE}) in (select * from unnest(%(reasons)s::text[], %(codes)s::text[]))
    order by s.campaign_id, s.id limit %(limit)s
"""
# The status stands in the text, not in a parameter: else a plan could not use their index.
_LISTS = {FAILED: _LIST, UNCERTAIN: _LIST.replace("'failed'", "'uncertain'")}

Pair = tuple[str, str]
"""A reason and a code."""


@dataclass(frozen=True, slots=True)
class Group:
    """Failed sends of one cause, and the reasons and codes by which they are found."""

    cause: Cause
    n: int
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Troubles:
    """What went wrong: failed by cause, uncertain and held back by reason, the largest first.

    `uncertain_pairs` are the reasons and codes of the uncertain ones. `counted_at` is None before anybody has counted; `stale`: the campaign's counters have moved since.
    """

    failed: tuple[Group, ...]
    uncertain: tuple[tuple[str, int], ...]
    held_back: tuple[tuple[str, int], ...]
    counted_at: datetime | None
    stale: bool
    uncertain_pairs: tuple[Pair, ...] = ()

    def group(self, key: str) -> Group | None:
        """The failed sends of this cause, if there are any."""
        return next((group for group in self.failed if group.cause.key == key), None)


@dataclass(frozen=True, slots=True)
class Affected:
    """A customer whose mail failed or is uncertain; the address can be recognised and not read."""

    send_id: int
    external_id: str
    address: str
    reason: str
    reply: str
    at: datetime
    attempts: int


class TroubleKeeping:
    """Counts causes, and tells them."""

    def __init__(self, db: Database, clock: Clock, keyring: KeyRing, jobs: Jobs) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._jobs = jobs

    def current(self, campaign_id: int) -> Troubles:
        """What was counted last; where that is out of date, workers are asked to count anew.

        Raises:
            NotFound: there is no such campaign.
        """
        with self._db.transaction() as session:
            get_campaign(session, campaign_id)
            kept = session.get(CauseTally, campaign_id)
            kept = kept or CauseTally(campaign_id=campaign_id, tally=[], of={})
            stale = _of(session, campaign_id) != kept.of
            if stale:
                kept.asked_at = self._clock.now()
                kept = session.merge(kept)
                session.after_commit(self._jobs.see_to_troubles)
            return _told(kept, stale)

    def count(self, campaign_id: int) -> Troubles:
        """Count now; reads what failed, and all that was held back.

        Raises:
            NotFound: there is no such campaign.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            kept = session.get(CauseTally, campaign_id) or CauseTally(
                campaign_id=campaign_id, tally=[], of={}
            )
            if campaign.sends_dropped_at is None:
                # Before the sends: what moves meanwhile makes the tally old, not wrong for good.
                kept.of = _of(session, campaign_id)
                found = rows(session, _TALLY, {"campaign": campaign_id})
                kept.tally = [[status, reason, code, n] for status, reason, code, n in found]
            kept.counted_at, kept.asked_at = self._clock.now(), None
            return _told(session.merge(kept), stale=False)

    def failed(self, campaign_id: int) -> tuple[Group, ...]:
        """The failed sends by cause, as they are now: by an index of those that went wrong.

        Raises:
            NotFound: there is no such campaign.
        """
        with self._db.transaction() as session:
            get_campaign(session, campaign_id)
            found = rows(session, _FAILED, {"campaign": campaign_id})
        return _told(CauseTally(tally=[list(row) for row in found]), stale=False).failed

    def work(self) -> int:
        """Count for all campaigns of which somebody waits to be told; how many there were."""
        with self._db.transaction() as session:
            asked = session.scalars(
                select(CauseTally.campaign_id)
                .where(CauseTally.asked_at.is_not(None))
                .order_by(CauseTally.asked_at)
            ).all()
        for campaign_id in asked:
            self.count(campaign_id)
        return len(asked)

    def affected(
        self, campaign_id: int, status: str, pairs: Sequence[Pair], after: int = 0, limit: int = PAGE
    ) -> tuple[list[Affected], int | None]:
        """The next customers concerned, in the order of their sends, and after which number to go on; None: no more.

        Raises:
            NotFound: `status` is neither failed nor uncertain.
        """
        if status not in _LISTS:
            raise NotFound(f"sends that are {status} are not listed")
        with self._db.transaction() as session:
            asked: dict[str, Any] = {"campaign": campaign_id, "after": after, "limit": limit + 1}
            asked |= {"reasons": [reason for reason, _ in pairs], "codes": [code for _, code in pairs]}
            found = rows(session, _LISTS[status], asked)
            people = load_addressees(session, self._keyring, [row[1] for row in found[:limit]])
        affected = [
            Affected(
                send_id=row[0],
                external_id=row[2],
                address=masked(people[row[1]].email) if row[1] in people else "",
                reason=row[3],
                reply=row[4],
                at=row[5],
                attempts=row[6],
            )
            for row in found[:limit]
        ]
        return affected, affected[-1].send_id if len(found) > limit else None

    def all_affected(self, campaign_id: int, status: str, pairs: Sequence[Pair]) -> Iterator[Affected]:
        """All of them, page by page, each with a transaction of its own."""
        after: int | None = 0
        while after is not None:
            some, after = self.affected(campaign_id, status, pairs, after, _EXPORTED_AT_ONCE)
            yield from some


def _of(session: Session, campaign_id: int) -> dict[str, int]:
    found = counts(session, campaign_id)
    return {status: found[status] for status in COUNTED if found.get(status)}


def _told(kept: CauseTally, stale: bool) -> Troubles:
    pairs: dict[str, dict[Pair, int]] = {}
    others: dict[str, dict[str, int]] = {UNCERTAIN: {}, HELD_BACK: {}}
    unknown = tuple((reason, code) for status, reason, code, _ in kept.tally if status == UNCERTAIN)
    for status, reason, code, n in kept.tally:
        if status == FAILED:
            pairs.setdefault(cause_of(reason, code).key, {})[reason, code] = n
        else:
            others[status][reason] = others[status].get(reason, 0) + n
    groups = [Group(CAUSES[key], sum(of.values()), tuple(sorted(of))) for key, of in pairs.items()]
    return Troubles(
        failed=tuple(sorted(groups, key=lambda group: (-group.n, group.cause.key))),
        uncertain=_largest(others[UNCERTAIN]),
        held_back=_largest(others[HELD_BACK]),
        counted_at=kept.counted_at,
        stale=stale,
        uncertain_pairs=unknown,
    )


def _largest(found: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(found.items(), key=lambda one: (-one[1], one[0])))
