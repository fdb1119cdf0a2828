"""Where, when and by what a mail is opened that is only looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.errors import BadInput
from campaigns.flows.opening.open_facts import home_of
from campaigns.models import Customer
from campaigns.opentime.place.place import Place, Signal, locate
from campaigns.opentime.place.requester import Requester
from campaigns.opentime.place.zone_cities import zone_cities, zone_city
from campaigns.opentime.serving.open_state import OpenState
from campaigns.opentime.slots import slot_fields
from campaigns.opentime.weather.weather import Condition, Weather

# As far as what was ever measured near the ground.
_TEMPERATURES = -90.0, 60.0
_WINDS = 0.0, 410.0
# A fair sample of the customers (ix_customers_sample); in a small shop it is all of them.
_LOOKED_AT = 2000
_IN_SAMPLE_ORDER = func.hashint8(Customer.id)
_MOST_CITIES = 60


@dataclass(frozen=True, slots=True)
class Scene:
    """Where, when and by what a preview is opened. Empty fields mean: at home, now, the real weather there.

    `place` is a city, of the customers or of the world, or "latitude,longitude"; `weather` is one of opentime's
    conditions, and `requester` one of its requesters: behind a proxy the place is not known, and home decides.
    `temperature_c` and `wind_kmh` take the place of what the weather there, or the one that was asked for, says of
    them.
    """

    place: str = ""
    weather: str = ""
    moment: datetime | None = None
    requester: str = ""
    temperature_c: float | None = None
    wind_kmh: float | None = None

    @classmethod
    def of(
        cls, place: str, weather: str, moment: str, requester: str, temperature: str = "", wind: str = ""
    ) -> Scene:
        """From what was typed; a moment without zone is UTC, temperature is in °C and wind in km/h.

        Raises:
            BadInput: the moment, the temperature or the wind is none.
        """
        return cls(
            place.strip(),
            weather.strip(),
            slot_fields.moment(moment.strip(), "time") if moment.strip() else None,
            requester.strip(),
            _measured(temperature, "temperature", "degrees Celsius", *_TEMPERATURES),
            _measured(wind, "wind", "km/h", *_WINDS),
        )

    @property
    def asked_for(self) -> bool:
        """Whether anything was said."""
        return self.personal or bool(self.moment or self.requester)

    @property
    def personal(self) -> bool:
        """Whether it says what only those are shown who let their opens be measured: a place or its weather."""
        said = self.place or self.weather
        return bool(said) or self.temperature_c is not None or self.wind_kmh is not None

    def to_json(self) -> dict[str, Any]:
        """What was said, as JSON-ready values."""
        told: dict[str, Any] = {"place": self.place, "weather": self.weather, "requester": self.requester}
        told |= {"temperature_c": self.temperature_c, "wind_kmh": self.wind_kmh}
        told["moment"] = self.moment.isoformat() if self.moment else None
        return {name: value for name, value in told.items() if value not in (None, "")}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Scene:
        """The reverse of `to_json`."""
        moment = told.get("moment")
        return cls(**{**told, "moment": datetime.fromisoformat(moment) if moment else None})

    @property
    def hides_place(self) -> bool:
        """Whether this requester says nothing about where the mail is opened; Apple's list names a city.

        Raises:
            BadInput: there is no such requester.
        """
        if not self.requester:
            return False
        try:
            asking = Requester(self.requester)
        except ValueError:
            known = ", ".join(one.value for one in Requester)
            raise BadInput(
                f"there is no requester {self.requester!r}; there is {known}", "requester"
            ) from None
        return asking.hides_place and asking is not Requester.APPLE_MPP

    def sky(self) -> Weather | None:
        """The weather that was asked for; None: the real one.

        Raises:
            BadInput: there is no such weather.
        """
        if not self.weather:
            return None
        try:
            return Weather(Condition(self.weather))
        except ValueError:
            known = ", ".join(condition.value for condition in Condition)
            raise BadInput(f"there is no weather {self.weather!r}; there is {known}", "weather") from None

    def measured_in(self, weather: Weather) -> Weather:
        """This weather with the temperature and the wind that were asked for."""
        if self.temperature_c is not None:
            weather = replace(weather, temperature_c=self.temperature_c)
        return replace(weather, wind_kmh=self.wind_kmh) if self.wind_kmh is not None else weather


HERE_AND_NOW = Scene()
"""At home, now, in the weather there."""


def place_in(session: Session, scene: Scene, state: OpenState) -> Place | None:
    """Where this scene is, for a customer in this state; None where nobody can tell.

    Raises:
        BadInput: no such place or requester.
    """
    if scene.hides_place or not scene.place:
        return place_at_home(state)
    there = _named(session, scene.place)
    if scene.requester == Requester.APPLE_MPP.value:
        # Apple's list names a city and its country, and no time zone.
        return Place(there.latitude, there.longitude, "apple_city", there.country)
    return there


def place_at_home(state: OpenState) -> Place | None:
    """Where a customer in this state lives; None where that is not known."""
    return locate(Requester.UNKNOWN, None, home_of(state), False, None, None)


def known_cities(session: Session) -> list[str]:
    """Cities to choose from: those of many customers first, then those that time zones are named after."""
    sample = _sample().subquery()
    of_customers = session.scalars(
        select(sample.c.city)
        .where(sample.c.city != "", sample.c.latitude.is_not(None))
        .group_by(sample.c.city)
        .order_by(func.count().desc(), sample.c.city)
        .limit(_MOST_CITIES)
    )
    return list(dict.fromkeys([*sorted(of_customers), *zone_cities()]))


def _named(session: Session, name: str) -> Place:
    signal: Signal = "address"
    latitude, comma, longitude = name.partition(",")
    if comma:
        try:
            there = Place(float(latitude), float(longitude), signal)
        except ValueError:
            raise BadInput("needs a city, or degrees such as 69.6,18.9", where="place") from None
        country, timezone = _around(session, there)
        return Place(there.latitude, there.longitude, signal, country, timezone)
    row = session.execute(
        select(Customer.latitude, Customer.longitude, Customer.country, Customer.timezone)
        .where(func.lower(Customer.city) == name.lower(), Customer.latitude.is_not(None))
        .limit(1)
    ).one_or_none()
    if row is not None:
        return Place(row.latitude, row.longitude, signal, row.country, row.timezone)
    city = zone_city(name)
    if city is None:
        raise BadInput(
            f"no customer lives in {name}, and no time zone is named after it; give degrees such as 69.6,18.9",
            where="place",
        )
    return city


def _around(session: Session, place: Place) -> tuple[str, str]:
    """Country and time zone of the customer of a sample who lives nearest, within about a hundred kilometres."""
    sample = _sample().subquery()
    north, east = sample.c.latitude - place.latitude, sample.c.longitude - place.longitude
    near = sample.c.latitude.between(place.latitude - 1, place.latitude + 1)
    row = session.execute(
        select(sample.c.country, sample.c.timezone)
        .where(near, sample.c.longitude.between(place.longitude - 2, place.longitude + 2))
        .order_by(north * north + east * east)
        .limit(1)
    ).one_or_none()
    return (row.country, row.timezone) if row else ("", "")


def _sample() -> Any:
    columns = Customer.city, Customer.latitude, Customer.longitude, Customer.country, Customer.timezone
    return select(*columns).where(Customer.erased_at.is_(None)).order_by(_IN_SAMPLE_ORDER).limit(_LOOKED_AT)


def _measured(typed: str, where: str, unit: str, lowest: float, highest: float) -> float | None:
    """A number of this unit that can be on Earth; None where nothing was typed."""
    if not typed.strip():
        return None
    try:
        value = float(typed)
    except ValueError:
        value = math.nan
    if not lowest <= value <= highest:
        raise BadInput(f"needs a number of {unit} from {lowest:g} to {highest:g}, such as 4.5", where=where)
    return value
