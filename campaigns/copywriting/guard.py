"""The guard: what no mail may say, whoever wrote it. Both writers pass it, and the desk asks it again.

It reads a copy before its placeholders are filled, so that every number in a mail is known to come from
data: the text itself may hold none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from campaigns.copywriting.characters import TEXTS_KEPT, fold
from campaigns.copywriting.claims import Claim, claims_in, is_claimed_in_data
from campaigns.copywriting.hiding import cannot_be_missing
from campaigns.copywriting.lengths import LONGEST as LONGEST
from campaigns.copywriting.lengths import line_index
from campaigns.copywriting.naming import CAPITALS_MEAN_NAMES, may_hold_names, unknown_name
from campaigns.copywriting.offer_talk import holds_only_beside_its_amount
from campaigns.copywriting.placeholders import allowed_placeholders
from campaigns.copywriting.price_talk import compares_price, confuses_prices
from campaigns.copywriting.readability import limit, lix
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.shouting import may_shout, shouted
from campaigns.copywriting.similarity import MOST_ALIKE, likeness
from campaigns.copywriting.speaking import foreign_language, plainly_foreign, tells_enough
from campaigns.copywriting.textrules import (
    PLACEHOLDER,
    is_quotable,
    knows_the_reader,
    mixes_scripts,
    safety_faults,
    spaces_letters,
    states_number,
)
from campaigns.copywriting.voice import emoji_in, exclamations_in
from campaigns.copywriting.wordlists import first_said
from campaigns.copywriting.written import Verdict
from campaigns.core.characters import clean
from campaigns.models.values import Copy, Pick, ProductFacts

STYLE_RULES = frozenset(
    {"banned", "emoji", "exclamations", "language", "reading_level", "shouting", "too_similar"}
)
"""Rules of how a copy sounds. A copy that breaks one of them is not untrue or unsafe, only not as wanted."""
_POPULAR = ("best_seller", "recent_favourite", "area_favourite")
_MOST_QUOTED = 2000
_OF_THE_HEAD = ("subject", "headline", "intro")


def is_unsafe(verdict: Verdict) -> bool:
    """Whether the rule that was broken keeps untruth, harm or broken mail out, and not only bad style."""
    return verdict.rule not in STYLE_RULES


def check(copy: Copy, request: CopyRequest, language_is_sure: bool = False) -> list[Verdict]:
    """The rules that this copy breaks; empty when it may be mailed.

    `language_is_sure`: its words are from tables in the language of the request. To find out the language of a few
    words can take a classifier, which is a second and eighty megabytes for a process that meets the first such text.
    """
    verdicts = list(_whole_copy(copy, request))
    if not language_is_sure:
        verdicts.extend(speaks_another_language(copy, request))
    for field, text in fields_of(copy):
        verdicts.extend(check_text(field, text, request, language_is_sure))
    return verdicts


def fields_of(copy: Copy) -> Iterator[tuple[str, str]]:
    """(name, text) of all texts of a copy; lines are named "product_lines[0]" and so on."""
    yield "subject", copy.subject
    yield "preheader", copy.preheader
    yield "headline", copy.headline
    yield "intro", copy.intro
    for index, line in enumerate(copy.product_lines):
        yield f"product_lines[{index}]", line
    yield "call_to_action", copy.call_to_action


def check_text(field: str, text: str, request: CopyRequest, language_is_sure: bool = False) -> list[Verdict]:
    """The rules that one text breaks; `field` as `fields_of` names it, `language_is_sure` as for `check`."""
    verdicts = []
    for rule, broken in (_RULES_BUT_LANGUAGE if language_is_sure else TEXT_RULES).items():
        message = broken(field, text, request)
        if message:
            verdicts.append(Verdict(rule, field, message))
    verdicts.extend(_faults(field, text, request))
    return verdicts


def has_wrong_length(field: str, text: str, request: CopyRequest) -> str:
    """Empty, or longer than mail programs show."""
    if not text.strip():
        return "is empty"
    longest = request.brief.longest(field)
    return f"has {len(text)} characters, at most {longest} are allowed" if len(text) > longest else ""


def has_line_break(field: str, text: str, request: CopyRequest) -> str:
    """A newline anywhere but in the intro; in a subject it would begin a header of its own."""
    return "must be one line" if field != "intro" and ("\n" in text or "\r" in text) else ""


def puts_name_where_it_cannot_be_missing(field: str, text: str, request: CopyRequest) -> str:
    """{first_name} anywhere but as an address, because some customers have given no name; {stock_1} likewise."""
    return cannot_be_missing(text)


def states_a_number(field: str, text: str, request: CopyRequest) -> str:
    """A digit outside placeholders and outside the verbatim names of the given products."""
    return states_number(text) and states_number(_without_given_names(text, request))


def is_in_another_script(field: str, text: str, request: CopyRequest) -> str:
    """Letters that hide words from the guard, outside the verbatim names of the given products."""
    return mixes_scripts(text) and mixes_scripts(_without_given_names(text, request))


def claims_acquaintance(field: str, text: str, request: CopyRequest) -> str:
    """Knowledge of the customer without consent to profiling."""
    if request.personal or not knows_the_reader(text, request.language):
        return ""
    return knows_the_reader(_without_marketers_words(text, request), request.language)


def hides_words(field: str, text: str, request: CopyRequest) -> str:
    """Letters one by one, outside the verbatim names of the given products."""
    return spaces_letters(text) and spaces_letters(_without_given_names(text, request))


def shouts(field: str, text: str, request: CopyRequest) -> str:
    """Words in capitals that the shop does not write so itself."""
    if not may_shout(text):
        return ""
    words = shouted(PLACEHOLDER.sub("", _without_given_names(text, request)), _shops_words(request))
    return f"shouts ({words}); write small letters" if words else ""


def names_another_product(field: str, text: str, request: CopyRequest) -> str:
    """A name that is neither a given title, letter for letter, nor a brand or category of the given products."""
    if request.language not in CAPITALS_MEAN_NAMES or not may_hold_names(text):
        return ""
    bare = PLACEHOLDER.sub(",", _without_given_names(text, request))
    brief = request.brief
    briefed = (brief.goal, brief.voice.tone, *brief.voice.prefer, *brief.voice.good, request.place)
    name = unknown_name(bare, (*_shops_words(request), *briefed))
    return f"names {name}, which is no given title letter for letter" if name else ""


def says_a_banned_word(field: str, text: str, request: CopyRequest) -> str:
    """A word of the brief's lists, outside the names of the given products and the marketer's own words."""
    words = request.brief.banned_in(request.language) + request.brief.voice.avoid
    if not words or not first_said(text, words):
        return ""
    said = first_said(_without_given_names(text, request), words)
    return f"says {said!r}, which is not to be said" if said else ""


def makes_a_price_a_bargain(field: str, text: str, request: CopyRequest) -> str:
    """Words or other placeholders that make of a price a reduced one, outside the names of the given products."""
    if "{price_" not in text:
        return ""
    titles = {number: pick.product.title for number, pick in enumerate(request.picks, start=1)}
    return confuses_prices(text, titles) or compares_price(_without_given_names(text, request))


def is_hard_to_read(field: str, text: str, request: CopyRequest) -> str:
    """A reading level above the one of the brief; texts of a few words have none."""
    level = request.brief.voice.reading_level
    if level == "any":
        return ""
    found, most = lix([_spoken(text, request)]), limit(level, request.language)
    return (
        f"reads too hard (LIX {found:.0f}, at most {most:.0f}): shorter words and sentences"
        if found > most
        else ""
    )


def is_in_another_language(field: str, text: str, request: CopyRequest) -> str:
    """A text of some words that is surely not in the language of the copy."""
    if text.count(" ") < 3:
        return ""
    judge = plainly_foreign if _is_told_by_the_shop(field, text, request) else foreign_language
    found = judge(_spoken(text, request), request.language)
    return f"is in another language ({found}); write in {request.language}" if found else ""


TEXT_RULES: dict[str, Callable[[str, str, CopyRequest], str]] = {
    "length": has_wrong_length,
    "one_line": has_line_break,
    "name_position": puts_name_where_it_cannot_be_missing,
    "number": states_a_number,
    "script": is_in_another_script,
    "spaced_out": hides_words,
    "acquaintance": claims_acquaintance,
    "other_product": names_another_product,
    "price": makes_a_price_a_bargain,
    "banned": says_a_banned_word,
    "shouting": shouts,
    "reading_level": is_hard_to_read,
    "language": is_in_another_language,
}
_RULES_BUT_LANGUAGE = {rule: broken for rule, broken in TEXT_RULES.items() if rule != "language"}


def _faults(field: str, text: str, request: CopyRequest) -> Iterator[Verdict]:
    """The rules of `textrules` and the claims: safety of every text, and what its words state."""
    known = allowed_placeholders(request, field) if "{" in text else frozenset[str]()
    for fault in safety_faults(text, known):
        yield Verdict(fault.rule, field, fault.message)
    # Most texts claim nothing even with the marketer's words in them, and the cache knows that.
    if not claims_in(text, request.language):
        return
    for in_titles, said in (
        (False, _without_marketers_words(text, request)),
        (True, without(text, _given_names(request) + _brands(request))),
    ):
        for claim in claims_in(said, request.language):
            if claim.in_titles == in_titles and not _is_true(claim, field, text, request):
                yield Verdict(claim.rule, field, claim.message)


def _is_true(claim: Claim, field: str, text: str, request: CopyRequest) -> bool:
    """Whether data bears the claim out."""
    if not claim.concept:
        return False
    if claim.concept == "offer":
        # Talk of a discount is true where the brief has one and the clause names it by placeholder.
        return holds_only_beside_its_amount(_without_marketers_words(text, request), request.language)
    picks = _spoken_of(field, request)
    if claim.concept == "popularity":
        return any(request.reason_kind(pick) in _POPULAR for pick in picks)
    return any(is_claimed_in_data(claim.concept, pick.product) for pick in picks)


def _spoken_of(field: str, request: CopyRequest) -> tuple[Pick, ...]:
    """The picks of which a text may speak: a line of its own, all others of any."""
    at = line_index(field)
    return request.picks if at is None else request.picks[at : at + 1]


def _whole_copy(copy: Copy, request: CopyRequest) -> Iterator[Verdict]:
    if len(copy.product_lines) != len(request.picks):
        message = f"{len(copy.product_lines)} lines for {len(request.picks)} products"
        yield Verdict("product_lines", "product_lines", message)
    mentions = request.brief.must_mention_in(request.language)
    everything = fold("\n".join(text for _, text in fields_of(copy))) if mentions else ""
    for mention in mentions:
        if fold(mention) not in everything:
            yield Verdict("must_mention", "", f"must contain, word by word: {mention}")
    voice = request.brief.voice
    yield from _beyond("emoji", voice.emoji, emoji_in, copy, request)
    yield from _beyond("exclamations", voice.exclamations, exclamations_in, copy, request)
    yield from is_like_a_sibling(copy, request)


def _beyond(
    rule: str, most: int, count: Callable[[str], int], copy: Copy, request: CopyRequest
) -> Iterator[Verdict]:
    """A verdict for each text that has signs beyond those which the whole copy may have."""
    signs = 0
    titles = _titles(request)
    for field, text in fields_of(copy):
        own = count(text) and count(without(text, titles))
        signs += own
        word = "emoji" if rule == "emoji" else "exclamation marks"
        if own and request.in_parts and line_index(field) is not None:
            # It will stand under heads that have used up what the brief allows.
            yield Verdict(rule, field, f"product lines are used beside others, and have no {word}")
        elif own and signs > most:
            yield Verdict(
                rule, field, f"the whole copy may have {most} {word}, and with these it has {signs}"
            )


def is_like_a_sibling(copy: Copy, request: CopyRequest) -> Iterator[Verdict]:
    """A head that is nearly the one of another variant of the same cell, which would test nothing."""
    for sibling in request.siblings:
        mine, others = _head_texts(copy, request), _head_texts(sibling, request)
        if likeness("\n".join(mine.values()), "\n".join(others.values())) <= MOST_ALIKE:
            continue
        alike = [field for field in _OF_THE_HEAD if likeness(mine[field], others[field]) > MOST_ALIKE]
        for field in alike or ["intro"]:
            yield Verdict("too_similar", field, "is nearly what another variant says; say it in another way")
        return


def _head_texts(copy: Copy, request: CopyRequest) -> dict[str, str]:
    return {field: _spoken(getattr(copy, field), request) for field in _OF_THE_HEAD}


def speaks_another_language(copy: Copy, request: CopyRequest) -> Iterator[Verdict]:
    """Short texts that together are surely in another language, though each alone tells too little."""
    spoken = {
        field: _spoken(text, request)
        for field, text in fields_of(copy)
        if not _is_told_by_the_shop(field, text, request)
    }
    short = {field: text for field, text in spoken.items() if not tells_enough(text)}
    found = foreign_language(". ".join(short.values()), request.language)
    for field in short if found else ():
        yield Verdict("language", field, f"is in another language ({found}); write in {request.language}")


def _is_told_by_the_shop(field: str, text: str, request: CopyRequest) -> bool:
    """Whether a text is quoted from a description of the shop, whose language the brief says: it most likely is
    what it should be, and a classifier that takes a hundred megabytes need not be asked."""
    if line_index(field) is None or request.language != request.brief.catalogue_language:
        return False
    return any(text in _description(pick.product) for pick in _spoken_of(field, request))


@lru_cache(maxsize=4096)
def _description(product: ProductFacts) -> str:
    return clean(product.description, _MOST_QUOTED)


@lru_cache(maxsize=TEXTS_KEPT)
def without(text: str, phrases: tuple[str, ...]) -> str:
    """`text` with a space for whatever belongs to one of the phrases, each as whole words.

    Where phrases overlap all of them go, so that with one phrase more there is never more left.
    """
    spans = sorted(found.span() for phrase in phrases for found in _verbatim(phrase).finditer(text))
    kept, end = [], 0
    for start, stop in spans:
        if start >= end:
            kept.append(text[end:start])
        end = max(end, stop)
    return " ".join([*kept, text[end:]]) if spans else text


@lru_cache(maxsize=4096)
def _verbatim(phrase: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)")


def marketers_words(request: CopyRequest) -> tuple[str, ...]:
    """What the brief wants said word by word: the marketer's statement, and not the writer's claim."""
    button = request.brief.call_to_action_in(request.language)
    return request.brief.must_mention_in(request.language) + ((button,) if button else ())


def _titles(request: CopyRequest) -> tuple[str, ...]:
    return _quotable(tuple([pick.product.title for pick in request.picks]), request.language)


def _brands(request: CopyRequest) -> tuple[str, ...]:
    return _quotable(tuple([pick.product.brand for pick in request.picks]), request.language)


@lru_cache(maxsize=4096)  # Each rule asks for those of the same few picks.
def _quotable(names: tuple[str, ...], language: str) -> tuple[str, ...]:
    return tuple(name for name in names if is_quotable(name, language))


def _given_names(request: CopyRequest) -> tuple[str, ...]:
    return _titles(request) + marketers_words(request)


def _shops_words(request: CopyRequest) -> tuple[str, ...]:
    """What the data calls the given products; words that are written there as nowhere else."""
    products = [pick.product for pick in request.picks]
    named = (word for p in products for word in (p.brand, p.category, *p.tags))
    return (
        *_titles(request),
        *named,
        request.favourite_category,
        *request.favourites,
        *marketers_words(request),
    )


def _without_given_names(text: str, request: CopyRequest) -> str:
    return without(text, _given_names(request))


def _without_marketers_words(text: str, request: CopyRequest) -> str:
    return without(text, marketers_words(request))


def _spoken(text: str, request: CopyRequest) -> str:
    """The writer's own words: without given names, the marketer's words and placeholders."""
    return PLACEHOLDER.sub("", _without_given_names(text, request))
