"""The story's shop with a weather, a clock and a map of addresses that a test decides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text
from web_story import COLOURS, Story, description, picture

from campaigns.compose.links import SendRef
from campaigns.core.clock import FixedClock
from campaigns.core.jobs import RecordedJobs
from campaigns.opentime.place.geo import GeoAnswer, MaxMindLookup
from campaigns.opentime.weather.weather import Condition, FixedWeather, Weather
from campaigns.runtime import Runtime
from tests.opentime.opentime_mmdb import write_mmdb
from tests.waiting import until

HOME = (59.9, 10.8)
ELSEWHERE = (69.6492, 18.9553)
_WHOLE_INTERNET = ("0.0.0.0/1", "128.0.0.0/1", "2000::/3")


class WatchedLookup(MaxMindLookup):
    """A MaxMind file that says of every address that it is ELSEWHERE; `asked` are those it was asked for."""

    def __init__(self, folder: Path) -> None:
        row = {
            "city": {"names": {"en": "Tromsø"}},
            "country": {"iso_code": "NO"},
            "location": {
                "latitude": ELSEWHERE[0], "longitude": ELSEWHERE[1], "accuracy_radius": 5,
                "time_zone": "Europe/Oslo",
            },
        }  # fmt: skip
        super().__init__(write_mmdb(folder / "everywhere.mmdb", dict.fromkeys(_WHOLE_INTERNET, row)))
        self.asked: list[str] = []

    def lookup(self, address: str) -> GeoAnswer | None:
        self.asked.append(address)
        return super().lookup(address)


class World:
    """It rains at HOME and snows ELSEWHERE, unless told otherwise; the clock begins at noon in November."""

    def __init__(self, story: Story, folder: Path, **settings: Any) -> None:
        self.clock = FixedClock(datetime(2026, 11, 21, 12, tzinfo=UTC))
        self.weather = {HOME: Weather(Condition.RAIN), ELSEWHERE: Weather(Condition.SNOW)}
        changed = {"data_dir": folder / "data", "trusted_proxies": 1, **settings}
        self.runtime = Runtime(story.runtime.settings.model_copy(update=changed), RecordedJobs(), self.clock)
        self.runtime.__dict__["weather_source"] = FixedWeather(self._weather_at)
        self.geo = self.runtime.__dict__["geo"] = WatchedLookup(folder)
        self.runtime.start()

    def _weather_at(self, latitude: float, longitude: float) -> Weather:
        return min(self.weather.items(), key=lambda item: abs(item[0][0] - latitude))[1]

    def campaign(
        self, name: str, segment: Mapping[str, Any], rules: list[dict[str, Any]], **colours: str
    ) -> int:
        """A draft with the story's rules after these."""
        described = description(name) | {"segment": dict(segment)}
        described["slots"][0]["rules"][:0] = rules
        pictures = {kind: picture(colour) for kind, colour in {**COLOURS, **colours}.items()}
        return self.runtime.campaigns.create(described, pictures)

    def lives_at_home(self, ref: SendRef, *purposes: str) -> None:
        """Whose mail this is lives at HOME and allows this, and nothing else."""
        with self.runtime.db.transaction() as session:
            session.execute(
                text(
                    "update customers set latitude = :latitude, longitude = :longitude, country = 'NO', "
                    "timezone = 'Europe/Oslo' where id = :id"
                ),
                {"latitude": HOME[0], "longitude": HOME[1], "id": ref.customer_id},
            )
        self.allows(ref, *purposes)

    def allows(self, ref: SendRef, *purposes: str) -> None:
        """Exactly these purposes, as set on the page of preferences."""
        sign = self.runtime.signer.sign
        token = sign("preferences", ref.campaign_id, ref.customer_id, ref.send_id)
        self.runtime.preferences.set_preferences(token, frozenset(purposes), "words")
        self.runtime.open_states.write_through([ref.customer_id])
        self._until_heard(ref.customer_id)

    def _until_heard(self, customer_id: int) -> None:
        """A process hears of a change from Redis, a moment after it was told."""
        now_holds = self.runtime.open_states.of([customer_id])[customer_id]
        until(
            lambda: self.runtime.known_states.get(customer_id) in (None, now_holds),
            2,
            lambda: "a change of consent was not heard within two seconds",
        )

    def token(self, ref: SendRef, slot: int = 0) -> str:
        """As links of today say it: with the customer and the moment."""
        return self.runtime.signer.sign(
            "open", ref.campaign_id, ref.send_id, slot, ref.customer_id, 200_000_000
        )

    def close(self) -> None:
        """Let go of everything but what is the story's."""
        self.runtime.close()
        self.geo.close()
