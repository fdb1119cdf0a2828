"""Which of a customer's picks suits the weather outside, by the products' tags.

A product says what it is for with tags `weather:<condition>` (`weather:rain`), and `weather:cold`,
`weather:warm`, `weather:windy`.
"""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.opentime.slots.live_product import LiveProduct
from campaigns.opentime.weather.weather import Condition, Weather

PREFIX = "weather:"
COLD_BELOW_C = 5.0
WARM_ABOVE_C = 20.0
WINDY_ABOVE_KMH = 40.0

# Who writes `weather:rain` on a jacket means it for a shower as well.
_ALSO = {
    Condition.DRIZZLE: (Condition.RAIN,),
    Condition.SHOWERS: (Condition.RAIN,),
    Condition.THUNDER: (Condition.RAIN,),
}


def weather_tags(weather: Weather | None) -> frozenset[str]:
    """The tags of products made for this weather; none where nothing is known of it."""
    if weather is None:
        return frozenset()
    names: list[str] = []
    if weather.condition is not Condition.UNKNOWN:
        names += [weather.condition, *_ALSO.get(weather.condition, ())]
    if weather.temperature_c is not None and weather.temperature_c < COLD_BELOW_C:
        names.append("cold")
    if weather.temperature_c is not None and weather.temperature_c > WARM_ABOVE_C:
        names.append("warm")
    if weather.wind_kmh is not None and weather.wind_kmh > WINDY_ABOVE_KMH:
        names.append("windy")
    return frozenset(PREFIX + name for name in names)


def best_for(weather: Weather | None, picks: Iterable[LiveProduct]) -> LiveProduct | None:
    """The first of `picks` (best first) among those that suit best; sold out ones are passed over.

    A pick made for this weather goes before one for any weather, and that before one made only for other
    weather. None where nothing is in stock.
    """
    present = weather_tags(weather)
    sky_known = weather is not None and weather.condition is not Condition.UNKNOWN
    on_offer = [product for product in picks if not product.sold_out]
    return max(on_offer, key=lambda product: _fit(product, present, sky_known), default=None)


def _fit(product: LiveProduct, present: frozenset[str], sky_known: bool) -> int:
    made_for = {tag for tag in product.tags if tag.startswith(PREFIX)}
    if made_for & present:
        return 2
    # Under a sky that is not known nothing is unsuitable.
    return 0 if made_for and sky_known else 1
