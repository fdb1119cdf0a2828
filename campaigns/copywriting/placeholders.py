"""Placeholders: what the writer leaves open, and how code fills it from data in the customer's locale."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_percent

from campaigns.copywriting.brief import Offer
from campaigns.copywriting.characters import clean, is_number
from campaigns.copywriting.languages import formatting_locale
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.textrules import PLACEHOLDER
from campaigns.core.errors import GiveUp
from campaigns.models.values import Copy, ProductFacts

LONGEST_NAME = 40
_CURRENCY = re.compile(r"[A-Z]{3}")
_LOOKS_LIKE_LINK = re.compile(r"://|www\.|@|\.[a-z]{2,}\b", re.IGNORECASE)

_GREETINGS = (
    "hello|hi|hey|welcome|welcome back|welcome outside|good morning|good evening|thanks|thank you"
    "|hallo|moin|servus|guten tag|guten morgen|willkommen|willkommen zurück|danke"
    "|bonjour|bonsoir|salut|bienvenue|merci|coucou"
    "|hola|bienvenida|bienvenido|buenos días|buenas|gracias"
)
_AFTER = r"(?=\s*(?:[,.!?:;…]|$))"
# "Hello {first_name}, ..." -> "Hello, ..."
_AFTER_GREETING = re.compile(rf"\b({_GREETINGS})\s+\{{first_name\}}{_AFTER}", re.IGNORECASE | re.MULTILINE)
# "For you, {first_name}!" -> "For you!"
_AFTER_COMMA = re.compile(rf"\s*,\s*\{{first_name\}}{_AFTER}", re.MULTILINE)
# "{first_name}, this is new" -> "This is new"
_LEADING = re.compile(
    r"((?:^|(?<=[.!?…:])\s+)[¡¿\"“„«]?)\{first_name\}\s*(?:[,:!]|\s[–—-])\s*(\w?)", re.MULTILINE
)


class UnfilledPlaceholder(GiveUp):
    """A copy names a placeholder for which there is no value; the guard lets no such copy pass."""


@dataclass(frozen=True, slots=True)
class PlaceholderValues:
    """The data of one mail: `prices` are (amount, ISO 4217 code) per pick, in the order of the picks."""

    language: str
    locale: str
    first_name: str = ""
    prices: tuple[tuple[Decimal, str], ...] = ()
    offer: Offer | None = field(default=None)

    @classmethod
    def of(cls, request: CopyRequest, first_name: str, locale: str) -> PlaceholderValues:
        """The values for a copy written for `request`, for a customer with this name and locale."""
        prices = tuple((pick.product.price, pick.product.currency) for pick in request.picks)
        return cls(request.language, locale, first_name, prices, request.brief.offer)


def allowed_placeholders(request: CopyRequest) -> frozenset[str]:
    """The names that a copy for this request may use: those for which there will be data."""
    names = {"first_name"}
    names.update(
        f"price_{number}" for number, pick in enumerate(request.picks, start=1) if _is_priced(pick.product)
    )
    offer = request.brief.offer
    if offer is not None:
        names.update(_offer_texts(offer.amount_percent, offer.code, offer.ends))
    return frozenset(names)


def _offer_texts(amount: int | None, code: str, ends: date | None) -> list[str]:
    stated = {"offer_amount": amount is not None, "offer_code": bool(code), "offer_ends": ends is not None}
    return [name for name, given in stated.items() if given]


def _is_priced(product: ProductFacts) -> bool:
    return product.price > 0 and bool(_CURRENCY.fullmatch(product.currency))


@lru_cache(maxsize=8192)
def presentable_name(name: str) -> str:
    """The name as it may stand in a mail, "" if it should not: absent, overlong or somebody's advert.

    Names are typed by anybody into a form, and a name that is a link is the usual way to send spam
    through another's mails.
    """
    tidy = clean(name, LONGEST_NAME + 1)
    if len(tidy) > LONGEST_NAME or _LOOKS_LIKE_LINK.search(tidy) or all(is_number(c) for c in tidy):
        return ""
    return tidy


def without_name(text: str) -> str:
    """`text` with {first_name} and its punctuation taken out; it stays where it cannot be missing."""
    text = _AFTER_GREETING.sub(r"\1", text)
    text = _AFTER_COMMA.sub("", text)
    return _LEADING.sub(lambda found: found.group(1) + found.group(2).upper(), text)


def fill(copy: Copy, values: PlaceholderValues) -> Copy:
    """`copy` with all placeholders replaced by data, formatted for the locale.

    One pass per text: what was filled in is never looked at again, so a customer named "{price_1}" is
    greeted as just that.

    Raises:
        UnfilledPlaceholder: a name without a value.
    """
    blanks = _Blanks(values)
    return Copy(
        subject=blanks.filled(copy.subject),
        preheader=blanks.filled(copy.preheader),
        headline=blanks.filled(copy.headline),
        intro=blanks.filled(copy.intro),
        product_lines=tuple(blanks.filled(line) for line in copy.product_lines),
        call_to_action=blanks.filled(copy.call_to_action),
    )


class _Blanks:
    """The data of one mail, put into words only where a text asks for it: most texts have no blank."""

    def __init__(self, values: PlaceholderValues) -> None:
        self._values = values
        self._name = presentable_name(values.first_name)
        self._ready: dict[str, str] | None = None

    def filled(self, text: str) -> str:
        if "{" not in text:
            return text
        if not self._name:
            text = without_name(text)
        return PLACEHOLDER.sub(self._value, text)

    def _value(self, found: re.Match[str]) -> str:
        if self._ready is None:
            self._ready = {**_texts(self._values), "first_name": self._name}
        return _value(self._ready, found.group(1))


def _value(ready: dict[str, str], name: str) -> str:
    text = ready.get(name, "")
    if not text:
        raise UnfilledPlaceholder(f"there is no value for {{{name}}}")
    return text


def _texts(values: PlaceholderValues) -> dict[str, str]:
    locale = formatting_locale(values.language, values.locale)
    texts = {}
    for number, (amount, currency) in _numbered(values.prices):
        known = amount > 0 and _CURRENCY.fullmatch(currency)
        texts[f"price_{number}"] = _money(amount, currency, locale) if known else ""
    offer = values.offer
    if offer is not None:
        if offer.amount_percent is not None:
            texts["offer_amount"] = format_percent(Decimal(offer.amount_percent) / 100, locale=locale)
        if offer.ends is not None:
            texts["offer_ends"] = format_date(offer.ends, "long", locale=locale)
        texts["offer_code"] = offer.code
    return texts


@lru_cache(maxsize=8192)
def _money(amount: Decimal, currency: str, locale: Locale) -> str:
    return format_currency(amount, currency, locale=locale)


def _numbered(
    prices: Iterable[tuple[Decimal, str]],
) -> Iterable[tuple[int, tuple[Decimal, str]]]:
    return enumerate(prices, start=1)
