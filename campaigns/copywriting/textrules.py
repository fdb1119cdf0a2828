"""Rules on one text that need nothing but the text: is it safe in a mail, does it claim a fact?

Each rule is a small function that returns what is wrong in words a writer can act on, or "".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from campaigns.copywriting.characters import first_foreign_letter, first_number, fold, is_forbidden
from campaigns.copywriting.claims import first_claim

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")

_LINK = re.compile(
    r"[a-z][a-z0-9+.-]*://|\bwww\.|\bmailto:|\S@\S|\b[a-z0-9][a-z0-9-]*[a-z0-9]\.(?:[a-z]{2,}|xn--\w+)\b"
)
_MARKUP = re.compile(r"[<>`]|\*\*|__|\]\(|&#?\w+;|^\s*#{1,6}\s|\[/?\w+\]|\[\[|\]\]")
_TEMPLATE = re.compile(r"[{}]|\*\||\|\*|<%|%>|%%|\$\w*\{")


class Fault(NamedTuple):
    """A rule's name and what is wrong."""

    rule: str
    message: str


def names_unknown_placeholder(text: str, known: frozenset[str]) -> str:
    """Placeholders other than the known ones."""
    unknown = [name for name in PLACEHOLDER.findall(text) if name not in known]
    return f"{{{unknown[0]}}} is not a placeholder that may be used here" if unknown else ""


def has_template_syntax(text: str, known: frozenset[str]) -> str:
    """Braces and other merge syntax that is left once the placeholders are taken out."""
    rest = PLACEHOLDER.sub("", text)
    found = _TEMPLATE.search(fold(rest))
    return f"template syntax {found.group(0)!r} is not allowed" if found else ""


def has_forbidden_characters(text: str, known: frozenset[str]) -> str:
    """Control, bidirectional and invisible characters; "\n" is another rule's business."""
    # Whatever Python calls printable is allowed, which spares most texts the look at each character.
    if text.isprintable():
        return ""
    bad = next((c for c in text if c != "\n" and is_forbidden(c)), "")
    return f"the character U+{ord(bad):04X} is not allowed" if bad else ""


def has_markup(text: str, known: frozenset[str]) -> str:
    """HTML, entities, Markdown, BBCode."""
    found = _MARKUP.search(text)
    return f"markup {found.group(0)!r} is not allowed, write plain words" if found else ""


def has_link(text: str, known: frozenset[str]) -> str:
    """Web and mail addresses, also without a scheme."""
    found = _LINK.search(fold(text))
    return "links and addresses are not allowed, code adds them" if found else ""


SAFETY_RULES: dict[str, Callable[[str, frozenset[str]], str]] = {
    "placeholder": names_unknown_placeholder,
    "template_syntax": has_template_syntax,
    "characters": has_forbidden_characters,
    "markup": has_markup,
    "link": has_link,
}


@lru_cache(maxsize=16_384)
def safety_faults(text: str, known: frozenset[str]) -> tuple[Fault, ...]:
    """What makes `text` unsafe in a mail; `known` are the placeholders that may be used in it."""
    found = ((name, rule(text, known)) for name, rule in SAFETY_RULES.items())
    return tuple(Fault(name, message) for name, message in found if message)


_CLAIM_FAMILIES = {
    "money": ("MONEY", "names money ({}); a price is written as {{price_1}}"),
    "percent": ("PERCENT", "states a percentage ({})"),
    "amount_in_words": ("AMOUNT_IN_WORDS", "states an amount in words ({})"),
    "discount": ("DISCOUNT", "claims a discount ({})"),
    "scarcity": ("SCARCITY", "claims scarcity or presses for time ({})"),
    "stock": ("STOCK", "claims something about stock ({})"),
}


@lru_cache(maxsize=16_384)
def claim_faults(text: str, language: str) -> tuple[Fault, ...]:
    """Claims in `text`, except digits; placeholders count as data, not as claims."""
    folded = fold(text)
    # Only what is between the braces goes, so that "{offer_amount} off" is still seen as "} off".
    folded = PLACEHOLDER.sub("{}", folded)
    faults = []
    for rule, (family, message) in _CLAIM_FAMILIES.items():
        words = first_claim(family, folded, language)
        if words:
            faults.append(Fault(rule, message.format(words)))
    return tuple(faults)


@lru_cache(maxsize=16_384)
def knows_the_reader(text: str, language: str) -> str:
    """Words that show knowledge of the customer, which takes consent to profiling."""
    words = first_claim("KNOWS_THE_READER", fold(text), language)
    return f"claims to know the reader ({words}), who has not agreed to profiling" if words else ""


@lru_cache(maxsize=16_384)
def states_number(text: str) -> str:
    """Digits and number signs of any script outside placeholders."""
    found = first_number(PLACEHOLDER.sub("", text))
    return f"states a number ({found}); numbers are written as placeholders" if found else ""


@lru_cache(maxsize=16_384)
def mixes_scripts(text: str) -> str:
    """Letters of a script in which none of the supported languages is written."""
    found = first_foreign_letter(text)
    return f"has a letter of another script ({found})" if found else ""


@lru_cache(maxsize=16_384)
def is_quotable(name: str, language: str) -> bool:
    """Whether a product's title may stand in a copy: safe, and claiming nothing by itself.

    Digits are a title's own ("Rolltop 22"), but a title has to have words: "50" would whitewash a number.
    """
    if name != name.strip() or "\n" in name or sum(c.isalpha() for c in name) < 3:
        return False
    return (
        not safety_faults(name, frozenset())
        and not PLACEHOLDER.search(name)
        and not claim_faults(name, language)
    )
