"""What a slot's own content shows at this moment, as a drawing; nothing where too little is known for it."""

from __future__ import annotations

from campaigns.opentime.drawing.drawings import CardStyle, Countdown, ProductCard, ShopCard
from campaigns.opentime.slots import card_words as words
from campaigns.opentime.slots.choice import Choice
from campaigns.opentime.slots.facts import OpenFacts
from campaigns.opentime.slots.live_product import LiveProduct
from campaigns.opentime.slots.shops import distance_text, hours_text, nearest
from campaigns.opentime.slots.slot_fields import is_web_link
from campaigns.opentime.slots.slot_kinds import Content, CountdownTo, NearestShop, PickCard, WeatherPick
from campaigns.opentime.slots.weather_fit import best_for

COUNTDOWN = "countdown"


def drawn_choice(content: Content, facts: OpenFacts, otherwise: str) -> Choice | None:
    """The drawing of this content, None where the slot's default has to stand in.

    `otherwise` is where the click leads if the product or shop has no page of its own.
    """
    match content:
        case WeatherPick():
            return _product(best_for(facts.weather, facts.picks), content.style, facts, otherwise)
        case PickCard():
            ranked = facts.picks[content.pick - 1 :]
            on_offer = next((product for product in ranked if not product.sold_out), None)
            return _product(on_offer, content.style, facts, otherwise)
        case CountdownTo():
            units = content.units or words.countdown_units(facts.language)
            drawing = Countdown(content.deadline, content.label, units, content.style)
            return Choice(COUNTDOWN, otherwise, drawing=drawing)
        case NearestShop():
            return _shop(content, facts, otherwise)


def is_drawn(variant_name: str) -> bool:
    """Whether this is the name of something drawn, which no stored variant may bear."""
    return variant_name == COUNTDOWN or variant_name.startswith(("product:", "shop:"))


def _product(
    product: LiveProduct | None, style: CardStyle, facts: OpenFacts, otherwise: str
) -> Choice | None:
    if product is None:
        return None
    card = ProductCard(
        title=product.title,
        price_text=words.price_text(product.price, product.currency, facts.language),
        note=words.stock_note(product.stock, facts.language),
        picture=product.picture,
        style=style,
    )
    link = product.url if is_web_link(product.url) else otherwise
    return Choice(f"product:{product.product_id}", link, drawing=card, product=product.sku)


def _shop(content: NearestShop, facts: OpenFacts, otherwise: str) -> Choice | None:
    found = nearest(content.shops, facts.place) if facts.place else None
    if found is None or found[1] > content.within_km:
        return None
    shop, km = found
    card = ShopCard(
        name=shop.name,
        distance_text=distance_text(km, facts.language),
        hours_text=hours_text(shop, facts.now, facts.language),
        style=content.style,
    )
    return Choice(f"shop:{content.shops.index(shop) + 1}", shop.link or otherwise, drawing=card)
