"""Who tells the weather, by the settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from campaigns.core.settings import Settings
from campaigns.opentime.weather.forecast_shelf import ForecastShelf
from campaigns.opentime.weather.met_norway import MET_NORWAY_A_SECOND, MetNorway
from campaigns.opentime.weather.open_meteo import OpenMeteo
from campaigns.opentime.weather.request_pace import RequestPace
from campaigns.opentime.weather.weather import Condition, FixedWeather, Weather, WeatherSource

SAMPLE_WEATHER = "sample-weather.json"


def weather_source_of(settings: Settings, redis_client: Callable[[], Any]) -> WeatherSource:
    """MET Norway or Open-Meteo by URL; else what the sample shop supplies; else nothing is known.

    `redis_client` is only called for a service whose processes have to agree on what they ask.
    """
    if settings.weather_url and settings.asks_met_norway:
        client = redis_client()
        pace = RequestPace(client, "met-norway", MET_NORWAY_A_SECOND)
        contact = settings.weather_contact or ""
        return MetNorway(settings.weather_url, contact, ForecastShelf(client), pace.take_turn)
    if settings.weather_url:
        return OpenMeteo(settings.weather_url, settings.weather_key)
    return _sample(settings.folder / SAMPLE_WEATHER)


def _sample(path: Path) -> FixedWeather:
    rows = json.loads(path.read_text()) if path.is_file() else []
    # Rounded as places are, so that a city and the home area of who lives there fall into one cell.
    return FixedWeather({(round(lat, 1), round(lon, 1)): Weather(Condition(sky)) for lat, lon, sky in rows})
