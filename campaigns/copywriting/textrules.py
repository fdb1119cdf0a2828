"""Rules on one text that need nothing but the text: is it safe in a mail, does it claim a fact?

Each rule is a small function that returns what is wrong in words a writer can act on, or "".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from campaigns.copywriting.characters import TEXTS_KEPT, first_foreign_letter, first_number, fold
from campaigns.copywriting.claims import claims_in, words_of_acquaintance
from campaigns.core.characters import is_forbidden

_LONGEST_QUOTED = 300
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")

_LINK = re.compile(
    r"\b[a-z][a-z0-9+.-]{0,30}://|\bwww\b|\bmailto:"
    r"|\b(?:javascript|vbscript|data|tel|sms|callto|file|blob):\S|\bhxxps?\b|\S@\S|@\w|[(\[{] ?(?:at|dot|arroba|punkt) ?[)\]}]"
    r"|\b[a-z0-9][a-z0-9-]*[a-z0-9]\.(?:[a-z]{2,}|xn--\w+)\b"
    r"|\b(?:dot|punkt|point|punto) (?:com|net|org|info|shop|io|biz|app|xyz|example|online|store)\b"
    r"|\b(?:dot|punkt) (?:co|de|uk|eu|fr|es|at|ch|us|site)\b"
)
# What every one of these holds somewhere, and hardly any other text: found in a sixth of the time.
_MAY_LINK = re.compile(
    r"@|:\S|mailto:|\.[a-z]|www|hxxp|[(\[{] ?(?:at|dot|arroba|punkt)|\b(?:dot|punkt|point|punto) [a-z]{2,7}\b"
)
# Of the Roman numerals those in plain letters that are no word and no size: II to XXXIX.
_ROMAN = re.compile(r"(?<!\w)(?=[IVX]{2})X{0,3}(?:IX|IV|V?I{0,3})(?!\w)")
_SPACED_OUT = re.compile(r"(?<![^\W_])(?:[^\W\d_][^\w'’]{1,3}){3,}[^\W\d_](?![^\W_])")
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
    found = _MARKUP.search(text if text.isascii() else unicodedata.normalize("NFKC", text))
    return f"markup {found.group(0)!r} is not allowed, write plain words" if found else ""


def has_link(text: str, known: frozenset[str]) -> str:
    """Web and mail addresses, also without a scheme."""
    folded = fold(text)
    found = _LINK.search(folded) if _MAY_LINK.search(folded) else None
    return "links and addresses are not allowed, code adds them" if found else ""


SAFETY_RULES: dict[str, Callable[[str, frozenset[str]], str]] = {
    "placeholder": names_unknown_placeholder,
    "template_syntax": has_template_syntax,
    "characters": has_forbidden_characters,
    "markup": has_markup,
    "link": has_link,
}


@lru_cache(maxsize=TEXTS_KEPT)
def safety_faults(text: str, known: frozenset[str]) -> tuple[Fault, ...]:
    """What makes `text` unsafe in a mail; `known` are the placeholders that may be used in it."""
    found = ((name, rule(text, known)) for name, rule in SAFETY_RULES.items())
    return tuple(Fault(name, message) for name, message in found if message)


def claim_faults(text: str, language: str) -> tuple[Fault, ...]:
    """What `text` claims, whatever is sold, digits apart; placeholders count as data, not as claims."""
    return tuple(Fault(c.rule, c.message) for c in claims_in(text, language) if c.concept in ("", "offer"))


@lru_cache(maxsize=TEXTS_KEPT)
def knows_the_reader(text: str, language: str) -> str:
    """Words that show knowledge of the customer, which takes consent to profiling."""
    words = words_of_acquaintance(text, language)
    return f"claims to know the reader ({words}), who has not agreed to profiling" if words else ""


@lru_cache(maxsize=TEXTS_KEPT)
def states_number(text: str) -> str:
    """Digits and number signs of any script, and Roman numerals, outside placeholders."""
    bare = PLACEHOLDER.sub("", text)
    roman = _ROMAN.search(bare)
    found = first_number(bare) or (roman.group(0) if roman else "")
    return f"states a number ({found}); numbers are written as placeholders" if found else ""


def spaces_letters(text: str) -> str:
    """Letters one by one, which hide a word from the guard and mark a mail as spam: "f r e e", "s.a.l.e"."""
    found = _SPACED_OUT.search(text)
    return f"spaces letters out ({found.group(0)}); write words" if found else ""


@lru_cache(maxsize=TEXTS_KEPT)
def mixes_scripts(text: str) -> str:
    """Letters of a script in which none of the supported languages is written."""
    found = first_foreign_letter(text)
    return f"has a letter of another script ({found})" if found else ""


@lru_cache(maxsize=16_384)
def is_quotable(name: str, language: str) -> bool:
    """Whether a product's title may stand in a copy: safe, and claiming nothing by itself.

    Digits are a title's own ("Rolltop 22"), but a title has to have words: "50" would whitewash a number.
    """
    # Patterns take their time with megabytes, and no title that long could stand in a mail.
    if (
        len(name) > _LONGEST_QUOTED
        or name != name.strip()
        or "\n" in name
        or sum(c.isalpha() for c in name) < 3
    ):
        return False
    return (
        not safety_faults(name, frozenset())
        and not PLACEHOLDER.search(name)
        and all(claim.in_titles for claim in claims_in(name, language))
    )
