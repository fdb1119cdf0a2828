"""What the customers agreed to: every combination of the four purposes, given, taken back, or never asked."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import product

from campaigns.models.consent import PURPOSES
from campaigns.sampleshop.people import Customer, read_toml

NEVER_ASKED = 0.07
MARKETING = 0.835
# The chance of the other three, for those with and those without marketing.
OTHERS = {True: (0.74, 0.66, 0.55), False: (0.30, 0.25, 0.15)}
TOOK_BACK = 0.55  # of those without a consent, how many once had given it
SECOND_THOUGHTS = 0.03  # of those with a consent, how many withdrew and gave it again
ASKED_AT = ("sign-up form", "checkout", "shop counter", "double opt-in mail", "preference page")
TAKEN_BACK_AT = ("preference page", "unsubscribe link", "letter to customer care")
EVERY_COMBINATION = tuple(product((True, False), repeat=len(PURPOSES)))


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One entry of the ledger: what was said, in which words, where and when (aware, in UTC)."""

    customer_id: str
    purpose: str
    action: str
    wording: str
    source: str
    at: datetime


def make_consents(seed: int, customers: Sequence[Customer], today: date) -> list[ConsentRow]:
    """The ledger's rows, oldest first; all 16 end states occur once there are some 20 customers."""
    rng = random.Random(f"consents/{seed}")
    wordings = read_toml("wordings.toml")
    pending = list(EVERY_COMBINATION)
    rng.shuffle(pending)
    rows: list[ConsentRow] = []
    for customer in customers:
        if rng.random() < NEVER_ASKED:
            continue
        granted = pending.pop() if pending else _end_state(rng)
        words = wordings.get(customer.locale[:2], wordings["en"])
        rows.extend(_history(rng, customer, granted, words, today))
    rows.sort(key=lambda row: (row.at, row.customer_id, row.purpose))
    return rows


def _end_state(rng: random.Random) -> tuple[bool, ...]:
    marketing = rng.random() < MARKETING
    return (marketing, *(rng.random() < chance for chance in OTHERS[marketing]))


def _history(
    rng: random.Random, customer: Customer, granted: tuple[bool, ...], words: dict[str, str], today: date
) -> Iterator[ConsentRow]:
    """What led to `granted`: one visit at which it was asked, perhaps one at which minds were changed."""
    asked = datetime.combine(customer.joined, time(rng.randint(6, 21), rng.randrange(60)), tzinfo=UTC)
    end = datetime.combine(today, time(), tzinfo=UTC)
    source = rng.choice(ASKED_AT)
    changed = asked + (end - asked) * rng.uniform(0.2, 0.8)
    changed = changed.replace(microsecond=0)
    taken_back_at = rng.choice(TAKEN_BACK_AT)

    def row(purpose: str, action: str, where: str, at: datetime) -> ConsentRow:
        words_shown = words["withdrawn"] if action == "withdrawn" else words[purpose]
        return ConsentRow(customer.external_id, purpose, action, words_shown, where, at)

    for purpose, is_granted in zip(PURPOSES, granted, strict=True):
        if is_granted:
            yield row(purpose, "granted", source, asked)
            if rng.random() < SECOND_THOUGHTS:
                yield row(purpose, "withdrawn", taken_back_at, changed)
                yield row(purpose, "granted", "preference page", changed + timedelta(hours=2))
        elif rng.random() < TOOK_BACK:
            yield row(purpose, "granted", source, asked)
            yield row(purpose, "withdrawn", taken_back_at, changed)
