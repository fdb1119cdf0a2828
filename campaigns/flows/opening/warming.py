"""What the opens of a campaign will ask for, made ready while its mails go out, so that no open has to wait for it."""

from __future__ import annotations

from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.core.log import get_logger
from campaigns.flows.describing.plans import load_plan
from campaigns.flows.opening.gallery import Gallery
from campaigns.flows.opening.live_offers import LiveOffers
from campaigns.flows.opening.product_pictures import PICKED
from campaigns.opentime.place.place import Place
from campaigns.opentime.weather.forecast_cache import WeatherCache

log = get_logger(__name__)

# Rounded to a tenth of a degree, as a place is, so that a million homes are some thousand rows. What lies in the
# middle between two tenths stays as it is, for Place to round: PostgreSQL rounds decimals away from zero, and
# Python what the number is in binary, to the even digit.
_HOMES = text(
    """
    with homes as (
      select c.latitude as lat, c.longitude as lon
      from sends s join customers c on c.id = s.customer_id
      where s.campaign_id = :campaign_id and s.status <> 'held_back' and s.tracked
        and c.latitude between -90 and 90 and c.longitude between -180 and 180)
    select distinct
      case when abs(lat * 10 - floor(lat * 10) - 0.5) < 1e-6 then lat
        else round(lat::numeric, 1)::double precision end,
      case when abs(lon * 10 - floor(lon * 10) - 0.5) < 1e-6 then lon
        else round(lon::numeric, 1)::double precision end
    from homes
    """
)


MOST_PRODUCTS = 2000

# Those that were picked most, and before anything was picked whatever can be.
_PRODUCTS = text(
    f"""
    with {PICKED}
    select p.id from products p left join picked on picked.product_id = p.id
    where picked.times is not null or (p.price is not null and coalesce(p.stock, 1) > 0)
    order by coalesce(picked.times, 0) desc, p.id limit :most
    """
)


class Warming:
    """Warms the pictures of a campaign, the products in them, and the weather where its audience lives."""

    def __init__(self, db: Database, weather: WeatherCache, gallery: Gallery, offers: LiveOffers) -> None:
        self._db = db
        self._weather = weather
        self._gallery = gallery
        self._offers = offers

    def run(self, campaign_id: int) -> int:
        """Returns how many cells were fetched; those that are fresh are not asked for again."""
        self._gallery.warm(campaign_id)
        self.products(campaign_id)
        with self._db.transaction() as session:
            if not any(slot.asks_weather for slot in load_plan(session, campaign_id).all_slots):
                return 0
            homes = session.execute(_HOMES, {"campaign_id": campaign_id}).all()
        places = {Place(latitude, longitude, "home") for latitude, longitude in homes}
        warmed = self._weather.warm([(place.latitude, place.longitude) for place in places])
        log.info("weather_warmed", campaign_id=campaign_id, cells=warmed)
        return warmed

    def products(self, campaign_id: int) -> int:
        """The products that its slots can show or look at, and their pictures; returns how many there are."""
        with self._db.transaction() as session:
            slots = load_plan(session, campaign_id).all_slots
            keys: list[int | str] = sorted({sku for slot in slots for sku in slot.skus})
            if any(slot.asks_picks for slot in slots):
                asked = {"campaign_id": campaign_id, "most": MOST_PRODUCTS}
                keys += session.scalars(_PRODUCTS, asked)
        products = self._offers.warm(keys)
        self._gallery.warm_pictures(product.picture for product in products if product.picture)
        return len(products)
