"""Clicks: where they lead, and recording them where that is allowed."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent import states
from campaigns.compose.links import CLICK_CALL_TO_ACTION, CLICK_PICK, CLICK_SLOT, checked_url, read_link
from campaigns.core.clock import Clock
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import NotFound
from campaigns.core.meters import Meters
from campaigns.core.tokens import Signer
from campaigns.flows.feedback.happenings import Happening, record_event
from campaigns.flows.opening.askers import Asker, Askers
from campaigns.flows.opening.gallery import Gallery
from campaigns.flows.opening.mailed import campaign_of
from campaigns.flows.opening.shown import Showing
from campaigns.models import Campaign, Product, Send


class Feedback:
    """Answers clicks; tokens are checked here."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        signer: Signer,
        gallery: Gallery,
        showing: Showing,
        askers: Askers,
        meters: Meters,
    ) -> None:
        self._db = db
        self._clock = clock
        self._signer = signer
        self._gallery = gallery
        self._showing = showing
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


def _target(session: Session, send: Send, kind: int, number: int) -> str:
    if kind == CLICK_CALL_TO_ACTION:
        return _call_to_action(session, send.campaign_id)
    if kind == CLICK_PICK and number < len(send.picks or []):
        product_id = (send.picks or [])[number][0]
        url = session.scalars(select(Product.url).where(Product.id == product_id)).one()
        return url or _call_to_action(session, send.campaign_id)
    raise NotFound("this link leads nowhere any more")


def _call_to_action(session: Session, campaign_id: int) -> str:
    campaign = session.get(Campaign, campaign_id)
    if campaign is None:
        raise NotFound("this mail is no longer known")
    return str(campaign.brief["call_to_action_url"])
