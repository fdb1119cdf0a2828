"""What a slot's rules are told at an open: gathered in one way for pictures that are served and for previews of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from campaigns.core.log import get_logger
from campaigns.opentime.place.place import Home, Place
from campaigns.opentime.serving.open_state import OpenState
from campaigns.opentime.slots.facts import OpenFacts
from campaigns.opentime.slots.live_product import LiveProduct
from campaigns.opentime.slots.slots import SlotDefinition
from campaigns.opentime.weather.weather import Weather

log = get_logger(__name__)

T = TypeVar("T")


def home_of(state: OpenState) -> Home | None:
    """The stored home, None where it is not known or may not be used."""
    return Home.known(state.latitude, state.longitude, state.country, state.timezone)


def weather_for(
    slot: SlotDefinition, place: Place | None, at: Callable[[float, float], Weather]
) -> Weather | None:
    """The weather where the mail is opened; not asked for where nothing depends on it, or no place is known."""
    if place is None or not slot.asks_weather:
        return None
    return at(place.latitude, place.longitude)


def open_facts(
    slot: SlotDefinition,
    state: OpenState,
    place: Place | None,
    weather: Weather | None,
    now: datetime,
    picks: Callable[[], tuple[LiveProduct, ...]],
    stock: Callable[[], Mapping[str, int | None]],
) -> OpenFacts:
    """Everything that this slot may look at for somebody in this state.

    `picks` and `stock` are asked only where the slot does; what they raise leaves them empty: a shop whose database
    is away has pictures by weather and place all the same.
    """
    extra: dict[str, Any] = {}
    if slot.asks_picks:
        extra["picks"] = _or_nothing(picks) or ()
    if slot.skus:
        extra["stock"] = _or_nothing(stock) or {}
    return OpenFacts(
        now, weather, place, state.country, state.timezone, state.tags, language=state.language, **extra
    )


def _or_nothing(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except Exception as error:
        log.info("open_without_offers", why=type(error).__name__)
        return None
