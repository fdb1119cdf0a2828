"""Parts of copies: whatever is put together from them passes the guard, and nothing is parted that may not be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from copywriting_samples import LANGUAGES, OFFER, a_brief, a_pick, a_request
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.copywriting.characters import fold
from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.fake_server import ScriptedModelServer, says
from campaigns.copywriting.guard import check, fields_of, without
from campaigns.copywriting.model_writer import ModelWriter
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.request import SEASONS, STAGES, CopyRequest
from campaigns.copywriting.splitting import split
from campaigns.copywriting.written import Parts
from campaigns.models.copy import line_in_place
from campaigns.models.values import Copy, Pick

TITLES = (
    "Rolltop 22", "Rolltop", "22 Rolltop 22", "Fjord 7 Shell", "Shell 7", "New Fjord 7", "50% OFF",
    "Jacket {x}", "Stien Trail",
)  # fmt: skip
LINES = (
    "Made for rain.",
    "{own}: made for rain.",
    "Goes with {other}.",
    "A fair {price}.",
    "A fair {foreign}.",
    "Half price!",
    "7 reasons.",
    "Worth the walk, {{first_name}}.",
)
HEADS = (
    "Ready?",
    "Begin with {own}",
    "See {other} too",
    "From {price}",
    "From {foreign}",
    "Repairs included.",
)


def picks_of(titles: Sequence[str]) -> tuple[Pick, ...]:
    return tuple(a_pick(1 + TITLES.index(title), "best_seller", title=title) for title in titles)


def said(template: str, number: int, picks: tuple[Pick, ...]) -> str:
    other = picks[number % len(picks)]
    return template.format(
        own=picks[number - 1].product.title,
        other=other.product.title,
        price=f"{{price_{number}}}",
        foreign=f"{{price_{number % len(picks) + 1}}}",
    )


def together(head: Copy, lines: list[str]) -> Copy:
    return replace(head, product_lines=tuple(line_in_place(line, n) for n, line in enumerate(lines, start=1)))


class Shelf:
    """Parts by their keys, as a database would keep them."""

    def __init__(self) -> None:
        self.heads: dict[str, Copy] = {}
        self.lines: dict[str, str] = {}

    def keep(self, request: CopyRequest, parts: Parts, model: str) -> None:
        if parts.head is not None:
            self.heads.setdefault(request.head_key(model), parts.head)
        for pick, line in zip(request.picks, parts.lines, strict=True):
            if line is not None:
                self.lines.setdefault(request.line_key(pick, model), line)

    def find(self, request: CopyRequest, model: str) -> Copy | None:
        head = self.heads.get(request.head_key(model))
        lines = [self.lines.get(request.line_key(pick, model)) for pick in request.picks]
        if head is None or None in lines:
            return None
        return together(head, [line for line in lines if line is not None])


drafts = st.tuples(
    st.lists(st.sampled_from(TITLES), min_size=2, max_size=2, unique=True),
    st.lists(st.sampled_from(LINES), min_size=2, max_size=2),
    st.sampled_from(HEADS),
    st.sampled_from(HEADS),
)


@settings(max_examples=300, deadline=None)
@given(written=st.lists(drafts, min_size=1, max_size=6), mention=st.booleans(), personal=st.booleans())
def test_whatever_is_put_together_from_a_models_copies_passes_the_guard(
    written: list[tuple[list[str], list[str], str, str]], mention: bool, personal: bool
) -> None:
    brief = a_brief(must_mention=["Repairs included"] if mention else [])
    shelf = Shelf()
    for titles, lines, headline, intro in written:
        picks = picks_of(titles)
        told = tuple(said(line, number, picks) for number, line in enumerate(lines, start=1))
        copy = Copy("Ready?", "Look.", said(headline, 1, picks), said(intro, 1, picks), told, "Look inside")
        request = a_request(brief=brief, picks=picks, personal=personal)
        if not check(copy, request):
            shelf.keep(request, split(copy, request), "m")
    for pair in permutations(TITLES, 2):
        request = a_request(brief=brief, picks=picks_of(pair), personal=personal)
        found = shelf.find(request, "m")
        if found is not None:
            assert check(found, request) == []
            shown = tuple(fold(title) for title in pair)
            for _, text in fields_of(found):
                left = without(fold(text), shown)
                assert not any(fold(title) in left for title in TITLES), "a product that is not in this mail"


@settings(max_examples=100, deadline=None)
@given(
    numbers=st.lists(st.integers(1, 12), min_size=1, max_size=5, unique=True),
    language=st.sampled_from(LANGUAGES),
    personal=st.booleans(),
    stage=st.sampled_from(STAGES),
    season=st.sampled_from(SEASONS),
    offer=st.booleans(),
    mention=st.sampled_from([[], ["Repairs included"], ["Rolltop 33 until day 5", "x" * 90]]),
)
def test_offline_parts_depend_on_their_keys_alone(
    numbers: list[int],
    language: str,
    personal: bool,
    stage: str,
    season: str,
    offer: bool,
    mention: list[str],
) -> None:
    brief = a_brief(offer=OFFER if offer else None, must_mention=[{language: m} for m in mention])
    fixed = {"brief": brief, "language": language, "personal": personal, "stage": stage, "season": season}
    shelf = Shelf()
    orders = [numbers, numbers[::-1], [*numbers[1:], 13], numbers[:1]]
    for order in orders:
        request = a_request(picks=tuple(a_pick(n) for n in order), **fixed)
        written = OfflineWriter().write(request)
        assert written.parts is not None and written.parts.are_all
        assert check(written.copy, request) == []
        shelf.keep(request, written.parts, "offline")
        assert shelf.find(request, "offline") == written.copy, "whoever wrote first wrote the same"
        whole = fold("\n".join(text for _, text in fields_of(written.copy)))
        assert all(fold(phrase) in whole for phrase in mention)
    assert len(shelf.lines) == len(numbers) + 1


def test_more_products_never_forbid_what_fewer_allow() -> None:
    text = "The New Fjord 7 Shell suits rain."
    one = a_request(picks=(a_pick(1, title="Fjord 7 Shell"),))
    others = (a_pick(2, title="New Fjord"), a_pick(3, title="Shell suits"))
    more = a_request(picks=(*one.picks, *others))
    for request in (one, more):
        assert check(replace(OfflineWriter().write(request).copy, headline=text), request) == []
    assert without("a New Fjord 7 Shell b", ("Fjord 7 Shell", "New Fjord")) == "a   b"
    assert without("nothing", ("Fjord",)) == "nothing"


def copy_with(request: CopyRequest, **changes: object) -> Copy:
    return replace(OfflineWriter().write(request).copy, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "head", "lines"),
    [
        ({}, True, (True, True)),
        ({"headline": "Begin with Rolltop 11"}, True, (True, True)),
        ({"headline": "Look at Rolltop 22"}, False, (True, True)),
        ({"headline": "Look at Stien Trail"}, False, (True, True)),
        ({"product_lines": ("Goes with stien trail.", "Stien Trail, for rain.")}, True, (False, True)),
        ({"subject": "Packs from {price_1}"}, True, (True, True)),
        ({"subject": "Packs from {price_2}"}, False, (True, True)),
        ({"product_lines": ("Like Rolltop 22.", "Made for rain.")}, True, (False, True)),
        ({"product_lines": ("For {price_1}.", "For {price_2}.")}, True, (True, True)),
        ({"product_lines": ("x" * 211 + "{price_1}", "Fine.")}, True, (False, True)),
    ],
)
def test_what_is_parted(changes: dict[str, object], head: bool, lines: tuple[bool, ...]) -> None:
    second = "Stien Trail" if "tien" in str(changes).lower() else "Rolltop 22"
    request = a_request(picks=(a_pick(1), a_pick(2, title=second)))
    copy = copy_with(request, **changes)
    assert check(copy, request) == []
    parts = split(copy, request)
    assert (parts.head is not None, tuple(line is not None for line in parts.lines)) == (head, lines)
    if parts.are_all:
        assert parts.head is not None
        assert together(parts.head, [line for line in parts.lines if line]) == copy


def test_a_head_without_what_must_be_mentioned_is_not_parted() -> None:
    request = a_request(brief=a_brief(must_mention="Repairs included"))
    lines = ("Made for rain.", "Repairs included.")
    said_in_a_line = copy_with(request, intro="Good things inside.", product_lines=lines)
    assert check(said_in_a_line, request) == []
    assert split(said_in_a_line, request) == Parts(None, lines)
    across = copy_with(request, headline="All repairs", intro="included in this.", product_lines=lines)
    assert split(across, request).head is None, "a phrase must stand within one text"
    assert split(copy_with(request), request).head is not None


def test_a_line_is_for_whom_it_was_written() -> None:
    """The key of a model's line has what a model may have let show; an offline line serves all campaigns."""
    request, pick = a_request(), a_pick(1)
    others = [
        a_request(stage="loyal"), a_request(season="winter"), a_request(brief=a_brief(voice="Loud.")),
        a_request(language="de"), a_request(personal=False),
    ]  # fmt: skip
    assert len({r.line_key(pick, "m") for r in [request, *others]}) == 6
    assert len({r.line_key(pick) for r in [request, *others]}) == 3, "language and consent"
    assert request.line_key(pick, "m") != request.line_key(a_pick(1, "best_seller"), "m")
    assert request.line_key(pick) != request.line_key(a_pick(1, description="Changed."))
    assert request.line_key(pick) != a_request(brief=a_brief(must_mention="It rains")).line_key(pick)


def test_a_head_knows_the_first_pick_and_how_many_there_are() -> None:
    request = a_request()
    assert request.head_key() == a_request(picks=(a_pick(1), a_pick(5))).head_key()
    assert request.head_key() == a_request(favourite_category="Boots").head_key(), "not shown, not promised"
    different = [
        a_request(picks=(a_pick(5), a_pick(2))), a_request(picks=(a_pick(1),)), a_request(picks=()),
        a_request(picks=(a_pick(1, "best_seller"), a_pick(2))), a_request(favourite_category="Packs"),
    ]  # fmt: skip
    assert len({r.head_key() for r in [request, *different]}) == 6


@pytest.mark.parametrize(("line", "parted"), [("Made for rain.", True), ("Like Rolltop 22.", False)])
def test_the_desk_parts_what_a_model_wrote(line: str, parted: bool) -> None:
    with ScriptedModelServer([says(product_lines=[line, "Fine."])]) as server:
        desk = CopyDesk(ModelWriter(server.base_url, "k", "m"), OfflineWriter())
        written = desk.copy_for(a_request())
    assert written.writer == "model" and written.parts is not None
    assert written.parts.are_all is parted
