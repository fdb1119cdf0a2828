"""The rules in force as sentences for the people of the shop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from campaigns.recommend.rules import BRAND, CATEGORY, LISTED, Favour, Match, Rules, StandInRules
from campaigns.recommend.sensitive import Sensitive
from campaigns.recommend.sensitive_words import TOPIC_WORDS

_MOST_LISTED = 8


def rules_in_words(rules: Rules) -> list[str]:
    """One sentence a rule, what is never done first."""
    return [*_never(rules), *_limits(rules), *_order(rules), *_stand_ins(rules.stand_ins)]


def _never(rules: Rules) -> Iterator[str]:
    yield "Only what is in stock."
    if rules.never:
        yield f"Never {_meant(rules.never)}."
    if rules.sensitive is not None:
        yield from _secrets(rules.sensitive)
    for together in rules.never_together:
        yield f"Never in one mail: {_listed(sorted(together), ' and ')}."
    named = f"{_listed(sorted(rules.durable))}, and " if rules.durable else ""
    lasting = f"{named}categories with products tagged durable"
    yield f"No second one within {_days(rules.durable_days)} of what lasts: {lasting}."


def _secrets(sensitive: Sensitive) -> Iterator[str]:
    if sensitive.topics or sensitive.words:
        topics = [topic for topic in TOPIC_WORDS if topic in sensitive.topics]
        more = f" and {len(sensitive.words)} more words of the shop" if sensitive.words else ""
        yield f"Never shown or mentioned, and no part of anybody's taste: {_listed(topics, most=20)}{more}."
    if open_ := [topic for topic in TOPIC_WORDS if topic not in sensitive.topics]:
        yield f"Sold openly in this shop: {_listed(open_)}."


def _limits(rules: Rules) -> Iterator[str]:
    brands = f" and {rules.per_brand} of a brand" if rules.per_brand is not None else ""
    yield f"At most {rules.per_category} of a category{brands} in a mail, as long as there is enough else."
    if rules.likeness is not None:
        yield f"No two whose titles are nearly the same (from {rules.likeness:g} on a scale of 0 to 1)."
    if rules.price_band is not None:
        low, high = rules.price_band
        yield f"Preferably from {low:g} to {high:g} times of what the customer usually pays."
    if rules.fresh:
        yield "Preferably nothing that the last mail showed and the customer did not click."
    if rules.bought_days is None:
        yield "As something new, nothing that the customer ever bought."
    else:
        yield f"As something new, nothing that the customer bought within {_days(rules.bought_days)}."


def _order(rules: Rules) -> Iterator[str]:
    if rules.pinned:
        yield f"Always first: {_listed(rules.pinned, ', then ')}."
    if rules.buy_again:
        yield f"{_share(rules.buy_again)} of the picks are what the customer bought before and may need again."
    if rules.popularity is not None:
        yield f"Popularity {rules.popularity:g}: 0 shows the back catalogue, 1 what most customers buy."
    yield from (_favoured(favour) for favour in rules.favour)
    if rules.margin:
        yield f"Margin counts with weight {rules.margin:g} (tags such as margin:35)."
    if rules.clear_stock:
        yield f"Much stock counts with weight {rules.clear_stock:g}."


def _stand_ins(rules: StandInRules) -> Iterator[str]:
    for sku, others in list(rules.instead.items())[:_MOST_LISTED]:
        yield f"Instead of {sku}, when it sells out: {_listed(others, ', then ')}."
    if len(rules.instead) > _MOST_LISTED:
        yield f"Stand-ins are listed for {len(rules.instead) - _MOST_LISTED} more products."
    then = "the mail goes without it" if rules.leave_out else "the mail is picked anew"
    if LISTED in rules.choose:
        yield f"What sells out before its mail goes out is replaced by nothing but what is listed; else {then}."
        return
    if rules.choose == {CATEGORY}:
        kind = "a product of the same category"
    elif BRAND in rules.choose:
        use = " and use" if rules.choose - {BRAND, CATEGORY} else ""
        kind = f"a product of the same brand and category{use}"
    else:
        kind = "a product of the same category and use"
    price = "half to double the price"
    if rules.price_within is not None:
        price = f"a price that differs by {_share(rules.price_within)} at most"
    yield f"What sells out before its mail goes out is replaced by {kind}, at {price}; where there is none, {then}."


def _favoured(favour: Favour) -> str:
    how = "more" if favour.weight >= 1 else "less"
    return f"{how.capitalize()} of {_meant(favour.products)} (scores times {favour.weight:g})."


def _meant(match: Match) -> str:
    parts = [
        (match.skus, "product", "products"),
        (match.categories, "category", "categories"),
        (match.brands, "brand", "brands"),
        (match.tags, "tag", "tags"),
    ]
    told = [
        f"{one if len(names) == 1 else many} {_listed(sorted(names))}" for names, one, many in parts if names
    ]
    return "; ".join(told)


def _listed(names: Sequence[str], last: str = ", ", most: int = _MOST_LISTED) -> str:
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return last.join(names)


def _days(days: float) -> str:
    return f"{days:g} day{'' if days == 1 else 's'}"


def _share(share: float) -> str:
    return f"{100 * share:g} %"
