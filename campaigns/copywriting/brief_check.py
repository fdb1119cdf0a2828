"""What in a brief contradicts the rest of it: each rule names the field, and says how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from campaigns.copywriting.characters import fold
from campaigns.copywriting.claims import claims_in
from campaigns.copywriting.lengths import SHORTEST
from campaigns.copywriting.textrules import states_number
from campaigns.copywriting.voice import emoji_in, exclamations_in
from campaigns.copywriting.wordlists import first_said

if TYPE_CHECKING:
    from campaigns.copywriting.brief import Brief

Found = Iterator[tuple[str, str]]
"""(field, what is wrong and how to mend it)."""

_SIGNS = {"emoji": (emoji_in, "emoji"), "exclamations": (exclamations_in, "exclamation marks")}


def contradictions(brief: Brief) -> list[tuple[str, str]]:
    """(field, what is wrong) of everything in the brief that cannot hold together with the rest."""
    rules = (_offer, _own_lengths, _own_words, _own_signs, _examples, _preferred)
    return [fault for rule in rules for fault in rule(brief)]


def _offer(brief: Brief) -> Found:
    offer = brief.offer
    if offer is None:
        return
    if offer.amount_percent is not None and offer.amount is not None:
        yield "brief.offer.amount", "there is an amount_percent too; an offer has one of them"
    if offer.starts is not None and offer.ends is not None and offer.ends < offer.starts:
        yield "brief.offer.ends", f"{offer.ends} is before it starts ({offer.starts}); mend one of the dates"
    if any(c.isspace() for c in offer.code):
        yield "brief.offer.code", "a code has no spaces; write it as customers type it"


def _own_lengths(brief: Brief) -> Found:
    longest = brief.longest("call_to_action")
    for language, button in brief.call_to_action.items():
        if len(button) > longest:
            yield (
                f"brief.call_to_action.{language}",
                f"has {len(button)} characters, and lengths.call_to_action allows {longest}; mend one of them",
            )
    room = brief.longest("intro") - SHORTEST["intro"]
    for language in brief.languages:
        needed = sum(len(mention) + 1 for mention in brief.must_mention_in(language))
        if needed > room:
            yield (
                "brief.must_mention",
                f"takes {needed} characters in {language}, and lengths.intro leaves {max(room, 0)} for it "
                "beside other words; shorten the mentions or allow a longer intro",
            )


def _own_words(brief: Brief) -> Found:
    for where, language, text in _own(brief):
        for list_name, words in (("banned", brief.banned_in(language)), ("voice.avoid", brief.voice.avoid)):
            if said := first_said(text, words):
                yield where, f"says {said!r}, which is in brief.{list_name}; mend one of them"


def _own(brief: Brief) -> Iterator[tuple[str, str, str]]:
    """(field, language, text) of the marketer's own words."""
    for language, button in brief.call_to_action.items():
        yield f"brief.call_to_action.{language}", language, button
    for number, mention in enumerate(brief.must_mention):
        for language, text in mention.items():
            yield f"brief.must_mention.{number}.{language}", language, text


def _own_signs(brief: Brief) -> Found:
    for name, (count, words) in _SIGNS.items():
        allowed, own = getattr(brief.voice, name), brief.own_signs(count)
        if own > allowed:
            yield (
                f"brief.voice.{name}",
                f"allows {allowed} {words} in a copy, and call_to_action and must_mention have {own} already; "
                "allow more, or take them out there",
            )


def _examples(brief: Brief) -> Found:
    """A good line that the guard would refuse teaches a writer to be refused."""
    bad = {fold(line) for line in brief.voice.bad}
    for number, line in enumerate(brief.voice.good):
        where = f"brief.voice.good.{number}"
        if fold(line) in bad:
            yield where, "is in voice.bad too; take it out of one of them"
        if said := first_said(line, (*brief.voice.avoid, *_banned_everywhere(brief))):
            yield where, f"says {said!r}, which is to be avoided; mend one of them"
        for name, (count, words) in _SIGNS.items():
            if count(line) > getattr(brief.voice, name):
                yield where, f"has more {words} than voice.{name} allows; mend one of them"
        if fault := states_number(line) or _claim(line, brief):
            yield where, f"{fault}, which no copy may; show the tone with a line that states no fact"


def _preferred(brief: Brief) -> Found:
    for number, word in enumerate(brief.voice.prefer):
        where = f"brief.voice.prefer.{number}"
        if said := first_said(word, (*brief.voice.avoid, *_banned_everywhere(brief))):
            yield where, f"{said!r} is also to be avoided; take it out of one of the lists"
        if fault := states_number(word) or _claim(word, brief):
            yield where, f"{fault}, which no copy may; take it out"


def _banned_everywhere(brief: Brief) -> tuple[str, ...]:
    """What is banned in each of the brief's languages: examples and words are of no language in particular."""
    lists = [brief.banned_in(language) for language in brief.languages]
    return tuple(word for word in lists[0] if all(word in others for others in lists[1:]))


def _claim(text: str, brief: Brief) -> str:
    """The first claim that nothing in this campaign can bear out; of some, products may."""
    has_discount = brief.offer is not None and brief.offer.has_amount
    never = {"", "offer"} if not has_discount else {""}
    return next((c.message for c in claims_in(text, brief.languages[0]) if c.concept in never), "")
