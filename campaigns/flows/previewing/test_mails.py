"""Test mails: a campaign's mail as some customer would get it, to people of the team, by the real way out.

A test mail is no send: it is counted nowhere, and its links lead to the shop directly or to nobody's rights. It is
written down when somebody asks for it and sent by a worker, who has it for some minutes. A worker that is killed in
between leaves it to be sent again: a second copy of a test mail does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from campaigns.audience.customers import find, known_by_id
from campaigns.audience.import_values import email as checked_address
from campaigns.audience.suppression import suppressed_by
from campaigns.compose.identity import trial_message_id
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, NotFound, Refused, TailormailError
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.core.tokens import Signer
from campaigns.delivery.gate import Ask, Gate
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail, Transport
from campaigns.flows.console.audit import record
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.opening.hosting import Hosting
from campaigns.flows.opening.shown import ShownPicture
from campaigns.flows.previewing.scenes import HERE_AND_NOW, Scene
from campaigns.flows.previewing.viewing import Viewing
from campaigns.flows.sending.hand_over_rounds import rounds
from campaigns.flows.sending.letters import Letters
from campaigns.models import Customer, TestMail, TestMailState
from campaigns.models.test_mail import TEST_ADDRESS_CONTEXT

log = get_logger(__name__)

MOST_ADDRESSES = 10
MOST_AN_HOUR = 60
"""Of one campaign. Somebody who wants more wants to send the campaign."""
KEPT = timedelta(days=30)

_SHOWN = 30
_AT_ONCE = 10
_TRIES = 5
_HELD = timedelta(minutes=6)
_AGAIN = timedelta(seconds=30)
_UNKNOWN = "the mail server took it and did not answer: it may have arrived"


@dataclass(frozen=True, slots=True)
class ShownTestMail:
    """A test mail as a list shows it; `address` is empty once it is forgotten, `customer` once they are erased."""

    id: int
    address: str
    customer: str
    state: str
    answer: str
    message_id: str
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Claimed:
    id: int
    campaign_id: int
    customer_id: int
    external_id: str
    address: str
    scene: Scene
    arm: int | None
    attempts: int


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What became of one try: the state it is in now, what was answered, and when it is tried again."""

    state: TestMailState
    answer: str
    code: int | None = None
    relay: str = ""
    wait: timedelta = timedelta()
    tried: bool = True


class TestMails:
    """Test mails of all campaigns. `work` belongs to one thread of one process, because its transport does.

    Args:
        make_transport: makes the transport, when there is something to send; it is closed after each round.
        stopping: whether this process is asked to end.
    """

    __test__ = False

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        signer: Signer,
        jobs: Jobs,
        viewing: Viewing,
        letters: Letters,
        hosting: Hosting,
        gate: Callable[[], Gate],
        make_transport: Callable[[], Transport],
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._signer = signer
        self._jobs = jobs
        self._viewing = viewing
        self._letters = letters
        self._hosting = hosting
        self._gate = gate
        self._make_transport = make_transport
        self._stopping = stopping

    def ask(
        self,
        campaign_id: int,
        customer: str,
        addresses: Iterable[str],
        by: str,
        scene: Scene = HERE_AND_NOW,
        arm: int | None = None,
    ) -> list[int]:
        """Have the mail of this customer sent to these addresses; returns the numbers of the test mails.

        Raises:
            NotFound: no such campaign or customer.
            BadInput: an address is none, there are none, or too many.
            Refused: an address is suppressed, or this campaign was tested too often within an hour.
        """
        wanted = checked_addresses(addresses)
        now = self._clock.now()
        told = {"scene": scene.to_json(), **({} if arm is None else {"arm": arm})}
        with self._db.transaction() as session:
            # Held, so that two who ask at once do not both find room.
            get_campaign(session, campaign_id, lock=True)
            person = find(session, self._keyring, customer)
            if person is None:
                raise NotFound(f"there is no customer {customer}; give an external id")
            self._refuse_too_many(session, campaign_id, len(wanted), now)
            self._refuse_suppressed(session, wanted)
            mails = [
                TestMail(
                    campaign_id=campaign_id,
                    customer_id=person.id,
                    scene=told,
                    email_cipher=self._keyring.encrypt(address, TEST_ADDRESS_CONTEXT),
                    email_hmac=self._keyring.address_hmac(address),
                    asked_by=by,
                    asked_at=now,
                    due_at=now,
                )
                for address in wanted
            ]
            session.add_all(mails)
            session.flush()
            # By our own number: the shop's would still lead to the person when they are erased.
            detail = {"customer": person.id, "mails": len(mails)}
            record(session, now, by, "test_mail.asked", f"campaign {campaign_id}", detail)
            session.after_commit(self._jobs.send_test_mails)
            return [mail.id for mail in mails]

    def listed(self, campaign_id: int) -> list[ShownTestMail]:
        """The newest test mails of a campaign, newest first."""
        with self._db.transaction() as session:
            domain = get_campaign(session, campaign_id).sender.rpartition("@")[2].rstrip("> ")
            rows = session.execute(
                select(TestMail, Customer.external_id)
                .outerjoin(Customer, (Customer.id == TestMail.customer_id) & Customer.erased_at.is_(None))
                .where(TestMail.campaign_id == campaign_id)
                .order_by(TestMail.id.desc())
                .limit(_SHOWN)
            ).all()
            return [self._shown(mail, customer or "", domain) for mail, customer in rows]

    def waits(self, campaign_id: int) -> bool:
        """Whether a test mail of this campaign is still on its way."""
        waiting = select(TestMail.id).where(
            TestMail.campaign_id == campaign_id, TestMail.state == TestMailState.QUEUED.value
        )
        with self._db.transaction() as session:
            return session.scalar(waiting.limit(1)) is not None

    def kept_addresses(self, campaign_id: int) -> list[str]:
        """Where test mails of this campaign went lately, the last first; at most MOST_ADDRESSES."""
        known = [mail.address for mail in self.listed(campaign_id) if mail.address]
        return list(dict.fromkeys(known))[:MOST_ADDRESSES]

    def work(self, seconds: float = 5.0) -> int:
        """Send what is due until nothing is, or the time is over; returns how many got an end. For workers."""
        return sum(rounds(seconds, self._stopping, self._claim, self._make_transport, self._send))

    def _send(self, transport: Transport, claimed: list[_Claimed]) -> int:
        verdicts = self._tried(transport, claimed)
        self._write_down(claimed, verdicts)
        return sum(verdict.state is not TestMailState.QUEUED for verdict in verdicts.values())

    def forget_old(self) -> int:
        """Forget the addresses of test mails that were asked for a month ago; returns of how many."""
        old = (TestMail.asked_at < self._clock.now() - KEPT) & TestMail.email_hmac.is_not(None)
        with self._db.transaction() as session:
            gone = session.execute(update(TestMail).where(old).values(email_cipher=None, email_hmac=None))
            return int(gone.rowcount)  # type: ignore[attr-defined]

    def _refuse_too_many(self, session: Session, campaign_id: int, more: int, now: datetime) -> None:
        lately = select(func.count()).where(
            TestMail.campaign_id == campaign_id, TestMail.asked_at > now - timedelta(hours=1)
        )
        known = session.scalar(lately) or 0
        if known + more > MOST_AN_HOUR:
            raise Refused(
                f"campaign {campaign_id} had {known} test mails within the last hour, and {MOST_AN_HOUR} is the most; "
                "try again later, or send to fewer addresses"
            )

    def _refuse_suppressed(self, session: Session, addresses: Sequence[str]) -> None:
        for address in addresses:
            if found := suppressed_by(session, self._keyring, address):
                raise Refused(f"{address} must not be mailed: it is suppressed ({found[0].reason})")

    def _shown(self, mail: TestMail, customer: str, domain: str) -> ShownTestMail:
        identity = trial_message_id(self._signer, mail.customer_id, mail.id, domain) if domain else ""
        return ShownTestMail(
            mail.id, self._address(mail), customer, mail.state, mail.answer, identity, mail.asked_by,
            mail.asked_at, mail.ended_at,
        )  # fmt: skip

    def _address(self, mail: TestMail) -> str:
        return self._keyring.decrypt(mail.email_cipher, TEST_ADDRESS_CONTEXT) if mail.email_cipher else ""

    def _claim(self) -> list[_Claimed]:
        """Those that are due, for as long as a mail server may take to answer."""
        now = self._clock.now()
        with self._db.transaction() as session:
            due = session.scalars(
                select(TestMail)
                .where(TestMail.state == TestMailState.QUEUED.value, TestMail.due_at <= now)
                .order_by(TestMail.due_at, TestMail.id)
                .limit(_AT_ONCE)
                .with_for_update(skip_locked=True)
            ).all()
            for mail in due:
                mail.due_at, mail.attempts = now + _HELD, mail.attempts + 1
            return [self._taken(session, mail) for mail in due]

    def _taken(self, session: Session, mail: TestMail) -> _Claimed:
        try:
            customer = known_by_id(session, mail.customer_id).external_id
        except NotFound:
            customer = ""
        scene = Scene.from_json(mail.scene.get("scene", {}))
        arm = mail.scene.get("arm")
        return _Claimed(
            mail.id, mail.campaign_id, mail.customer_id, customer, self._address(mail), scene, arm, mail.attempts
        )  # fmt: skip

    def _tried(self, transport: Transport, claimed: Sequence[_Claimed]) -> dict[int, _Verdict]:
        verdicts: dict[int, _Verdict] = {}
        mails = []
        for one in claimed:
            made = self._mail(one)
            if isinstance(made, _Verdict):
                verdicts[one.id] = made
            else:
                mails.append(made)
        tries = {one.id: one.attempts for one in claimed}
        for outcome in transport.send_group(mails):
            verdicts[outcome.send_id] = _judged(outcome, tries[outcome.send_id])
        return verdicts

    def _mail(self, one: _Claimed) -> OutgoingMail | _Verdict:
        """The mail, or why there is none now."""
        if not one.address or not one.external_id:
            return _Verdict(TestMailState.FAILED, "the address or the customer was forgotten meanwhile")
        try:
            with self._db.transaction() as session:
                self._refuse_suppressed(session, [one.address])
            trial = self._viewing.trial(one.campaign_id, one.external_id, one.scene, one.arm)
            domain = trial.plan.domain
            identity = trial_message_id(self._signer, one.customer_id, one.id, domain)
            letter = self._letters.write_trial(
                trial.plan, trial.facts, self._hosted(trial.pictures), one.address, identity
            )
        except TailormailError as error:
            why = error.message.replace(one.address, "the address")
            return _Verdict(TestMailState.FAILED, why)
        except Exception as error:
            # Its words may hold somebody's name or address.
            log.warning("test_mail_not_composed", test_mail_id=one.id, why=type(error).__name__)
            return _Verdict(TestMailState.FAILED, "it could not be written; the log says more")
        asked = Ask(one.id, one.campaign_id, None, domain, one.address.rpartition("@")[2])
        passed = self._gate().admit([asked])[0]
        if passed.wait:
            wait = timedelta(seconds=passed.wait)
            return _Verdict(TestMailState.QUEUED, "the limits of sending let it wait", wait=wait, tried=False)
        return OutgoingMail(
            one.id, letter.return_path, one.address, letter.message, identity, clean=True, relay=passed.relay
        )

    def _hosted(self, pictures: dict[str, ShownPicture]) -> dict[str, str]:
        """Where the pictures are found: one that was drawn for the scene is kept, because few programs show `data:`."""
        drawn = {name: one.body for name, one in pictures.items() if one.url.startswith("data:")}
        return {name: one.url for name, one in pictures.items()} | self._hosting.keep(drawn)

    def _write_down(self, claimed: Sequence[_Claimed], verdicts: dict[int, _Verdict]) -> None:
        now = self._clock.now()
        with self._db.transaction() as session:
            for one in claimed:
                # What was taken and not handed over, because this process is to end, is due at once.
                verdict = verdicts.get(one.id) or _Verdict(TestMailState.QUEUED, "", tried=False)
                waits = verdict.state is TestMailState.QUEUED
                session.execute(
                    update(TestMail)
                    .where(TestMail.id == one.id)
                    .values(
                        state=verdict.state.value,
                        answer=verdict.answer.replace(one.address, "the address") if one.address else "",
                        code=verdict.code,
                        relay=verdict.relay,
                        due_at=now + verdict.wait if waits else None,
                        ended_at=None if waits else now,
                        attempts=one.attempts if verdict.tried else one.attempts - 1,
                    )
                )


def checked_addresses(typed: Iterable[str]) -> list[str]:
    """The addresses, each once, in their order.

    Raises:
        BadInput: names those that are none, and says where there are none at all or too many.
    """
    found, wrong = [], []
    for one in dict.fromkeys(part.strip() for part in typed if part.strip()):
        try:
            found.append(checked_address(one))
        except ValueError as error:
            wrong.append(f"{one[:80]} {error}")
    if wrong:
        raise BadInput("; ".join(wrong), where="addresses")
    if not found:
        raise BadInput("needs the address of somebody of your team", where="addresses")
    if len(found) > MOST_ADDRESSES:
        raise BadInput(
            f"takes {MOST_ADDRESSES} addresses at once, and these are {len(found)}", where="addresses"
        )
    return found


def _judged(outcome: Outcome, tries: int) -> _Verdict:
    reply = outcome.reply or str(outcome.code or "")
    told = outcome.code, outcome.relay
    if outcome.kind is Kind.SENT:
        return _Verdict(TestMailState.SENT, reply, *told)
    if outcome.kind is Kind.UNCERTAIN:
        return _Verdict(TestMailState.FAILED, f"{_UNKNOWN}. {reply}".strip(), *told)
    if outcome.kind is Kind.REJECTED or tries >= _TRIES:
        return _Verdict(TestMailState.FAILED, reply, *told)
    return _Verdict(TestMailState.QUEUED, reply or "no mail server could be reached", *told, tries * _AGAIN)
