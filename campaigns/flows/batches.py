"""The line that a batch of sends runs along.

claimed -> picks and copy (no connection held) -> written -> consent again -> intent (sending) -> SMTP ->
outcome. Whatever stops in between is found again by `recovery.Recovery`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from campaigns.audience.checking import still_allowed
from campaigns.audience.consent import states
from campaigns.audience.suppression import suppress
from campaigns.compose.links import SendRef
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import TailormailError
from campaigns.core.log import get_logger
from campaigns.delivery.outlet import Outlet
from campaigns.delivery.retry import USUAL_PLAN, RetryPlan, next_attempt
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail
from campaigns.flows.addressees import Addressee, consent_dates, load_addressees
from campaigns.flows.letters import Letter, LetterFacts, Letters
from campaigns.flows.picking import Picker, picks_to_json
from campaigns.flows.plans import CampaignPlan, get_campaign
from campaigns.flows.send_moves import ClaimedSend, Move, attach, extend_lease, give_back, move
from campaigns.flows.wording import CopyShelf, copy_request
from campaigns.models import CampaignStatus, SendStatus

log = get_logger(__name__)

# Mails whose intent one commit records: few, because they bound what is unknown after the machine itself
# died (a killed process leaves a journal); enough that commits do not cost.
GROUP = 50
# A relay that restarts is back in seconds, unlike a recipient's server that greylists.
_AFTER_LOST_CONNECTION = RetryPlan(
    attempts=12, least=timedelta(seconds=2), first=timedelta(seconds=3), longest=timedelta(minutes=30)
)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of one batch; `claimed` 0 means that there was nothing to do."""

    claimed: int
    sent: int = 0
    failed: int = 0
    held_back: int = 0
    later: int = 0
    uncertain: int = 0


@dataclass(frozen=True, slots=True)
class _Ready:
    send: ClaimedSend
    recipient: str
    facts: LetterFacts


class BatchLine:
    """Runs batches; one object belongs to one process, because its transport does."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        picker: Picker,
        shelf: CopyShelf,
        letters: Letters,
        outlet: Outlet,
        lease: timedelta,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._picker = picker
        self._shelf = shelf
        self._letters = letters
        self._outlet = outlet
        self._lease = lease
        self._random = Random()

    def run(self, plan: CampaignPlan, worker: str, claimed: Sequence[ClaimedSend]) -> BatchResult:
        """Bring these sends to an end, or back to planned."""
        tally: Counter[SendStatus] = Counter()
        ready, unfit = self._prepare(plan, claimed)
        tally += self._record(plan, worker, SendStatus.CLAIMED, unfit)
        with self._db.transaction() as session:
            move(
                session,
                plan.id,
                worker,
                SendStatus.CLAIMED,
                [Move(r.send.id, SendStatus.WRITTEN) for r in ready],
            )
        for start in range(0, len(ready), GROUP):
            if not self._still_sending(plan.id):
                with self._db.transaction() as session:
                    tally[SendStatus.PLANNED] += give_back(session, plan.id, worker)
                break
            tally += self._send_group(plan, worker, ready[start : start + GROUP])
        return BatchResult(
            claimed=len(claimed),
            sent=tally[SendStatus.SENT],
            failed=tally[SendStatus.FAILED],
            held_back=tally[SendStatus.HELD_BACK],
            later=tally[SendStatus.PLANNED],
            uncertain=tally[SendStatus.UNCERTAIN],
        )

    def _prepare(self, plan: CampaignPlan, claimed: Sequence[ClaimedSend]) -> tuple[list[_Ready], list[Move]]:
        """Picks and copy for all who may still be mailed; and why the others may not."""
        with self._db.transaction() as session:
            refused = still_allowed(session, [(send.id, send.customer_id) for send in claimed])
            people = load_addressees(session, self._keyring, [send.customer_id for send in claimed])
            since = consent_dates(session, (send.consent_entry_id for send in claimed))
            granted = states(session, [send.customer_id for send in claimed])
        unfit = [Move(send_id, SendStatus.HELD_BACK, reason) for send_id, reason in refused.items()]
        fit: dict[int, ClaimedSend] = {}
        for send in claimed:
            if send.id in refused:
                continue
            if send.customer_id in people and people[send.customer_id].email:
                fit[send.customer_id] = _with_consents_of_now(
                    send, granted.get(send.customer_id, frozenset())
                )
            else:
                unfit.append(Move(send.id, SendStatus.HELD_BACK, "no_address"))
        return self._tailor(plan, fit, people, since), unfit

    def _tailor(
        self,
        plan: CampaignPlan,
        fit: Mapping[int, ClaimedSend],
        people: Mapping[int, Addressee],
        since: Mapping[int, date],
    ) -> list[_Ready]:
        histories, picks = self._picker.pick({c: send.personal for c, send in fit.items()}, plan.picks)
        catalogue, now = self._picker.catalogue, self._clock.now()
        requests = {
            send.id: copy_request(plan, people[c], histories[c], picks[c], catalogue, now)
            for c, send in fit.items()
        }
        copies = self._shelf.copies_for(requests)
        with self._db.transaction() as session:
            attach(
                session,
                [
                    {"send_id": send.id, "picks": picks_to_json(picks[c]), "copy_id": copies[send.id][0]}
                    for c, send in fit.items()
                ],
            )
        return [
            _Ready(
                send,
                people[c].email,
                LetterFacts(
                    ref=SendRef(send.id, plan.id, c, send.tracked),
                    addressee=people[c],
                    picks=tuple(picks[c]),
                    copy=copies[send.id][1],
                    language=requests[send.id].language,
                    consent_since=since.get(send.consent_entry_id or 0),
                ),
            )
            for c, send in fit.items()
        ]

    def _still_sending(self, campaign_id: int) -> bool:
        with self._db.transaction() as session:
            return get_campaign(session, campaign_id).status == CampaignStatus.SENDING

    def _send_group(self, plan: CampaignPlan, worker: str, group: Sequence[_Ready]) -> Counter[SendStatus]:
        letters, broken = self._write(plan, group)
        tally = self._record(plan, worker, SendStatus.WRITTEN, broken)
        # The third check of consent and the intent are one transaction: who withdraws after it was too late.
        with self._db.transaction() as session:
            extend_lease(session, plan.id, worker, self._clock.now() + self._lease)
            refused = still_allowed(session, [(r.send.id, r.send.customer_id) for r in group])
            stopped = [Move(r, SendStatus.HELD_BACK, why) for r, why in refused.items() if r in letters]
            move(session, plan.id, worker, SendStatus.WRITTEN, stopped)
            going = move(
                session,
                plan.id,
                worker,
                SendStatus.WRITTEN,
                [Move(send_id, SendStatus.SENDING) for send_id in letters if send_id not in refused],
            )
        tally[SendStatus.HELD_BACK] += len(stopped)
        attempts = {r.send.id: r.send.attempts + 1 for r in group}
        mails = [
            OutgoingMail(
                r.send.id,
                plan.sender_address,
                r.recipient,
                letters[r.send.id].message,
                letters[r.send.id].message_id,
            )
            for r in group
            if r.send.id in going
        ]
        outcomes = list(self._outlet.transport.send_group(mails))
        self._suppress_dead(outcomes, {r.send.id: r.recipient for r in group})
        recorded = self._record_outcomes(plan, worker, [self._after(o, attempts) for o in outcomes])
        # Now the database knows; until here a kill would have been answered from the journal.
        self._outlet.transport.journal.settled()
        return tally + recorded

    def _suppress_dead(self, outcomes: Sequence[Outcome], recipients: Mapping[int, str]) -> None:
        dead = [recipients[o.send_id] for o in outcomes if o.address_is_dead]
        if dead:
            with self._db.transaction() as session:
                for address in dead:
                    suppress(session, self._keyring, address, "bounced", "relay", self._clock.now())

    def _record_outcomes(self, plan: CampaignPlan, worker: str, moves: Sequence[Move]) -> Counter[SendStatus]:
        with self._db.transaction() as session:
            moved = move(session, plan.id, worker, SendStatus.SENDING, moves)
            # A relay slower than the lease: the sweeper called these uncertain, and now the answer is here.
            late = [m for m in moves if m.send_id not in moved]
            moved |= move(session, plan.id, worker, SendStatus.UNCERTAIN, late)
        return Counter(m.status for m in moves if m.send_id in moved)

    def _write(self, plan: CampaignPlan, group: Sequence[_Ready]) -> tuple[dict[int, Letter], list[Move]]:
        letters: dict[int, Letter] = {}
        broken: list[Move] = []
        for ready in group:
            try:
                letters[ready.send.id] = self._letters.write(plan, ready.facts)
            except TailormailError as error:
                # One mail that cannot be composed must not stop the others; it is in the report by reason.
                log.warning("mail_not_composed", send_id=ready.send.id, why=error.message)
                broken.append(Move(ready.send.id, SendStatus.FAILED, f"cannot compose: {error.message}"))
        return letters, broken

    def _after(self, outcome: Outcome, attempts: Mapping[int, int]) -> Move:
        """The status that follows from the relay's answer."""
        send_id, now = outcome.send_id, self._clock.now()
        reply = " ".join(str(part) for part in (outcome.code, outcome.enhanced, outcome.reply) if part)
        if outcome.kind is Kind.SENT:
            return Move(send_id, SendStatus.SENT, reply=reply, sent_at=now)
        if outcome.kind is Kind.UNCERTAIN:
            return Move(send_id, SendStatus.UNCERTAIN, "no reply after the mail was handed over", reply)
        if outcome.kind is Kind.REJECTED:
            fault = outcome.fault.value if outcome.fault else "unknown"
            return Move(send_id, SendStatus.FAILED, f"rejected ({fault}'s fault)", reply)
        retry = _AFTER_LOST_CONNECTION if outcome.kind is Kind.UNREACHED else USUAL_PLAN
        wait = next_attempt(attempts[send_id], self._random, retry)
        if wait is None:
            return Move(send_id, SendStatus.FAILED, f"gave up after {attempts[send_id]} attempts", reply)
        return Move(send_id, SendStatus.PLANNED, outcome.kind.value, reply, not_before=now + wait)

    def _record(
        self, plan: CampaignPlan, worker: str, held_in: SendStatus, moves: Sequence[Move]
    ) -> Counter[SendStatus]:
        with self._db.transaction() as session:
            moved = move(session, plan.id, worker, held_in, moves)
        return Counter(m.status for m in moves if m.send_id in moved)


def _with_consents_of_now(send: ClaimedSend, granted: frozenset[str]) -> ClaimedSend:
    """What was withdrawn since freezing holds at once; what was granted since waits for the next campaign."""
    return replace(
        send,
        personal=send.personal and "profiling" in granted,
        tracked=send.tracked and "open_tracking" in granted,
    )
