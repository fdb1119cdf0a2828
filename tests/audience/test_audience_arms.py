"""Arms: stable, independent, as big as asked for, and the same in SQL as in Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import BigInteger, column, func, select

from campaigns.audience.arms import HOLDOUT, HOLDOUT_REASON, WAITING, Shares, lot_key
from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import FrozenAudience, freeze_audience
from campaigns.audience.importing import ImportResult
from campaigns.audience.segments import parse_segment
from campaigns.core.db import UnitOfWork
from campaigns.models import Send

EVERYBODY = parse_segment({})
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEY = lot_key("a" * 32, 7)
ALL = (
    Shares(KEY, (0.5, 0.3, 0.2), 0.1),
    Shares(KEY, (0.5, 0.5), 0.0, 0.25, 0.5),
    Shares(KEY, (1.0,), 0.0, 0.2, 1.0),
    Shares(KEY, (), 0.3),
    Shares(KEY, (0.2,) * 5),
)


@pytest.mark.parametrize("shares", ALL)
def test_sql_and_python_sort_customers_alike(session: UnitOfWork, shares: Shares) -> None:
    number = column("n", BigInteger)
    numbers = func.generate_series(1, 3000).table_valued(number).render_derived()
    found = session.execute(select(numbers.c.n, shares.arm(numbers.c.n))).all()
    assert dict(map(tuple, found)) == {n: shares.arm_of(n) for n in range(1, 3001)}


def test_arms_are_as_big_as_asked_for() -> None:
    shares = Shares(KEY, (0.5, 0.3, 0.2), 0.1)
    counted = Counter(shares.arm_of(n) for n in range(100_000))
    assert counted[HOLDOUT] == pytest.approx(10_000, abs=500)
    for arm, share in enumerate(shares.arms):
        assert counted[arm] == pytest.approx(90_000 * share, abs=700)


def test_two_experiments_have_nothing_to_do_with_one_another() -> None:
    one, other = Shares(KEY, (0.5, 0.5)), Shares(lot_key("a" * 32, 8), (0.5, 0.5))
    arms = np.array([[one.arm_of(n), other.arm_of(n)] for n in range(20_000)])
    assert abs(np.corrcoef(arms[:, 0], arms[:, 1])[0, 1]) < 0.03


def test_the_holdout_says_nothing_of_the_arm_nor_the_place() -> None:
    with_holdout, without = Shares(KEY, (0.5, 0.5), 0.2), Shares(KEY, (0.5, 0.5))
    for n in range(2000):
        arm = with_holdout.arm_of(n)
        assert arm in (HOLDOUT, without.arm_of(n))


def test_waves_share_the_audience_out_and_nobody_is_in_two() -> None:
    waves = [Shares(KEY, (0.5, 0.5), 0.0, k / 5, (k + 1) / 5) for k in range(5)]
    for n in range(3000):
        assert sum(wave.arm_of(n) is not None for wave in waves) == 1


@pytest.fixture
def many(load: Callable[..., ImportResult], session: UnitOfWork) -> int:
    """Three hundred customers who agreed, and thirty who did not; returns how many agreed."""
    rows = "\n".join(f"A{n},a{n}@shop.example,Europe/Oslo" for n in range(330))
    load("customers", f"external_id,email,timezone\n{rows}\n")
    consents = "\n".join(f"A{n},marketing,granted,I agree,form,2026-01-05T10:00:00Z" for n in range(300))
    load("consents", f"customer_id,purpose,action,wording,source,at\n{consents}\n")
    return 300


def _sends(session: UnitOfWork, campaign_id: int) -> list[Send]:
    return list(session.scalars(select(Send).where(Send.campaign_id == campaign_id)))


def test_freezing_tells_each_its_arm_and_holds_the_holdout_back(
    session: UnitOfWork, many: int, campaign_id: int
) -> None:
    shares = Shares(lot_key("b" * 32, campaign_id), (0.5, 0.5), 0.2)
    frozen = freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, NOW, shares=shares)
    sends = _sends(session, campaign_id)
    assert frozen.planned + frozen.held_back[HOLDOUT_REASON] == many
    assert frozen.held_back["never_asked"] == 30
    for send in sends:
        if send.reason == "never_asked":
            assert send.arm is None
            continue
        assert send.arm == shares.arm_of(send.customer_id)
        assert (send.status, send.reason) == (
            ("held_back", HOLDOUT_REASON) if send.arm == HOLDOUT else ("planned", "")
        )
        assert send.not_before is None
    assert freeze_audience(
        session, ContactTerms(campaign_id), EVERYBODY, NOW, shares=shares
    ) == FrozenAudience(0, {})


def test_who_belongs_to_a_later_wave_waits_without_an_arm(
    session: UnitOfWork, many: int, campaign_id: int
) -> None:
    shares = Shares(lot_key("b" * 32, campaign_id), (0.5, 0.5), 0.0, 0.0, 0.25)
    freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, NOW, time(9), shares=shares)
    sends = [send for send in _sends(session, campaign_id) if send.status == "planned"]
    waiting = [send for send in sends if send.arm is None]
    assert len(sends) == many and 0.6 * many < len(waiting) < 0.9 * many
    assert {send.not_before for send in waiting} == {WAITING}
    assert all(send.not_before < WAITING for send in sends if send.arm is not None and send.not_before)


def test_arms_may_differ_in_the_hour(session: UnitOfWork, many: int, campaign_id: int) -> None:
    shares = Shares(lot_key("c" * 32, campaign_id), (0.5, 0.5), times=("08:00", "18:30"))
    freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, NOW, shares=shares)
    oslo = ZoneInfo("Europe/Oslo")
    hours = {
        (send.arm, f"{send.not_before.astimezone(oslo):%H:%M}")
        for send in _sends(session, campaign_id)
        if send.not_before is not None
    }
    assert hours == {(0, "08:00"), (1, "18:30")}


def test_a_holdout_alone_leaves_the_others_without_an_arm(
    session: UnitOfWork, many: int, campaign_id: int
) -> None:
    shares = Shares(lot_key("c" * 32, campaign_id), (), 0.1)
    freeze_audience(session, ContactTerms(campaign_id), EVERYBODY, NOW, shares=shares)
    arms = Counter((send.arm, send.not_before) for send in _sends(session, campaign_id))
    assert set(arms) == {(HOLDOUT, None), (None, None)} and 10 < arms[HOLDOUT, None] < 60
