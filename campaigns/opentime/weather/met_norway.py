"""Weather from MET Norway (locationforecast 2.0, compact), by the terms it serves on.

Source: the terms of service of api.met.no: every request names who asks and how to reach them; at most four
decimals; nothing is asked again before it expires, and then with If-Modified-Since; at most 20 requests a
second from all processes together. Its data is licensed CC BY 4.0: give credit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import requests

from campaigns import __version__
from campaigns.core.errors import ServiceUnavailable
from campaigns.core.log import get_logger
from campaigns.opentime.place.coordinates import Point
from campaigns.opentime.weather.forecast_shelf import Forecast, ForecastShelf
from campaigns.opentime.weather.met_norway_forecast import hours_of
from campaigns.opentime.weather.weather import UNKNOWN_WEATHER, Weather
from campaigns.opentime.weather.weather_http import SERVICE, Reply, ask, moment_of, raise_for

MET_NORWAY_A_SECOND = 15  # requests; its terms allow 20, and clocks of machines differ

_PATH = "/weatherapi/locationforecast/2.0/compact"
_BARRED_SECONDS = 3600.0
_LIFETIME_SECONDS = 1800.0  # what its answers usually say
_LONGEST_LIFETIME_SECONDS = 6 * 3600.0

_log = get_logger(__name__)


class MetNorway:
    """Asks `base_url`, one point a request and one after the other.

    Args:
        base_url: the server, with or without the path of the product.
        contact: an e-mail address or web site of whoever runs this, for the User-Agent.
        shelf: where forecasts are kept until they expire, shared by all processes.
        take_turn: returns when the next request may be made.
        timeout: seconds for connecting and for each wait for data.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        base_url: str,
        contact: str,
        shelf: ForecastShelf,
        take_turn: Callable[[], None],
        timeout: float = 3.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._url = base_url.rstrip("/").partition("/weatherapi")[0] + _PATH
        self._agent = f"Tailormail/{__version__} {contact}"
        self._shelf = shelf
        self._take_turn = take_turn
        self._timeout = timeout
        self._now = now
        self._told = False

    def at(self, points: Sequence[Point]) -> list[Weather]:
        """See `WeatherSource`. Day or night is not among what it tells: it follows from place and time."""
        asked = [(round(latitude, 2), round(longitude, 2)) for latitude, longitude in points]
        each = list(dict.fromkeys(asked))
        found: dict[Point, Weather] = {}
        with requests.Session() as session:
            for point, kept in zip(each, self._shelf.read(each), strict=True):
                found[point] = self._one(session, point, kept)
        return [found[point] for point in asked]

    def _one(self, session: requests.Session, point: Point, kept: Forecast | None) -> Weather:
        known = kept.at(self._now()) if kept else None
        if kept and known and self._now() < kept.expires:
            return known
        fresh = self._ask(session, point, kept if known else None)
        self._shelf.write(point, fresh)
        return fresh.at(self._now()) or UNKNOWN_WEATHER

    def _ask(self, session: requests.Session, point: Point, kept: Forecast | None) -> Forecast:
        headers = {"User-Agent": self._agent}
        if kept and kept.last_modified:
            headers["If-Modified-Since"] = kept.last_modified
        self._take_turn()
        params = {"lat": f"{point[0]:.2f}", "lon": f"{point[1]:.2f}"}
        reply = ask(session, self._url, params, self._timeout, headers)
        if reply.status in (401, 403):
            # Whoever goes on asking after this is barred for good.
            raise ServiceUnavailable(
                SERVICE,
                f"HTTP {reply.status}: MET Norway bars this sender; see TAILORMAIL_WEATHER_CONTACT and its terms",
                _BARRED_SECONDS,
            )
        raise_for(reply)
        self._heed(reply)
        expires = self._now() + _lifetime(reply)
        if reply.status == 304:
            if kept is None:
                raise ServiceUnavailable(SERVICE, "HTTP 304 to a question without a condition")
            return replace(kept, expires=expires)
        return Forecast(hours_of(reply.json()), expires, reply.headers.get("Last-Modified", ""))

    def _heed(self, reply: Reply) -> None:
        """203 says that this version of the product will end: somebody has to know, once."""
        if reply.status == 203 and not self._told:
            self._told = True
            _log.warning("weather_product_deprecated", product=_PATH)


def _lifetime(reply: Reply) -> float:
    """Seconds until the answer expires, by the service's own clock."""
    expires, date = moment_of(reply.headers.get("Expires")), moment_of(reply.headers.get("Date"))
    if expires is None:
        return _LIFETIME_SECONDS
    return min(max(0.0, expires - (date or time.time())), _LONGEST_LIFETIME_SECONDS)
