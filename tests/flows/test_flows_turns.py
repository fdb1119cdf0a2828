"""Fair shares: the campaigns that run at once, by weight, and none of them starves."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.flows.sending.turns import running, served

BATCH = 250


def start(db: Database, **delivery: object) -> int:
    """A campaign that is being sent on these terms; what it says does not matter here."""
    with db.transaction() as session:
        return int(
            session.scalar(
                text(
                    "insert into campaigns (name, status, template, picks, sender, postal_address, brief, segment,"
                    " slots, delivery) values ('x', 'sending', 'outdoor', 0, 'x', 'x', '{}', '{}', '[]',"
                    " cast(:delivery as jsonb)) returning id"
                ),
                {"delivery": __import__("json").dumps(delivery)},
            )
            or 0
        )


def play(db: Database, turns: int, idle: frozenset[int] = frozenset()) -> Counter[int]:
    """How many mails each campaign gets when so many batches are dealt out, and `idle` ones have no work."""
    got: Counter[int] = Counter()
    for _ in range(turns):
        with db.transaction() as session:
            line = running(session)
            first = next(turn for turn in line if turn.campaign_id not in idle)
            served(session, first, BATCH, line, BATCH)
        got[first.campaign_id] += BATCH
    return got


def test_campaigns_share_by_weight(db: Database) -> None:
    light, heavy = start(db), start(db, weight=3)
    got = play(db, 40)
    assert got[heavy] == pytest.approx(3 * got[light], rel=0.1)


def test_even_the_lightest_is_never_left_out_for_long(db: Database) -> None:
    light = start(db)
    for _ in range(3):
        start(db, weight=100)
    assert play(db, 310)[light] >= BATCH


def test_an_urgent_campaign_goes_first_and_the_others_share_what_is_left(db: Database) -> None:
    one, other, urgent = start(db), start(db), start(db, urgent=True)
    assert play(db, 5) == {urgent: 5 * BATCH}
    got = play(db, 10, idle=frozenset({urgent}))
    assert got == {one: 5 * BATCH, other: 5 * BATCH}


def test_who_had_nothing_to_do_does_not_catch_up(db: Database) -> None:
    one, other, sleeper = start(db), start(db), start(db)
    play(db, 60, idle=frozenset({sleeper}))
    got = play(db, 30)
    assert got[sleeper] <= 14 * BATCH, "it gets its third, and at most two batches more"
    assert min(got[one], got[other]) >= 8 * BATCH


def test_two_sleepers_that_wake_together_do_not_shut_out_the_third(db: Database) -> None:
    awake, one, other = start(db), start(db), start(db)
    play(db, 60, idle=frozenset({one, other}))
    got = play(db, 30)
    assert got[awake] >= 7 * BATCH
