"""Mail that arrives: bounces and complaints become events, mails to an address to unsubscribe by become withdrawals.

Each mail counts once, whichever way it comes in (a listener, a maildir, IMAP) and however often. It is kept,
encrypted, together with what became of it, in one transaction: where that fails the mail stays where it was, and
comes again. What is asked by mail to unsubscribe is done even while PostgreSQL is away (unsubscribing.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.domains import a_labels
from campaigns.core.errors import NotFound, ServiceUnavailable
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.core.tokens import Signer
from campaigns.delivery.inbound.arf import (
    COMPLAINED,
    UNSUBSCRIBED,
    Feedback,
    is_bare_complaint,
    read_feedback,
)
from campaigns.delivery.inbound.arrived import Arrived, addresses_in, arrived
from campaigns.delivery.inbound.auto_reply import is_auto_reply
from campaigns.delivery.inbound.dsn import Report, read_bounce
from campaigns.delivery.relaylog_values import without_addresses
from campaigns.flows.customers.unsubscribing import Unsubscribing
from campaigns.flows.feedback.inbound_subject import (
    SendKey,
    Subject,
    WishKey,
    is_for_complaints,
    is_ours,
    subject_of,
)
from campaigns.flows.feedback.payload_store import keep, mark_handled, payload_of
from campaigns.flows.feedback.provider_events import ProviderEvent, take_in
from campaigns.flows.opening.mailed import campaign_of, mailed
from campaigns.models import Customer, ProviderPayload

log = get_logger(__name__)

PROVIDER = "mail"
"""Stands in `provider_payloads` for what came as mail."""

REPEATED, FORGED, UNHANDLED, IGNORED = "repeated", "forged", "unhandled", "ignored"

# The reports themselves are a tenth of that; the rest of a longer mail says nothing.
_KEPT_BYTES = 250_000
# Bounces come up to five days after the mail (RFC 5321, 4.5.4.1). What claims to be older, or of tomorrow, has a
# wrong clock, and counts as told now.
_OLDEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Taken:
    """What was done with a mail.

    `what` is the event that it became (bounced, deferred, delivered, complained, unsubscribed), or REPEATED, FORGED
    (sent to an address that only looks like ours; not kept), IGNORED (`problem` says what it is), or UNHANDLED
    (`problem` says why).
    """

    what: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """A mail that could not be handled, and why; `kept` says whether it can still be read."""

    number: int
    at: datetime
    problem: str
    kept: bool


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a mail says and whom it is about."""

    mail: Arrived
    about: Subject
    feedback: Feedback | None
    reports: Sequence[Report]


class Inbound:
    """Takes in mails; one object serves all threads of a process. `soft_limit`: see bounces.py."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        signer: Signer,
        meters: Meters,
        unsubscribing: Unsubscribing,
        soft_limit: int,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._signer = signer
        self._meters = meters
        self._unsubscribing = unsubscribing
        self._soft_limit = soft_limit

    def accepts(self, address: str, domains: Collection[str]) -> bool:
        """Whether mail to this address is ours to read; `domains` are in lower case and ASCII.

        Only signed addresses, and the plain ones for complaints and unsubscribes: nothing is ever passed on.
        """
        domain = a_labels(address.rpartition("@")[2].strip("<> ")) or ""
        if domain.casefold() not in domains:
            return False
        if is_ours(self._signer, address):
            return True
        self._meters.add("feedback", kind=FORGED)
        return False

    def take(self, raw: bytes, recipients: Sequence[str] = ()) -> Taken:
        """Take in one mail; `recipients` are those of its SMTP envelope, where that is known.

        Raises:
            ServiceUnavailable: the database does not answer; the mail has to stay where it is and come again.
        """
        reading = self._read(raw, recipients)
        try:
            if self._is_known(reading.mail.digest):
                return Taken(REPEATED)
        except ServiceUnavailable:
            self._unsubscribe(reading)
            raise
        if reading.about.forged and reading.about.send is None:
            self._meters.add("feedback", kind=FORGED)
            return Taken(FORGED, "sent to an address that only looks like ours")
        unsubscribed = self._unsubscribe(reading)
        taken = self._keep(reading, raw[:_KEPT_BYTES], unsubscribed)
        if taken.what in (UNHANDLED, IGNORED):
            self._meters.add("feedback", kind=taken.what)
        log.info("mail_taken_in", what=taken.what, why=taken.problem)
        return taken

    def problems(self, most: int = 1_000) -> list[Problem]:
        """The mails that a person has to look at, the newest first."""
        with self._db.transaction() as session:
            rows = session.scalars(
                select(ProviderPayload)
                .where(ProviderPayload.provider == PROVIDER, ProviderPayload.problem != "")
                .order_by(ProviderPayload.id.desc())
                .limit(most)
            )
            return [Problem(row.id, row.received_at, row.problem, bool(row.payload_cipher)) for row in rows]

    def raw(self, number: int) -> bytes:
        """A mail as it came, empty where nothing of it was kept.

        Raises:
            NotFound: there is none of this number.
        """
        with self._db.transaction() as session:
            row = session.get(ProviderPayload, number)
            if row is None or row.provider != PROVIDER:
                raise NotFound(
                    f"there is no mail {number}; `tailormail inbound problems` shows which there are"
                )
            return payload_of(row, self._keyring)

    def _read(self, raw: bytes, recipients: Sequence[str]) -> _Reading:
        mail = arrived(raw, recipients)
        feedback = read_feedback(mail)
        if feedback is None and is_for_complaints(mail) and is_bare_complaint(mail):
            feedback = Feedback(COMPLAINED, "")
        reports = read_bounce(mail) if feedback is None else []
        return _Reading(mail, subject_of(self._signer, mail, feedback), feedback, reports)

    def _is_known(self, digest: str) -> bool:
        same = ProviderPayload.provider == PROVIDER, ProviderPayload.event_id == digest
        with self._db.transaction() as session:
            return session.scalar(select(ProviderPayload.id).where(*same)) is not None

    def _unsubscribe(self, reading: _Reading) -> bool:
        """Whether it was asked for and done: in a transaction of its own, or on disk, whatever fails later."""
        wanted = list(reading.about.wishes) or [wish for wish in (self._wish_told(reading),) if wish]
        for wish in wanted:
            self._unsubscribing.by_mail(*wish)
        return bool(wanted)

    def _wish_told(self, reading: _Reading) -> WishKey | None:
        """The wish in a report that asks for it, or that complains about a mail of which nothing else is known."""
        feedback, about = reading.feedback, reading.about
        if feedback is None or not feedback.name:
            return None
        sent = self._wish_of(about.send)
        if feedback.name == UNSUBSCRIBED:
            return sent or about.wish
        return about.wish if sent is None else None

    def _wish_of(self, key: SendKey | None) -> WishKey | None:
        if key is None:
            return None
        with self._db.transaction() as session:
            send = mailed(session, *key)
            return (send.campaign_id, send.customer_id, send.id) if send else None

    def _keep(self, reading: _Reading, raw: bytes, unsubscribed: bool) -> Taken:
        now = self._clock.now()
        try:
            with self._db.transaction() as session:
                return self._handle(session, reading, raw, unsubscribed, now)
        except ServiceUnavailable:
            raise
        except Exception as error:
            # Said again tomorrow it would fail again. Of an error that nobody foresaw only the kind is told: its
            # words may be about the customer.
            log.error("mail_not_handled", why=type(error).__name__, exc_info=True)
            why = f"could not be handled: {type(error).__name__}"
            with self._db.transaction() as session:
                number = keep(session, self._keyring, PROVIDER, reading.mail.digest, raw, now)
                if number is not None:
                    mark_handled(session, number, now, mail=_about(session, reading.about), problem=why)
            return Taken(UNHANDLED, why)

    def _handle(
        self, session: UnitOfWork, reading: _Reading, raw: bytes, unsubscribed: bool, now: datetime
    ) -> Taken:
        number = keep(session, self._keyring, PROVIDER, reading.mail.digest, raw, now)
        if number is None:
            return Taken(REPEATED)
        taken = Taken(UNSUBSCRIBED) if unsubscribed else self._events(session, reading, now)
        about = _about(session, reading.about)
        if about is None and taken.what == UNHANDLED:
            about = self._writer(session, reading.mail)
        problem = taken.problem if taken.what == UNHANDLED else ""
        mark_handled(session, number, now, mail=about, problem=problem)
        return taken

    def _events(self, session: UnitOfWork, reading: _Reading, now: datetime) -> Taken:
        """Record what it tells."""
        feedback = reading.feedback
        if feedback is not None:
            if feedback.name == "":
                return Taken(IGNORED, f"a report of type {feedback.feedback_type or 'unknown'}")
            if feedback.name == UNSUBSCRIBED:
                return Taken(UNHANDLED, "unsubscribed, but it does not say who")
            return self._tell(session, reading, [Report(COMPLAINED, True, "", feedback.feedback_type)], now)
        if reading.reports:
            return self._tell(session, reading, reading.reports, now)
        if is_auto_reply(reading.mail):
            return Taken(IGNORED, "an automatic answer")
        return Taken(UNHANDLED, "neither a bounce nor a complaint, and sent to no address to unsubscribe by")

    def _tell(
        self, session: UnitOfWork, reading: _Reading, reports: Sequence[Report], now: datetime
    ) -> Taken:
        key = reading.about.send
        if key is None:
            return Taken(UNHANDLED, f"{reports[0].name}, but it does not say which mail of ours")
        campaign_id = campaign_of(session, *key)
        said = reading.mail.date
        at = said if said is not None and now - _OLDEST <= said <= now else now
        for number, report in enumerate(reports):
            event = ProviderEvent(
                campaign_id=campaign_id,
                send_id=key[1],
                name=report.name,
                at=at,
                # Whom the report names besides is not taken over: the address proves the send, and nothing else.
                reply=without_addresses(report.diagnostic, report.recipient),
                event_id=f"{reading.mail.digest[:32]}:{number}",
                permanent=report.permanent,
            )
            try:
                take_in(session, self._keyring, self._meters, event, now, self._soft_limit, PROVIDER)
            except NotFound:
                return Taken(UNHANDLED, f"{report.name}, but that mail is not known any more")
        return Taken(reports[0].name)

    def _writer(self, session: Session, mail: Arrived) -> WishKey | None:
        """Who wrote it, if a customer of ours: so that it is kept to be read, and goes when they are erased.

        Only for that: what stands in From is not proven.
        """
        senders = addresses_in(mail.header("From"))[:1]
        hmacs = [one for address in senders for one in self._keyring.address_hmacs(address)]
        found = session.scalar(select(Customer.id).where(Customer.email_hmac.in_(hmacs)).limit(1))
        return (0, 0, found) if found is not None else None


def _about(session: Session, subject: Subject) -> WishKey | None:
    """(campaign, send, customer id) of whom it is about, if that is somebody whom we still know."""
    found: WishKey | None = None
    wish = next(iter(subject.wishes), subject.wish)
    if subject.send is not None:
        send = mailed(session, *subject.send)
        found = (send.campaign_id, send.id, send.customer_id) if send else None
    if found is None and wish is not None:
        found = (wish[0], wish[2], wish[1])
    if found is None:
        return None
    customer = session.get(Customer, found[2])
    return found if customer is not None and customer.erased_at is None else None
