"""Downloading one's data and being erased, asked for on the page of choices and done from a link in a mail.

A mail may have been forwarded, and with it the link to the page of choices. So that page does neither: it has a
notice sent to the address that the customer is written to, never to one that somebody types in. The link in it
holds for a day and grants one thing: the data, or the erasure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.compose.content import language_of
from campaigns.compose.links import checked_url, read_link
from campaigns.core.clock import Clock
from campaigns.core.crypto import CannotDecrypt, KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import NotFound
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.core.tokens import Signer
from campaigns.flows.customers.notices import queue_notice
from campaigns.flows.customers.rights import Rights
from campaigns.flows.opening.mailed import campaign_of
from campaigns.models import Campaign, Customer, Notice, Send, SignupForm
from campaigns.models.customer import ADDRESS_CONTEXT

log = get_logger(__name__)

LINK_LIVES = timedelta(hours=24)
MOST_A_DAY = 3
"""So many notices of one kind a customer is sent in 24 hours: whoever holds a forwarded mail cannot flood them."""


class Right(StrEnum):
    """What a link of a notice grants, and what its address begins with after `/p/`."""

    EXPORT = "data"
    ERASURE = "erase"


class Asked(StrEnum):
    """What became of asking for such a link; `NOWHERE` says that there is no address, `GONE` that there is nobody."""

    QUEUED = "queued"
    ENOUGH = "enough"
    NOWHERE = "nowhere"
    GONE = "gone"


_KINDS = {
    Right.EXPORT: ("confirm_export", "own-data-export"),
    Right.ERASURE: ("confirm_erasure", "own-data-erasure"),
}


@dataclass(frozen=True, slots=True)
class DataLink:
    """A link of a notice as it stands now: `gone` when the customer is erased, or was never there."""

    customer_id: int
    language: str
    expired: bool
    gone: bool

    @property
    def open(self) -> bool:
        """Whether it still grants anything."""
        return not (self.expired or self.gone)


class OwnData:
    """Asks for, checks and uses the links. `public_url` is where the public pages answer."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        keyring: KeyRing,
        signer: Signer,
        jobs: Jobs,
        rights: Rights,
        public_url: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._signer = signer
        self._jobs = jobs
        self._rights = rights
        self._base = checked_url(public_url, where="public_url").rstrip("/")

    def ask(self, token: str, right: Right) -> Asked:
        """Have a notice sent to the customer of this link to the page of choices.

        Raises:
            BadToken: forged or damaged.
        """
        campaign_id, customer_id, send_id = read_link(self._signer, "preferences", token)
        kind, _ = _KINDS[right]
        now = self._clock.now()
        with self._db.transaction() as session:
            # Locked: two presses at once must not both find one notice too few.
            customer = session.get(Customer, customer_id, with_for_update=True)
            if customer is None or customer.erased_at is not None:
                return Asked.GONE
            address = self._address(customer)
            sender = _sender(session, campaign_id, customer_id, send_id)
            if not address or sender is None:
                return Asked.NOWHERE
            if _notices_today(session, customer_id, kind, now) >= MOST_A_DAY:
                return Asked.ENOUGH
            ends = (now + LINK_LIVES).astimezone(UTC).replace(microsecond=0)
            queue_notice(
                session,
                self._keyring,
                kind=kind,
                email=address,
                language=language_of(customer.locale or "en"),
                sender=sender[0],
                values={
                    "url": self._url(right, customer_id, ends),
                    "until": ends.isoformat(),
                    "postal_address": sender[1],
                },
                now=now,
                lives=LINK_LIVES,
                customer_id=customer_id,
                jobs=self._jobs,
            )
        return Asked.QUEUED

    def check(self, right: Right, token: str) -> DataLink:
        """What this link grants now; changes nothing.

        Raises:
            BadToken: forged, damaged, or one that grants another right.
        """
        customer_id, ends = self._signer.verify(_KINDS[right][1], token, count=2)
        with self._db.transaction() as session:
            customer = session.get(Customer, customer_id)
            gone = customer is None or customer.erased_at is not None
            language = language_of((customer.locale if customer else "") or "en")
        return DataLink(customer_id, language, self._clock.now().timestamp() >= ends, gone)

    def download(self, token: str) -> dict[str, Any]:
        """Everything kept about the customer, JSON-ready.

        Raises:
            BadToken: forged, damaged, or one that grants another right.
            NotFound: the link has expired, or the customer is gone.
        """
        link = self._granted(Right.EXPORT, token)
        data = self._rights.export_of(link.customer_id)
        log.info("own_data_downloaded", customer_id=link.customer_id)
        return data

    def erase(self, token: str) -> None:
        """Erase the customer; whoever is erased already stays so.

        Raises:
            BadToken: forged, damaged, or one that grants another right.
            NotFound: the link has expired.
        """
        link = self.check(Right.ERASURE, token)
        if link.gone:
            return
        self._granted(Right.ERASURE, token)
        try:
            self._rights.erase_of(link.customer_id)
        except NotFound:
            return  # another press of the button was faster
        log.info("own_data_erased", customer_id=link.customer_id)

    def _granted(self, right: Right, token: str) -> DataLink:
        link = self.check(right, token)
        if not link.open:
            raise NotFound("this link has expired")
        return link

    def _url(self, right: Right, customer_id: int, ends: datetime) -> str:
        token = self._signer.sign(_KINDS[right][1], customer_id, int(ends.timestamp()))
        return f"{self._base}/p/{right.value}/{token}"

    def _address(self, customer: Customer) -> str:
        if customer.email_cipher is None:
            return ""
        try:
            return self._keyring.decrypt(customer.email_cipher, ADDRESS_CONTEXT)
        except CannotDecrypt as error:
            log.error("address_unreadable", customer_id=customer.id, why=error.message)
            return ""


def _notices_today(session: Session, customer_id: int, kind: str, now: datetime) -> int:
    counted = select(func.count()).where(
        Notice.customer_id == customer_id, Notice.kind == kind, Notice.created_at > now - timedelta(days=1)
    )
    return session.scalar(counted) or 0


def _sender(session: Session, campaign_id: int, customer_id: int, send_id: int) -> tuple[str, str] | None:
    """Who wrote to this customer (`Name <address>`), and their postal address; None where nobody ever wrote to anybody.

    The campaign of the link says so; a link of a sign-up names none, and then it is the newest campaign that the
    customer has mail of, else the newest of all, else the newest sign-up form.
    """
    campaign = session.get(Campaign, campaign_of(session, campaign_id, send_id))
    if campaign is None:
        own = select(func.max(Send.campaign_id)).where(Send.customer_id == customer_id)
        newest = session.scalar(own) or session.scalar(select(func.max(Campaign.id)))
        campaign = session.get(Campaign, newest) if newest else None
    if campaign is not None:
        return campaign.sender, campaign.postal_address
    form = session.scalars(select(SignupForm).order_by(SignupForm.id.desc()).limit(1)).first()
    if form is None or not form.definition.get("sender"):
        return None
    return str(form.definition["sender"]), str(form.definition.get("postal_address", ""))
