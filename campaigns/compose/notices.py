"""Notices in words: one button, no tracker, no picture, in the languages of the mails.

The words of a kind are in `notice_words/<kind>.toml`; adding a kind is adding such a file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from string import Formatter

from babel.dates import format_date, format_time
from jinja2 import Environment, FunctionLoader, StrictUndefined

from campaigns.compose.content import language_of, one_line
from campaigns.core.errors import BadInput

LANGUAGES = ("en", "de", "fr", "es", "no")
_FALLBACK = "en"
_PHRASES = ("subject", "heading", "text", "button", "until", "ignore")
_BLANKS = {"brand", "until"}
_NEEDED = ("url", "until")
_KIND = re.compile(r"[a-z]+(?:_[a-z]+)*")
_LOCALES = {"en": "en_GB", "no": "nb"}


@dataclass(frozen=True, slots=True)
class RenderedNotice:
    """One notice as people read it; `html` is a whole page whose title is the subject."""

    subject: str
    html: str
    text: str


def render_notice(kind: str, language: str, brand: str, values: Mapping[str, str]) -> RenderedNotice:
    """The notice in this language, in English where it is not spoken.

    Args:
        kind: the name of a file in `notice_words`.
        language: a language or locale, such as `de` or `de-AT`.
        brand: the sender's name.
        values: `url`, where the button leads (http or https); `until`, the end of its validity (ISO 8601 with
            a time zone); `postal_address`, which may be left out.

    Raises:
        BadInput: there is no such kind, or a value is missing or does not fit.
    """
    words = _words(kind)
    language = language_of(language)
    language = language if language in words else _FALLBACK
    missing = [name for name in _NEEDED if not values.get(name)]
    if missing:
        raise BadInput(f"a notice needs the values {', '.join(missing)}", where=kind)
    if not values["url"].startswith(("https://", "http://")):
        raise BadInput("must be an absolute http or https URL", where=f"{kind}.url")
    blanks = {"brand": one_line(brand), "until": _moment(values["until"], language, f"{kind}.until")}
    shown = {name: words[language][name].format_map(blanks) for name in _PHRASES}
    shown |= {
        "brand": blanks["brand"],
        "url": values["url"],
        "postal_address": one_line(values.get("postal_address", "")),
        "html_language": "nb" if language == "no" else language,
    }
    return RenderedNotice(
        subject=one_line(shown["subject"]),
        html=_jinja(True).get_template("notice.html.j2").render(shown),
        text=_jinja(False).get_template("notice.txt.j2").render(shown).strip() + "\n",
    )


@lru_cache(maxsize=32)
def _words(kind: str) -> Mapping[str, Mapping[str, str]]:
    file = resources.files("campaigns.compose").joinpath("notice_words", f"{kind}.toml")
    if not _KIND.fullmatch(kind) or not file.is_file():
        raise BadInput(f'there is no kind of notice "{kind}"', where="kind")
    words: dict[str, dict[str, str]] = tomllib.loads(file.read_text(encoding="utf-8"))
    for language in LANGUAGES:
        phrases = words.get(language, {})
        if set(phrases) != set(_PHRASES):
            raise BadInput(f"{language} must have exactly {', '.join(_PHRASES)}", where=f"{kind}.toml")
        for name, phrase in phrases.items():
            unknown = {blank for _, blank, _, _ in Formatter().parse(phrase) if blank is not None} - _BLANKS
            if unknown:
                raise BadInput(f"unknown blanks {sorted(unknown)}", where=f"{kind}.toml, {language}.{name}")
    return words


def _moment(value: str, language: str, where: str) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise BadInput("must be a moment such as 2026-11-23T14:05:00+00:00", where=where) from None
    if moment.tzinfo is None:
        raise BadInput("needs a time zone", where=where)
    locale = _LOCALES.get(language, language)
    day, time = format_date(moment.astimezone(UTC), "long", locale), _clock_time(moment, locale)
    return f"{day}, {time} UTC"


def _clock_time(moment: datetime, locale: str) -> str:
    return format_time(moment, "short", tzinfo=UTC, locale=locale)


@lru_cache(maxsize=2)
def _jinja(html: bool) -> Environment:
    return Environment(
        loader=FunctionLoader(_source),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _source(name: str) -> str:
    return resources.files("campaigns.compose").joinpath("notice_words", name).read_text(encoding="utf-8")
