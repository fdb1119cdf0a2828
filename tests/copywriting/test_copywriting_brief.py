"""The brief: short forms, errors that name the field, and words that may stand in a mail."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from copywriting_samples import OFFER, a_brief, a_pick, a_request

from campaigns.copywriting.brief import parse_brief
from campaigns.copywriting.languages import language_for
from campaigns.core.errors import BadInput


def test_a_brief_survives_storage() -> None:
    brief = a_brief(
        offer=OFFER, language="de", call_to_action="Zum Regen", must_mention="Reparatur inklusive"
    )
    assert parse_brief(brief.as_json()) == brief
    assert brief.languages == ("de",)
    assert brief.call_to_action_in("de") == "Zum Regen"
    assert brief.call_to_action_in("en") == ""
    assert brief.must_mention_in("de") == ("Reparatur inklusive",)
    assert brief.offer is not None and brief.offer.ends == date(2026, 3, 1)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"goal": ""}, "brief.goal"),
        ({"call_to_action_url": "javascript:alert(1)"}, "brief.call_to_action_url"),
        ({"offer": {"amount_percent": 120}}, "brief.offer.amount_percent"),
        ({"offer": {"amount_percent": 20, "ends": "soon"}}, "brief.offer.ends"),
        ({"offer": {"conditions": "none"}}, "brief.offer"),
        ({"languages": ["en", "nb"]}, "brief.languages.1"),
        ({"languages": []}, "brief.languages"),
        ({"call_to_action": "Shop at www.evil.example"}, "brief.call_to_action.en"),
        ({"call_to_action": "x" * 41}, "brief.call_to_action.en"),
        ({"must_mention": ["fine", "{{ config }}"]}, "brief.must_mention.1.en"),
        ({"must_mention": "two\nlines"}, "brief.must_mention.0.en"),
        ({"vioce": "typo"}, "brief.vioce"),
    ],
)
def test_an_error_names_the_field(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(BadInput) as caught:
        a_brief(**changes)
    assert caught.value.where == where


def test_all_errors_are_told_at_once() -> None:
    with pytest.raises(BadInput, match=r"brief\.goal.*brief\.call_to_action_url"):
        parse_brief({"voice": "dry"})


def test_not_even_a_table() -> None:
    with pytest.raises(BadInput) as caught:
        parse_brief("a text")  # type: ignore[arg-type]
    assert caught.value.where == "brief"


@pytest.mark.parametrize(
    ("locale", "offered", "language"),
    [
        ("de_AT", ("en", "de"), "de"),
        ("fr-CA", ("en", "de"), "en"),
        ("zh_CN", ("de", "en"), "en"),
        ("", ("de", "fr"), "de"),
    ],
)
def test_the_language_of_a_customer(locale: str, offered: tuple[str, ...], language: str) -> None:
    assert language_for(locale, offered) == language


def test_the_cell_key_holds_what_decides_and_nothing_else() -> None:
    request = a_request()
    same = a_request(picks=(a_pick(1, because="Trail Boots", stock=9), a_pick(2, kind="best_seller")))
    assert request.cell_key("m") == same.cell_key("m")
    hidden = a_request(favourite_category="Boots")
    assert request.cell_key("m") == hidden.cell_key("m"), "no pick shows either favourite"
    different = [
        a_request(language="de"),
        a_request(stage="loyal"),
        a_request(favourite_category="Packs"),
        a_request(season="winter"),
        a_request(personal=False),
        a_request(brief=a_brief(voice="Loud.")),
        a_request(picks=(a_pick(2, kind="best_seller"), a_pick(1))),
        a_request(picks=(a_pick(1, description="Changed."), a_pick(2, kind="best_seller"))),
    ]
    keys = {r.cell_key("m") for r in [request, *different]} | {request.cell_key("n"), request.cell_key()}
    assert len(keys) == len(different) + 3


def test_without_consent_nothing_of_the_customer_is_left() -> None:
    request = a_request(personal=False)
    assert (request.stage, request.favourite_category) == ("", "")
    assert [request.reason_kind(pick) for pick in request.picks] == ["", "best_seller"]
    assert request.cell_key() == a_request(personal=False, stage="loyal", favourite_category="x").cell_key()
