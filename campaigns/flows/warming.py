"""The weather where an audience lives, fetched while its mails go out, so that no open has to wait for it."""

from __future__ import annotations

from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.core.log import get_logger
from campaigns.flows.plans import load_plan
from campaigns.opentime.forecast_cache import WeatherCache

log = get_logger(__name__)

# The cells of the weather cache are a quarter of a degree wide (opentime/coordinates.py).
_HOMES = text(
    """
    select distinct round((c.latitude * 4)::numeric) / 4, round((c.longitude * 4)::numeric) / 4
    from sends s join customers c on c.id = s.customer_id
    where s.campaign_id = :campaign_id and s.status <> 'held_back' and s.tracked and c.latitude is not null
    """
)


class Warming:
    """Warms the cells of a campaign's audience, if any of its pictures depends on the weather."""

    def __init__(self, db: Database, weather: WeatherCache) -> None:
        self._db = db
        self._weather = weather

    def run(self, campaign_id: int) -> int:
        """Returns how many cells were fetched; those that are fresh are not asked for again."""
        with self._db.transaction() as session:
            plan = load_plan(session, campaign_id)
            if not any(slot.asks_weather for slot in plan.slots):
                return 0
            homes = [
                (float(row[0]), float(row[1]))
                for row in session.execute(_HOMES, {"campaign_id": campaign_id})
            ]
        warmed = self._weather.warm(homes)
        log.info("weather_warmed", campaign_id=campaign_id, cells=warmed)
        return warmed
