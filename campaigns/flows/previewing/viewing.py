"""Looking at mails: a preview of any customer's mail in any weather, and the mail in a browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from campaigns.audience.checking import still_allowed
from campaigns.audience.consent import Allowed, states, why_allowed_now
from campaigns.audience.customers import find
from campaigns.compose.links import SendRef, read_link
from campaigns.compose.preflight import check
from campaigns.copywriting.request import CopyRequest
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import NotFound
from campaigns.core.frequency import FrequencyCap
from campaigns.core.tokens import Signer
from campaigns.flows.copy.copy_audit import CopyAudit, audit_of_words
from campaigns.flows.copy.copy_facts import Readers, Told, copy_language
from campaigns.flows.copy.wording import CopyShelf, Worded
from campaigns.flows.describing.plans import CampaignPlan, load_plan
from campaigns.flows.opening.live_offers import LiveOffers
from campaigns.flows.opening.mailed import mailed
from campaigns.flows.opening.open_facts import open_facts, weather_for
from campaigns.flows.opening.open_states import state_if_tracked
from campaigns.flows.opening.shown import Showing, ShownPicture
from campaigns.flows.previewing.preview import Preview
from campaigns.flows.previewing.scenes import HERE_AND_NOW, Scene, place_at_home, place_in
from campaigns.flows.sending.addressees import consent_dates, load_addressees
from campaigns.flows.sending.letters import LetterFacts, Letters
from campaigns.flows.sending.picking import Picker, picks_from_json
from campaigns.models import Customer
from campaigns.models.values import Pick
from campaigns.opentime.place.place import Place, signal_of
from campaigns.opentime.serving.open_state import OpenState
from campaigns.opentime.slots.facts import OpenFacts
from campaigns.opentime.slots.rules import Choice, choose
from campaigns.opentime.slots.slots import SlotDefinition
from campaigns.opentime.weather.forecast_cache import WeatherCache
from campaigns.opentime.weather.weather import UNKNOWN_WEATHER, Condition, Weather

_NO_ADDRESS = "no-address@customers.invalid"
"""Stands in previews for who has none, and so is held back; nothing can be mailed there (RFC 2606)."""

__all__ = ["HERE_AND_NOW", "Scene", "Trial", "Viewing"]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A mail that is looked at, before it is written out."""

    plan: CampaignPlan
    person: Customer
    granted: frozenset[str]
    allowed: Allowed | None
    held_back: str
    facts: LetterFacts
    words: CopyAudit | None
    shown: dict[str, Choice]
    pictures: dict[str, ShownPicture]
    weather: Weather
    place: Place | None
    skies: dict[str, dict[str, Choice]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A mail to be tried out on people of the team: `facts` lead nobody to the customer's rights or opens."""

    plan: CampaignPlan
    facts: LetterFacts
    pictures: dict[str, ShownPicture]


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

    def preview(
        self, campaign_id: int, customer: str, scene: Scene = HERE_AND_NOW, arm: int | None = None
    ) -> Preview:
        """The mail of this campaign for this customer (address or external id) in this scene.

        `arm` is that of its experiment, None: as the campaign itself says.

        Raises:
            NotFound: no such campaign, customer or arm.
            BadInput: an unknown place, weather or requester.
        """
        seen = self._see(campaign_id, customer, scene, arm)
        letter = self._letters.write(seen.plan, seen.facts, _urls(seen.pictures), pixel=False)
        # What is sent has short addresses, where this preview holds whole pictures.
        content, _ = self._letters.prepare(seen.plan, seen.facts, pixel=False)
        sent = seen.plan.template.render(content)
        return Preview(
            letter,
            seen.held_back,
            seen.facts.picks,
            seen.shown,
            seen.pictures,
            seen.weather.condition.value,
            signal_of(seen.place),
            tuple(check(sent, content)),
            seen.person.external_id,
            "open_tracking" in seen.granted,
            _beyond_consent(scene, seen.granted, seen.place),
            seen.allowed,
            seen.words,
            self._currency,
            seen.skies,
            len(sent.html.encode("utf-8", "replace")),
        )

    def trial(
        self, campaign_id: int, customer: str, scene: Scene = HERE_AND_NOW, arm: int | None = None
    ) -> Trial:
        """The same mail to be sent to people of the team: no link is counted, and pictures are those of the scene.

        Raises:
            NotFound, BadInput: as `preview`.
        """
        seen = self._see(campaign_id, customer, scene, arm)
        untracked = SendRef(0, seen.plan.id, 0, False)
        return Trial(seen.plan, replace(seen.facts, ref=untracked), seen.pictures)

    def _see(self, campaign_id: int, customer: str, scene: Scene, arm: int | None) -> _Seen:
        now = self._clock.now()
        with self._db.transaction() as session:
            plan = load_plan(session, campaign_id).for_arm(arm)
            person = find(session, self._keyring, customer)
            if person is None:
                raise NotFound(f"there is no customer {customer}; give an address or an external id")
            granted = states(session, [person.id]).get(person.id, frozenset())
            allowed = why_allowed_now(session, person.id)
            refused = still_allowed(session, plan.contact(self._cap), [(0, person.id)], now)
            addressee = load_addressees(session, self._keyring, [person.id])[person.id]
            if not addressee.email:
                addressee = replace(addressee, email=_NO_ADDRESS)
            state = state_if_tracked(person, "open_location" in granted)
            place = place_in(session, scene, state)
        histories, picked = self._picker.pick(
            {person.id: "profiling" in granted}, plan.picks, plan.picking, plan.best_sellers
        )
        moment, picks = scene.moment or now, tuple(picked[person.id])
        told = Told(addressee, histories[person.id], picked[person.id])
        request = Readers(self._db, self._picker).requests(plan, {0: told}, moment)[0]
        worded, words = self._worded(plan, request)
        tracked = "open_tracking" in granted
        weather = self._weather_of(plan, scene, place)
        # A scene that was asked for is shown to the marketer; without one, what this customer would get.
        known = state if tracked or scene.personal else None

        def choice(slot: SlotDefinition, asked: Scene, sky: Weather) -> Choice:
            return choose(slot, self._facts(slot, known, asked, place, sky, moment, picks))

        shown = {slot.name: choice(slot, scene, weather) for slot in plan.slots}
        skies = _in_any_sky(plan, scene, choice) if known else {}
        facts = LetterFacts(
            # Send and customer 0 do not exist: who tries the links of a preview unsubscribes nobody.
            ref=SendRef(0, plan.id, 0, tracked),
            addressee=addressee,
            picks=picks,
            copy=worded.copy,
            language=request.language,
            consent_since=allowed.at.astimezone(UTC).date() if allowed and allowed.granted else None,
        )
        pictures = self._pictures(plan, shown, moment)
        return _Seen(
            plan, person, granted, allowed, refused.get(0, ""), facts, words, shown, pictures, weather, place, skies
        )  # fmt: skip

    def in_browser(self, token: str) -> str:
        """The HTML of a mail that was sent, with the pictures that it showed.

        Raises:
            BadToken: forged or damaged.
            NotFound: the mail, its copy or its customer is gone.
        """
        campaign_id, send_id = read_link(self._signer, "view", token)
        if not send_id:
            raise NotFound(
                "this link is of a test mail or a preview: only a mail that was sent can be seen here"
            )
        with self._db.transaction() as session:
            send = mailed(session, campaign_id, send_id)
            if send is None or send.copy_id is None:
                raise NotFound("this mail is no longer known")
            plan = load_plan(session, send.campaign_id).for_arm(send.arm)
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
        numbers = [number for number, _ in plan.numbered_slots]
        last = self._showing.last(plan.id, send.id, plan.slots, numbers)
        shown = {slot.name: choice for slot, choice in zip(plan.slots, last, strict=True)}
        pictures = self._pictures(plan, shown, self._clock.now())
        return self._letters.write(plan, facts, _urls(pictures), pixel=False).rendered.html

    def _worded(self, plan: CampaignPlan, request: CopyRequest) -> tuple[Worded, CopyAudit | None]:
        """The words that this mail would get: those of the offline writer where a person rejected others."""
        if plan.offline:
            known: Worded | None = self._shelf.offline_for({0: request})[0]
        else:
            known = self._known(plan, {0: request}).get(0) if self._known else None
        worded = known or self._shelf.copies_for({0: request})[0]
        with self._db.transaction() as session:
            return worded, audit_of_words(session, plan.id, worded.copy_id, worded.line_ids)

    def _weather_of(self, plan: CampaignPlan, scene: Scene, place: Place | None) -> Weather:
        """The weather that was asked for, else the one there; nobody is asked where no slot depends on it."""
        weather = scene.sky()
        if weather is None and place is not None and any(slot.asks_weather for slot in plan.slots):
            weather = self._weather.at(place.latitude, place.longitude)
        return scene.measured_in(weather or UNKNOWN_WEATHER)

    def _facts(
        self,
        slot: SlotDefinition,
        state: OpenState | None,
        scene: Scene,
        place: Place | None,
        weather: Weather,
        moment: datetime,
        picks: Sequence[Pick],
    ) -> OpenFacts:
        """What is known at this open, gathered as flows/opening.py does; of nobody (None) only when it is."""
        if state is None:
            return OpenFacts(moment)
        there = place if slot.asks_place else place_at_home(state)
        sky = weather_for(slot, there, lambda *_: weather)
        if sky is None and slot.asks_weather and scene.personal:
            sky = weather  # asked for, though nobody knows where this customer is
        return open_facts(
            slot,
            state,
            there,
            sky,
            moment,
            lambda: self._offers.products([pick.product.id for pick in picks]),
            lambda: self._offers.stock(slot.skus),
        )

    def _pictures(
        self, plan: CampaignPlan, shown: Mapping[str, Choice], moment: datetime
    ) -> dict[str, ShownPicture]:
        slots = {slot.name: slot for slot in plan.slots}
        return {name: self._showing.picture(slots[name], choice, moment) for name, choice in shown.items()}


def _in_any_sky(
    plan: CampaignPlan, scene: Scene, choice: Callable[[SlotDefinition, Scene, Weather], Choice]
) -> dict[str, dict[str, Choice]]:
    """What each slot that asks for the weather would show in each condition."""
    asked = {sky: replace(scene, weather=sky.value) for sky in Condition}
    return {
        slot.name: {sky.value: choice(slot, one, one.measured_in(Weather(sky))) for sky, one in asked.items()}
        for slot in plan.slots
        if slot.asks_weather
    }


def _beyond_consent(scene: Scene, granted: frozenset[str], place: Place | None) -> str:
    """What a scene that was asked for shows that this customer would never get."""
    if not scene.personal:
        return ""
    if "open_tracking" not in granted:
        return "this customer does not allow opens to be measured, and gets the pictures that anybody gets"
    if scene.place and "open_location" not in granted:
        return "this customer does not allow the place of opening to be used: home decides for them"
    if place is None:
        return "nobody knows where this customer is: they get the pictures for weather that is not known"
    return ""


def _urls(pictures: Mapping[str, ShownPicture]) -> dict[str, str]:
    return {name: picture.url for name, picture in pictures.items()}
