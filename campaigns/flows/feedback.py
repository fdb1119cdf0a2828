"""What recipients do: click, unsubscribe, change their preferences."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent import record, states
from campaigns.compose.content import language_of
from campaigns.compose.links import CLICK_CALL_TO_ACTION, CLICK_PICK, CLICK_SLOT, checked_url, read_link
from campaigns.core.clock import Clock
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import BadInput, NotFound
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.core.tokens import Signer
from campaigns.flows.askers import Asker, Askers
from campaigns.flows.gallery import Gallery
from campaigns.flows.happenings import Happening, record_event
from campaigns.flows.mailed import campaign_of, mailed
from campaigns.flows.open_states import OpenStates
from campaigns.flows.shown import Showing
from campaigns.models import PURPOSES, Campaign, Customer, Product, Send

log = get_logger(__name__)

ONE_CLICK = "one-click unsubscribe"
PREFERENCE_PAGE = "preference page"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the preference page shows: no name and no address, since a mail may have been forwarded."""

    campaign_id: int
    customer_id: int
    send_id: int
    language: str
    granted: frozenset[str]


class Feedback:
    """Clicks, unsubscribes and preferences; tokens are checked here."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        signer: Signer,
        gallery: Gallery,
        showing: Showing,
        open_states: OpenStates,
        askers: Askers,
        meters: Meters,
    ) -> None:
        self._db = db
        self._clock = clock
        self._signer = signer
        self._gallery = gallery
        self._showing = showing
        self._open_states = open_states
        self._askers = askers
        self._meters = meters

    def click(self, token: str, asker: Asker) -> str:
        """Where the click leads; recorded while open_tracking is granted, labelled if a machine clicked.

        Sends are not kept for ever: a click on a mail that is gone leads where its campaign's call to
        action does.

        Raises:
            BadToken: forged or damaged.
            NotFound: the campaign or what the mail pointed to is gone.
        """
        campaign_id, send_id, kind, number = read_link(self._signer, "click", token)
        with self._db.transaction() as session:
            campaign_id = campaign_of(session, campaign_id, send_id)
            send = session.get(Send, (campaign_id, send_id))
            if send is None:
                return checked_url(_call_to_action(session, campaign_id))
            target = None if kind == CLICK_SLOT else _target(session, send, kind, number)
            if "open_tracking" in states(session, [send.customer_id]).get(send.customer_id, frozenset()):
                self._record_click(session, send, kind, number, asker)
        return checked_url(target or self._shown_in(campaign_id, send_id, number))

    def _shown_in(self, campaign_id: int, send_id: int, number: int) -> str:
        """Where the picture points that was really shown."""
        slots = self._gallery.slots(campaign_id)
        if number >= len(slots):
            raise NotFound("this link leads nowhere any more")
        return self._showing.last(campaign_id, send_id, slots)[number].link

    def _record_click(self, session: UnitOfWork, send: Send, kind: int, number: int, asker: Asker) -> None:
        now = self._clock.now()
        since = (now - send.sent_at).total_seconds() if send.sent_at else None
        requester, _ = self._askers.told(asker, since)
        place = {CLICK_PICK: "pick", CLICK_SLOT: "slot", CLICK_CALL_TO_ACTION: "call_to_action"}[kind]
        record_event(
            session,
            Happening(
                name="clicked",
                key=f"clicked:{send.id}:{kind}:{number}:{requester.value}",
                at=now,
                campaign_id=send.campaign_id,
                send_id=send.id,
                customer_id=send.customer_id,
                machine=requester.machine,
                detail={"place": place, "number": number, "requester": requester.value},
            ),
            self._meters,
        )

    def unsubscribe(self, token: str, source: str = ONE_CLICK) -> None:
        """Withdraw consent to marketing; the same again changes nothing.

        Raises:
            BadToken: forged or damaged.
        """
        mail = read_link(self._signer, "unsubscribe", token)
        with self._db.transaction() as session:
            self._withdraw(session, mail, "marketing", source)

    def check_unsubscribe(self, token: str) -> str:
        """The language to ask in; changes nothing.

        Raises:
            BadToken: forged or damaged.
        """
        _, customer_id, _ = read_link(self._signer, "unsubscribe", token)
        with self._db.transaction() as session:
            return _language(session, customer_id)

    def preferences(self, token: str) -> Preferences:
        """What this customer agreed to.

        Raises:
            BadToken: forged or damaged.
        """
        campaign_id, customer_id, send_id = read_link(self._signer, "preferences", token)
        with self._db.transaction() as session:
            granted = states(session, [customer_id]).get(customer_id, frozenset())
            return Preferences(campaign_id, customer_id, send_id, _language(session, customer_id), granted)

    def set_preferences(self, token: str, wanted: frozenset[str], wording: str) -> Preferences:
        """Grant and withdraw so that exactly `wanted` holds; `wording` is what the page said.

        Raises:
            BadInput: an unknown purpose.
            BadToken: forged or damaged.
        """
        unknown = wanted - frozenset(PURPOSES)
        if unknown:
            raise BadInput(f"unknown purpose {', '.join(sorted(unknown))}", where="purpose")
        before = self.preferences(token)
        mail = (before.campaign_id, before.customer_id, before.send_id)
        with self._db.transaction() as session:
            customer = session.get(Customer, before.customer_id)
            if customer is None or customer.erased_at is not None:
                raise NotFound("this customer is no longer known")
            for purpose in sorted(wanted - before.granted):
                record(
                    session,
                    before.customer_id,
                    purpose,
                    "granted",
                    wording,
                    PREFERENCE_PAGE,
                    self._clock.now(),
                )
            for purpose in sorted(before.granted - wanted):
                self._withdraw(session, mail, purpose, PREFERENCE_PAGE)
            session.after_commit(lambda: self._open_states.write_through([before.customer_id]))
        return self.preferences(token)

    def _withdraw(self, session: UnitOfWork, mail: tuple[int, ...], purpose: str, source: str) -> None:
        """`mail` is (campaign, customer, send) as its link says."""
        campaign_id, customer_id, send_id = mail
        customer = session.get(Customer, customer_id, with_for_update=True)
        if customer is None or customer.erased_at is not None:
            return
        if purpose in states(session, [customer_id]).get(customer_id, frozenset()):
            record(session, customer_id, purpose, "withdrawn", "", source, self._clock.now())
        if purpose == "marketing":
            send = mailed(session, campaign_id, send_id)
            record_event(
                session,
                Happening(
                    name="unsubscribed",
                    key=f"unsubscribed:{customer_id}:{send_id}",
                    at=self._clock.now(),
                    campaign_id=send.campaign_id if send else 0,
                    send_id=send_id,
                    customer_id=customer_id,
                    detail={"source": source},
                ),
                self._meters,
            )


def _target(session: Session, send: Send, kind: int, number: int) -> str:
    if kind == CLICK_CALL_TO_ACTION:
        return _call_to_action(session, send.campaign_id)
    if kind == CLICK_PICK and number < len(send.picks or []):
        product_id = (send.picks or [])[number][0]
        return session.scalars(select(Product.url).where(Product.id == product_id)).one()
    raise NotFound("this link leads nowhere any more")


def _call_to_action(session: Session, campaign_id: int) -> str:
    campaign = session.get(Campaign, campaign_id)
    if campaign is None:
        raise NotFound("this mail is no longer known")
    return str(campaign.brief["call_to_action_url"])


def _language(session: Session, customer_id: int) -> str:
    locale = session.scalar(select(Customer.locale).where(Customer.id == customer_id))
    return language_of(locale or "en")
