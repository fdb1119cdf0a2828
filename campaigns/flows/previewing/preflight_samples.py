"""For whom a campaign is tried out before it is approved: a few people of its audience, and some who are made up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent import states
from campaigns.audience.sampling import sample_people
from campaigns.audience.segments import parse_segment
from campaigns.core.crypto import KeyRing
from campaigns.flows.describing.plans import CampaignPlan, get_campaign
from campaigns.flows.sending.addressees import Addressee, load_addressees
from campaigns.models import Customer
from campaigns.recommend.recommender import History

NOBODY = 0
"""Stands for made-up customers; no customer has this id."""

_SINCE = date(2020, 2, 29)  # the longest kind of date
_NAMES = {
    "a long name": ("Maximiliana-Wolfeschlegelsteinhausena", "von und zu Bergerdorff-Hohenlohe-Waldenburg"),
    "a right-to-left name": ("عبد الرحمن", "الخطيب"),
    "a name with emoji": ("Zoë 🎉👩‍👩‍👧", "🇳🇴 Ødegård"),
    "no name": ("", ""),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One mail to try: what it stands for, to whom, what they agreed to, and with how many picks."""

    label: str
    addressee: Addressee
    personal: bool
    tracked: bool
    since: date | None
    picks: int


def samples_of(session: Session, keyring: KeyRing, plan: CampaignPlan, now: datetime) -> list[Sample]:
    """The samples of a campaign: always the same while audience and brief are."""
    languages = plan.brief.languages
    segment = parse_segment(get_campaign(session, plan.id).segment)
    people = sample_people(session, segment, now, languages)
    addressees = load_addressees(session, keyring, list(people.values()))
    granted = states(session, list(people.values()))
    real = [
        Sample(
            label,
            addressees[number],
            "profiling" in granted.get(number, frozenset()),
            "open_tracking" in granted.get(number, frozenset()),
            _SINCE,
            plan.picks,
        )
        for label, number in people.items()
        if number in addressees
    ]
    return [*real, *_made_up(languages, plan.picks)]


def external_ids(session: Session, samples: Sequence[Sample]) -> Mapping[int, str]:
    """What the shop calls the real customers among them, to find their previews by."""
    ids = [sample.addressee.customer_id for sample in samples if sample.addressee.customer_id != NOBODY]
    found = session.execute(select(Customer.id, Customer.external_id).where(Customer.id.in_(ids)))
    return {row.id: row.external_id for row in found}


def newcomer() -> History:
    """The history of a made-up customer: nothing was bought, nothing may be concluded."""
    return History(NOBODY, np.empty(0, np.int64), np.empty(0), False)


def _made_up(languages: Sequence[str], picks: int) -> Iterator[Sample]:
    """Each kind of name and each language at least once; one without picks, and one without any consent."""
    kinds = list(_NAMES)
    for number in range(max(len(kinds), len(languages))):
        kind, language = kinds[number % len(kinds)], languages[number % len(languages)]
        yield Sample(f"{kind}, in {language}", _person(kind, language), False, True, _SINCE, picks)
    first = languages[0]
    yield Sample("no picks", _person("a long name", first), False, True, _SINCE, 0)
    yield Sample("no consent but to mail", _person("no name", first), False, False, None, picks)


def _person(kind: str, language: str) -> Addressee:
    first, last = _NAMES[kind]
    return Addressee(NOBODY, "preflight@example.com", first, last, language, "UTC", "", "", None, None, ())
