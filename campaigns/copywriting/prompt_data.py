"""What the messages to a model tell of one cell: the situation, the reader and the products, as JSON.

All of it is data from strangers: cleaned, cut, and freed of sentences that speak to a model; the messages encode it
as JSON that cannot close its own delimiter. Of the customer there is only what `CopyRequest.facts` has.
"""

from __future__ import annotations

from typing import Any

from campaigns.copywriting.instructions import gives_orders, told_to_a_model
from campaigns.copywriting.placeholders import LONGEST_TITLE, allowed_placeholders
from campaigns.copywriting.request import CopyRequest, spoken_tags
from campaigns.copywriting.textrules import is_quotable
from campaigns.models.values import Pick, ProductFacts

UNNAMED = "(do not name this product)"

_LONGEST_CATEGORY, _LONGEST_DESCRIPTION, _LONGEST_TAG, _MOST_TAGS = 60, 500, 30, 12
_LANGUAGE_NAMES = {"en": "English", "de": "German (du)", "fr": "French (vous)", "es": "Spanish (tú)"}
_REASONS = {
    "because_you_bought": "goes with something the reader bought",
    "like_your_purchases": "similar to what the reader bought before",
    "because_you_like": "fits what the reader said they like",
    "your_favourite": "named by the reader as a favourite",
    "recent_favourite": "chosen by many customers lately",
    "best_seller": "one of the shop's best-sellers",
    "buy_again": "something the reader bought before and may need again",
    "in_your_cart": "lies in the reader's shopping cart",
    "because_in_your_cart": "goes with something in the reader's shopping cart",
    "you_looked_at": "the reader looked at it lately",
    "because_you_looked_at": "goes with something the reader looked at lately",
    "area_favourite": "chosen by many customers in the reader's country lately",
    "shop_choice": "recommended by the shop itself",
    "instead_of": "much like another product of the shop",
    "from_our_shop": "part of the shop's range",
}
# Fixed ways in, so that variants differ from the first word on, and are asked for alike when a run is repeated.
_ANGLES = {
    "a": "open with what the reader can do with the first product",
    "b": "open with a question",
    "c": "open with a small scene",
    "d": "be as brief as you can",
    "e": "open with the season or the occasion",
}


def cell_facts(request: CopyRequest) -> dict[str, Any]:
    """All that the message about a cell tells."""
    everywhere = allowed_placeholders(request)
    facts: dict[str, Any] = {
        "language": request.language,
        "write_in": _LANGUAGE_NAMES[request.language],
        "season": request.season,
        "placeholders": _in_braces(everywhere),
        "placeholders_of_intro_and_product_lines": _in_braces(
            allowed_placeholders(request, "intro") - everywhere
        ),
        "must_mention": list(request.brief.must_mention_in(request.language)),
        "call_to_action": request.brief.call_to_action_in(request.language),
        "products": [product_facts(number, pick, request) for number, pick in enumerate(request.picks, 1)],
    }
    if request.variant:
        facts["angle"] = _ANGLES[request.variant]
    if request.personal:
        facts["reader"] = {name: _told(value) for name, value in request.reader().items()}
    return facts


def product_facts(number: int, pick: Pick, request: CopyRequest) -> dict[str, Any]:
    """What is told of one product of a mail, `number` from 1."""
    product = pick.product
    tags = [_told(tag, _LONGEST_TAG) for tag in spoken_tags(product)[:_MOST_TAGS]]
    return {
        "number": number,
        "title": product.title if _is_nameable(product, request.language) else UNNAMED,
        "category": _told(product.category),
        "brand": _told(product.brand),
        "description": told_to_a_model(product.description, _LONGEST_DESCRIPTION),
        "tags": [tag for tag in tags if tag],
        "why_picked": _REASONS.get(request.reason_kind(pick), ""),
    }


def _is_nameable(product: ProductFacts, language: str) -> bool:
    """Whether the title is shown: the guard would let it stand in a mail, and it gives no orders."""
    title = product.title
    return len(title) <= LONGEST_TITLE and is_quotable(title, language) and not gives_orders(title)


def _told(value: Any, longest: int = _LONGEST_CATEGORY) -> Any:
    if isinstance(value, list):
        return [kept for one in value if (kept := told_to_a_model(one, longest))]
    return told_to_a_model(value, longest)


def _in_braces(names: frozenset[str]) -> list[str]:
    return sorted(f"{{{name}}}" for name in names)
