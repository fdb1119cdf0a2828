"""What is known at the moment of opening: all that slot rules may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from campaigns.opentime.place.place import Place
from campaigns.opentime.slots.live_product import LiveProduct
from campaigns.opentime.weather.sun import is_daylight
from campaigns.opentime.weather.weather import Condition, Weather


@dataclass(frozen=True, slots=True)
class OpenFacts:
    """`now` is aware. `country` (ISO 3166-1 alpha-2) and `timezone` (IANA) are the customer's own, used where
    the place does not say; `tags` are the customer's. `language` is the customer's, or the whole locale (`de_AT`).
    `picks` are this send's, in the order of their rank, as the products are now. `stock` has the pieces now of
    those products that the slot's rules name (`SlotDefinition.skus`) and that exist; None where nobody counts.
    """

    now: datetime
    weather: Weather | None = None
    place: Place | None = None
    country: str = ""
    timezone: str = ""
    tags: frozenset[str] = frozenset()
    language: str = "en"
    picks: tuple[LiveProduct, ...] = ()
    stock: Mapping[str, int | None] = field(default_factory=dict, hash=False)

    @property
    def condition(self) -> Condition:
        """What the sky does, `unknown` included."""
        return self.weather.condition if self.weather else Condition.UNKNOWN

    @property
    def country_there(self) -> str:
        """The country of the opening, in capitals; empty if not known."""
        return ((self.place.country if self.place else "") or self.country).upper()

    @property
    def daylight(self) -> bool | None:
        """Whether it is day there; None if not known."""
        if self.weather and self.weather.is_day is not None:
            return self.weather.is_day
        return is_daylight(self.place.latitude, self.place.longitude, self.now) if self.place else None

    @property
    def local_time(self) -> datetime | None:
        """The time there: by the place's zone, else by the weather service's, else by the customer's."""
        there = _in_zone(self.now, self.place.timezone) if self.place else None
        if there is None and self.weather and self.weather.utc_offset_seconds is not None:
            return self.now.astimezone(timezone(timedelta(seconds=self.weather.utc_offset_seconds)))
        return there or _in_zone(self.now, self.timezone)


def _in_zone(moment: datetime, name: str) -> datetime | None:
    try:
        return moment.astimezone(ZoneInfo(name)) if name else None
    except (ValueError, OSError, KeyError):  # KeyError: no such zone; OSError: the name of a folder of zones
        return None
