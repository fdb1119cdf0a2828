"""A picture is asked for: by consent, requester, place and weather, and always answered.

Promise 4: whatever is down or wrong, the answer is a picture. Promise 2: consent is looked up at every
request, so withdrawing also acts on mail already sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from campaigns.audience.consent import states
from campaigns.compose.links import PIXEL_SLOT, read_link
from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import BadToken
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.core.tokens import Signer
from campaigns.flows.happenings import Happening, record_event
from campaigns.flows.mailed import campaign_of
from campaigns.models import Campaign, Customer, Picture, Send, SlotServe
from campaigns.opentime.address import client_address
from campaigns.opentime.apple_egress import AppleEgress
from campaigns.opentime.facts import OpenFacts
from campaigns.opentime.forecast_cache import WeatherCache
from campaigns.opentime.geo import GeoLookup
from campaigns.opentime.headers import picture_headers
from campaigns.opentime.neutral import pixel, plain_picture
from campaigns.opentime.place import Home, Place, locate, signal_of
from campaigns.opentime.requester import Requester, classify
from campaigns.opentime.rules import Choice, choose
from campaigns.opentime.slots import SlotDefinition
from campaigns.opentime.weather import Weather

log = get_logger(__name__)

_PLAIN_SIZE = (1200, 600)


@dataclass(frozen=True, slots=True)
class Asker:
    """What an HTTP request says about who asks; `remote` is the address of the other end of the socket."""

    user_agent: str | None = None
    remote: str | None = None
    forwarded_for: str | None = None


@dataclass(frozen=True, slots=True)
class PictureAnswer:
    """The body and headers of a 200."""

    body: bytes
    headers: dict[str, str]
    shown: str = "plain"


@dataclass(frozen=True, slots=True)
class _Opened:
    """A tracked send whose customer allows opens to be measured."""

    send_id: int
    campaign_id: int
    customer_id: int
    sent_at: datetime | None
    home: Home | None
    country: str
    timezone: str
    tags: frozenset[str]
    location_consent: bool


class Opening:
    """Answers image requests. One object serves all threads of a process."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        signer: Signer,
        weather: WeatherCache,
        geo: GeoLookup | None,
        apple: AppleEgress | None,
        trusted_hops: int,
        meters: Meters,
    ) -> None:
        self._db = db
        self._clock = clock
        self._signer = signer
        self._weather = weather
        self._geo = geo
        self._apple = apple
        self._hops = trusted_hops
        self._meters = meters
        self._slots_of = lru_cache(maxsize=256)(self._load_slots)
        self._picture = lru_cache(maxsize=256)(self._load_picture)

    def picture(self, token: str, asker: Asker) -> PictureAnswer:
        """The picture for this token; never raises, never anything but a picture."""
        try:
            return self._answer(token, asker)
        except BadToken:
            return self._plain()
        except Exception:
            log.warning("open_answered_plain", exc_info=True)
            return self._plain()

    def _answer(self, token: str, asker: Asker) -> PictureAnswer:
        try:
            campaign_id, send_id, slot_number = read_link(self._signer, "open", token)
        except BadToken:
            campaign_id, slot_number = self._signer.verify("open-anon", token, count=2)
            return self._default_of(campaign_id, slot_number)
        opened, campaign_id = self._look_up(campaign_id, send_id)
        if opened is None:
            # Withdrawn since the mail went out, erased, or too old to be kept: neutral, nothing is recorded.
            return _pixel() if slot_number == PIXEL_SLOT else self._default_of(campaign_id, slot_number, True)
        address = client_address(asker.forwarded_for, asker.remote or "", self._hops)
        requester = classify(
            asker.user_agent,
            address,
            apple=self._apple,
            seconds_since_delivery=self._since(opened.sent_at),
        )
        if slot_number == PIXEL_SLOT:
            self._record(opened, requester, slot_number, None, None, None)
            return _pixel()
        return self._show(opened, slot_number, requester, address)

    def _show(
        self, opened: _Opened, slot_number: int, requester: Requester, address: str | None
    ) -> PictureAnswer:
        slot = self._slots_of(opened.campaign_id)[slot_number]
        place = locate(requester, address, opened.home, opened.location_consent, self._geo, self._apple)
        weather = self._weather.at(place.latitude, place.longitude) if place else None
        facts = OpenFacts(self._clock.now(), weather, place, opened.country, opened.timezone, opened.tags)
        choice = choose(slot, facts)
        try:
            self._record(opened, requester, slot_number, choice, place, weather)
        except Exception:
            log.warning("open_not_recorded", send_id=opened.send_id, exc_info=True)
        return self._drawn(slot, choice, personal=True)

    def _record(
        self,
        opened: _Opened,
        requester: Requester,
        slot_number: int,
        choice: Choice | None,
        place: Place | None,
        weather: Weather | None,
    ) -> None:
        now = self._clock.now()
        happening = Happening(
            name="opened",
            key=f"opened:{opened.send_id}:{requester.value}",
            at=now,
            campaign_id=opened.campaign_id,
            send_id=opened.send_id,
            customer_id=opened.customer_id,
            machine=requester.machine,
            detail={"requester": requester.value},
        )
        with self._db.transaction() as session:
            record_event(session, happening, self._meters)
            if choice is not None:
                _record_serve(
                    session,
                    {
                        "campaign_id": opened.campaign_id,
                        "send_id": opened.send_id,
                        "slot": slot_number,
                        "variant": choice.variant_name,
                        "link": choice.link,
                        "signal": signal_of(place),
                        "weather": weather.condition.value if weather else "unknown",
                        "served_at": now,
                    },
                )

    def _look_up(self, campaign_id: int, send_id: int) -> tuple[_Opened | None, int]:
        """The send as far as it is there and consent allows to look, and its campaign."""
        with self._db.transaction() as session:
            campaign_id = campaign_of(session, campaign_id, send_id)
            row = session.execute(
                select(
                    Send.customer_id, Send.sent_at, Customer.latitude, Customer.longitude,
                    Customer.country, Customer.timezone, Customer.tags, Customer.erased_at,
                )
                .join(Customer, Customer.id == Send.customer_id)
                .where(Send.campaign_id == campaign_id, Send.id == send_id)
            ).one_or_none()  # fmt: skip
            if row is None:
                return None, campaign_id
            granted = states(session, [row.customer_id]).get(row.customer_id, frozenset())
        if row.erased_at is not None or "open_tracking" not in granted:
            return None, campaign_id
        home = Home.known(row.latitude, row.longitude, row.country, row.timezone)
        return (
            _Opened(
                send_id, campaign_id, row.customer_id, row.sent_at, home, row.country, row.timezone,
                frozenset(row.tags), "open_location" in granted,
            ),
            campaign_id,
        )  # fmt: skip

    def _default_of(self, campaign_id: int, slot_number: int, personal: bool = False) -> PictureAnswer:
        slot = self._slots_of(campaign_id)[slot_number]
        expired = slot.expires is not None and self._clock.now() >= slot.expires
        shown = slot.expired if expired else slot.default
        return self._drawn(slot, Choice(shown.name, shown.picture, shown.link), personal)

    def _drawn(self, slot: SlotDefinition, choice: Choice, personal: bool) -> PictureAnswer:
        try:
            media_type, body = self._picture(choice.picture)
        except Exception:
            log.warning("picture_missing", picture=choice.picture, exc_info=True)
            stand_in = plain_picture(*slot.pixel_size, slot.media_type)
            media_type, body = stand_in.media_type, stand_in.body
        return PictureAnswer(body, picture_headers(media_type, body, personal), choice.variant_name)

    def _plain(self) -> PictureAnswer:
        stand_in = plain_picture(*_PLAIN_SIZE, "image/png")
        return PictureAnswer(stand_in.body, picture_headers(stand_in.media_type, stand_in.body, True))

    def _load_slots(self, campaign_id: int) -> tuple[SlotDefinition, ...]:
        with self._db.transaction() as session:
            raw = session.scalar(select(Campaign.slots).where(Campaign.id == campaign_id))
        if raw is None:
            raise BadToken("this campaign is no longer known")
        return tuple(SlotDefinition.from_json(slot) for slot in raw)

    def _load_picture(self, sha256: str) -> tuple[str, bytes]:
        with self._db.transaction() as session:
            row = session.execute(
                select(Picture.media_type, Picture.body).where(Picture.sha256 == sha256)
            ).one()
        return row.media_type, bytes(row.body)

    def hosted(self, sha256: str) -> tuple[str, bytes] | None:
        """A stored picture by its content hash: media type and bytes; None where there is none."""
        try:
            return self._picture(sha256)
        except Exception:
            return None

    def _since(self, sent_at: datetime | None) -> float | None:
        return (self._clock.now() - sent_at).total_seconds() if sent_at else None


def _pixel() -> PictureAnswer:
    nothing = pixel()
    return PictureAnswer(nothing.body, picture_headers(nothing.media_type, nothing.body, True), "pixel")


def _record_serve(session: Session, row: dict[str, object]) -> None:
    statement = upsert(SlotServe).values(row)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["campaign_id", "send_id", "slot"],
            set_={
                **{
                    name: statement.excluded[name]
                    for name in ("variant", "link", "signal", "weather", "served_at")
                },
                "count": SlotServe.count + 1,
            },
        )
    )
