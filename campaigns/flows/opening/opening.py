"""A picture is asked for: by consent, requester, place and weather, and always answered.

Promise 4: whatever is down or wrong, the answer is a picture. Promise 2: consent is looked up at every
request, so withdrawing also acts on mail already sent. In the usual case a request asks nobody outside of this
process, or Redis once: what is known stays in memory as long as it is sure to be true (openers.py, gallery.py,
opentime/weather/forecast_cache.py), and what was shown is written down behind the answer (opentime/serving/serve_log.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from campaigns.compose.links import PIXEL_SLOT, OpenLink, read_open
from campaigns.core.clock import Clock
from campaigns.core.errors import BadToken, NotFound, TailormailError
from campaigns.core.log import get_logger
from campaigns.core.remembering import Remembered
from campaigns.core.tokens import Signer
from campaigns.flows.opening.askers import Asker, Askers
from campaigns.flows.opening.easel import Easel, Painted
from campaigns.flows.opening.gallery import Gallery
from campaigns.flows.opening.live_offers import LiveOffers
from campaigns.flows.opening.open_facts import home_of, open_facts, weather_for
from campaigns.flows.opening.openers import Openers
from campaigns.opentime.drawing.neutral import pixel, plain_picture
from campaigns.opentime.place.apple_egress import AppleEgress
from campaigns.opentime.place.geo import GeoLookup
from campaigns.opentime.place.place import CityCoordinates, Place, locate, signal_of
from campaigns.opentime.place.requester import Requester
from campaigns.opentime.serving.hammering import Hammering
from campaigns.opentime.serving.headers import picture_headers
from campaigns.opentime.serving.open_state import OpenState
from campaigns.opentime.serving.serve import Serve
from campaigns.opentime.serving.serve_log import ServeLog
from campaigns.opentime.slots.facts import OpenFacts
from campaigns.opentime.slots.rules import Choice, choose
from campaigns.opentime.slots.slots import SlotDefinition
from campaigns.opentime.weather.forecast_cache import WeatherCache
from campaigns.opentime.weather.weather import Weather

log = get_logger(__name__)

_PLAIN_SIZE = (1200, 600)
_MOST_LINKS = 50_000
_MOST_HEADERS = 10_000


@dataclass(frozen=True, slots=True)
class PictureAnswer:
    """The body and headers of a 200; `shown` names the variant, "plain" where nothing at all was known."""

    body: bytes
    headers: Mapping[str, str]
    shown: str = "plain"


@dataclass(frozen=True, slots=True)
class _Opened:
    """A send that may be measured, and who asked for its picture."""

    link: OpenLink
    state: OpenState
    requester: Requester
    address: str | None


class Opening:
    """Answers image requests. One object serves all threads of a process."""

    def __init__(
        self,
        *,
        clock: Clock,
        signer: Signer,
        openers: Openers,
        gallery: Gallery,
        offers: LiveOffers,
        weather: WeatherCache,
        geo: GeoLookup | None,
        apple: AppleEgress | None,
        cities: CityCoordinates | None,
        askers: Askers,
        serves: ServeLog,
    ) -> None:
        self._clock = clock
        self._signer = signer
        self._openers = openers
        self._gallery = gallery
        self._easel = Easel(gallery)
        self._offers = offers
        self._weather = weather
        self._geo = geo
        self._apple = apple
        self._cities = cities
        self._askers = askers
        self._serves = serves
        self._links: Remembered[str, OpenLink] = Remembered(_MOST_LINKS)
        self._anonymous: Remembered[str, tuple[int, ...]] = Remembered(_MOST_LINKS)
        self._headers: Remembered[tuple[str, bool], Mapping[str, str]] = Remembered(_MOST_HEADERS)
        self._hammering: Hammering[tuple[OpenState, PictureAnswer, Serve]] = Hammering(
            lambda kept: len(kept[1].body)
        )

    def picture(self, token: str, asker: Asker) -> PictureAnswer:
        """The picture for this token; never raises, never anything but a picture."""
        try:
            return self._answer(token, asker)
        except BadToken:
            return _plain()
        except TailormailError as error:
            log.info("open_answered_plain", why=str(error)[:200])
            return _plain()
        except Exception:
            log.warning("open_answered_plain", exc_info=True)
            return _plain()

    def _answer(self, token: str, asker: Asker) -> PictureAnswer:
        link = self._links.get(token)
        if link is None:
            try:
                link = self._links[token] = read_open(self._signer, token)
            except BadToken:
                return self._unaddressed(token)
        link, state = self._opened_by(link)
        if state is None or not state.tracking:
            # Withdrawn since the mail went out, erased, or gone: neutral, nothing is recorded.
            return _PIXEL if link.slot == PIXEL_SLOT else self._neutral(link.campaign_id, link.slot, True)
        opened = self._by_whom(link, state, asker)
        repeated = self._hammering.again(token, opened.requester.value)
        # Not where consent has changed since: a picture for where the address is must not come again.
        if repeated is not None and repeated[0] == state:
            _, answer, serve = repeated
            self._note(serve, asker)
            return answer
        answer, serve = self._show(opened)
        self._note(serve, asker)
        self._hammering.answered(token, opened.requester.value, (state, answer, serve))
        return answer

    def _note(self, serve: Serve, asker: Asker) -> None:
        if asker.looks:
            self._serves.add(serve)

    def _opened_by(self, link: OpenLink) -> tuple[OpenLink, OpenState | None]:
        """Whose mail it is; for links of earlier versions what they leave out is looked up."""
        if link.customer_id:
            return link, self._openers.state(link.customer_id)
        addressed = self._openers.addressed(link.campaign_id, link.send_id)
        if addressed is None:
            return link, None
        at = None if addressed.sent_at is None else int(addressed.sent_at)
        link = OpenLink(addressed.campaign_id, link.send_id, link.slot, addressed.customer_id, at)
        return link, self._openers.state(addressed.customer_id)

    def _by_whom(self, link: OpenLink, state: OpenState, asker: Asker) -> _Opened:
        since = None if link.composed_at is None else self._clock.now().timestamp() - link.composed_at
        requester, address = self._askers.told(asker, since)
        return _Opened(link, state, requester, address)

    def _show(self, opened: _Opened) -> tuple[PictureAnswer, Serve]:
        link, now = opened.link, self._clock.now()
        if link.slot == PIXEL_SLOT:
            return _PIXEL, _serve(opened, now, Choice("pixel", ""), "", None)
        slot = self._slot(link.campaign_id, link.slot)
        place = self._place(slot, opened)
        weather = weather_for(slot, place, self._weather.at)
        choice = choose(slot, self._facts(slot, opened, place, weather, now))
        answer, choice = self._drawn(slot, choice, True, now)
        signal = signal_of(place) if slot.asks_place or slot.asks_weather else ""
        return answer, _serve(opened, now, choice, signal, weather)

    def _slot(self, campaign_id: int, number: int) -> SlotDefinition:
        slots = self._gallery.slots(campaign_id)
        if number >= len(slots):
            raise NotFound("this campaign has no such slot")
        return slots[number]

    def _place(self, slot: SlotDefinition, opened: _Opened) -> Place | None:
        state = opened.state
        # Where the place decides nothing, nobody's address is looked up.
        return locate(
            opened.requester,
            opened.address if slot.asks_place else None,
            home_of(state),
            state.location,
            self._geo,
            self._apple,
            self._cities,
        )

    def _facts(
        self,
        slot: SlotDefinition,
        opened: _Opened,
        place: Place | None,
        weather: Weather | None,
        now: datetime,
    ) -> OpenFacts:
        link = opened.link
        return open_facts(
            slot,
            opened.state,
            place,
            weather,
            now,
            lambda: self._offers.picks(link.campaign_id, link.send_id),
            lambda: self._offers.stock(slot.skus),
        )

    def _unaddressed(self, token: str) -> PictureAnswer:
        """The picture behind a link that identifies nobody."""
        numbers = self._anonymous.get(token)
        if numbers is None:
            numbers = self._anonymous[token] = self._signer.verify("open-anon", token, count=2)
        campaign_id, slot_number = numbers
        return self._neutral(campaign_id, slot_number, False)

    def _neutral(self, campaign_id: int, slot_number: int, personal: bool) -> PictureAnswer:
        """What is shown to somebody of whom nothing may be known: what depends on the date alone."""
        slot, now = self._slot(campaign_id, slot_number), self._clock.now()
        return self._drawn(slot, choose(slot, OpenFacts(now)), personal, now)[0]

    def _drawn(
        self, slot: SlotDefinition, choice: Choice, personal: bool, now: datetime
    ) -> tuple[PictureAnswer, Choice]:
        """The picture of a choice, and what was chosen in the end."""
        painted = self._easel.picture(slot, choice, now)
        # What was made just now is for this moment, also where it is not for this person.
        headers = (
            self._headers_of(painted, personal)
            if painted.stored
            else picture_headers(painted.media_type, painted.body, True)
        )
        return PictureAnswer(painted.body, headers, painted.choice.variant_name), painted.choice

    def _headers_of(self, painted: Painted, personal: bool) -> Mapping[str, str]:
        asked = painted.choice.picture, personal
        headers = self._headers.get(asked)
        if headers is None:
            headers = self._headers[asked] = picture_headers(painted.media_type, painted.body, personal)
        return headers


def _serve(opened: _Opened, now: datetime, choice: Choice, signal: str, weather: Weather | None) -> Serve:
    link = opened.link
    return Serve(
        campaign_id=link.campaign_id,
        send_id=link.send_id,
        customer_id=link.customer_id,
        slot=link.slot,
        requester=opened.requester.value,
        machine=opened.requester.machine,
        at=int(now.timestamp() * 1000),
        variant=choice.variant_name,
        link=choice.link,
        signal=signal,
        weather=weather.condition.value if weather else "unknown",
        detail=choice.drawing.to_json() if choice.drawing else None,
    )


def _plain() -> PictureAnswer:
    stand_in = plain_picture(*_PLAIN_SIZE, "image/png")
    return PictureAnswer(stand_in.body, picture_headers(stand_in.media_type, stand_in.body, True))


def _pixel() -> PictureAnswer:
    nothing = pixel()
    return PictureAnswer(nothing.body, picture_headers(nothing.media_type, nothing.body, True), "pixel")


_PIXEL = _pixel()
