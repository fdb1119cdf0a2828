"""Looking at mails: a preview of any customer's mail in any weather, and the mail in a browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.consent import states
from campaigns.audience.customers import find
from campaigns.compose.links import SendRef, read_link
from campaigns.compose.preflight import Finding, check
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, NotFound
from campaigns.core.tokens import Signer
from campaigns.flows.addressees import consent_dates, load_addressees
from campaigns.flows.letters import Letter, LetterFacts, Letters
from campaigns.flows.mailed import mailed
from campaigns.flows.picking import Picker, picks_from_json
from campaigns.flows.plans import CampaignPlan, load_plan
from campaigns.flows.wording import CopyShelf, copy_language, copy_request
from campaigns.models import ConsentState, Customer, SlotServe
from campaigns.models.values import Pick
from campaigns.opentime.facts import OpenFacts
from campaigns.opentime.forecast_cache import WeatherCache
from campaigns.opentime.place import Home, Place, locate
from campaigns.opentime.requester import Requester
from campaigns.opentime.rules import Choice, choose
from campaigns.opentime.slots import SlotDefinition
from campaigns.opentime.weather import Condition, Weather


@dataclass(frozen=True, slots=True)
class Scene:
    """Where and when a preview is opened. Empty fields mean: the customer's home, now, the real weather.

    `place` is a city of the customers, or "latitude,longitude"; `weather` is one of opentime's conditions.
    """

    place: str = ""
    weather: str = ""
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as this customer would get it, with everything that explains it."""

    letter: Letter
    held_back: str
    picks: tuple[Pick, ...]
    shown: dict[str, Choice]
    weather: str
    findings: tuple[Finding, ...]
    customer: str
    tracked: bool

    def explained(self) -> dict[str, Any]:
        """The same without the mail, as JSON-ready values."""
        return {
            "customer": self.customer,
            "subject": self.letter.subject,
            "held_back": self.held_back or None,
            "weather": self.weather,
            "open_tracking": self.tracked,
            "slots": {name: choice.variant_name for name, choice in self.shown.items()},
            "picks": [
                {
                    "sku": pick.product.sku,
                    "title": pick.product.title,
                    "reason": pick.reason.kind,
                    "because": pick.reason.because or None,
                }
                for pick in self.picks
            ],
            "findings": [
                {"severity": str(f.severity), "code": f.code, "message": f.message} for f in self.findings
            ],
        }


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
        public_url: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._signer = signer
        self._picker = picker
        self._shelf = shelf
        self._letters = letters
        self._weather = weather
        self._public_url = public_url

    def preview(self, campaign_id: int, customer: str, scene: Scene | None = None) -> Preview:
        """The mail of this campaign for this customer (address or external id) in this scene.

        Raises:
            NotFound: no such campaign or customer.
            BadInput: an unknown place or weather.
        """
        scene = scene or Scene()
        with self._db.transaction() as session:
            plan = load_plan(session, campaign_id)
            person = find(session, self._keyring, customer)
            if person is None:
                raise NotFound(f"there is no customer {customer}; give an address or an external id")
            granted = states(session, [person.id]).get(person.id, frozenset())
            entry = _marketing_entry(session, person.id)
            addressee = load_addressees(session, self._keyring, [person.id])[person.id]
            since = consent_dates(session, [entry]).get(entry or 0)
            place = _place_of(session, scene.place, person)
        histories, picked = self._picker.pick({person.id: "profiling" in granted}, plan.picks)
        moment = scene.moment or self._clock.now()
        request = copy_request(
            plan, addressee, histories[person.id], picked[person.id], self._picker.catalogue, moment
        )
        copy = self._shelf.copies_for({0: request})[0].copy
        weather = self._weather_of(scene, place)
        tracked = "open_tracking" in granted
        # A scene that was asked for is shown to the marketer; without one, what this customer would get.
        decided = tracked or bool(scene.place or scene.weather)
        shown = self._choices(plan, weather, place, person, moment) if decided else _neutral(plan)
        facts = LetterFacts(
            # Send and customer 0 do not exist: who tries the links of a preview unsubscribes nobody.
            ref=SendRef(0, plan.id, 0, tracked),
            addressee=addressee,
            picks=tuple(picked[person.id]),
            copy=copy,
            language=request.language,
            consent_since=since,
        )
        letter = self._letters.write(plan, facts, self._hosted(plan, shown), pixel=False)
        return Preview(
            letter,
            "" if "marketing" in granted else "no consent to marketing",
            facts.picks,
            shown,
            weather.condition.value,
            tuple(check(letter.rendered, letter.content)),
            person.external_id,
            tracked,
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
            served = _served(session, plan, send.id)
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
        return self._letters.write(plan, facts, self._hosted(plan, served), pixel=False).rendered.html

    def _weather_of(self, scene: Scene, place: Place | None) -> Weather:
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

    @staticmethod
    def _choices(
        plan: CampaignPlan, weather: Weather, place: Place | None, person: Customer, moment: datetime
    ) -> dict[str, Choice]:
        facts = OpenFacts(moment, weather, place, person.country, person.timezone, frozenset(person.tags))
        return {slot.name: choose(slot, facts) for slot in plan.slots}

    def _hosted(self, plan: CampaignPlan, shown: dict[str, Choice]) -> dict[str, str]:
        slots = {slot.name: slot for slot in plan.slots}
        return {name: hosted_url(self._public_url, slots[name], choice) for name, choice in shown.items()}


def hosted_url(public_url: str, slot: SlotDefinition, choice: Choice) -> str:
    """Where the stored picture of a choice is served by its content."""
    return f"{public_url}/i/{choice.picture}.{slot.extension}"


def _marketing_entry(session: Session, customer_id: int) -> int | None:
    return session.scalar(
        select(ConsentState.entry_id).where(
            ConsentState.customer_id == customer_id,
            ConsentState.purpose == "marketing",
            ConsentState.granted,
        )
    )


def _neutral(plan: CampaignPlan) -> dict[str, Choice]:
    """What a customer without open_tracking sees: the same for everybody."""
    shown = [(slot.name, slot.default) for slot in plan.slots]
    return {name: Choice(v.name, v.picture, v.link, v.product) for name, v in shown}


def _place_of(session: Session, name: str, person: Customer) -> Place | None:
    if not name:
        home = Home.known(person.latitude, person.longitude, person.country, person.timezone)
        return locate(Requester.UNKNOWN, None, home, False, None, None)
    latitude, comma, longitude = name.partition(",")
    if comma:
        try:
            return Place(float(latitude), float(longitude), "address")
        except ValueError:
            raise BadInput("needs a city, or degrees such as 69.6,18.9", where="place") from None
    row = session.execute(
        select(Customer.latitude, Customer.longitude, Customer.country, Customer.timezone)
        .where(func.lower(Customer.city) == name.lower(), Customer.latitude.is_not(None))
        .limit(1)
    ).one_or_none()
    if row is None:
        raise BadInput(f"no customer lives in {name}; give degrees such as 69.6,18.9", where="place")
    return Place(row.latitude, row.longitude, "address", row.country, row.timezone)


def _served(session: Session, plan: CampaignPlan, send_id: int) -> dict[str, Choice]:
    rows = session.execute(
        select(SlotServe.slot, SlotServe.variant).where(
            SlotServe.campaign_id == plan.id, SlotServe.send_id == send_id
        )
    )
    served = {row[0]: row[1] for row in rows}
    shown = {}
    for number, slot in enumerate(plan.slots):
        variant = slot.variant(served.get(number, "")) or slot.default
        shown[slot.name] = Choice(variant.name, variant.picture, variant.link, variant.product)
    return shown
