"""Not five mugs in one mail, and not the same picks as last week."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from recommend_samples import TODAY, history, interactions_of, outdoor_catalogue, outdoor_lines, product

from campaigns.models.values import ProductFacts
from campaigns.recommend.choosing import Kind, Limits, choose, lowered, steps_of
from campaigns.recommend.model import train
from campaigns.recommend.recommender import History, Recommender, Rules
from campaigns.recommend.texts import text_vectors
from campaigns.recommend.variety import alike_codes

MUGS = ("Red Spotty Mug", "Blue Spotty Mug", "Green Spotty Mug", "Pink Spotty Mug", "Black Spotty Mug")


def outdoor(rules: Rules | None = None) -> Recommender:
    shop = outdoor_catalogue()
    return Recommender(train(interactions_of(shop, outdoor_lines()), TODAY), shop, rules)


def ids(recommender: Recommender, past: History, n: int = 4) -> list[int]:
    (picks,) = recommender.pick_batch([past], n)
    return [pick.product.id for pick in picks]


def mug_shop() -> dict[int, ProductFacts]:
    """Five mugs that everybody buys, of five categories, and four other things."""
    mugs = {n: product(n, title, f"Shelf {n}") for n, title in enumerate(MUGS, start=1)}
    others = ("Garden Lantern", "Wool Blanket", "Chess Board", "Bread Knife")
    return mugs | {n: product(n, title, "Misc", 5) for n, title in enumerate(others, start=6)}


def test_five_mugs_are_one_thing_though_each_has_a_category_of_its_own() -> None:
    shop = mug_shop()
    lines = [(c, key, 5.0) for c in range(9) for key in range(1, 6)] + [(9, key, 5.0) for key in range(6, 10)]
    model = train(interactions_of(shop, lines), TODAY)
    rules = Rules(per_category=4)
    varied = ids(Recommender(model, shop, rules), history())
    same = ids(Recommender(model, shop, replace(rules, likeness=None)), history())
    assert len(set(same) & set(range(1, 6))) == 4, "without the rule, what sells best"
    assert len(set(varied) & set(range(1, 6))) == 1 and len(varied) == 4
    assert len(ids(Recommender(model, shop, rules), history(), 9)) == 9, (
        "and all of them where nothing else is left"
    )


TITLES = st.lists(
    st.sampled_from(["red mug", "blue mug", "Blue  Mug", "tall lamp", "tall red lamp", "rope", ""]),
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(TITLES, st.sampled_from((0.5, 0.75, 0.95)))
def test_codes_of_titles(titles: list[str], likeness: float) -> None:
    codes = alike_codes(titles, likeness)
    plain = [" ".join(w for w in title.casefold().split() if w not in ("red", "blue")) for title in titles]
    distinct = sorted(set(plain))
    near = (lambda v: (v @ v.T).toarray())(text_vectors(distinct)) if distinct else np.zeros((0, 0))
    for code in set(codes.tolist()) - {-1}:
        members = {plain[n] for n in np.flatnonzero(codes == code)}
        places = [distinct.index(title) for title in members]
        assert "" not in members
        assert any((near[center, places] >= likeness - 1e-6).all() for center in places), "around one of them"
    for one in range(len(titles)):
        for other in range(one):
            if plain[one] and plain[one] == plain[other]:
                assert codes[one] == codes[other] >= 0
    assert all(code < 0 for code, title in zip(codes.tolist(), plain, strict=True) if not title)


def test_last_weeks_picks_do_not_come_again_unless_they_were_clicked() -> None:
    recommender = outdoor()
    past = history(101, 102, 103)
    before = ids(recommender, past)
    again = ids(recommender, replace(past, last_picks=np.array(before)))
    assert not set(before) & set(again)
    # What was clicked is not among last_picks; it is among what was looked at.
    clicked = replace(past, last_picks=np.array(before[1:]), clicked=np.array(before[:1]))
    assert set(ids(recommender, clicked)) & set(before) == {before[0]}
    # Where nothing else is left, the old picks are better than none.
    shown = replace(past, last_picks=np.arange(101, 119))
    assert len(ids(recommender, shown)) == 4


def test_a_shop_may_show_the_same_again() -> None:
    past = history(101, 102, 103)
    before = ids(outdoor(), past)
    assert ids(outdoor(Rules(fresh=False)), replace(past, last_picks=np.array(before))) == before


def test_what_is_ignored_fades_and_only_that() -> None:
    recommender = outdoor(Rules(fresh=False))
    past = history(101, 102, 103)
    first = ids(recommender, past, 6)
    places = [
        ids(recommender, replace(past, ignored=np.array(first[:1]), shown=np.array([times])), 12).index(
            first[0]
        )
        for times in (0.0, 2.0, 8.0, 30.0)
    ]
    assert places == sorted(places) and places[0] == 0 < places[-1]
    newcomer = history()
    top = ids(recommender, newcomer, 1)
    faded = replace(newcomer, ignored=np.array(top), shown=np.array([6.0]))
    assert ids(recommender, faded, 1) != top


SCORES = st.lists(st.lists(st.integers(-4, 9), min_size=1, max_size=12), min_size=1, max_size=4)


@settings(max_examples=100, deadline=None)
@given(SCORES, st.integers(1, 5), st.integers(1, 3), st.data())
def test_choosing_is_the_greedy_choice(rows: list[list[int]], n: int, most: int, data: st.DataObject) -> None:
    width = max(map(len, rows))
    # Between -1 and above as real scores are, minus infinity for what is shut.
    scores = np.full((len(rows), width), -np.inf, np.float32)
    for row, values in enumerate(rows):
        scores[row, : len(values)] = [value / 10 if value > -4 else -np.inf for value in values]
    kinds = [
        Kind(np.array(data.draw(st.lists(st.integers(-1, 3), min_size=width, max_size=width))), most)
        for _ in range(2)
    ]
    chosen = choose(scores, Limits(kinds), n)
    for row in range(len(rows)):
        assert sorted(chosen[row].tolist()) == sorted(greedy(scores[row], kinds, n))


def greedy(scores: np.ndarray, kinds: list[Kind], n: int) -> list[int]:
    left = [c for c in range(len(scores)) if np.isfinite(scores[c])]
    taken: list[int] = []
    for _ in range(n):
        counts = [Counter(int(kind.codes[c]) for c in taken if kind.codes[c] >= 0) for kind in kinds]
        full = {
            c: any(count[int(k.codes[c])] >= k.most for k, count in zip(kinds, counts, strict=True))
            for c in left
        }
        best = min((c for c in left if c not in taken), key=lambda c: (full[c], -scores[c], c), default=-1)
        taken.append(best) if best >= 0 else None
    return taken + [-1] * (n - len(taken))


@given(st.lists(st.floats(-0.9375, 100, width=32), min_size=2, max_size=20), st.integers(1, 3))
def test_lowered_scores_keep_their_order_and_lie_below(values: list[float], steps: int) -> None:
    scores = np.array(values, np.float32)
    low = lowered(scores, steps)
    assert (steps_of(low) == steps).all() and (steps_of(scores) == 0).all()
    order = np.argsort(scores, kind="stable")
    assert (np.diff(low[order]) >= 0).all()
    assert low.max() < -1
