"""Placeholders: what the writer leaves open, and how code fills it from data in the customer's locale."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

from campaigns.copywriting.brief import Offer
from campaigns.copywriting.hiding import without_name as without_name
from campaigns.copywriting.hiding import without_stock as without_stock
from campaigns.copywriting.languages import formatting_locale
from campaigns.copywriting.lengths import base_field, line_index
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.textrules import PLACEHOLDER, is_quotable
from campaigns.core.characters import clean
from campaigns.core.errors import GiveUp
from campaigns.core.names import presentable_name
from campaigns.models.values import UNKNOWN_STOCK, Copy, Link, LinkedText, ProductFacts

LONGEST_TITLE = 120
LINKED_FIELDS = ("intro", "product_lines")
"""The texts that may hold links; all others are shown where nothing can be clicked, or are a link themselves."""
SHOP_LINK = "shop_link"

_CURRENCY = re.compile(r"[A-Z]{3}")
_IS_LINK = re.compile(r"\{(link_\d+|shop_link)\}")
# By the plural categories of CLDR; those that are not named read like "other".
_IN_STOCK = {
    "en": {"other": "{} in stock"},
    "de": {"one": "{} Stück auf Lager", "other": "{} Stück auf Lager"},
    "fr": {"one": "{} pièce en stock", "other": "{} pièces en stock", "many": "{} de pièces en stock"},
    "es": {"one": "{} unidad en stock", "other": "{} unidades en stock", "many": "{} de unidades en stock"},
}

LinkOf = Callable[[str], str]
"""The URL for the name of a link placeholder: "link_2" (the second pick) or "shop_link"."""


class UnfilledPlaceholder(GiveUp):
    """A copy names a placeholder for which there is no value; the guard lets no such copy pass."""


@dataclass(frozen=True, slots=True)
class PlaceholderValues:
    """The data of one mail: `products` of its picks, in their order; `shop` is the name of the shop."""

    language: str
    locale: str
    first_name: str = ""
    products: tuple[ProductFacts, ...] = ()
    offer: Offer | None = field(default=None)
    shop: str = ""

    @classmethod
    def of(cls, request: CopyRequest, first_name: str, locale: str, shop: str = "") -> PlaceholderValues:
        """The values for a copy written for `request`, for a customer with this name and locale."""
        products = tuple(pick.product for pick in request.picks)
        return cls(request.language, locale, first_name, products, request.brief.offer, shop)


def allowed_placeholders(request: CopyRequest, field: str = "") -> frozenset[str]:
    """The names that a copy for this request may use in this field: those for which there will be data.

    A product line may name what is of its own product only: another's price in it would read as its own.
    Without a field, those that may be used in all texts but the lines of other products.
    """
    names = {"first_name"}
    linked = base_field(field) in LINKED_FIELDS
    own = line_index(field)
    for number, pick in enumerate(request.picks, start=1):
        product = pick.product
        if own is not None and number != own + 1:
            continue
        if _is_priced(product):
            names.add(f"price_{number}")
        if product.stock != UNKNOWN_STOCK:
            names.add(f"stock_{number}")
        if linked and len(product.title) <= LONGEST_TITLE and is_quotable(product.title, request.language):
            names.add(f"link_{number}")
    if linked:
        names.add(SHOP_LINK)
    offer = request.brief.offer
    if offer is not None:
        stated = {
            "offer_amount": offer.has_amount,
            "offer_code": bool(offer.code),
            "offer_starts": offer.starts is not None,
            "offer_ends": offer.ends is not None,
        }
        names.update(name for name, given in stated.items() if given)
    return frozenset(names)


def _is_priced(product: ProductFacts) -> bool:
    return product.price > 0 and bool(_CURRENCY.fullmatch(product.currency))


def fill(copy: Copy, values: PlaceholderValues, link_of: LinkOf | None = None) -> Copy:
    """`copy` with all placeholders replaced by data, formatted for the locale.

    One pass per text: what was filled in is never looked at again, so a customer named "{price_1}" is
    greeted as just that. A text with links becomes a LinkedText; without `link_of` they are words alone.

    Raises:
        UnfilledPlaceholder: a name without a value.
    """
    blanks = _Blanks(values, link_of)
    return Copy(
        subject=blanks.filled(copy.subject),
        preheader=blanks.filled(copy.preheader),
        headline=blanks.filled(copy.headline),
        intro=blanks.filled(copy.intro),
        product_lines=tuple([blanks.filled(line) for line in copy.product_lines]),
        call_to_action=blanks.filled(copy.call_to_action),
    )


class _Blanks:
    """The data of one mail, put into words only where a text asks for it: most texts have no blank."""

    def __init__(self, values: PlaceholderValues, link_of: LinkOf | None) -> None:
        self._values = values
        self._link_of = link_of
        self._locale: Locale | None = None

    def filled(self, text: str) -> str:
        if "{" not in text:
            return text
        if "{first_name}" in text and not presentable_name(self._values.first_name):
            text = without_name(text)
        if "{stock_" in text:
            text = self._with_known_stock(text)
        if self._link_of is None or _IS_LINK.search(text) is None:
            return PLACEHOLDER.sub(self._value, text)
        # Split at links: texts at even places, names of links at odd ones.
        parts = _IS_LINK.split(text)
        return LinkedText(
            [
                Link(self._named(part), self._link_of(part)) if at % 2 else PLACEHOLDER.sub(self._value, part)
                for at, part in enumerate(parts)
            ]
        )

    def _with_known_stock(self, text: str) -> str:
        """The text without any word of stock where some of it is not known any more, or gone."""
        numbers = [name for name in PLACEHOLDER.findall(text) if name.startswith("stock_")]
        return text if all(self._texts(name) for name in numbers) else without_stock(text)

    def _value(self, found: re.Match[str]) -> str:
        return self._named(found.group(1))

    def _named(self, name: str) -> str:
        text = self._texts(name)
        if not text:
            raise UnfilledPlaceholder(f"there is no value for {{{name}}}")
        return text

    def _texts(self, name: str) -> str:
        """The words for a placeholder, "" where there are none."""
        values = self._values
        if name == "first_name":
            return presentable_name(values.first_name)
        if name == SHOP_LINK:
            return clean(values.shop, LONGEST_TITLE)
        if self._locale is None:
            self._locale = formatting_locale(values.language, values.locale)
        kind, _, number = name.rpartition("_")
        if kind == "offer":
            return _of_offer(number, values.offer, self._locale)
        place = int(number) - 1 if number.isascii() and number.isdigit() else -1
        if 0 <= place < len(values.products) and kind in _OF_PRODUCT:
            return _OF_PRODUCT[kind](values.products[place], self._locale)
        return ""


def _of_offer(what: str, offer: Offer | None, locale: Locale) -> str:
    if offer is None:
        return ""
    if what == "amount" and offer.amount_percent is not None:
        return _percent(offer.amount_percent, locale)
    if what == "amount" and offer.amount is not None:
        return _money(offer.amount.amount, offer.amount.currency, locale)
    day = {"starts": offer.starts, "ends": offer.ends}.get(what)
    if day is not None:
        return _day(day, locale)
    return offer.code if what == "code" else ""


def _price(product: ProductFacts, locale: Locale) -> str:
    return _money(product.price, product.currency, locale) if _is_priced(product) else ""


def _stock(product: ProductFacts, locale: Locale) -> str:
    known = product.stock > 0 and product.stock != UNKNOWN_STOCK
    return _in_stock(product.stock, locale) if known else ""


def _title(product: ProductFacts, locale: Locale) -> str:
    return clean(product.title, LONGEST_TITLE)


_OF_PRODUCT = {"price": _price, "stock": _stock, "link": _title}


@lru_cache(maxsize=8192)
def _money(amount: Decimal, currency: str, locale: Locale) -> str:
    return format_currency(amount, currency, locale=locale)


@lru_cache(maxsize=2048)
def _percent(amount: int, locale: Locale) -> str:
    return format_percent(Decimal(amount) / 100, locale=locale)


@lru_cache(maxsize=2048)
def _day(day: date, locale: Locale) -> str:
    return format_date(day, "long", locale=locale)


@lru_cache(maxsize=8192)
def _in_stock(pieces: int, locale: Locale) -> str:
    words = _IN_STOCK[locale.language]
    phrase = words.get(locale.plural_form(pieces), words["other"])
    return phrase.format(format_decimal(pieces, locale=locale))
