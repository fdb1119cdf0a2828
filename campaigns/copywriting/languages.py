"""The languages in which copy is written: those whose false claims the guard can recognise."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from babel import Locale, UnknownLocaleError

SUPPORTED = ("en", "de", "fr", "es")
FALLBACK = "en"


def primary(locale: str) -> str:
    """The language of a locale: "de_AT" and "de-AT" give "de"; "" gives ""."""
    return locale.replace("-", "_").split("_", 1)[0].strip().lower()


def language_for(locale: str, offered: Sequence[str]) -> str:
    """The language in which a customer with this locale is written to.

    The customer's own if the campaign offers it, else English if offered, else the campaign's first.
    """
    wanted = primary(locale)
    if wanted in offered:
        return wanted
    return FALLBACK if FALLBACK in offered else offered[0]


@lru_cache(maxsize=512)
def formatting_locale(language: str, locale: str) -> Locale:
    """The Babel locale for numbers and dates inside text of `language`, as regional as is known.

    A date in the customer's language would look broken inside a text in another one, so the language of
    the text decides and the customer's territory only refines it.
    """
    parts = locale.replace("-", "_").split("_")
    territory = next((part.upper() for part in parts[1:] if len(part) == 2 and part.isalpha()), "")
    candidates = [f"{language}_{territory}"] if territory else []
    for name in (*candidates, language):
        try:
            return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
    return Locale.parse(FALLBACK)
