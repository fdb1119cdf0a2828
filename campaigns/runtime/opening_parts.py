"""The parts that answer recipients: pictures at open, clicks."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from campaigns.core.public_http import origin_of
from campaigns.flows.feedback.feedback import Feedback
from campaigns.flows.opening.askers import Askers
from campaigns.flows.opening.draining import Draining
from campaigns.flows.opening.gallery import Gallery
from campaigns.flows.opening.open_states import OpenStates
from campaigns.flows.opening.openers import Openers
from campaigns.flows.opening.opening import Opening
from campaigns.flows.opening.product_pictures import ProductPictures
from campaigns.flows.opening.shown import Showing
from campaigns.flows.opening.warming import Warming
from campaigns.opentime.drawing.fonts import use_readable_fonts
from campaigns.opentime.drawing.picture_fetch import PictureFetcher
from campaigns.opentime.place.apple_egress import AppleEgress
from campaigns.opentime.place.gazetteer import Gazetteer
from campaigns.opentime.place.geo import GeoLookup, lookup_in_force
from campaigns.opentime.place.requester import RequesterPatterns, patterns_in_force
from campaigns.opentime.serving.known_states import KnownStates
from campaigns.opentime.serving.serve_log import ServeLog
from campaigns.opentime.serving.state_shelf import StateShelf
from campaigns.opentime.weather.forecast_cache import WeatherCache
from campaigns.opentime.weather.weather import WeatherSource
from campaigns.opentime.weather.weather_sources import weather_source_of
from campaigns.runtime.basis import Basis


class OpeningParts(Basis):
    """Whatever a mail asks for after it was sent."""

    @cached_property
    def weather_source(self) -> WeatherSource:
        return weather_source_of(self.settings, lambda: self.redis)

    @cached_property
    def weather(self) -> WeatherCache:
        return WeatherCache(self.redis, self.weather_source, self.clock)

    @cached_property
    def geo(self) -> GeoLookup | None:
        return lookup_in_force(self.settings.geoip_path)

    @cached_property
    def apple(self) -> AppleEgress | None:
        path = self.settings.apple_egress_path
        return AppleEgress.load(path) if path else None

    @cached_property
    def gazetteer(self) -> Gazetteer | None:
        """Where the cities of Apple's list are; None without that list. Loads in about a second."""
        return Gazetteer.load() if self.settings.apple_egress_path else None

    @cached_property
    def requesters(self) -> RequesterPatterns:
        return patterns_in_force(self.settings.requesters_path)

    @cached_property
    def warming(self) -> Warming:
        return Warming(self.db, self.weather, self.gallery, self.offers)

    @cached_property
    def product_pictures(self) -> ProductPictures:
        own = origin_of(self.settings.public_url)
        fetcher = PictureFetcher(f"Tailormail (+{self.settings.public_url})", frozenset([own] if own else []))
        return ProductPictures(self.db, self.clock, fetcher)

    @cached_property
    def state_shelf(self) -> StateShelf:
        return StateShelf(self.redis)

    @cached_property
    def open_states(self) -> OpenStates:
        return OpenStates(self.db, self.state_shelf)

    @property
    def spools(self) -> Path:
        return self.settings.folder / "spool"

    @cached_property
    def serve_log(self) -> ServeLog:
        return ServeLog(self.redis, self.spools, self.meters)

    @cached_property
    def draining(self) -> Draining:
        return Draining(self.db, self.redis, self.spools, self.meters)

    @cached_property
    def known_states(self) -> KnownStates:
        return KnownStates(self.redis)

    @cached_property
    def gallery(self) -> Gallery:
        return Gallery(self.db, self.redis)

    @cached_property
    def askers(self) -> Askers:
        return Askers(self.requesters, self.apple, self.settings.trusted_proxies)

    @cached_property
    def showing(self) -> Showing:
        self._name_fonts()
        return Showing(self.db, self.serve_log, self.gallery, self.settings.public_url)

    def _name_fonts(self) -> None:
        """Before anything is drawn in this process."""
        use_readable_fonts(self.settings.font_files)

    @cached_property
    def opening(self) -> Opening:
        self._name_fonts()
        return Opening(
            clock=self.clock,
            signer=self.signer,
            openers=Openers(self.db, self.state_shelf, self.open_states, self.known_states),
            gallery=self.gallery,
            offers=self.offers,
            weather=self.weather,
            geo=self.geo,
            apple=self.apple,
            cities=self.gazetteer,
            askers=self.askers,
            serves=self.serve_log,
        )

    @cached_property
    def feedback(self) -> Feedback:
        return Feedback(
            db=self.db,
            clock=self.clock,
            signer=self.signer,
            gallery=self.gallery,
            showing=self.showing,
            askers=self.askers,
            meters=self.meters,
        )
