"""What a mail holds, in words ready to be shown: picks, slots, prices, dates and reasons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency

from campaigns.compose.links import Links
from campaigns.core.errors import BadInput
from campaigns.models.values import Copy, Pick, Reason

_PERSONAL_REASONS = ("because_you_bought", "like_your_purchases", "because_you_like", "your_favourite")
_LONGEST_NAME = 40
_WEB_ADDRESS = re.compile(r"://|www\.|\.\w{2,}/|@", re.IGNORECASE)
# Controls, and marks that turn the direction of the text around them: none belongs to one line of words.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")

_REASONS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "because_you_bought": "Because you bought {because}",
        "like_your_purchases": "Similar to your {because}",
        "because_you_like": "Because you like {because}",
        "your_favourite": "One of the favourites you chose",
        "recent_favourite": "A favourite of our customers these weeks",
        "best_seller": "One of our best-sellers",
    },
    "de": {
        "because_you_bought": "Weil Sie „{because}“ gekauft haben",
        "like_your_purchases": "Ähnlich wie Ihr Kauf „{because}“",
        "because_you_like": "Weil „{because}“ zu Ihren Favoriten gehört",
        "your_favourite": "Von Ihnen als Favorit gewählt",
        "recent_favourite": "In diesen Wochen besonders beliebt",
        "best_seller": "Einer unserer Bestseller",
    },
    "fr": {
        "because_you_bought": "Parce que vous avez acheté « {because} »",
        "like_your_purchases": "Proche de votre achat « {because} »",
        "because_you_like": "Parce que vous aimez « {because} »",
        "your_favourite": "Un des favoris que vous avez choisis",
        "recent_favourite": "Très apprécié ces dernières semaines",
        "best_seller": "Une de nos meilleures ventes",
    },
    "es": {
        "because_you_bought": "Porque compró «{because}»",
        "like_your_purchases": "Parecido a su compra «{because}»",
        "because_you_like": "Porque «{because}» está entre sus favoritos",
        "your_favourite": "Uno de los favoritos que eligió",
        "recent_favourite": "Muy apreciado estas semanas",
        "best_seller": "Uno de nuestros más vendidos",
    },
    "no": {
        "because_you_bought": "Fordi du kjøpte «{because}»",
        "like_your_purchases": "Ligner på «{because}», som du har kjøpt",
        "because_you_like": "Fordi du liker «{because}»",
        "your_favourite": "En av favorittene du valgte",
        "recent_favourite": "En favoritt hos kundene våre de siste ukene",
        "best_seller": "En av bestselgerne våre",
    },
}


@dataclass(frozen=True, slots=True)
class Brand:
    """Who is writing: name, address of the shop on the web, and the postal address the law asks for."""

    name: str
    site_url: str
    postal_address: str


@dataclass(frozen=True, slots=True)
class PickView:
    """A pick as it is shown; `personal` says that its reason is what this customer bought or likes."""

    title: str
    price_text: str
    picture_url: str
    link: str
    line: str
    reason_text: str
    personal: bool = False

    def linked(self, link: str) -> PickView:
        """The same pick with another link."""
        return PickView(
            self.title, self.price_text, self.picture_url, link, self.line, self.reason_text, self.personal
        )


@dataclass(frozen=True, slots=True)
class SlotView:
    """A slot as it is shown; `alt` is true of every variant the picture may turn out to be."""

    url: str
    link: str
    alt: str


@dataclass(frozen=True, slots=True)
class MailContent:
    """All that one mail says to one customer.

    `slots` by name; a template leaves out a slot it is not given. `language` chooses the fixed words (with
    English where the template has none). `consent_since` is the day the customer agreed to marketing.
    `open_pixel_url` is None for a customer without open_tracking, and the mail then says so;
    `with_pixel` False leaves the pixel out of a copy that is only looked at.
    """

    copy: Copy
    picks: tuple[PickView, ...]
    links: Links
    brand: Brand
    slots: Mapping[str, SlotView] = field(default_factory=lambda: MappingProxyType({}))
    first_name: str = ""
    language: str = "en"
    consent_since: date | None = None
    open_pixel_url: str | None = None
    with_pixel: bool = True

    @property
    def personal(self) -> bool:
        """Whether any pick was chosen from this customer's purchases."""
        return any(pick.personal for pick in self.picks)


def pick_view(pick: Pick, *, line: str, link: str, locale: str, language: str) -> PickView:
    """A pick in words: price by `locale` (such as `de_DE`), reason in `language` (such as `de`)."""
    product = pick.product
    return PickView(
        title=one_line(product.title),
        price_text=price_text(product.price, product.currency, locale),
        picture_url=product.image_url,
        link=link,
        line=line,
        reason_text=reason_words(pick.reason, language),
        personal=pick.reason.kind in _PERSONAL_REASONS,
    )


@lru_cache(maxsize=8192)
def price_text(amount: Decimal, currency: str, locale: str) -> str:
    """`1299.5, "EUR", "de_DE"` -> `1.299,50 €`; an unknown locale is written the English way."""
    return format_currency(amount, currency, locale=_locale(locale))


@lru_cache(maxsize=4096)
def date_text(day: date, language: str) -> str:
    """A date in words of the language: `4 March 2025`, `4. März 2025`."""
    locale = _locale(language)
    # "en" alone writes the American order; a mail to the whole world reads better as day, month, year.
    return format_date(day, format="long", locale=Locale("en", "GB") if str(locale) == "en" else locale)


def reason_words(reason: Reason, language: str) -> str:
    """The reason of a pick as a short phrase, in English where the language is not known.

    Raises:
        BadInput: a kind of reason that nobody has put into words.
    """
    words = _REASONS.get(language_of(language), _REASONS["en"])
    if reason.kind not in words:
        raise BadInput(f"no words for the reason {reason.kind!r}", where="reason")
    return words[reason.kind].format(because=one_line(reason.because))


def language_of(locale: str) -> str:
    """The language of a locale in two letters: `de-AT` -> `de`; Norwegian is always `no`."""
    language = re.split(r"[-_]", locale.strip().lower(), maxsplit=1)[0]
    return "no" if language in ("nb", "nn") else language


def greeting_name(first_name: str) -> str:
    """A first name fit for a greeting, or nothing.

    Whoever signs up chooses the name, and mail programs turn web addresses into links: a name that is
    one, or that is endless, is left out rather than carried to somebody else's inbox under our brand.
    """
    name = one_line(first_name)
    return "" if len(name) > _LONGEST_NAME or _WEB_ADDRESS.search(name) else name


def one_line(text: str) -> str:
    """The text on one line: runs of white space become one space, controls go, non-breaking spaces stay."""
    return re.sub(r"[ \t]+", " ", _UNPRINTABLE.sub(" ", text)).strip()


@lru_cache(maxsize=512)
def _locale(name: str) -> Locale:
    tag = re.sub(r"^no\b", "nb", name.strip().replace("-", "_"), flags=re.IGNORECASE)
    for candidate in (tag, tag.split("_")[0]):
        try:
            return Locale.parse(candidate, sep="_")
        except (ValueError, UnknownLocaleError, TypeError):
            continue
    return Locale("en")
