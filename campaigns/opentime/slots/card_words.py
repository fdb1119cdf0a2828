"""What is written on cards, in the customer's language: prices, stock, the units of a countdown."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency

FEW = 5  # from this many pieces on downwards the card says how many are left

_IN_STOCK = {"en": "In stock", "de": "Vorrätig", "fr": "En stock", "es": "En stock", "no": "På lager"}
_ONE_LEFT = {
    "en": "Only 1 left",
    "de": "Nur noch 1 Stück",
    "fr": "Plus qu’un en stock",
    "es": "Solo queda 1",
    "no": "Bare 1 igjen",
}
_FEW_LEFT = {
    "en": "Only {n} left",
    "de": "Nur noch {n} Stück",
    "fr": "Plus que {n} en stock",
    "es": "Solo quedan {n}",
    "no": "Bare {n} igjen",
}
_UNITS: dict[str, tuple[str, str, str, str]] = {
    "en": ("days", "hours", "min", "s"),
    "de": ("Tage", "Std.", "Min.", "Sek."),
    "fr": ("jours", "heures", "min", "s"),
    "es": ("días", "horas", "min", "s"),
    "no": ("dager", "timer", "min", "s"),
}


def language_of(locale: str) -> str:
    """Which of the languages that cards speak a locale asks for: `de-AT` -> `de`; English for all others."""
    language = locale.strip().lower().replace("_", "-").split("-", 1)[0]
    language = "no" if language in ("nb", "nn") else language
    return language if language in _IN_STOCK else "en"


def stock_note(stock: int | None, locale: str) -> str:
    """`3, "en"` -> `Only 3 left`; nothing where nobody counts or none is left."""
    if stock is None or stock <= 0:
        return ""
    language = language_of(locale)
    if stock > FEW:
        return _IN_STOCK[language]
    return _ONE_LEFT[language] if stock == 1 else _FEW_LEFT[language].format(n=stock)


def countdown_units(locale: str) -> tuple[str, str, str, str]:
    """What days, hours, minutes and seconds are called below the digits."""
    return _UNITS[language_of(locale)]


@lru_cache(maxsize=8192)
def price_text(price: Decimal | None, currency: str, locale: str) -> str:
    """`1299.5, "EUR", "de_DE"` -> `1.299,50 €`; nothing for a price that is not known or has no currency."""
    if price is None or not currency:
        return ""
    return format_currency(price, currency, locale=_formatting(locale))


def _formatting(locale: str) -> Locale:
    name = locale.strip().replace("-", "_")
    for candidate in (name, language_of(name)):
        try:
            return Locale.parse(candidate)
        except (ValueError, UnknownLocaleError, TypeError):
            continue
    return Locale("en")
