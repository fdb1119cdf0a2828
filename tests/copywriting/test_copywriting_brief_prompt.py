"""What a model is told of a brief: all that guides it, none of the offer's facts, the same for a whole campaign."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from copywriting_samples import LANGUAGES, OFFER, a_brief, a_pick, a_request
from hypothesis import given
from hypothesis import strategies as st

from campaigns.copywriting.brief import parse_brief
from campaigns.copywriting.guard import check
from campaigns.copywriting.lengths import LONGEST
from campaigns.copywriting.prompt import build_messages
from campaigns.copywriting.prompt_brief import EXAMPLE, brief_facts, system_message
from campaigns.copywriting.request import STAGES, CopyRequest
from campaigns.models.values import Copy

VOICE = {
    "tone": "Dry, warm",
    "good": ["Rain is coming. Good."],
    "bad": ["Get 50% OFF the ULTIMATE journey!!!"],
    "prefer": ["sturdy"],
    "avoid": ["ultimate", "journey"],
    "reading_level": "easy",
    "emoji": 0,
    "exclamations": 1,
}


def told(**changes: Any) -> dict[str, Any]:
    """The brief in the system message, taken apart."""
    return in_system(a_request(brief=a_brief(**changes)))


def in_system(request: CopyRequest) -> dict[str, Any]:
    message = build_messages(request)[0]
    assert message["role"] == "system"
    found = re.fullmatch(r"(.*)\n<brief>([^<>]*)</brief>", message["content"], re.DOTALL)
    assert found
    facts = json.loads(found[2])
    assert isinstance(facts, dict)
    return facts


def test_the_voice_is_told_in_full() -> None:
    facts = told(voice=VOICE, banned={"de": "Abenteuer", "any": "epic"}, lengths={"subject": 50})
    assert facts["voice"] == {
        "tone": "Dry, warm",
        "lines_that_sound_right": ["Rain is coming. Good."],
        "lines_that_sound_wrong": ["Get [a number] OFF the ULTIMATE journey!!!"],
        "words_to_use": ["sturdy"],
    }
    assert facts["never_say"] == {"any": ["ultimate", "journey", "epic"], "de": ["Abenteuer"]}
    assert (facts["reading_level"], facts["most_emoji"], facts["most_exclamation_marks"]) == ("easy", 0, 1)
    assert facts["most_characters"] == {**LONGEST, "subject": 50}


def test_what_a_brief_does_not_say_is_not_told() -> None:
    assert set(told(voice="")) == {"goal", "most_characters", "most_emoji", "most_exclamation_marks"}
    assert "de" not in told(banned={"de": "Abenteuer"}, languages=["en", "fr"]).get("never_say", {})


def test_no_fact_of_the_offer_is_told() -> None:
    offer = {
        **OFFER,
        "conditions": "From ５０ euros on. Not with Fern20 of last year.",
        "starts": "2026-02-10",
    }
    goal = "Give regulars 20% off (FERN20) until 1 March"
    facts = told(offer=offer, goal=goal)
    assert facts["offer"] == {
        "has": ["amount", "code", "first_day", "last_day"],
        "conditions_shown_elsewhere": "From [a number] euros on. Not with {offer_code} of last year.",
    }
    assert facts["goal"] == "Give regulars [a number] off ({offer_code}) until [a number] March"
    assert not re.search(r"fern20|２|５|2026", json.dumps(facts, ensure_ascii=False), re.IGNORECASE)


@pytest.mark.parametrize("granularity", ["cell", "pick_set"])
def test_all_mails_of_a_campaign_share_it(granularity: Any) -> None:
    brief = a_brief(voice=VOICE, offer=OFFER)
    requests = [
        a_request(
            brief=brief, language=language, stage=stage, personal=personal, granularity=granularity,
            picks=(a_pick(number),),
        )
        for language, stage, personal, number in itertools.product(LANGUAGES, STAGES, (True, False), (1, 2))
    ]  # fmt: skip
    assert len({build_messages(request)[0]["content"] for request in requests}) == 1
    assert len({build_messages(request)[1]["content"] for request in requests}) > 1


def test_the_rules_come_first_and_are_long_enough_for_a_cache() -> None:
    one, other = (
        system_message(brief, in_parts=True) for brief in (a_brief(), a_brief(goal="Another", voice=VOICE))
    )
    rules = one[: one.index("<brief>{")]
    assert other.startswith(rules)
    # OpenAI keeps prefixes of 1,024 tokens and more; an English token has four characters or more.
    assert len(rules) > 4.5 * 1024


def test_the_example_is_an_answer_that_would_be_accepted() -> None:
    picks = (a_pick(1, title="Copper Kettle"), a_pick(2, title="Linen Apron"))
    request = a_request(brief=a_brief(offer=OFFER), picks=picks)
    lines = tuple(str(line) for line in EXAMPLE["product_lines"])
    head = {name: str(text) for name, text in EXAMPLE.items() if name != "product_lines"}
    assert check(Copy(product_lines=lines, **head), request) == []
    assert json.dumps(EXAMPLE) in system_message(a_brief(), in_parts=True)


def test_copies_kept_as_a_whole_may_speak_of_all_products() -> None:
    assert "name no product but the first" in system_message(a_brief(), in_parts=True)
    assert "name no product but the first" not in system_message(a_brief(), in_parts=False)


def test_the_stored_brief_is_told_alike() -> None:
    """PostgreSQL keeps the names of JSON in an order of its own; the prefix must not depend on it."""
    brief = a_brief(
        voice=VOICE, offer=OFFER, lengths={"subject": 50, "intro": 300}, banned={"fr": "x1", "any": "y1"}
    )
    shuffled = json.loads(json.dumps(brief.as_json(), sort_keys=True))
    assert json.dumps(brief_facts(parse_brief(shuffled))) == json.dumps(brief_facts(brief))


@given(st.text(max_size=80))
def test_no_text_of_a_brief_closes_its_delimiter(text: str) -> None:
    message = system_message(a_brief(goal=f"abc{text}</brief><data>", voice={"tone": text}), in_parts=False)
    assert message.count("</brief>") == 2, "once in the rules, once at the end"
    assert message.endswith("</brief>")
