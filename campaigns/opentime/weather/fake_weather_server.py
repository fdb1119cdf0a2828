"""A weather service on this machine that speaks as Open-Meteo and as MET Norway: for tests, demos and failures."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from email.utils import formatdate
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from campaigns.opentime.place.coordinates import Point, cell_of
from campaigns.opentime.weather.fake_weather_dialects import (
    MET_NORWAY_PATH,
    OPEN_METEO_PATH,
    met_norway_answer,
    open_meteo_answer,
    open_meteo_error,
)
from campaigns.opentime.weather.weather import Condition, Weather


class Behaviour(StrEnum):
    """How a request that touches a point is answered."""

    GOOD = "good"
    BAD_REQUEST = "400"
    FORBIDDEN = "403"
    TOO_MANY = "429"
    BROKEN = "500"
    HANG = "hang"
    TRICKLE = "trickle"
    GARBAGE = "garbage"
    TOO_SHORT = "too short"


class _Answer(NamedTuple):
    status: int
    body: bytes = b""
    headers: dict[str, str] = {}  # noqa: RUF012
    trickles: bool = False


class FakeWeatherServer:
    """`with FakeWeatherServer() as server: OpenMeteo(server.url)`; MET Norway's product is at `server.met_url`.

    Weather and behaviour are scripted per point (compared by cell), or for all points that have no script
    of their own. `requests` keeps the points of each request in order of arrival, `agents` who asked and
    `conditions` their If-Modified-Since. Like MET Norway it refuses agents that do not say whom to write to,
    and more than four decimals.
    """

    def __init__(self) -> None:
        self.requests: list[list[Point]] = []
        self.keys: list[str] = []
        self.agents: list[str] = []
        self.conditions: list[str | None] = []
        self.retry_after: str | None = None
        self.everywhere = Weather(Condition.CLEAR, 15.0, 5.0, True, 0.0, 0)
        self.behaviour = Behaviour.GOOD
        self.expires_in: float | None = 1800
        self.last_modified = formatdate(0, usegmt=True)
        self.deprecated = False
        self._weather: dict[Point, Weather] = {}
        self._behaviours: dict[Point, Behaviour] = {}
        self._released = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.met_url = self.url + MET_NORWAY_PATH

    def __enter__(self) -> FakeWeatherServer:
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

    def _open_meteo(self, query: dict[str, str]) -> _Answer | None:
        try:
            numbers = ([float(n) for n in query[name].split(",")] for name in ("latitude", "longitude"))
            points = list(zip(*numbers, strict=True))
        except (KeyError, ValueError):
            return _Answer(400, open_meteo_error("latitude and longitude must have the same number"))
        self.requests.append(points)
        self.keys.append(query.get("apikey", ""))
        try:
            cells = [cell_of(*point) for point in points]
        except ValueError:
            return _Answer(400, open_meteo_error("Latitude must be in range of -90 to 90."))
        weathers = [self._weather.get(cell, self.everywhere) for cell in cells]
        good = _Answer(200, open_meteo_answer(points, weathers))
        return self._behaving(cells, good, short=open_meteo_answer([], []))

    def _met_norway(self, query: dict[str, str], agent: str, condition: str | None) -> _Answer | None:
        self.agents.append(agent)
        self.conditions.append(condition)
        try:
            point = (float(query["lat"]), float(query["lon"]))
            cell = cell_of(*point)
        except (KeyError, ValueError):
            return _Answer(400, b"<html>Bad Request</html>")
        self.requests.append([point])
        too_fine = any(len(query[name].partition(".")[2]) > 4 for name in ("lat", "lon"))
        if too_fine or not ("@" in agent or "http" in agent):
            return _Answer(403, b"<html>Forbidden</html>")
        headers = {"Last-Modified": self.last_modified}
        if self.expires_in is not None:
            headers["Expires"] = formatdate(time.time() + self.expires_in, usegmt=True)
        if condition == self.last_modified:
            good = _Answer(304, headers=headers)
        else:
            body = met_norway_answer(point, self._weather.get(cell, self.everywhere), datetime.now(UTC))
            good = _Answer(203 if self.deprecated else 200, body, headers)
        return self._behaving([cell], good, short=b'{"properties": {"timeseries": []}}')

    def _behaving(self, cells: list[Point], good: _Answer, short: bytes) -> _Answer | None:
        """The good answer, or what the worst of the cells does; None: closed without an answer."""
        behaviours = [self._behaviours.get(cell, self.behaviour) for cell in cells]
        worst = next((one for one in behaviours if one is not Behaviour.GOOD), Behaviour.GOOD)
        if worst is Behaviour.HANG:
            self._released.wait()
            return None
        if worst is Behaviour.TRICKLE:
            return good._replace(trickles=True)
        if worst is Behaviour.GOOD:
            return good
        if worst in (Behaviour.GARBAGE, Behaviour.TOO_SHORT):
            return _Answer(200, b'{"current": ' if worst is Behaviour.GARBAGE else short)
        headers = {"Retry-After": self.retry_after} if self.retry_after is not None else {}
        return _Answer(int(worst), open_meteo_error(f"scripted {worst}"), headers)


def _handler_of(server: FakeWeatherServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(target.query).items()}
            answer: _Answer | None
            if target.path == OPEN_METEO_PATH:
                answer = server._open_meteo(query)
            elif target.path == MET_NORWAY_PATH:
                agent = self.headers.get("User-Agent", "")
                answer = server._met_norway(query, agent, self.headers.get("If-Modified-Since"))
            else:
                answer = _Answer(404, open_meteo_error("Not Found"))
            if answer is not None:
                self._send(answer)

        def _send(self, answer: _Answer) -> None:
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if not answer.trickles:
                self.wfile.write(answer.body)
                return
            for number in range(len(answer.body)):
                self.wfile.write(answer.body[number : number + 1])
                if server._released.wait(0.05):
                    return

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
