"""How many customers rules hold for: a fair sample at once, everybody soon after, by a worker.

An exact count of a million customers takes seconds, so no page waits for one: the page shows what the sample says and
asks for the count (`segment_counts`), a worker makes it, and it is shown with its time from then on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from campaigns.audience.contact import ContactTerms
from campaigns.audience.counting import Judged, Sample, interval, judge_all, judge_sample, sample_of
from campaigns.audience.customers import address_of
from campaigns.audience.masking import masked
from campaigns.audience.segment_references import put_in
from campaigns.audience.segments import parse_segment
from campaigns.core.clock import Clock
from campaigns.core.crypto import CannotDecrypt, KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import TailormailError
from campaigns.core.frequency import FrequencyCap
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.core.remembering import Remembered
from campaigns.models import Customer, SegmentCountRow

log = get_logger(__name__)

SAMPLE, FIRST_LOOK = 10_000, 2_000
"""Customers in the sample, and in the smaller one that tells whether there is time for the larger."""

FEW = 10
FRESH = timedelta(minutes=10)
SHOWN = timedelta(days=1)
KEPT = timedelta(days=30)

_PATIENCE_SECONDS = 0.3
# A page that is loaded again, and the panels of a page, ask the same question.
_REMEMBERED_SECONDS = 20.0
_MOST_REMEMBERED = 200
_EXACT_SECONDS = 120.0
# Longer than a count may take, twice: of all, and of a few.
_LEASE = timedelta(minutes=5)
_WANTED = timedelta(minutes=3)
_TOO_LONG = "Counting everybody takes too long with these rules."
_FAILED = "Counting everybody did not work; the log says why."


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """`n` customers, between `low` and `high` at 95 %; `exact`: counted one by one. `at` is when."""

    n: int
    low: int
    high: int
    exact: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class SampleCustomer:
    """A customer of a segment as a page may show them; `reason` says why they would be held back, "" that not."""

    external_id: str
    address: str
    place: str
    locale: str
    reason: str


@dataclass(frozen=True, slots=True)
class SegmentLook:
    """All that a page shows of rules: who fits them, who of these would be mailed, who not and why, and a few.

    `waiting`: a worker is to count one by one; ask again for `digest`. `failed` says why nobody could.
    """

    digest: str
    fits: SegmentCount
    planned: SegmentCount
    held_back: dict[str, SegmentCount]
    samples: tuple[SampleCustomer, ...]
    waiting: bool = False
    failed: str = ""


class SegmentCounts:
    """`cap` is the house's limit of mails, which holds customers back."""

    def __init__(
        self, db: Database, clock: Clock, keyring: KeyRing, jobs: Jobs, cap: FrequencyCap | None
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._jobs = jobs
        self._cap = cap
        self._looked: Remembered[tuple[str, int], tuple[float, SegmentLook]] = Remembered(_MOST_REMEMBERED)

    def estimate(self, rules: Mapping[str, Any]) -> SegmentCount:
        """How many customers the rules hold for, from the sample; exact where all customers are in it.

        Raises:
            BadInput: the rules are wrong; `where` is the path.
        """
        return self._sampled(rules, self._terms(None)).fits

    def exact(self, rules: Mapping[str, Any]) -> SegmentCount:
        """The same, counted one by one and kept. It takes seconds where there are millions of customers.

        Raises:
            BadInput: the rules are wrong.
            OperationalError: it took longer than two minutes.
        """
        return self._counted(rules, self._terms(None)).fits

    def samples(self, rules: Mapping[str, Any], few: int = FEW) -> tuple[SampleCustomer, ...]:
        """A few customers of the segment, always the same ones; fewer where the sample has no more."""
        return self._sampled(rules, self._terms(None), few).samples

    def held_back(
        self, rules: Mapping[str, Any], terms: ContactTerms | None = None
    ) -> dict[str, SegmentCount]:
        """Why customers of the segment would get no mail of a campaign with these terms: reason -> how many."""
        return self._sampled(rules, self._terms(terms)).held_back

    def look(self, rules: Mapping[str, Any], terms: ContactTerms | None = None) -> SegmentLook:
        """Everything at once: exact where a worker has counted lately, else from the sample, with a worker asked.

        `terms` are those of the campaign that is meant; without them, of a marketing campaign without a topic.

        Raises:
            BadInput: the rules are wrong; `where` is the path.
        """
        terms = self._terms(terms)
        rules = self._put_in(rules)
        kept = self.kept(digest_of(rules, terms))
        counted = kept if kept is not None and not kept.failed else None
        if counted is not None and not counted.waiting:
            return counted
        sampled = self._sampled(rules, terms)
        if sampled.fits.exact:
            return sampled
        if kept is not None and kept.failed and not kept.waiting:
            return replace(sampled, failed=kept.failed)
        with self._db.transaction() as session:
            _ask(session, sampled.digest, rules, terms, self._clock.now())
            session.after_commit(self._jobs.count_segments)
        return counted or replace(sampled, waiting=True)

    def kept(self, digest: str) -> SegmentLook | None:
        """The exact count of this digest, at most a day old; None where nobody has made it (`look` asks for it).

        A count that could not be made is told with zeros and `failed`.
        """
        now = self._clock.now()
        with self._db.transaction() as session:
            row = session.get(SegmentCountRow, digest)
            if row is None or row.counted_at is None or row.counted_at < now - SHOWN:
                return None
            people = self._people(session, [(int(number), str(why)) for number, why in row.samples])
            judged = Judged(row.planned or 0, row.held_back or {})
            look = _look(digest, judged, Sample((), 1.0), people, row.counted_at)
            return replace(look, failed=row.failed, waiting=row.counted_at < now - FRESH)

    def work(self) -> int:
        """Make the counts that somebody waits for; returns how many. Harmless when two do it at once."""
        done = 0
        while (claimed := self._claim()) is not None:
            digest, rules, terms = claimed
            try:
                self._counted(rules, terms)
            except (OperationalError, TailormailError) as error:
                log.warning("segment_not_counted", why=type(error).__name__)
                too_long = isinstance(getattr(error, "orig", None), psycopg.errors.QueryCanceled)
                self._keep(digest, None, _TOO_LONG if too_long else _FAILED)
            done += 1
        return done

    def forget_old(self) -> None:
        """Drop counts that nobody asked for in a month."""
        with self._db.transaction() as session:
            before = self._clock.now() - KEPT
            session.execute(delete(SegmentCountRow).where(SegmentCountRow.asked_at < before))

    def _claim(self) -> tuple[str, dict[str, Any], ContactTerms] | None:
        """The count that was asked for last, for a while ours. Who asked long ago does not look any more."""
        row = SegmentCountRow
        waiting = or_(row.counted_at.is_(None), row.counted_at < row.asked_at)
        free = or_(row.lease_until.is_(None), row.lease_until < func.clock_timestamp())
        wanted = waiting, free, row.asked_at > self._clock.now() - _WANTED
        newest = select(row).where(*wanted).order_by(row.asked_at.desc()).limit(1)
        with self._db.transaction() as session:
            found = session.scalar(newest.with_for_update(skip_locked=True))
            if found is None:
                return None
            session.execute(
                update(row)
                .where(row.digest == found.digest)
                .values(lease_until=func.clock_timestamp() + _LEASE)
            )
            return found.digest, found.rules, self._terms(ContactTerms(**found.terms))

    def _counted(self, rules: Mapping[str, Any], terms: ContactTerms) -> SegmentLook:
        now = self._clock.now()
        rules = self._put_in(rules)
        with self._db.transaction() as session:
            judged = judge_all(session, terms, parse_segment(rules), now, FEW, _EXACT_SECONDS)
            people = self._people(session, judged.first)
        digest = digest_of(rules, terms)
        with self._db.transaction() as session:
            _ask(session, digest, rules, terms, now)
        self._keep(digest, judged, "")
        return _look(digest, judged, Sample((), 1.0), people, now)

    def _keep(self, digest: str, judged: Judged | None, failed: str) -> None:
        values: dict[str, Any] = {"counted_at": self._clock.now(), "lease_until": None, "failed": failed}
        if judged is not None:
            few = [[number, why] for number, why in judged.first]
            values |= {"planned": judged.planned, "held_back": judged.held_back, "samples": few}
        with self._db.transaction() as session:
            session.execute(update(SegmentCountRow).where(SegmentCountRow.digest == digest).values(**values))

    def _sampled(self, rules: Mapping[str, Any], terms: ContactTerms, few: int = FEW) -> SegmentLook:
        """From the smaller sample, and where that was quick, from the larger one; for a moment it is remembered."""
        rules = self._put_in(rules)
        digest = digest_of(rules, terms)
        looked_at, known = self._looked.get((digest, few), (0.0, None))
        if known is not None and time.monotonic() - looked_at < _REMEMBERED_SECONDS:
            return known
        look = self._looked_up(rules, terms, few, digest)
        if not look.fits.exact:  # a small shop is looked through anew each time
            self._looked[digest, few] = time.monotonic(), look
        return look

    def _looked_up(self, rules: Mapping[str, Any], terms: ContactTerms, few: int, digest: str) -> SegmentLook:
        now = self._clock.now()
        segment = parse_segment(rules)
        with self._db.transaction() as session:
            sample = sample_of(session, FIRST_LOOK)
            began = time.monotonic()
            judged = judge_sample(session, terms, segment, now, sample, few)
            took = time.monotonic() - began
            if not sample.everybody and took * (SAMPLE / FIRST_LOOK) < _PATIENCE_SECONDS:
                sample = sample_of(session, SAMPLE)
                judged = judge_sample(session, terms, segment, now, sample, few)
            people = self._people(session, judged.first)
        return _look(digest, judged, sample, people, now)

    def _people(self, session: Session, few: Sequence[tuple[int, str]]) -> tuple[SampleCustomer, ...]:
        """In the order given; who was erased since is left out."""
        wanted = [number for number, _ in few]
        found = select(Customer).where(Customer.id.in_(wanted), Customer.erased_at.is_(None))
        by_number = {customer.id: customer for customer in session.scalars(found)}
        return tuple(
            _shown(self._keyring, by_number[number], why) for number, why in few if number in by_number
        )

    def _put_in(self, rules: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._db.transaction() as session:
            whole: Mapping[str, Any] = put_in(session, rules)
        parse_segment(whole)
        return whole

    def _terms(self, terms: ContactTerms | None) -> ContactTerms:
        return replace(terms or ContactTerms(0), cap=self._cap)


def digest_of(rules: Mapping[str, Any], terms: ContactTerms) -> str:
    """Names a count: 32 hexadecimal digits of all that decides about it but the moment."""
    told = json.dumps([rules, _told(terms), str(terms.cap)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _told(terms: ContactTerms) -> dict[str, Any]:
    return {
        "campaign_id": terms.campaign_id,
        "topic": terms.topic,
        "kind": terms.kind,
        "urgent": terms.urgent,
    }


def _ask(session: Session, digest: str, rules: Mapping[str, Any], terms: ContactTerms, now: datetime) -> None:
    row = {"digest": digest, "rules": rules, "terms": _told(terms), "asked_at": now}
    asked = insert(SegmentCountRow).values(row)
    session.execute(
        asked.on_conflict_do_update(index_elements=["digest"], set_={"asked_at": asked.excluded.asked_at})
    )


def _look(
    digest: str, judged: Judged, sample: Sample, people: tuple[SampleCustomer, ...], at: datetime
) -> SegmentLook:
    def count(n: int) -> SegmentCount:
        return SegmentCount(*interval(n, sample), sample.everybody, at)

    held_back = {reason: count(n) for reason, n in judged.held_back.items()}
    return SegmentLook(digest, count(judged.n), count(judged.planned), held_back, people)


def _shown(keyring: KeyRing, customer: Customer, reason: str) -> SampleCustomer:
    try:
        address = masked(address_of(keyring, customer))
    except CannotDecrypt:
        address = ""
    place = ", ".join(part for part in (customer.city, customer.country) if part)
    return SampleCustomer(customer.external_id, address, place, customer.locale, reason)
