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
from campaigns.models.values import OWN_REASONS, Copy, Pick, Reason

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
        "buy_again": "You bought this before",
        "in_your_cart": "It lies in your cart",
        "because_in_your_cart": "Goes with {because} in your cart",
        "you_looked_at": "You looked at this lately",
        "because_you_looked_at": "Because you looked at {because}",
        "area_favourite": "A favourite in your country these weeks",
        "shop_choice": "Chosen by our team",
        "instead_of": "In place of {because}, which is sold out",
        "from_our_shop": "From our shop",
    },
    "de": {
        "because_you_bought": "Weil Sie „{because}“ gekauft haben",
        "like_your_purchases": "Ähnlich wie Ihr Kauf „{because}“",
        "because_you_like": "Weil „{because}“ zu Ihren Favoriten gehört",
        "your_favourite": "Von Ihnen als Favorit gewählt",
        "recent_favourite": "In diesen Wochen besonders beliebt",
        "best_seller": "Einer unserer Bestseller",
        "buy_again": "Von Ihnen schon einmal gekauft",
        "in_your_cart": "Liegt in Ihrem Warenkorb",
        "because_in_your_cart": "Passt zu „{because}“ in Ihrem Warenkorb",
        "you_looked_at": "Von Ihnen kürzlich angesehen",
        "because_you_looked_at": "Weil Sie „{because}“ angesehen haben",
        "area_favourite": "In diesen Wochen in Ihrem Land beliebt",
        "shop_choice": "Von unserem Team ausgewählt",
        "instead_of": "Ersatz für „{because}“ (ausverkauft)",
        "from_our_shop": "Aus unserem Sortiment",
    },
    "fr": {
        "because_you_bought": "Parce que vous avez acheté « {because} »",
        "like_your_purchases": "Proche de votre achat « {because} »",
        "because_you_like": "Parce que vous aimez « {because} »",
        "your_favourite": "Un des favoris que vous avez choisis",
        "recent_favourite": "Très apprécié ces dernières semaines",
        "best_seller": "Une de nos meilleures ventes",
        "buy_again": "Déjà acheté par vous",
        "in_your_cart": "Dans votre panier",
        "because_in_your_cart": "Va avec « {because} » dans votre panier",
        "you_looked_at": "Vu par vous récemment",
        "because_you_looked_at": "Parce que vous avez regardé « {because} »",
        "area_favourite": "Très apprécié dans votre pays ces dernières semaines",
        "shop_choice": "Choisi par notre équipe",
        "instead_of": "À la place de « {because} », en rupture de stock",
        "from_our_shop": "De notre boutique",
    },
    "es": {
        "because_you_bought": "Porque compró «{because}»",
        "like_your_purchases": "Parecido a su compra «{because}»",
        "because_you_like": "Porque «{because}» está entre sus favoritos",
        "your_favourite": "Uno de los favoritos que eligió",
        "recent_favourite": "Muy apreciado estas semanas",
        "best_seller": "Uno de nuestros más vendidos",
        "buy_again": "Ya lo compró antes",
        "in_your_cart": "Está en su carrito",
        "because_in_your_cart": "Combina con «{because}» de su carrito",
        "you_looked_at": "Lo miró hace poco",
        "because_you_looked_at": "Porque miró «{because}»",
        "area_favourite": "Muy apreciado en su país estas semanas",
        "shop_choice": "Elegido por nuestro equipo",
        "instead_of": "En lugar de «{because}», que está agotado",
        "from_our_shop": "De nuestra tienda",
    },
    "no": {
        "because_you_bought": "Fordi du kjøpte «{because}»",
        "like_your_purchases": "Ligner på «{because}», som du har kjøpt",
        "because_you_like": "Fordi du liker «{because}»",
        "your_favourite": "En av favorittene du valgte",
        "recent_favourite": "En favoritt hos kundene våre de siste ukene",
        "best_seller": "En av bestselgerne våre",
        "buy_again": "Dette har du kjøpt før",
        "in_your_cart": "Ligger i handlekurven din",
        "because_in_your_cart": "Passer til «{because}» i handlekurven din",
        "you_looked_at": "Du så på denne nylig",
        "because_you_looked_at": "Fordi du så på «{because}»",
        "area_favourite": "En favoritt i landet ditt de siste ukene",
        "shop_choice": "Valgt av oss i butikken",
        "instead_of": "I stedet for «{because}», som er utsolgt",
        "from_our_shop": "Fra butikken vår",
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
        title=_title(product.title),
        price_text=price_text(product.price, product.currency, locale),
        picture_url=product.image_url if is_web_address(product.image_url) else "",
        link=link,
        line=line,
        reason_text=reason_words(pick.reason, language),
        personal=pick.reason.kind in OWN_REASONS,
    )


def is_web_address(image_url: str) -> bool:
    """Whether a mail can show it: a path beside the shop's files leads nowhere from there."""
    return image_url.lower().startswith(("https://", "http://"))


@lru_cache(maxsize=8192)
def price_text(amount: Decimal, currency: str, locale: str) -> str:
    """`1299.5, "EUR", "de_DE"` -> `1.299,50 €`; an unknown locale is written the English way."""
    return format_currency(amount, currency, locale=_locale(locale))


@lru_cache(maxsize=8192)
def _title(text: str) -> str:
    """The title of a product on one line."""
    return one_line(text)


@lru_cache(maxsize=4096)  # A day for each language: customers agreed in the course of many years.
def date_text(day: date, language: str) -> str:
    """A date in words of the language: `4 March 2025`, `4. März 2025`."""
    locale = _locale(language)
    # "en" alone writes the American order; a mail to the whole world reads better as day, month, year.
    return format_date(day, format="long", locale=Locale("en", "GB") if str(locale) == "en" else locale)


@lru_cache(maxsize=8192)  # A shop has some thousand products that somebody may have bought.
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
