"""Where a mail is opened, as far as consent and the requester allow, never finer than 0.1 degree (11 km)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from campaigns.opentime.place.apple_egress import AppleEgress
from campaigns.opentime.place.coordinates import coarse, on_earth
from campaigns.opentime.place.geo import GeoLookup
from campaigns.opentime.place.requester import Requester

Signal = Literal["address", "apple_city", "home", "none"]
CityCoordinates = Callable[[str, str, str], tuple[float, float] | None]


@dataclass(frozen=True, slots=True)
class Home:
    """What the customer's own profile says: degrees, ISO 3166-1 alpha-2 country, IANA time zone."""

    latitude: float
    longitude: float
    country: str = ""
    timezone: str = ""

    @classmethod
    def known(
        cls, latitude: float | None, longitude: float | None, country: str, timezone: str
    ) -> Home | None:
        """The home of a profile, None where its coordinates are not known."""
        if latitude is None or longitude is None:
            return None
        return cls(latitude, longitude, country, timezone)


@dataclass(frozen=True, slots=True)
class Place:
    """A rounded place and the signal that decided it; finer coordinates are dropped on construction.

    Raises ValueError for degrees that are not on Earth.
    """

    latitude: float
    longitude: float
    signal: Signal
    country: str = ""
    timezone: str = ""

    def __post_init__(self) -> None:
        if not on_earth(self.latitude, self.longitude):
            raise ValueError("not a place on Earth")
        object.__setattr__(self, "latitude", coarse(self.latitude))
        object.__setattr__(self, "longitude", coarse(self.longitude))


def signal_of(place: Place | None) -> Signal:
    """What decided, for the report: "none" where no place is known."""
    return place.signal if place else "none"


def locate(
    requester: Requester,
    address: str | None,
    home: Home | None,
    location_consent: bool,
    geo: GeoLookup | None,
    apple: AppleEgress | None,
    city_coordinates: CityCoordinates | None = None,
) -> Place | None:
    """The place to choose a picture for, None where nothing is known; never raises.

    Without consent to `open_location`: the stored home, and the address is not looked up in anything.
    Behind a provider's proxy: the stored home. From Apple: the city of Apple's list. From a client of its
    own: the address, if it is known to a city. In all other cases the stored home.
    """
    if not location_consent or not address:
        return _at_home(home)
    if requester is Requester.APPLE_MPP or not requester.hides_place:
        if apple is not None and apple.covers(address):
            # Never to GeoIP, which errs by up to 1,000 miles here; nor for a browser on Private Relay.
            return _at_apple_city(apple, address, city_coordinates) or _at_home(home)
        if requester is Requester.DIRECT and geo is not None:
            return _at_address(geo, address) or _at_home(home)
    return _at_home(home)


def _at_home(home: Home | None) -> Place | None:
    if home is None or not on_earth(home.latitude, home.longitude):
        return None
    return Place(home.latitude, home.longitude, "home", home.country, home.timezone)


def _at_apple_city(apple: AppleEgress, address: str, coordinates: CityCoordinates | None) -> Place | None:
    # Apple's list names cities without coordinates. One that the gazetteer cannot tell from its namesakes is
    # not guessed: the stored home is likelier right.
    city = apple.city(address)
    found = coordinates(*city) if coordinates and city else None
    if not city or not found or not on_earth(*found):
        return None
    return Place(found[0], found[1], "apple_city", city[0])


def _at_address(geo: GeoLookup, address: str) -> Place | None:
    answer = geo.lookup(address)
    if answer is None or not on_earth(answer.latitude, answer.longitude):
        return None
    return Place(answer.latitude, answer.longitude, "address", answer.country, answer.timezone)
