"""Segments that people keep under a name: made, changed, copied, put away; and why somebody is in one or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.audience.contact import ContactTerms
from campaigns.audience.customers import find
from campaigns.audience.segment_references import put_in, users_of
from campaigns.audience.segment_why import WhyIn, why_in
from campaigns.audience.segments import parse_segment
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, Conflict, NotFound
from campaigns.core.frequency import FrequencyCap
from campaigns.flows.console.audit import record
from campaigns.models import Campaign, CampaignStatus, KeptSegment

LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class SegmentView:
    """A kept segment; `revision` is to be given back with a change. `campaigns` are (number, name) that use it."""

    number: int
    name: str
    rules: Mapping[str, Any]
    revision: int
    created_by: str
    changed_by: str
    changed_at: datetime
    archived_at: datetime | None
    campaigns: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class WhyCustomer:
    """The answer for one customer, by the shop's own number."""

    external_id: str
    why: WhyIn


class Segments:
    """`cap` is the house's limit of mails, which decides with the rest who would be held back."""

    def __init__(self, db: Database, clock: Clock, keyring: KeyRing, cap: FrequencyCap | None) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._cap = cap

    def create(self, name: str, rules: Mapping[str, Any], by: str) -> int:
        """A new segment; returns its number.

        Raises:
            BadInput: the name or the rules are wrong.
            Conflict: another one has this name.
        """
        name = _checked_name(name)
        try:
            with self._db.transaction() as session:
                parse_segment(put_in(session, rules))
                row = KeptSegment(name=name, rules=dict(rules), created_by=by, changed_by=by)
                row.created_at = row.changed_at = self._clock.now()
                session.add(row)
                session.flush()
                record(session, row.changed_at, by, "segment.created", f"segment {row.id}", {"name": name})
                return row.id
        except IntegrityError:
            raise _taken(name) from None

    def change(self, number: int, revision: int, name: str, rules: Mapping[str, Any], by: str) -> None:
        """Give it this name and these rules. Drafts that use it get the new rules; what is approved keeps its own.

        Raises:
            BadInput: the name or the rules are wrong, or the segment would name itself.
            Conflict: somebody changed it since `revision`, or another one has this name.
        """
        name = _checked_name(name)
        try:
            with self._db.transaction() as session:
                row = _locked(session, number)
                if row.revision != revision:
                    raise Conflict(
                        f"{row.changed_by or 'somebody'} changed this segment while you were editing it. "
                        "What you typed is still here: compare it with the newer one, then save again"
                    )
                if (row.name, row.rules) == (name, dict(rules)):
                    return
                before = row.rules
                row.name, row.rules = name, dict(rules)
                row.revision += 1
                row.changed_by, row.changed_at = by, self._clock.now()
                session.flush()
                parse_segment(put_in(session, rules))
                renewed = _renew_drafts(session, number, by, row.changed_at)
                detail = {"name": name, "before": before, "after": row.rules, "drafts": renewed}
                record(session, row.changed_at, by, "segment.changed", f"segment {number}", detail)
        except IntegrityError:
            raise _taken(name) from None

    def copy(self, number: int, by: str) -> int:
        """A second one with the same rules and a name of its own; returns its number."""
        kept = self.get(number)
        with self._db.transaction() as session:
            taken = set(session.scalars(select(func.lower(KeptSegment.name))))
        stem = kept.name[: LONGEST_NAME - 12]
        names = (f"{stem} (copy)", *(f"{stem} (copy {n})" for n in range(2, len(taken) + 3)))
        return self.create(next(name for name in names if name.lower() not in taken), kept.rules, by)

    def archive(self, number: int, by: str) -> None:
        """Offer it for nothing new; whoever uses it goes on. Harmless when repeated."""
        self._put_away(number, self._clock.now(), by, "segment.archived")

    def restore(self, number: int, by: str) -> None:
        """Offer it again."""
        self._put_away(number, None, by, "segment.restored")

    def get(self, number: int) -> SegmentView:
        """One segment.

        Raises:
            NotFound: there is none.
        """
        with self._db.transaction() as session:
            row = session.get(KeptSegment, number)
            if row is None:
                raise NotFound(f"there is no segment {number}")
            return _view(row, _campaigns(session, [number]).get(number, ()))

    def list(self, archived: bool = False) -> list[SegmentView]:
        """All that are offered, or all that were put away, by name."""
        where = KeptSegment.archived_at.is_not(None) if archived else KeptSegment.archived_at.is_(None)
        with self._db.transaction() as session:
            rows = session.scalars(
                select(KeptSegment).where(where).order_by(func.lower(KeptSegment.name))
            ).all()
            campaigns = _campaigns(session, [row.id for row in rows])
            return [_view(row, campaigns.get(row.id, ())) for row in rows]

    def rules_of(self, number: int) -> dict[str, Any]:
        """Its rules as a campaign keeps them, with all segments that they name put in."""
        kept = self.get(number)
        with self._db.transaction() as session:
            return dict(put_in(session, kept.rules))

    def whole(self, rules: Mapping[str, Any]) -> dict[str, Any]:
        """Any rules with the segments that they name put in, checked.

        Raises:
            BadInput: they are wrong.
        """
        with self._db.transaction() as session:
            found = put_in(session, rules)
        parse_segment(found)
        return dict(found)

    def why(self, rules: Mapping[str, Any], customer: str, terms: ContactTerms | None = None) -> WhyCustomer:
        """Every rule answered for the customer with this external id.

        Raises:
            BadInput: the rules are wrong.
            NotFound: nobody has this id.
        """
        told = ContactTerms(0, cap=self._cap) if terms is None else terms
        with self._db.transaction() as session:
            found = find(session, self._keyring, customer)
            if found is None:
                raise NotFound("no customer has this number")
            return WhyCustomer(found.external_id, why_in(session, rules, found.id, told, self._clock.now()))

    def _put_away(self, number: int, at: datetime | None, by: str, action: str) -> None:
        with self._db.transaction() as session:
            row = _locked(session, number)
            if (row.archived_at is None) == (at is None):
                return
            row.archived_at = at
            record(session, self._clock.now(), by, action, f"segment {number}", {"name": row.name})


def _renew_drafts(session: Session, number: int, by: str, now: datetime) -> list[int]:
    """Drafts of this segment, and of segments that name it, get the rules as they are now; returns their numbers.

    Whom a campaign reaches is a part of it, so `by` has changed these drafts, too (flows/four_eyes.py).
    """
    renewed: list[int] = []
    for user in sorted(users_of(session, number)):
        kept = session.get_one(KeptSegment, user)
        rules = put_in(session, kept.rules)
        parse_segment(rules)
        drafts = (
            update(Campaign)
            .where(Campaign.segment_id == user, Campaign.status == CampaignStatus.DRAFT.value)
            .values(segment=rules, changed_by=by)
            .returning(Campaign.id)
        )
        renewed += session.scalars(drafts).all()
    for campaign_id in renewed:
        record(session, now, by, "campaign.edited", f"campaign {campaign_id}", {"segment": number})
    return sorted(renewed)


def _campaigns(session: Session, numbers: list[int]) -> dict[int, tuple[tuple[int, str], ...]]:
    found: dict[int, tuple[tuple[int, str], ...]] = {}
    used = select(Campaign.segment_id, Campaign.id, Campaign.name).where(Campaign.segment_id.in_(numbers))
    for segment_id, number, name in session.execute(used.order_by(Campaign.id.desc())):
        assert segment_id is not None  # it is one of `numbers`
        found[segment_id] = (*found.get(segment_id, ()), (number, name))
    return found


def _locked(session: Session, number: int) -> KeptSegment:
    row = session.get(KeptSegment, number, with_for_update=True)
    if row is None:
        raise NotFound(f"there is no segment {number}")
    return row


def _view(row: KeptSegment, campaigns: tuple[tuple[int, str], ...]) -> SegmentView:
    return SegmentView(
        row.id, row.name, row.rules, row.revision, row.created_by, row.changed_by, row.changed_at,
        row.archived_at, campaigns,
    )  # fmt: skip


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadInput(f"must be one line of 1 to {LONGEST_NAME} characters", where="name")
    return name


def _taken(name: str) -> Conflict:
    return Conflict(f'there is a segment named "{name}" already; take another name')
