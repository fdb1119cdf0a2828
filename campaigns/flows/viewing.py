"""Looking at mails: a preview of any customer's mail in any weather, and the mail in a browser."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.checking import still_allowed
from campaigns.audience.consent import states, why_allowed_now
from campaigns.audience.customers import find
from campaigns.compose.links import SendRef, read_link
from campaigns.compose.preflight import check
from campaigns.copywriting.request import CopyRequest
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, NotFound
from campaigns.core.frequency import FrequencyCap
from campaigns.core.tokens import Signer
from campaigns.flows.addressees import consent_dates, load_addressees
from campaigns.flows.copy_audit import CopyAudit, audit_of_words
from campaigns.flows.copy_facts import Readers, Told, copy_language
from campaigns.flows.letters import LetterFacts, Letters
from campaigns.flows.live_offers import LiveOffers
from campaigns.flows.mailed import mailed
from campaigns.flows.picking import Picker, picks_from_json
from campaigns.flows.plans import CampaignPlan, load_plan
from campaigns.flows.preview import Preview
from campaigns.flows.shown import Showing, ShownPicture
from campaigns.flows.wording import CopyShelf, Worded
from campaigns.models import Customer
from campaigns.opentime.place.place import Home, Place, Signal, locate, signal_of
from campaigns.opentime.place.requester import Requester
from campaigns.opentime.slots import slot_fields
from campaigns.opentime.slots.facts import OpenFacts
from campaigns.opentime.slots.rules import Choice, choose
from campaigns.opentime.weather.forecast_cache import WeatherCache
from campaigns.opentime.weather.weather import Condition, Weather

# As far as what was ever measured near the ground.
_TEMPERATURES = -90.0, 60.0
_WINDS = 0.0, 410.0


@dataclass(frozen=True, slots=True)
class Scene:
    """Where, when and by what a preview is opened. Empty fields mean: at home, now, the real weather there.

    `place` is a city of the customers, or "latitude,longitude"; `weather` is one of opentime's conditions, and
    `requester` one of its requesters: behind a proxy the place is not known, and home decides. `temperature_c`
    and `wind_kmh` take the place of what the weather there, or the one that was asked for, says of them.
    """

    place: str = ""
    weather: str = ""
    moment: datetime | None = None
    requester: str = ""
    temperature_c: float | None = None
    wind_kmh: float | None = None

    @classmethod
    def of(
        cls, place: str, weather: str, moment: str, requester: str, temperature: str = "", wind: str = ""
    ) -> Scene:
        """From what was typed; a moment without zone is UTC, temperature is in °C and wind in km/h.

        Raises:
            BadInput: the moment, the temperature or the wind is none.
        """
        return cls(
            place.strip(),
            weather.strip(),
            slot_fields.moment(moment.strip(), "time") if moment.strip() else None,
            requester.strip(),
            _measured(temperature, "temperature", "degrees Celsius", *_TEMPERATURES),
            _measured(wind, "wind", "km/h", *_WINDS),
        )

    @property
    def asked_for(self) -> bool:
        """Whether anything was said."""
        said = self.place or self.weather or self.moment or self.requester
        return bool(said) or self.temperature_c is not None or self.wind_kmh is not None


HERE_AND_NOW = Scene()
"""At home, now, in the weather there."""


class Viewing:
    """Composes mails that are looked at and not sent."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        signer: Signer,
        picker: Picker,
        shelf: CopyShelf,
        letters: Letters,
        weather: WeatherCache,
        offers: LiveOffers,
        showing: Showing,
        cap: FrequencyCap | None = None,
        currency: str = "USD",
        known: Callable[[CampaignPlan, Mapping[int, CopyRequest]], Mapping[int, Worded]] | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._signer = signer
        self._picker = picker
        self._shelf = shelf
        self._letters = letters
        self._weather = weather
        self._offers = offers
        self._showing = showing
        self._cap = cap
        self._currency = currency
        self._known = known

    def preview(self, campaign_id: int, customer: str, scene: Scene = HERE_AND_NOW) -> Preview:
        """The mail of this campaign for this customer (address or external id) in this scene.

        Raises:
            NotFound: no such campaign or customer.
            BadInput: an unknown place, weather or requester.
        """
        with self._db.transaction() as session:
            plan = load_plan(session, campaign_id)
            person = find(session, self._keyring, customer)
            if person is None:
                raise NotFound(f"there is no customer {customer}; give an address or an external id")
            granted = states(session, [person.id]).get(person.id, frozenset())
            allowed = why_allowed_now(session, person.id)
            refused = still_allowed(session, plan.contact(self._cap), [(0, person.id)], self._clock.now())
            addressee = load_addressees(session, self._keyring, [person.id])[person.id]
            place = _place_of(session, scene, person)
        histories, picked = self._picker.pick({person.id: "profiling" in granted}, plan.picks, plan.picking)
        moment = scene.moment or self._clock.now()
        told = Told(addressee, histories[person.id], picked[person.id])
        request = Readers(self._db, self._picker).requests(plan, {0: told}, moment)[0]
        worded, words = self._worded(plan, request)
        weather = self._weather_of(scene, place)
        tracked = "open_tracking" in granted
        # A scene that was asked for is shown to the marketer; without one, what this customer would get.
        if tracked or scene.asked_for:
            facts = _facts_of(person, moment, weather, place, request.language)
            facts = self._with_offers(plan, facts, [pick.product.id for pick in picked[person.id]])
        else:
            facts = OpenFacts(moment)
        shown = {slot.name: choose(slot, facts) for slot in plan.slots}
        pictures = self._pictures(plan, shown, moment)
        letter_facts = LetterFacts(
            # Send and customer 0 do not exist: who tries the links of a preview unsubscribes nobody.
            ref=SendRef(0, plan.id, 0, tracked),
            addressee=addressee,
            picks=tuple(picked[person.id]),
            copy=worded.copy,
            language=request.language,
            consent_since=allowed.at.astimezone(UTC).date() if allowed and allowed.granted else None,
        )
        letter = self._letters.write(plan, letter_facts, _urls(pictures), pixel=False)
        # What is sent has short addresses, where this preview holds whole pictures.
        content, _ = self._letters.prepare(plan, letter_facts, pixel=False)
        return Preview(
            letter,
            refused.get(0, ""),
            letter_facts.picks,
            shown,
            pictures,
            weather.condition.value,
            signal_of(place),
            tuple(check(plan.template.render(content), content)),
            person.external_id,
            tracked,
            _beyond_consent(scene, granted),
            allowed,
            words,
            self._currency,
        )

    def in_browser(self, token: str) -> str:
        """The HTML of a mail that was sent, with the pictures that it showed.

        Raises:
            BadToken: forged or damaged.
            NotFound: the mail, its copy or its customer is gone.
        """
        campaign_id, send_id = read_link(self._signer, "view", token)
        with self._db.transaction() as session:
            send = mailed(session, campaign_id, send_id)
            if send is None or send.copy_id is None:
                raise NotFound("this mail is no longer known")
            plan = load_plan(session, send.campaign_id)
            addressee = load_addressees(session, self._keyring, [send.customer_id]).get(send.customer_id)
            if addressee is None:
                raise NotFound("this mail is no longer known")
            since = consent_dates(session, [send.consent_entry_id]).get(send.consent_entry_id or 0)
        stored = send.picks or []
        copy = self._shelf.remembered({send.id: (send.copy_id, stored)}).get(send.id)
        if copy is None:
            raise NotFound("the words of this mail are no longer kept")
        picks = picks_from_json(stored, self._picker.catalogue)
        if len(picks) != len(stored):
            raise NotFound("a product of this mail is no longer sold, so it cannot be shown again")
        language = copy_language(plan, addressee.locale)
        facts = LetterFacts(
            SendRef(send.id, plan.id, send.customer_id, send.tracked), addressee, tuple(picks), copy, language,
            since,
        )  # fmt: skip
        last = self._showing.last(plan.id, send.id, plan.slots)
        shown = {slot.name: choice for slot, choice in zip(plan.slots, last, strict=True)}
        pictures = self._pictures(plan, shown, self._clock.now())
        return self._letters.write(plan, facts, _urls(pictures), pixel=False).rendered.html

    def _worded(self, plan: CampaignPlan, request: CopyRequest) -> tuple[Worded, CopyAudit | None]:
        """The words that this mail would get: those of the offline writer where a person rejected others."""
        known = self._known(plan, {0: request}).get(0) if self._known else None
        worded = known or self._shelf.copies_for({0: request})[0]
        with self._db.transaction() as session:
            return worded, audit_of_words(session, plan.id, worded.copy_id, worded.line_ids)

    def _weather_of(self, scene: Scene, place: Place | None) -> Weather:
        weather = self._sky_of(scene, place)
        if scene.temperature_c is not None:
            weather = replace(weather, temperature_c=scene.temperature_c)
        if scene.wind_kmh is not None:
            weather = replace(weather, wind_kmh=scene.wind_kmh)
        return weather

    def _sky_of(self, scene: Scene, place: Place | None) -> Weather:
        if scene.weather:
            try:
                return Weather(Condition(scene.weather))
            except ValueError:
                known = ", ".join(condition.value for condition in Condition)
                raise BadInput(
                    f"there is no weather {scene.weather!r}; there is {known}", "weather"
                ) from None
        if place is None:
            return Weather(Condition.UNKNOWN)
        return self._weather.at(place.latitude, place.longitude)

    def _with_offers(self, plan: CampaignPlan, facts: OpenFacts, picks: Sequence[int]) -> OpenFacts:
        if any(slot.asks_picks for slot in plan.slots):
            facts = replace(facts, picks=self._offers.products(picks))
        skus = {sku for slot in plan.slots for sku in slot.skus}
        return replace(facts, stock=self._offers.stock(sorted(skus))) if skus else facts

    def _pictures(
        self, plan: CampaignPlan, shown: Mapping[str, Choice], moment: datetime
    ) -> dict[str, ShownPicture]:
        slots = {slot.name: slot for slot in plan.slots}
        return {name: self._showing.picture(slots[name], choice, moment) for name, choice in shown.items()}


def _measured(typed: str, where: str, unit: str, lowest: float, highest: float) -> float | None:
    """A number of this unit that can be on Earth; None where nothing was typed."""
    if not typed.strip():
        return None
    try:
        value = float(typed)
    except ValueError:
        value = math.nan
    if not lowest <= value <= highest:
        raise BadInput(f"needs a number of {unit} from {lowest:g} to {highest:g}, such as 4.5", where=where)
    return value


def _hides_place(requester: str) -> bool:
    """Whether this requester says nothing about where the mail is opened; Apple's list names a city."""
    if not requester:
        return False
    try:
        asking = Requester(requester)
    except ValueError:
        known = ", ".join(one.value for one in Requester)
        raise BadInput(f"there is no requester {requester!r}; there is {known}", "requester") from None
    return asking.hides_place and asking is not Requester.APPLE_MPP


def _beyond_consent(scene: Scene, granted: frozenset[str]) -> str:
    """What a scene that was asked for shows that this customer would never get."""
    if not scene.asked_for:
        return ""
    if "open_tracking" not in granted:
        return "this customer does not allow opens to be measured, and gets the pictures that anybody gets"
    if scene.place and "open_location" not in granted:
        return "this customer does not allow the place of opening to be used: home decides for them"
    return ""


def _urls(pictures: Mapping[str, ShownPicture]) -> dict[str, str]:
    return {name: picture.url for name, picture in pictures.items()}


def _facts_of(
    person: Customer, moment: datetime, weather: Weather, place: Place | None, language: str
) -> OpenFacts:
    tags = frozenset(person.tags)
    return OpenFacts(moment, weather, place, person.country, person.timezone, tags, language=language)


def _place_of(session: Session, scene: Scene, person: Customer) -> Place | None:
    name = "" if _hides_place(scene.requester) else scene.place
    if not name:
        home = Home.known(person.latitude, person.longitude, person.country, person.timezone)
        return locate(Requester.UNKNOWN, None, home, False, None, None)
    # By Apple's list a place is known as the city that it names.
    signal: Signal = "apple_city" if scene.requester == Requester.APPLE_MPP.value else "address"
    latitude, comma, longitude = name.partition(",")
    if comma:
        try:
            there = Place(float(latitude), float(longitude), signal)
        except ValueError:
            raise BadInput("needs a city, or degrees such as 69.6,18.9", where="place") from None
        country, timezone = _around(session, there)
        return Place(there.latitude, there.longitude, signal, country, timezone)
    row = session.execute(
        select(Customer.latitude, Customer.longitude, Customer.country, Customer.timezone)
        .where(func.lower(Customer.city) == name.lower(), Customer.latitude.is_not(None))
        .limit(1)
    ).one_or_none()
    if row is None:
        raise BadInput(f"no customer lives in {name}; give degrees such as 69.6,18.9", where="place")
    return Place(row.latitude, row.longitude, signal, row.country, row.timezone)


def _around(session: Session, place: Place) -> tuple[str, str]:
    """Country and time zone of the customer who lives nearest, within about a hundred kilometres; else unknown."""
    north, east = Customer.latitude - place.latitude, Customer.longitude - place.longitude
    near = Customer.latitude.between(place.latitude - 1, place.latitude + 1)
    row = session.execute(
        select(Customer.country, Customer.timezone)
        .where(near, Customer.longitude.between(place.longitude - 2, place.longitude + 2))
        .order_by(north * north + east * east)
        .limit(1)
    ).one_or_none()
    return (row.country, row.timezone) if row else ("", "")
