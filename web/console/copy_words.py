"""Copy in words: what a writer was told, what became of cells, and blanks that are filled in for each customer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from flask import Flask
from markupsafe import Markup, escape

OUTCOME_WORDS: Mapping[str, str] = {
    "first_pass": "Passed at the first try",
    "repaired": "Passed after repair",
    "partly_offline": "Some fields written offline",
    "refused": "Refused, written offline",
    "outages": "Model away, written offline",
    "over_budget": "Budget or time used up, written offline",
    "known_before": "Known from earlier campaigns",
}
WORDS_BY: Mapping[str, str] = {
    "first_pass": "the model, at the first try",
    "repaired": "the model, after repair",
    "partly_offline": "the model, some of it offline",
    "offline": "the offline writer",
}
SAMPLE_WORDS: Mapping[str, str] = {"shown": "Open", "approved": "Approved", "rejected": "Rejected"}
GRANULARITY_WORDS: Mapping[str, str] = {
    "cell": "one for each variant, language, stage, favourite category and first product",
    "pick_set": "one for each variant, language, stage, favourite category and set of products",
    "customer": "one for each customer",
}
BOUND_WORDS: Mapping[str, str] = {
    "max_calls": "Calls", "max_tokens": "Tokens", "max_cost": "Cost", "max_minutes": "Minutes",
}  # fmt: skip
_FACT_WORDS: Mapping[str, str] = {
    "granularity": "Written for",
    "stage": "Stage",
    "engagement": "Looks at mail",
    "favourites": "Favourites",
    "detail": "Likes descriptions",
}
_LANGUAGES: Mapping[str, str] = {"en": "English", "de": "German", "fr": "French", "es": "Spanish"}
_SCOPES: Mapping[str, str] = {"cell": "a cell", "pick_set": "a set of products", "customer": "one customer"}
_BLANK = re.compile(r"\{([a-z][a-z_]*?)_?(\d*)\}")
_BLANK_WORDS: Mapping[str, str] = {
    "offer_amount": "discount", "offer_code": "code", "offer_starts": "first day", "offer_ends": "last day",
    "link": "product link", "shop_link": "shop link",
}  # fmt: skip


def told_rows(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a writer was told (CopyRequest.facts) as names and values; the products are shown elsewhere."""
    reader = told.get("reader")
    rows = [
        (_FACT_WORDS.get(name, name.capitalize()), _fact(name, told[name]))
        for name in ("language", "season", "variant", "granularity")
        if name in told
    ]
    if reader is None:
        return [*rows, ("Reader", "nothing: no consent to profiling")]
    return [
        *rows,
        *((_FACT_WORDS.get(name, name.capitalize()), _fact(name, v)) for name, v in reader.items()),
    ]


def _fact(name: str, value: Any) -> str:
    if name == "language":
        return _LANGUAGES.get(str(value), str(value))
    if name == "granularity":
        return _SCOPES.get(str(value), str(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)


def with_blanks(text: str) -> Markup:
    """A text whose placeholders are shown as what will stand there."""
    parts: list[str | Markup] = []
    at = 0
    for found in _BLANK.finditer(text):
        name = found[1]
        words = _BLANK_WORDS.get(name, name.replace("_", " "))
        parts += [escape(text[at : found.start()]), Markup('<span class="blank">{}</span>').format(words)]
        at = found.end()
    return Markup("").join([*parts, escape(text[at:])])


def money_words(amount: Decimal | float | None, currency: str) -> str:
    """`0.0123 USD`, with as many digits as a small sum needs; says so where no price is known."""
    if amount is None:
        return "no price known"
    digits = 2 if amount >= 10 or not amount else 4
    return f"{amount:,.{digits}f} {currency}"


def duration_words(seconds: float) -> str:
    """`12 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def install_copy_filters(app: Flask) -> None:
    """Make these phrases available to all templates."""
    for name, function in (
        ("told_rows", told_rows),
        ("with_blanks", with_blanks),
        ("money", money_words),
        ("duration", duration_words),
    ):
        app.add_template_filter(function, name)
    for name, words in (
        ("OUTCOME_WORDS", OUTCOME_WORDS),
        ("WORDS_BY", WORDS_BY),
        ("SAMPLE_WORDS", SAMPLE_WORDS),
        ("GRANULARITY_WORDS", GRANULARITY_WORDS),
        ("BOUND_WORDS", BOUND_WORDS),
    ):
        app.add_template_global(words, name)  # type: ignore[arg-type]
