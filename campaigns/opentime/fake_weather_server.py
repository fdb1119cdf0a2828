"""A server that speaks Open-Meteo's protocol on this machine: for tests, demos and trying out failures."""

from __future__ import annotations

import json
import threading
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from campaigns.opentime.coordinates import Point, cell_of
from campaigns.opentime.weather import Condition, Weather

_CODES = {
    Condition.CLEAR: 0,
    Condition.CLOUD: 3,
    Condition.FOG: 45,
    Condition.DRIZZLE: 51,
    Condition.RAIN: 61,
    Condition.SNOW: 71,
    Condition.SHOWERS: 80,
    Condition.THUNDER: 95,
    Condition.UNKNOWN: -1,
}


class Behaviour(StrEnum):
    """How a request that touches a point is answered."""

    GOOD = "good"
    BAD_REQUEST = "400"
    TOO_MANY = "429"
    BROKEN = "500"
    HANG = "hang"
    GARBAGE = "garbage"


class FakeOpenMeteoServer:
    """`with FakeOpenMeteoServer() as server: OpenMeteo(server.url)`.

    Weather and behaviour are scripted per point (compared by cell), or for all points that have no script
    of their own. `requests` keeps the points of each request in order of arrival.
    """

    def __init__(self) -> None:
        self.requests: list[list[Point]] = []
        self.keys: list[str] = []
        self.retry_after: str | None = None
        self.everywhere = Weather(Condition.CLEAR, 15.0, 5.0, True, 0.0, 0)
        self.behaviour = Behaviour.GOOD
        self._weather: dict[Point, Weather] = {}
        self._behaviours: dict[Point, Behaviour] = {}
        self._released = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> FakeOpenMeteoServer:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.release()
        self._http.shutdown()
        self._http.server_close()

    def script(self, latitude: float, longitude: float, what: Weather | Behaviour) -> None:
        """Set the weather or the behaviour of one point."""
        cell = cell_of(latitude, longitude)
        if isinstance(what, Weather):
            self._weather[cell] = what
        else:
            self._behaviours[cell] = what

    def release(self) -> None:
        """Let requests that hang go (without an answer)."""
        self._released.set()

    def _answer(self, points: list[Point]) -> tuple[int, dict[str, str], bytes] | None:
        """Status, headers and body; None for a connection that is closed without an answer."""
        try:
            cells = [cell_of(*point) for point in points]
        except ValueError:
            return 400, {}, _error("Latitude must be in range of -90 to 90 and longitude of -180 to 180.")
        behaviours = [self._behaviours.get(cell, self.behaviour) for cell in cells]
        worst = next((one for one in behaviours if one is not Behaviour.GOOD), Behaviour.GOOD)
        if worst is Behaviour.HANG:
            self._released.wait()
            return None
        if worst is Behaviour.GOOD:
            weathers = [self._weather.get(cell, self.everywhere) for cell in cells]
            places = [_place(point, weather) for point, weather in zip(points, weathers, strict=True)]
            return 200, {}, json.dumps(places if len(places) > 1 else places[0]).encode()
        if worst is Behaviour.GARBAGE:
            return 200, {}, b'{"current": '
        headers = {"Retry-After": self.retry_after} if self.retry_after is not None else {}
        return int(worst), headers, _error(f"scripted {worst}")


def _place(point: Point, weather: Weather) -> dict[str, Any]:
    return {
        "latitude": point[0],
        "longitude": point[1],
        "utc_offset_seconds": weather.utc_offset_seconds,
        "current": {
            "temperature_2m": weather.temperature_c,
            "weather_code": _CODES[weather.condition],
            "wind_speed_10m": weather.wind_kmh,
            "is_day": None if weather.is_day is None else int(weather.is_day),
            "precipitation": weather.precipitation,
        },
    }


def _error(reason: str) -> bytes:
    return json.dumps({"error": True, "reason": reason}).encode()


def _points(query: dict[str, list[str]]) -> list[Point]:
    numbers = ([float(part) for part in query[name][0].split(",")] for name in ("latitude", "longitude"))
    return list(zip(*numbers, strict=True))


def _handler_of(server: FakeOpenMeteoServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = urlsplit(self.path)
            query = parse_qs(target.query)
            if target.path != "/v1/forecast":
                return self._send(404, {}, _error("Not Found"))
            try:
                points = _points(query)
            except (KeyError, ValueError):
                return self._send(400, {}, _error("latitude and longitude must have the same number"))
            server.requests.append(points)
            server.keys.append(query.get("apikey", [""])[0])
            answer = server._answer(points)
            if answer is not None:
                self._send(*answer)
            return None

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
