"""What a writer is told of each customer: nothing that names them, and nothing without consent to profiling."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from babel import Locale

from campaigns.audience.consent import states
from campaigns.audience.engagement import last_signs
from campaigns.copywriting.languages import language_for
from campaigns.copywriting.request import MOST_FAVOURITES, VARIANTS, CopyRequest
from campaigns.core.db import Database
from campaigns.flows.describing.plans import CampaignPlan
from campaigns.flows.sending.addressees import Addressee
from campaigns.flows.sending.picking import Picker
from campaigns.models.copy import salt_of
from campaigns.models.values import Pick, ProductFacts
from campaigns.recommend.recommender import History
from campaigns.recommend.styles import Styles

K = TypeVar("K", bound=Hashable)

# Half a year without an order is long for most shops; after two years the address book is what is left of them,
# and "we miss you" would be presumptuous. Who ordered so many things knows the shop well.
LAPSING_AFTER_DAYS = 180
LOST_AFTER_DAYS = 730
LOYAL_FROM_PURCHASES = 8
# A sign of a person so lately, with so few mails since, is a keen reader; so many mails without one a quiet one.
KEEN_WITHIN = timedelta(days=30)
KEEN_MAILS = 2
QUIET_FROM_MAILS = 5
# Who looks at so many products before buying wants to know more of them than most.
LOOKS_CLOSELY_FROM = 2

_STYLE_TAG, _DETAIL_TAG = "style:", "detail:"
_LONGEST_PLACE = 40
_LETTERS_OF_VARIANTS = VARIANTS[1:]
_SEASONS = ("winter", "winter", "spring", "spring", "spring", "summer", "summer", "summer",
            "autumn", "autumn", "autumn", "winter")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What is read of a customer for the finer granularities: the band of engagement, and whether the place where
    they live may be told."""

    engagement: str = ""
    located: bool = False


class Told(NamedTuple):
    """A customer, what they did, and what their mail shows."""

    addressee: Addressee
    history: History
    picks: Sequence[Pick]


class _Finer(NamedTuple):
    """What only finer granularities than a cell tell (see CopyRequest)."""

    salt: str = ""
    engagement: str = ""
    style: str = ""
    detail: str = ""
    place: str = ""


NOTHING_KNOWN = Known()
_NOTHING_FINER = _Finer()


class Readers:
    """What writers are told of many customers at once; one object belongs to one process."""

    def __init__(self, db: Database, picker: Picker) -> None:
        self._db = db
        self._picker = picker

    def requests(self, plan: CampaignPlan, told: Mapping[K, Told], now: datetime) -> dict[K, CopyRequest]:
        """The request for each mail. Reads, by two queries, only for a granularity that tells more than a cell."""
        catalogue = self._picker.catalogue
        if plan.copy.granularity == "cell":
            return {key: copy_request(plan, *one, catalogue, now) for key, one in told.items()}
        ids = {one.addressee.customer_id for one in told.values() if one.history.personal}
        known, styles = known_of(self._db, ids, now), self._picker.styles
        return {
            key: copy_request(
                plan, *one, catalogue, now, known.get(one.addressee.customer_id, NOTHING_KNOWN), styles
            )
            for key, one in told.items()
        }


def copy_request(
    plan: CampaignPlan,
    addressee: Addressee,
    history: History,
    picks: Sequence[Pick],
    catalogue: Mapping[int, ProductFacts],
    now: datetime,
    known: Known = NOTHING_KNOWN,
    styles: Styles | None = None,
) -> CopyRequest:
    """What the writer is told about this mail: nothing that names the person.

    `history` has nothing sensitive in it (Picker.pick takes it out), so neither have favourites and style.
    """
    terms, personal = plan.copy, history.personal
    language = copy_language(plan, addressee.locale)
    favourites = favourite_categories(history, picks, catalogue) if personal else ()
    finer = _NOTHING_FINER
    if personal and terms.granularity != "cell":
        finer = _finer(plan, addressee, history, known, styles, language)
    return CopyRequest(
        brief=plan.brief,
        language=language,
        stage=stage_of(history) if personal else "active",
        favourite_category=favourites[0] if favourites else "",
        picks=tuple(picks),
        # Where somebody lives tailors, too: without consent all are told of the season of the north.
        season=season_of(now, addressee.latitude if personal else None),
        personal=personal,
        granularity=terms.granularity,
        variant=variant_of(plan.id, addressee.customer_id, terms.variants) if terms.variants > 1 else "",
        salt=finer.salt,
        engagement=finer.engagement,
        style=finer.style,
        detail=finer.detail,
        favourites=favourites[1:],
        place=finer.place,
        seed=terms.seed,
    )


def _finer(
    plan: CampaignPlan,
    addressee: Addressee,
    history: History,
    known: Known,
    styles: Styles | None,
    language: str,
) -> _Finer:
    own = plan.copy.granularity == "customer"
    return _Finer(
        salt=salt_of(plan.id, addressee.customer_id) if own else "",
        engagement=known.engagement,
        style=style_of(history, addressee.tags, styles) if styles else "",
        detail=detail_of(history, addressee.tags, known.engagement),
        place=place_of(addressee, language, town=own) if known.located else "",
    )


def copy_language(plan: CampaignPlan, locale: str) -> str:
    """The language of a mail: the customer's if the brief has it, else the brief's first."""
    return language_for(locale, plan.brief.languages)


def known_of(db: Database, customer_ids: Collection[int], now: datetime) -> dict[int, Known]:
    """What may be known of these customers, all of whom agreed to profiling when it was last looked."""
    ids = sorted(customer_ids)
    if not ids:
        return {}
    with db.transaction() as session:
        granted = states(session, ids)
        signs = last_signs(session, ids, now)
    return {
        key: Known(
            engagement=engagement_of(*signs[key], now) if key in signs else "",
            located={"profiling", "open_location"} <= granted[key],
        )
        for key in ids
    }


def stage_of(history: History) -> str:
    """Where in their life with the shop a customer is (request.STAGES)."""
    if not len(history.products):
        return "newcomer"
    latest = history.days_ago.min()
    if latest > LAPSING_AFTER_DAYS:
        return "lost" if latest > LOST_AFTER_DAYS else "lapsing"
    return "loyal" if len(history.products) >= LOYAL_FROM_PURCHASES else "active"


def favourite_categories(
    history: History, picks: Sequence[Pick], catalogue: Mapping[int, ProductFacts]
) -> tuple[str, ...]:
    """Up to three categories: the most bought ones; of who bought nothing those for which they said to like picks."""
    bought = Counter([catalogue[p].category for p in history.products.tolist() if p in catalogue])
    if not bought:
        bought = Counter(
            [p.product.category for p in picks if p.reason.kind in ("because_you_like", "your_favourite")]
        )
    if len(bought) > 1:
        return tuple(sorted(filter(None, bought), key=lambda name: (-bought[name], name))[:MOST_FAVOURITES])
    return tuple(filter(None, bought))


def engagement_of(mails: int, last_sign: datetime | None, now: datetime) -> str:
    """The band (request.ENGAGEMENT) for so many mails since the last sign of a person (audience.engagement)."""
    if mails >= QUIET_FROM_MAILS:
        return "quiet"
    lately = last_sign is not None and now - last_sign <= KEEN_WITHIN
    return "keen" if lately and mails <= KEEN_MAILS else "usual"


def style_of(history: History, tags: Sequence[str], styles: Styles) -> str:
    """The preferred style: what the shop's data say ("style:vintage" among the customer's tags), else what was bought.

    Only what the shop's own products are tagged with, so that no word about a customer finds its way into a prompt.
    """
    said = _said(tags, _STYLE_TAG)
    return (styles.known(said) if said else "") or styles.of(history.products.tolist())


def detail_of(history: History, tags: Sequence[str], engagement: str) -> str:
    """How much to tell (request.DETAILS): as the shop's data say ("detail:short"), else by how closely they look.

    Who has stopped looking gets few words; who keenly looks at several products without buying yet, many.
    """
    said = _said(tags, _DETAIL_TAG)
    if said in ("short", "full"):
        return said
    if engagement == "quiet":
        return "short"
    return "full" if engagement == "keen" and len(history.clicked) >= LOOKS_CLOSELY_FROM else ""


def place_of(addressee: Addressee, language: str, town: bool) -> str:
    """The town (where `town` and usable) or the country in `language`, from the shop's own data; never from an IP."""
    name = addressee.city.strip() if town else ""
    if name and len(name) <= _LONGEST_PLACE and all(c.isalpha() or c in " -'." for c in name):
        return name
    return str(Locale(language).territories.get(addressee.country.strip().upper(), ""))


def season_of(now: datetime, latitude: float | None) -> str:
    """The meteorological season where the customer lives; that of the north where nobody knows."""
    southern = latitude is not None and latitude < 0
    return _SEASONS[(now.month - 1 + (6 if southern else 0)) % 12]


def variant_of(campaign_id: int, customer_id: int, variants: int) -> str:
    """Which of so many variants this customer gets, the same one every time; "" where there is one."""
    if variants < 2:
        return ""
    return _LETTERS_OF_VARIANTS[_hash("variant", campaign_id, customer_id)[0] % variants]


def _hash(what: str, campaign_id: int, customer_id: int) -> bytes:
    return hashlib.sha256(f"{what}/{campaign_id}/{customer_id}".encode()).digest()


def _said(tags: Sequence[str], kind: str) -> str:
    return next((tag[len(kind) :].strip() for tag in tags if tag.startswith(kind)), "")
