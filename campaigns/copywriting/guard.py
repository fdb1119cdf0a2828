"""The guard: what no mail may say, whoever wrote it. Both writers pass it, and the desk asks it again.

It reads a copy before its placeholders are filled, so that every number in a mail is known to come from
data: the text itself may hold none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from campaigns.copywriting.characters import fold
from campaigns.copywriting.placeholders import allowed_placeholders, without_name
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.textrules import (
    claim_faults,
    is_quotable,
    knows_the_reader,
    mixes_scripts,
    safety_faults,
    states_number,
)
from campaigns.copywriting.written import Verdict
from campaigns.models.values import Copy

# Characters, placeholders unfilled. Subjects longer than this are cut on telephones.
LONGEST = {
    "subject": 78,
    "preheader": 130,
    "headline": 90,
    "intro": 900,
    "product_lines": 220,
    "call_to_action": 40,
}
_DISCOUNTED = "{offer_amount}"


def check(copy: Copy, request: CopyRequest) -> list[Verdict]:
    """The rules that this copy breaks; empty when it may be mailed."""
    verdicts = list(_whole_copy(copy, request))
    for field, text in fields_of(copy):
        verdicts.extend(check_text(field, text, request))
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


def check_text(field: str, text: str, request: CopyRequest) -> list[Verdict]:
    """The rules that one text breaks; `field` as `fields_of` names it."""
    verdicts = []
    for rule, broken in TEXT_RULES.items():
        message = broken(field, text, request)
        if message:
            verdicts.append(Verdict(rule, field, message))
    verdicts.extend(_faults(field, text, request))
    return verdicts


def has_wrong_length(field: str, text: str, request: CopyRequest) -> str:
    """Empty, or longer than mail programs show."""
    if not text.strip():
        return "is empty"
    longest = LONGEST[field.split("[")[0]]
    return f"has {len(text)} characters, at most {longest} are allowed" if len(text) > longest else ""


def has_line_break(field: str, text: str, request: CopyRequest) -> str:
    """A newline anywhere but in the intro; in a subject it would begin a header of its own."""
    return "must be one line" if field != "intro" and ("\n" in text or "\r" in text) else ""


def puts_name_where_it_cannot_be_missing(field: str, text: str, request: CopyRequest) -> str:
    """{first_name} anywhere but as an address, because some customers have given no name."""
    if "{first_name}" not in text:
        return ""
    bare = without_name(text)
    if "{first_name}" in bare or not re.search(r"\w", bare):
        return "use {first_name} only to address the reader, set off by a comma, and never alone"
    return ""


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


TEXT_RULES: dict[str, Callable[[str, str, CopyRequest], str]] = {
    "length": has_wrong_length,
    "one_line": has_line_break,
    "name_position": puts_name_where_it_cannot_be_missing,
    "number": states_a_number,
    "script": is_in_another_script,
    "acquaintance": claims_acquaintance,
}


def _faults(field: str, text: str, request: CopyRequest) -> Iterator[Verdict]:
    """The rules of `textrules`: safety of every text, claims of all words that are not the marketer's."""
    known = allowed_placeholders(request) if "{" in text else frozenset[str]()
    for fault in safety_faults(text, known):
        yield Verdict(fault.rule, field, fault.message)
    # Most texts claim nothing even with the marketer's words in them, and the cache knows that.
    if not claim_faults(text, request.language):
        return
    for fault in claim_faults(_without_marketers_words(text, request), request.language):
        # Talk of a discount is true where the brief has one and the sentence names it by placeholder.
        if fault.rule == "discount" and _DISCOUNTED in text:
            continue
        yield Verdict(fault.rule, field, fault.message)


def _whole_copy(copy: Copy, request: CopyRequest) -> Iterator[Verdict]:
    if len(copy.product_lines) != len(request.picks):
        message = f"{len(copy.product_lines)} lines for {len(request.picks)} products"
        yield Verdict("product_lines", "product_lines", message)
    mentions = request.brief.must_mention_in(request.language)
    everything = fold("\n".join(text for _, text in fields_of(copy))) if mentions else ""
    for mention in mentions:
        if fold(mention) not in everything:
            yield Verdict("must_mention", "", f"must contain, word by word: {mention}")


@lru_cache(maxsize=16_384)
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


def _without_given_names(text: str, request: CopyRequest) -> str:
    titles = (pick.product.title for pick in request.picks)
    quotable = tuple(title for title in titles if is_quotable(title, request.language))
    return without(text, quotable + marketers_words(request))


def _without_marketers_words(text: str, request: CopyRequest) -> str:
    return without(text, marketers_words(request))
