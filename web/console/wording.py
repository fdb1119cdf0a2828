"""Campaigns in words: statuses, segments, conditions and numbers as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Flask

from web.console.audit_words import install_audit_filters
from web.console.copy_words import install_copy_filters
from web.console.schedule_words import install_schedule_filters
from web.console.segment_words import segment_words

STATUS_WORDS: Mapping[str, str] = {
    "draft": "Draft",
    "approved": "Approved",
    "scheduled": "Scheduled",
    "planning": "Preparing",
    "sending": "Sending",
    "paused": "Paused",
    "sent": "Sent",
    "cancelled": "Cancelled",
}
STAGE_WORDS: Mapping[str, str] = {
    "planned": "planned",
    "claimed": "being picked for",
    "picked": "picked, waiting for words",
    "written": "written, waiting to go",
    "sending": "being handed over",
    "sent": "sent",
    "failed": "failed",
    "uncertain": "uncertain",
    "held_back": "held back",
}
"""Where a mail stands, in the order of its way."""
HELD_BACK_WORDS: Mapping[str, str] = {
    "never_asked": "never asked for marketing mail",
    "withdrawn": "withdrew the consent to marketing mail",
    "suppressed": "address or domain is suppressed",
    "no_address": "no address",
    "erased": "erased",
    "paused": "paused mail until later",
    "topic_muted": "wants no mail about this topic",
    "snoozed": "looked at none of the last mails",
    "not_asked": "need not be asked for permission",
    "frequency_wish": "wants fewer mails",
    "frequency_cap": "got as many mails as the frequency cap allows",
    "time_passed": "its time had passed where they live",
    "holdout": "belongs to the holdout, which gets no mail so that its effect can be told",
}
CAMPAIGN_KINDS: Mapping[str, str] = {
    "marketing": "marketing",
    "repermission": "asks those who never look whether they still want mail",
}
SLOT_KINDS: Mapping[str, str] = {
    "weather_pick": "a card of the customer’s best pick for the weather",
    "live_product": "a card of one of the customer’s picks, with price and stock of the moment",
    "countdown": "a countdown",
    "nearest_shop": "a card of the nearest shop",
}
PLACE_WORDS: Mapping[str, str] = {
    "address": "where the mail is opened",
    "apple_city": "the city Apple names",
    "home": "the customer’s home",
    "none": "not known",
}
WEATHER_SIGNS: Mapping[str, str] = {
    "clear": "☀️", "cloud": "☁️", "fog": "🌫️", "drizzle": "🌦️", "rain": "🌧️", "snow": "❄️",
    "showers": "🌦️", "thunder": "⛈️", "unknown": "🌍",
}  # fmt: skip
_SIGNALS: Mapping[str, str] = {
    "address": "the opener's rough location",
    "apple_city": "the city in Apple's list",
    "home": "the stored home area",
    "none": "nothing known: neutral picture",
}
_CONDITIONS: Mapping[str, str] = {
    "temperature_below": "below {} °C",
    "temperature_above": "above {} °C",
    "wind_above": "wind above {} km/h",
    "wind_below": "wind below {} km/h",
    "daylight": "by {}",
    "country": "in {}",
    "local_hour": "hours {}",
    "months": "months {}",
    "after": "after {}",
    "before": "before {}",
    "tags": "tagged {}",
    "weekday": "on {}",
    "season": "in {}",
    "near": "within {km:g} km of {latitude}, {longitude}",
    "area": "between {south} and {north} north, {west} and {east} east",
    "in_stock": "while {} is in stock",
    "sold_out": "when {} is sold out",
}


def when_words(when: Mapping[str, Any]) -> str:
    """The conditions of a slot's rule as one phrase."""
    parts = []
    for key, value in when.items():
        text = "–".join(map(str, value)) if key == "local_hour" else _listed(value)
        named = value if isinstance(value, Mapping) else {}
        parts.append(_CONDITIONS.get(key, "{}").format(text, **named))
    return ", ".join(parts)


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def moment_words(value: str | datetime | None) -> str:
    """`21 Nov 2026, 03:39 UTC`; a dash where there is none."""
    if not value:
        return "–"
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    offset = moment.utcoffset()
    zone = "UTC" if not offset else moment.strftime("UTC%z")
    return f"{moment.day} {moment:%b %Y, %H:%M} {zone}"


def signal_words(signal: str) -> str:
    """What decided the place of a picture."""
    return _SIGNALS.get(signal, signal)


def held_back_words(reason: str) -> str:
    """Why a customer is not mailed."""
    return HELD_BACK_WORDS.get(reason, plain_words(reason))


def brief_words(value: Any) -> str:
    """A field of a brief as one phrase: `{"tone": "Dry", "avoid": ["cheap"]}` -> `tone Dry, avoid cheap`."""
    if isinstance(value, Mapping):
        if value.keys() == {"amount", "currency"}:
            return f"{value['amount']} {value['currency']}"
        told = {name: inner for name, inner in value.items() if inner not in (None, "", [], {})}
        return ", ".join(f"{plain_words(name)} {brief_words(inner)}" for name, inner in told.items())
    return "; ".join(map(brief_words, value)) if isinstance(value, list) else str(value)


def plain_words(name: str) -> str:
    """`call_to_action` -> `call to action`."""
    return name.replace("_", " ").replace("-", " ")


def number_words(n: int | float) -> str:
    """`12345` -> `12,345`."""
    return f"{n:,}"


def share_words(part: int, whole: int) -> str:
    """A share in per cent, with a digit more where it is small; empty of nothing."""
    if not whole:
        return ""
    share = 100 * part / whole
    return f"{share:.1f} %" if 0 < share < 10 else f"{share:.0f} %"


def install_filters(app: Flask) -> None:
    """Make these phrases available to all templates."""
    for name, function in (
        ("segment_words", segment_words),
        ("when_words", when_words),
        ("moment", moment_words),
        ("signal_words", signal_words),
        ("held_back_words", held_back_words),
        ("plain_words", plain_words),
        ("brief_words", brief_words),
        ("number", number_words),
        ("share", share_words),
    ):
        app.add_template_filter(function, name)
    install_copy_filters(app)
    install_schedule_filters(app)
    install_audit_filters(app)
    app.add_template_global(STAGE_WORDS, "STAGE_WORDS")  # type: ignore[arg-type]
    app.add_template_global(STATUS_WORDS, "STATUS_WORDS")  # type: ignore[arg-type]
    app.add_template_global(CAMPAIGN_KINDS, "CAMPAIGN_KINDS")  # type: ignore[arg-type]
    app.add_template_global(SLOT_KINDS, "SLOT_KINDS")  # type: ignore[arg-type]
    app.add_template_global(PLACE_WORDS, "PLACE_WORDS")  # type: ignore[arg-type]
    app.add_template_global(WEATHER_SIGNS, "WEATHER_SIGNS")  # type: ignore[arg-type]
