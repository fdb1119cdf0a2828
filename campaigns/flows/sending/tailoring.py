"""What is ready before a mail is written out: the person, the picks and the copy, for a whole batch at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.orm import Session

from campaigns.audience.checking import still_allowed
from campaigns.audience.consent import states
from campaigns.audience.contact import hold
from campaigns.compose.links import SendRef
from campaigns.copywriting.crew import nothing
from campaigns.copywriting.request import CopyRequest
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.frequency import FrequencyCap
from campaigns.core.meters import Meters
from campaigns.flows.copy.copy_facts import Readers, Told, copy_language
from campaigns.flows.copy.copy_writing import CopyWriting
from campaigns.flows.copy.wording import CopyShelf, Worded
from campaigns.flows.describing.plans import CampaignPlan
from campaigns.flows.sending.addressees import Addressee, load_addressees, marketing_since
from campaigns.flows.sending.claims import ClaimedSend
from campaigns.flows.sending.letters import LetterFacts
from campaigns.flows.sending.picking import Picker, picks_to_json
from campaigns.flows.sending.send_moves import Move, Parked
from campaigns.models import SendStatus
from campaigns.models.values import Copy, Pick
from campaigns.recommend.recommender import History


@dataclass(frozen=True, slots=True)
class Fit:
    """A send whose customer may be mailed, with what the mail needs to know of them."""

    send: ClaimedSend
    person: Addressee
    consent_since: date | None


@dataclass(frozen=True, slots=True)
class Ready:
    """A send that only has to be written out; `picks` is the stored form.

    `request` and `cell` say what its words are about, where a model writes and they were looked for now.
    """

    send: ClaimedSend
    facts: LetterFacts
    picks: list[list[object]]
    copy_id: int
    request: CopyRequest | None = None
    cell: str = ""

    def parked(self) -> Parked:
        """What is to be kept of it, for whoever sends it later."""
        return Parked(self.send.id, self.picks, self.copy_id, self.send.personal, self.send.tracked)


@dataclass(frozen=True, slots=True)
class Unworded:
    """A send whose words somebody has yet to write, and what they are to be about."""

    send: ClaimedSend
    picks: list[list[object]]
    request: CopyRequest
    cell: str

    def waiting(self, cell_number: int) -> Parked:
        """What is to be kept of it until its words are there."""
        return Parked(self.send.id, self.picks, None, self.send.personal, self.send.tracked, cell_number)

    def worded(self, words: Worded) -> Parked:
        """The same with its words, to be kept."""
        picks = picks_to_json(self.request.picks, words.line_ids)
        return Parked(self.send.id, picks, words.copy_id, self.send.personal, self.send.tracked)


class Tailor:
    """Prepares batches; one object belongs to one process."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        picker: Picker,
        shelf: CopyShelf,
        writing: CopyWriting,
        meters: Meters,
        cap: FrequencyCap | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._picker = picker
        self._shelf = shelf
        self._writing = writing
        self._readers = Readers(db, picker)
        self._meters = meters
        self._cap = cap

    def hold(self, session: Session, plan: CampaignPlan, group: Sequence[Ready]) -> None:
        """Until the transaction ends, no other campaign begins to mail those of this group who have a limit."""
        hold(session, plan.contact(self._cap), (one.send.customer_id for one in group))

    def refused(self, session: Session, plan: CampaignPlan, sends: Iterable[ClaimedSend]) -> dict[int, str]:
        """Of these sends those that may not go any more, with the reason; see `hold`."""
        pairs = [(send.id, send.customer_id) for send in sends]
        return still_allowed(session, plan.contact(self._cap), pairs, self._clock.now())

    def check(self, plan: CampaignPlan, claimed: Sequence[ClaimedSend]) -> tuple[list[Fit], list[Move]]:
        """Who may still be mailed; and why the others may not (the second check of consent)."""
        customers = [send.customer_id for send in claimed]
        with self._db.transaction() as session:
            refused = self.refused(session, plan, claimed)
            people = load_addressees(session, self._keyring, customers)
            since = marketing_since(session, customers)
            granted = states(session, customers)
        unfit = [Move(send_id, SendStatus.HELD_BACK, reason) for send_id, reason in refused.items()]
        fit: list[Fit] = []
        for send in claimed:
            person = people.get(send.customer_id)
            if send.id in refused:
                continue
            if person is None or not person.email:
                unfit.append(Move(send.id, SendStatus.HELD_BACK, "no_address"))
                continue
            now_granted = granted.get(send.customer_id, frozenset())
            fit.append(Fit(_with_consents_of_now(send, now_granted), person, since.get(send.customer_id)))
        return fit, unfit

    def tailor(
        self, plan: CampaignPlan, fit: Sequence[Fit], wait_for_words: bool
    ) -> tuple[list[Ready], list[Unworded]]:
        """Picks and copy for all of them, with no connection held while words are written.

        With `wait_for_words` False, sends whose words are not there yet come back as `Unworded`.
        """
        worded = [one for one in fit if one.send.picks is not None and one.send.copy_id is not None]
        ready = self._from_store(plan, worded)
        done = {one.send.id for one in ready}
        rest = [one for one in fit if one.send.id not in done]
        with self._meters.timed("pick"):
            histories, picks = self._picked(plan, rest)
            # Only what is sold out since is replaced; what was prepared beside it stays.
            missing = [one for one in worded if one.send.id not in done]
            for arm, some in _picked_alike(plan, missing):
                prepared = {one.send.customer_id: one.send.picks or [] for one in some}
                picks |= self._picker.mended(prepared, histories, arm.picking)
        with self._meters.timed("copy"):
            told = {
                one.send.id: Told(one.person, histories[one.send.customer_id], picks[one.send.customer_id])
                for one in rest
            }
            requests = self._readers.requests(plan, told, self._clock.now())
            offline = {one.send.id for one in rest if plan.for_arm(one.send.arm).offline}
            copies = self._copies(plan, requests, offline, wait_for_words)
        unworded: list[Unworded] = []
        for one in rest:
            request, worded_now = requests[one.send.id], copies.get(one.send.id)
            if worded_now is None:
                stored = picks_to_json(request.picks)
                unworded.append(Unworded(one.send, stored, request, self._shelf.cell_of(request)))
                continue
            number, copy, lines = worded_now
            stored = picks_to_json(request.picks, lines)
            found = _ready(plan, one, request.picks, copy, request.language, stored, number)
            if not wait_for_words and one.send.id not in offline:
                found = replace(found, request=request, cell=self._shelf.cell_of(request))
            ready.append(found)
        return ready, unworded

    def words_for(
        self, plan: CampaignPlan, unworded: Sequence[Unworded], beat: Callable[[], None] = nothing
    ) -> Generator[list[Parked], None, None]:
        """Have their words written, those of most sends first; gives sends as soon as their words are there.

        A model may take a minute for a cell. No connection is held meanwhile, and the caller may leave
        the rest at any time; `beat` is called about every second.
        """
        sends = {one.send.id: one for one in unworded}
        requests = {send_id: one.request for send_id, one in sends.items()}
        for words in self._writing.words_for(plan, requests, beat):
            yield [sends[send_id].worded(found) for send_id, found in words.items()]

    def _copies(
        self, plan: CampaignPlan, requests: dict[int, CopyRequest], offline: set[int], wait_for_words: bool
    ) -> dict[int, Worded]:
        """The words by send; those of arms that are written `offline` by the offline writer, at once."""
        wanted = {send: one for send, one in requests.items() if send not in offline}
        written = self._shelf.copies_for(wanted) if wait_for_words else self._writing.known(plan, wanted)
        if offline:
            written |= self._shelf.offline_for({send: requests[send] for send in sorted(offline)})
        return written

    def _picked(
        self, plan: CampaignPlan, rest: Sequence[Fit]
    ) -> tuple[dict[int, History], dict[int, list[Pick]]]:
        """Histories and picks by customer, as the arm of each has them picked."""
        histories: dict[int, History] = {}
        picks: dict[int, list[Pick]] = {}
        for arm, some in _picked_alike(plan, rest):
            read, picked = self._picked_in(arm, some)
            histories |= read
            picks |= picked
        return histories, picks

    def _picked_in(
        self, plan: CampaignPlan, rest: Sequence[Fit]
    ) -> tuple[dict[int, History], dict[int, list[Pick]]]:
        """Histories and picks by customer; who waited for words keeps the picks that these are written for."""
        stored = {one.send.id: one.send.picks for one in rest if one.send.picks and one.send.copy_id is None}
        kept = self._picker.still_fit(stored, plan.picking) if stored else {}
        anew = {one.send.customer_id: one.send.personal for one in rest if one.send.id not in kept}
        histories, picks = self._picker.pick(anew, plan.picks, plan.picking, plan.best_sellers)
        if kept:
            waited = {one.send.customer_id: one.send.personal for one in rest if one.send.id in kept}
            histories |= self._picker.pick(waited, 0, plan.picking)[0]
            picks |= {one.send.customer_id: kept[one.send.id] for one in rest if one.send.id in kept}
        return histories, picks

    def _from_store(self, plan: CampaignPlan, worded: Sequence[Fit]) -> list[Ready]:
        """Those whose picks and copy were prepared before, unless a product of them is gone or sold out since."""
        copies = self._shelf.remembered({one.send.id: (one.send.copy_id, one.send.picks) for one in worded})
        fit: dict[int, list[Pick]] = {}
        for arm, some in _picked_alike(plan, worded):
            fit |= self._picker.still_fit({one.send.id: one.send.picks or [] for one in some}, arm.picking)
        ready = []
        for one in worded:
            stored, number = one.send.picks or [], one.send.copy_id or 0
            picks, copy = fit.get(one.send.id), copies.get(one.send.id)
            if picks is not None and copy is not None:
                language = copy_language(plan, one.person.locale)
                ready.append(_ready(plan, one, tuple(picks), copy, language, stored, number))
        return ready


def _ready(
    plan: CampaignPlan,
    one: Fit,
    picks: tuple[Pick, ...],
    copy: Copy,
    language: str,
    stored: list[list[object]],
    copy_id: int,
) -> Ready:
    ref = SendRef(one.send.id, plan.id, one.send.customer_id, one.send.tracked)
    facts = LetterFacts(ref, one.person, picks, copy, language, one.consent_since, one.send.arm)
    return Ready(one.send, facts, stored, copy_id)


def _picked_alike(plan: CampaignPlan, some: Sequence[Fit]) -> list[tuple[CampaignPlan, list[Fit]]]:
    """Them with the plan by which their products are picked; all at once unless arms differ in just that."""
    groups: dict[tuple[object, ...], tuple[CampaignPlan, list[Fit]]] = {}
    for one in some:
        arm = plan.for_arm(one.send.arm)
        groups.setdefault((arm.picks, arm.picking, arm.best_sellers), (arm, []))[1].append(one)
    return [*groups.values()]


def _with_consents_of_now(send: ClaimedSend, granted: frozenset[str]) -> ClaimedSend:
    """What was withdrawn since freezing holds at once; what was granted since waits for the next campaign."""
    personal = send.personal and "profiling" in granted
    tracked = send.tracked and "open_tracking" in granted
    if personal == send.personal and tracked == send.tracked:
        return send
    # Picks that were prepared while profiling was still allowed must not go out.
    return replace(send, personal=personal, tracked=tracked, picks=None, copy_id=None)
