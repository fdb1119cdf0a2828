"""Which cells are shown: all of a few; of many the largest, the rarest, and some of every kind."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.copywriting.brief import parse_brief
from campaigns.copywriting.request import STAGES, CopyRequest
from campaigns.flows.copy.copy_sampling import MOST, Cell, choose
from campaigns.models.values import Pick, ProductFacts, Reason

LANGUAGES = ("en", "de", "fr", "es")
BRIEF = parse_brief({"goal": "Get people outside", "call_to_action_url": "https://shop.example/"})


def a_cell(number: int, language: str, stage: str, category: str, mails: int) -> Cell:
    product = ProductFacts(
        number, f"S{number}", "Tent", "", category, "", Decimal(10), "EUR", "", "", 5, ()
    )  # fmt: skip
    picks = (Pick(product, 0, 1.0, Reason("best_seller")),)
    return f"key-{number:05}", CopyRequest(BRIEF, language, stage, "", picks, "", True), mails


def many(cells: int = 600) -> list[Cell]:
    """Mostly English; one cell of Spanish newcomers."""
    planned = [
        a_cell(n, LANGUAGES[n % 3] if n % 7 == 0 else "en", STAGES[n % 5], f"C{n % 4}", 10 + n % 90)
        for n in range(cells)
    ]
    return [*planned, a_cell(9000, "es", "newcomer", "C9", 1), a_cell(9001, "en", "active", "C1", 50_000)]


def test_all_of_a_few_are_shown_those_of_most_mails_first() -> None:
    planned = [a_cell(n, "en", "active", "C", n) for n in range(MOST)]
    assert choose(iter(planned), 1) == planned[::-1]


def test_of_many_each_language_stage_and_category_is_seen() -> None:
    chosen = choose(iter(many()), 1)
    assert len(chosen) == MOST == len({key for key, _, _ in chosen})
    assert {request.language for _, request, _ in chosen} == set(LANGUAGES)
    assert {request.stage for _, request, _ in chosen} == set(STAGES)
    assert {request.picks[0].product.category for _, request, _ in chosen} == {"C0", "C1", "C2", "C3", "C9"}


def test_the_largest_and_the_rarest_are_among_them() -> None:
    keys = [key for key, _, _ in choose(iter(many()), 1)]
    assert keys[0] == "key-09001"
    assert keys[-1] == "key-09000"


def test_the_choice_is_the_campaigns_own_and_does_not_change() -> None:
    planned = many()
    assert choose(planned, 1) == choose(reversed(planned), 1)
    assert choose(planned, 1) != choose(planned, 2)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(LANGUAGES),
            st.sampled_from(STAGES),
            st.sampled_from(["A", "B"]),
            st.integers(1, 500),
        ),
        max_size=40,
    ),
    st.integers(1, 14),
)
def test_never_more_than_asked_for_never_less_than_there_are(
    kinds: list[tuple[str, str, str, int]], most: int
) -> None:
    planned = [a_cell(number, *kind) for number, kind in enumerate(kinds)]
    chosen = choose(planned, 3, most)
    assert len(chosen) == min(most, len(planned)) == len({key for key, _, _ in chosen})
    assert [cell[2] for cell in chosen] == sorted((cell[2] for cell in chosen), reverse=True)
