"""Reports and reconciliation for people."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from campaigns.compose.identity import message_id
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.tokens import Signer
from campaigns.flows.addressees import load_addressees
from campaigns.flows.plans import get_campaign, plan_of
from campaigns.insight.report import Report, campaign_report, summarised_report
from campaigns.models import Customer, Send, SendStatus


class Reporting:
    """Reads what happened."""

    def __init__(self, db: Database, clock: Clock, keyring: KeyRing, signer: Signer) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._signer = signer

    def report(self, campaign_id: int) -> Report:
        """The report of a campaign; when its sends are too old to be kept, as it was when they were dropped.

        Raises:
            NotFound: there is no such campaign.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            if campaign.summary is not None and campaign.sends_dropped_at is not None:
                return summarised_report(campaign.summary, campaign.sends_dropped_at)
            names = [str(slot["name"]) for slot in campaign.slots]
            return campaign_report(session, campaign_id, names, self._clock.now())

    def reconcile(self, campaign_id: int) -> list[dict[str, Any]]:
        """Every uncertain send: who, why, and the Message-ID to ask the relay's log for."""
        with self._db.transaction() as session:
            plan = plan_of(get_campaign(session, campaign_id))
            rows = session.execute(
                select(Send.id, Send.customer_id, Customer.external_id, Send.reason, Send.smtp_reply)
                .join(Customer, Customer.id == Send.customer_id)
                .where(Send.campaign_id == campaign_id, Send.status == SendStatus.UNCERTAIN.value)
                .order_by(Send.id)
            ).all()
            people = load_addressees(session, self._keyring, [row.customer_id for row in rows])
        return [
            {
                "send": row.id,
                "customer": row.external_id,
                "address": people[row.customer_id].email if row.customer_id in people else "",
                "message_id": f"<{message_id(self._signer, plan.id, row.id, plan.domain)}>",
                "why": row.reason,
                "reply": row.smtp_reply,
            }
            for row in rows
        ]
