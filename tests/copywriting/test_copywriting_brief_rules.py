"""What in a brief contradicts the rest of it is refused, with the field and the mend; what does not may stay."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from typing import Any

import pytest
from copywriting_samples import LANGUAGES, a_brief, a_pick, a_request
from hypothesis import given
from hypothesis import strategies as st

from campaigns.copywriting.brief import Brief, parse_brief, stored_brief
from campaigns.copywriting.guard import check
from campaigns.copywriting.lengths import LONGEST, SHORTEST
from campaigns.copywriting.offline_writer import plain_copy
from campaigns.copywriting.splitting import split
from campaigns.copywriting.voice import Voice, emoji_in, exclamations_in
from campaigns.copywriting.wordlists import first_said
from campaigns.core.errors import BadInput

TEN_EUROS = {"amount": {"amount": 10, "currency": "EUR"}}
URL = "https://shop.example/new"


def refused(**changes: Any) -> BadInput:
    with pytest.raises(BadInput) as caught:
        a_brief(**changes)
    return caught.value


@pytest.mark.parametrize(
    ("offer", "where", "says"),
    [
        ({**TEN_EUROS, "amount_percent": 10}, "offer.amount", "has one of them"),
        ({**TEN_EUROS, "starts": "2027-05-02", "ends": "2027-05-01"}, "offer.ends", "before it starts"),
        ({"code": "SAVE 10"}, "offer.code", "no spaces"),
        ({"conditions": "On jackets."}, "offer", "needs an amount_percent"),
        ({"amount": {"amount": 10, "currency": "EURO"}}, "offer.amount", "such as EUR"),
        ({"amount": {"amount": "0.005", "currency": "EUR"}}, "offer.amount", "at most 2 decimals"),
        ({"amount": {"amount": "10.5", "currency": "JPY"}}, "offer.amount", "at most 0 decimals"),
        ({"amount": {"amount": 0, "currency": "EUR"}}, "offer.amount.amount", "greater than 0"),
        ({"amount": {"amount": "NaN", "currency": "EUR"}}, "offer.amount.amount", "finite"),
        ({"code": "<b>X</b>"}, "offer.code", "markup"),
        ({"amount_percent": 10, "starts": "tomorrow"}, "offer.starts", "date"),
    ],
)
def test_an_offer_that_cannot_be(offer: dict[str, Any], where: str, says: str) -> None:
    error = refused(offer=offer)
    assert error.where == f"brief.{where}" and says in error.message


def test_an_offer_of_a_single_day_in_money() -> None:
    brief = a_brief(offer={**TEN_EUROS, "starts": "2027-05-01", "ends": "2027-05-01"})
    assert brief.offer is not None and brief.offer.amount is not None and brief.offer.has_amount
    assert (str(brief.offer.amount.amount), brief.offer.amount.currency) == ("10.00", "EUR")
    same = a_brief(
        offer={"amount": {"amount": "10.0", "currency": "EUR"}, "starts": "2027-05-01", "ends": "2027-05-01"}
    )
    assert same.digest == brief.digest


@pytest.mark.parametrize(
    ("changes", "where", "says"),
    [
        ({"lengths": {"title": 50}}, "lengths.title", "there is no text"),
        ({"lengths": {"subject": LONGEST["subject"] + 1}}, "lengths", "subject: must be from"),
        ({"lengths": {"intro": SHORTEST["intro"] - 1}}, "lengths", "intro: must be from"),
        (
            {"lengths": {"call_to_action": 20}, "call_to_action": "See everything that is new"},
            "call_to_action.en",
            "lengths.call_to_action allows 20",
        ),
        ({"lengths": {"intro": 100}, "must_mention": "Repairs are included"}, "must_mention", "longer intro"),
        ({"banned": "repair", "must_mention": "Repairs included"}, "must_mention.0.en", "brief.banned"),
        (
            {"banned": {"de": ["Neuheit"]}, "call_to_action": {"de": "Zu den Neuheiten"}},
            "call_to_action.de",
            "'Neuheit'",
        ),
        ({"voice": {"avoid": "see"}, "call_to_action": "See it"}, "call_to_action.en", "brief.voice.avoid"),
        (
            {"voice": {"exclamations": 0}, "call_to_action": "Go!"},
            "voice.exclamations",
            "have 1 already",
        ),
        ({"voice": {"emoji": 0}, "must_mention": "Repairs 🧵 included"}, "voice.emoji", "allow more"),
        ({"voice": {"good": ["Fine."], "bad": ["fine."]}}, "voice.good.0", "voice.bad too"),
        ({"voice": {"good": ["So cheap it hurts."], "avoid": ["cheap"]}}, "voice.good.0", "'cheap'"),
        ({"voice": {"good": ["Wow!!!"]}}, "voice.good.0", "more exclamation marks"),
        ({"voice": {"good": ["Only 3 left."]}}, "voice.good.0", "states a number"),
        ({"voice": {"good": ["Dernière chance."]}}, "voice.good.0", "scarcity"),
        ({"voice": {"good": ["Dear {first_name}"]}}, "voice.good.0", "not a placeholder"),
        ({"voice": {"bad": ["See https://evil.example"]}}, "voice.bad.0", "links"),
        ({"voice": {"good": ["two\nlines"]}}, "voice.good.0", "one line"),
        ({"voice": {"prefer": ["cosy"], "avoid": ["Cosy"]}}, "voice.prefer.0", "also to be avoided"),
        ({"voice": {"prefer": ["bargain"]}}, "voice.prefer.0", "claims a discount"),
        ({"voice": {"avoid": ["..."]}}, "voice.avoid.0", "empty entry"),
        ({"voice": {"avoid": ["x" * 61]}}, "voice.avoid.0", "at most 60"),
        ({"voice": {"reading_level": "hard"}}, "voice.reading_level", "'easy', 'plain' or 'any'"),
        ({"voice": {"emoji": -1}}, "voice.emoji", "greater than or equal to 0"),
        ({"voice": {"mood": "dry"}}, "voice.mood", "not permitted"),
        ({"voice": 3}, "voice", ""),
        ({"banned": {"it": ["gratis"]}}, "banned.it", "not supported"),
        ({"banned": ["{{ x }}"]}, "banned.any.0", "template"),
    ],
)
def test_a_brief_that_contradicts_itself(changes: dict[str, Any], where: str, says: str) -> None:
    error = refused(**changes)
    assert error.where == f"brief.{where}" and says in error.message


def test_every_contradiction_is_told_at_once() -> None:
    error = refused(offer={"code": "A B"}, voice={"avoid": "see", "exclamations": 0}, call_to_action="See!")
    for field in ("brief.offer.code", "brief.call_to_action.en", "brief.voice.exclamations"):
        assert field in error.message or field == error.where


def test_a_discount_may_be_spoken_of_where_there_is_one() -> None:
    voice = {"prefer": ["bargain"], "good": ["A bargain, and no fuss."]}
    assert a_brief(voice=voice, offer={"amount_percent": 10}).voice.prefer == ("bargain",)


def test_a_word_banned_in_one_language_may_be_said_in_another() -> None:
    brief = a_brief(
        banned={"de": "Gift", "any": ["junk"]},
        call_to_action={"en": "Find a gift"},
        voice={"good": "A gift."},
    )
    assert brief.banned_in("de") == ("junk", "Gift")
    assert brief.banned_in("en") == ("junk",)
    assert (
        refused(banned={"de": "Gift"}, language="de", voice={"good": "A gift."}).where == "brief.voice.good.0"
    )


def test_a_limit_that_nobody_wrote_gives_way_to_the_marketers_own_words() -> None:
    brief = a_brief(
        call_to_action={"en": "Go!!!", "de": "Los!"}, must_mention={"en": "Repairs 🧵🧵 included"}
    )
    assert (brief.voice.exclamations, brief.voice.emoji) == (3, 2)
    assert parse_brief(brief.as_json()) == brief
    assert (a_brief().voice.exclamations, a_brief().voice.emoji) == (2, 1)


def test_a_plain_text_is_the_tone() -> None:
    assert a_brief(voice="Dry, warm.").voice == Voice(tone="Dry, warm.")
    assert a_brief(voice={"tone": "Dry, warm."}).digest == a_brief(voice="Dry, warm.").digest


def test_a_brief_of_the_release_before_is_still_read() -> None:
    """What 0009 stored, with a code that would be refused today."""
    kept = {
        "goal": "Bring people in", "voice": "Dry.\nWarm.", "languages": ["en", "de"], "call_to_action": {"en": "Go!!!"},
        "call_to_action_url": URL, "must_mention": [{"en": "Repairs included"}], "catalogue_language": "en",
        "offer": {"amount_percent": 20, "code": "SAVE 20", "ends": "2026-03-01", "conditions": ""},
    }  # fmt: skip
    brief = stored_brief(kept)
    assert brief.voice.tone == "Dry.\nWarm." and brief.voice.exclamations == 3
    assert brief.offer is not None and brief.offer.code == "SAVE 20"
    assert stored_brief(brief.as_json()) == brief
    with pytest.raises(BadInput, match="no spaces"):
        parse_brief(kept)
    with pytest.raises(BadInput, match=r"brief\.goal|Field required"):
        stored_brief({})


def test_lengths_hold_for_every_line() -> None:
    brief = a_brief(lengths={"product_lines": 100, "subject": 50})
    assert [brief.longest(field) for field in ("product_lines[3]", "subject", "intro")] == [100, 50, 900]


def test_a_line_of_a_short_brief_is_kept_for_all_only_if_it_fits_in_the_last_place() -> None:
    request = a_request(brief=a_brief(lengths={"product_lines": 60}), picks=(a_pick(1),))
    fits = "Roll it down, carry it about, and it is yours for {price_1}"
    assert len(fits) == 59
    for line, kept in ((fits, fits), (f"{fits}.", None)):
        copy = replace(plain_copy(request), product_lines=(line,))
        assert check(copy, request) == []
        assert split(copy, request).lines == (kept,)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shortest_lengths_leave_room_for_the_plainest_mail(language: str) -> None:
    mention = "Reparaturen inklusive"
    lengths = {**SHORTEST, "intro": SHORTEST["intro"] + len(mention) + 1}
    request = a_request(
        language=language, brief=a_brief(lengths=lengths, language=language, must_mention=mention)
    )
    assert [v for v in check(plain_copy(request), request) if v.rule == "length"] == []


@pytest.mark.parametrize(
    ("text", "emoji", "exclamations"),
    [
        ("Plain words, no fuss?", 0, 0),
        ("Grüße ¡Hola! d'été № 5 €", 0, 1),
        ("Wow! ！‼❗", 1, 5),
        ("🇳🇴 👍🏽 ❤️ 👩‍👩‍👧 ☀", 5, 0),
        ("★★★ 🎉", 4, 0),
    ],
)
def test_signs_are_counted_as_they_are_seen(text: str, emoji: int, exclamations: int) -> None:
    assert (emoji_in(text), exclamations_in(text)) == (emoji, exclamations)


@pytest.mark.parametrize(
    ("text", "phrase", "said"),
    [
        ("Cheaper than ever", "cheap", True),
        ("GÜNSTIGE Preise", "günstig", True),
        ("Ein Rabattcode", "Rabatt", False),
        ("two must-haves", "must have", True),
        ("two must haves", "must-have", True),
        ("a new day", "new", True),
        ("all the news", "new", True),
        ("in a newt", "new", False),
        ("pasta", "past", True),
        ("ｃｈｅａｐ", "cheap", True),
        ("C++ for all", "c++", True),
    ],
)
def test_listed_words_are_found_however_they_are_written(text: str, phrase: str, said: bool) -> None:
    assert bool(first_said(text, (phrase,))) is said


def test_no_phrase_is_ever_said_by_an_empty_list() -> None:
    assert first_said("anything", ()) == ""


_WORDS = st.text(st.characters(categories=["Lu", "Ll"], max_codepoint=0x17F), min_size=3, max_size=12)
_LINES = st.lists(_WORDS, min_size=1, max_size=4).map(" ".join)
_OFFERS = st.one_of(
    st.none(),
    st.fixed_dictionaries({"amount_percent": st.integers(1, 100)}, optional={"ends": st.dates().map(str)}),
    st.fixed_dictionaries(
        {
            "amount": st.fixed_dictionaries(
                {"amount": st.integers(1, 900), "currency": st.sampled_from(["EUR", "JPY", "TND"])}
            )
        },
        optional={"code": _WORDS, "starts": st.dates().map(str)},
    ),
)


@given(
    goal=_LINES,
    offer=_OFFERS,
    good=st.lists(_LINES, max_size=3),
    avoid=st.lists(_WORDS, max_size=3),
    banned=st.one_of(_WORDS, st.dictionaries(st.sampled_from(["any", *LANGUAGES]), st.lists(_WORDS, max_size=2))),
    lengths=st.fixed_dictionaries({}, optional={n: st.integers(SHORTEST[n], LONGEST[n]) for n in LONGEST}),
    mention=st.one_of(_LINES, st.dictionaries(st.sampled_from(LANGUAGES), _LINES)),
)  # fmt: skip
def test_what_is_stored_is_what_was_described(
    goal: str, offer: Any, good: list[str], avoid: list[str], banned: Any, lengths: Any, mention: Any
) -> None:
    described = {
        "goal": goal, "offer": offer, "voice": {"good": good, "avoid": avoid}, "banned": banned, "lengths": lengths,
        "must_mention": mention, "call_to_action_url": URL,
    }  # fmt: skip
    try:
        brief = parse_brief(described)
    except BadInput:
        return
    again = parse_brief(json.loads(json.dumps(brief.as_json())))
    assert again == brief and again.digest == brief.digest
    assert isinstance(again, Brief)


def test_the_digest_tells_every_field() -> None:
    changes: list[dict[str, Any]] = [
        {}, {"goal": "Another"}, {"voice": "x"}, {"voice": {"good": "One line"}}, {"voice": {"emoji": 3}},
        {"lengths": {"subject": 50}}, {"banned": "junk"}, {"banned": {"de": "junk"}}, {"offer": TEN_EUROS},
    ]  # fmt: skip
    assert len({a_brief(**change).digest for change in changes}) == len(changes)


def test_every_field_is_told_in_a_campaign_file() -> None:
    described = tomllib.loads(
        """
        goal = "Bring people in"
        call_to_action_url = "https://shop.example/new"
        banned = { de = ["Schnäppchen"], any = ["junk"] }
        lengths = { subject = 60, intro = 500 }
        [voice]
        tone = "Dry, warm"
        good = ["Rain is coming. Good."]
        bad = ["The ULTIMATE jacket experience!!!"]
        prefer = ["sturdy"]
        avoid = ["ultimate", "journey"]
        reading_level = "plain"
        emoji = 0
        exclamations = 1
        [offer]
        amount = { amount = 10, currency = "EUR" }
        starts = 2027-05-01
        ends = 2027-05-31
        """
    )
    brief = parse_brief(described)
    assert brief.voice.bad and brief.voice.reading_level == "plain"
    assert brief.offer is not None and brief.offer.ends is not None and brief.offer.ends.year == 2027
