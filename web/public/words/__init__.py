"""What the public pages say, in the languages of the mails: one file a page, and one list of words for all."""

from __future__ import annotations

from collections.abc import Mapping

from flask import request

from campaigns.compose.content import language_of
from campaigns.models import PURPOSES
from web.public.words import own_data, preferences, trouble, unsubscribing, why
from web.public.words.purposes import PURPOSE_WORDS

FALLBACK = "en"
LANGUAGES = ("en", "de", "fr", "es", "no")

_PAGES = (trouble.WORDS, unsubscribing.WORDS, preferences.WORDS, why.WORDS, own_data.WORDS)
_WORDS: Mapping[str, Mapping[str, str]] = {
    language: {key: text for page in _PAGES for key, text in page[language].items()} for language in LANGUAGES
}


def spoken(language: str) -> str:
    """The language in which a page for this one is really written: a page must not claim another."""
    wanted = language_of(language)
    return wanted if wanted in LANGUAGES else FALLBACK


def words_for(language: str) -> Mapping[str, str]:
    """All phrases in this language, in English where there are none."""
    return _WORDS[spoken(language)]


def purposes_in(language: str) -> dict[str, tuple[str, str]]:
    """For each purpose: its name and what agreeing means."""
    return dict(zip(PURPOSES, PURPOSE_WORDS[spoken(language)], strict=True))


def page_language() -> str:
    """For pages without a customer: what the browser asks for, as far as we speak it."""
    # Browsers name Norwegian by its two written forms.
    return spoken(request.accept_languages.best_match([*LANGUAGES, "nb", "nn"]) or FALLBACK)
