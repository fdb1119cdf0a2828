"""The statistics of experiments, against closed forms, drawing and simulated campaigns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from campaigns.insight.experiment_decision import percent, points, verdict
from campaigns.insight.experiment_terms import ExperimentTerms
from campaigns.insight.experiments import (
    Beta,
    Trials,
    best_and_loss,
    difference,
    judge,
    mismatch,
    next_shares,
    posteriors,
)
from campaigns.insight.sample_size import effect_seen, mails_needed, power_of

TERMS = ExperimentTerms.model_validate(
    {
        "factor": "subject",
        "arms": [{"name": "A"}, {"name": "B", "value": "b"}],
        "least_mails": 200,
        "most_loss": 0.02,
    }
)


def one_wave(*counted: tuple[int, int]) -> list[Trials]:
    return [Trials(0, arm, mails, wins) for arm, (mails, wins) in enumerate(counted)]


@pytest.mark.parametrize(
    "counted",
    [
        ((1000, 20), (1000, 31), (900, 25)),
        ((50, 0), (60, 1)),
        ((3, 3), (100_000, 900)),
        ((10**6, 20_000),) * 4,
    ],
)
def test_probabilities_and_losses_are_those_of_drawing(counted: tuple[tuple[int, int], ...]) -> None:
    known = posteriors(one_wave(*counted), len(counted))
    best, loss = best_and_loss(known)
    rng = np.random.default_rng(1)
    drawn = np.stack([rng.beta(one.a, one.b, 200_000) for one in known], axis=1)
    expected = np.bincount(drawn.argmax(axis=1), minlength=len(counted)) / len(drawn)
    assert best == pytest.approx(expected, abs=0.005)
    assert best.sum() == pytest.approx(1, abs=1e-6)
    spread = drawn.max(axis=1).std() + drawn.std(axis=0).max()
    assert loss == pytest.approx(drawn.max(axis=1).mean() - drawn.mean(axis=0), abs=spread / 100)


def test_two_arms_agree_with_the_closed_form() -> None:
    """Evan Miller's sum for whole parameters: P(B > A) = sum over i of B(a+i, b+d) / ((d+i) B(1+i, d) B(a, b))."""
    from scipy.special import betaln

    one, other = Beta(21.0, 981.0), Beta(31.0, 971.0)
    i = np.arange(int(other.a))
    logs = (
        betaln(one.a + i, one.b + other.b)
        - np.log(other.b + i)
        - betaln(1 + i, other.b)
        - betaln(one.a, one.b)
    )
    assert best_and_loss([one, other])[0][1] == pytest.approx(float(np.exp(logs).sum()), abs=1e-9)


def test_the_interval_of_a_difference_is_that_of_drawing() -> None:
    one, other = Beta(20.5, 980.5), Beta(31.5, 969.5)
    rng = np.random.default_rng(2)
    drawn = rng.beta(other.a, other.b, 400_000) - rng.beta(one.a, one.b, 400_000)
    assert difference(one, other) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=2e-4)


def test_intervals_hold_the_true_rate_as_often_as_they_say() -> None:
    rng, held, runs = np.random.default_rng(3), 0, 600
    for wins in rng.binomial(2000, 0.02, runs):
        arm = judge(one_wave((2000, int(wins))), 1).arms[0]
        held += arm.low <= 0.02 <= arm.high
    assert 0.93 <= held / runs <= 0.975


def test_where_there_is_no_difference_few_are_called_sure() -> None:
    rng, called, runs = np.random.default_rng(4), 0, 160
    for one, other in rng.binomial(5000, 0.02, (runs, 2)):
        best, _ = best_and_loss(posteriors(one_wave((5000, int(one)), (5000, int(other))), 2))
        called += max(best) > 0.975
    assert called / runs < 0.11


def test_what_the_rule_chooses_loses_no_more_than_it_says() -> None:
    """True rates come from a spread such as shops have; the loss that was told is the loss that came."""
    rng, told, came = np.random.default_rng(5), [], []
    for _ in range(70):
        rates = rng.beta(20, 980, 2)
        wins, mails = np.zeros(2, int), 0
        while mails < 60_000:
            wins += rng.binomial(6000, rates)
            mails += 6000
            judged = judge(one_wave((mails, int(wins[0])), (mails, int(wins[1]))), 2)
            said = verdict(TERMS, judged, 1.0)
            if said.ready and said.leader is not None:
                told.append(judged.arms[said.leader].loss)
                came.append(rates.max() - rates[said.leader])
                break
    assert len(told) > 40
    assert np.mean(came) < 0.02 * 0.02 * 1.5  # the rule's own bound, of a rate of about 2 %
    assert np.mean(came) < np.mean(told) * 2 + 2e-5


def test_rates_that_change_over_time_do_not_pass_for_a_difference() -> None:
    """Simpson's paradox: the same rates in both arms, and shares that changed with them."""
    trials = [
        Trials(0, 0, 9000, 900),
        Trials(0, 1, 1000, 100),
        Trials(1, 0, 1000, 20),
        Trials(1, 1, 9000, 180),
    ]
    pooled = judge(one_wave((10_000, 920), (10_000, 280)), 2)
    assert max(arm.best for arm in pooled.arms) > 0.999
    judged = judge(trials, 2)
    assert judged.arms[0].rate == pytest.approx(judged.arms[1].rate)
    assert 0.4 < judged.arms[0].best < 0.6
    assert judged.arms[1].diff_low < 0 < judged.arms[1].diff_high


def test_waves_are_as_sure_as_one_where_shares_stay() -> None:
    rng = np.random.default_rng(6)
    sure, ways = [], []
    for _ in range(200):
        trials = [Trials(w, a, 1000, int(rng.binomial(1000, 0.03))) for w in range(5) for a in range(2)]
        arm = posteriors(trials, 2)[1]
        together = one_wave(*[(5000, sum(t.wins for t in trials if t.arm == a)) for a in (0, 1)])
        whole = posteriors(together, 2)[1]
        sure.append(float(arm.at(0.975) - arm.at(0.025)))
        ways.append(float(whole.at(0.975) - whole.at(0.025)))
    assert np.mean(sure) == pytest.approx(np.mean(ways), rel=0.05)


def _campaign(rates: tuple[float, ...], adaptive: bool, seed: int) -> tuple[int, np.ndarray]:
    """One campaign of 20,000 in eight waves; how many clicks it had, and the shares of the last wave."""
    rng, trials, clicks = np.random.default_rng(seed), list[Trials](), 0
    shares = [1 / len(rates)] * len(rates)
    for wave in range(8):
        mails = rng.multinomial(2500, shares)
        wins = rng.binomial(mails, rates)
        trials += [Trials(wave, a, int(m), int(w)) for a, (m, w) in enumerate(zip(mails, wins, strict=True))]
        clicks += int(wins.sum())
        if adaptive:
            shares = next_shares(trials, len(rates), 0.05)
            assert min(shares) >= 0.05 - 1e-9 and sum(shares) == pytest.approx(1)
    return clicks, np.array(shares)


def test_thompson_loses_less_than_fixed_shares_and_starves_nobody() -> None:
    rates = (0.02, 0.03, 0.05)
    runs = [(_campaign(rates, True, seed), _campaign(rates, False, seed)) for seed in range(12)]
    best = 20_000 * max(rates)
    thompson = np.mean([best - one[0] for one, _ in runs])
    fixed = np.mean([best - other[0] for _, other in runs])
    assert thompson < 0.65 * fixed
    assert np.mean([one[1][2] for one, _ in runs]) > 0.8
    assert min(one[1].min() for one, _ in runs) >= 0.05 - 1e-9


def test_a_leader_is_never_chosen_by_its_rate_alone() -> None:
    early = judge(one_wave((40, 1), (40, 4)), 2)
    said = verdict(TERMS, early, 1.0)
    assert early.leader == 1 and not said.ready
    assert said.words.startswith("Not yet: B is") and "points" in said.words
    assert any("40 mails" in line for line in said.missing)
    late = verdict(TERMS, judge(one_wave((9000, 180), (9000, 300)), 2), 1.0)
    assert late.ready and late.leader == 1 and "may be chosen" in late.words
    lost = verdict(TERMS, judge(one_wave((9000, 180), (9000, 300)), 2), 1e-6)
    assert not lost.ready and "sizes" in lost.warnings[0]
    nothing = verdict(TERMS, judge(one_wave((0, 0), (0, 0)), 2), 1.0)
    assert nothing.leader is None and "Nothing is known yet" in nothing.words


def test_arms_of_the_wrong_size_are_found() -> None:
    sizes, shares = [[5000, 5200], [900, 9100]], [[0.5, 0.5], [0.1, 0.9]]
    expected = sum(
        float(stats.chisquare(n, [sum(n) * s for s in w]).statistic)
        for n, w in zip(sizes, shares, strict=True)
    )
    assert mismatch(sizes, shares) == pytest.approx(float(stats.chi2.sf(expected, 2)))
    assert mismatch([[5000, 4000]], [[0.5, 0.5]]) < 1e-20
    assert mismatch([[0, 0]], [[0.5, 0.5]]) == 1.0


def test_the_size_needed_is_that_of_the_books_and_keeps_its_promise() -> None:
    needed = mails_needed(0.02, 0.2, 2)
    assert needed.each == 21_109  # statsmodels' and R's power.prop.test give the same
    assert power_of(0.02, 0.2, needed.each, 2) == pytest.approx(0.8, abs=1e-3)
    rng = np.random.default_rng(7)
    one, other = rng.binomial(needed.each, 0.02, 3000), rng.binomial(needed.each, 0.024, 3000)
    middle = (one + other) / (2 * needed.each)
    z = (other - one) / needed.each / np.sqrt(2 * middle * (1 - middle) / needed.each)
    assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.8, abs=0.025)
    assert effect_seen(0.02, needed.each, 2) == pytest.approx(0.2, rel=1e-3)
    assert mails_needed(0.02, 0.2, 4).each > needed.each
    assert effect_seen(0.02, 5, 2) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        mails_needed(0.5, 1.5, 2)


@pytest.mark.parametrize(("share", "words"), [(0.0, "under 1 %"), (0.714, "71 %"), (0.999, "over 99 %")])
def test_nothing_is_ever_quite_sure(share: float, words: str) -> None:
    assert percent(share) == words


def test_points_are_percentage_points() -> None:
    assert (points(0.003), points(0.00001), points(0.021)) == ("0.30", "under 0.01", "2.1")
