"""A campaign with uncertain sends as rows, and the relay's words about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text

from campaigns.compose.identity import message_id
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.tokens import Signer
from campaigns.flows.sending.counters import counts, recount
from campaigns.models import Campaign, CampaignStatus, Customer, Send, SendStatus
from campaigns.models.customer import ADDRESS_CONTEXT

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HANDED_OVER = NOW - timedelta(hours=2)
DOMAIN = "mail.fjellandfern.example"


@dataclass(frozen=True)
class Case:
    """A campaign's number and its sends, in the order in which they were asked for."""

    campaign: int
    sends: list[int]
    signer: Signer

    def message_id(self, index: int) -> str:
        return f"<{message_id(self.signer, self.campaign, self.sends[index], DOMAIN)}>"

    def postfix(self, index: int, queue_id: str, *rest: str, hour: int = 10) -> list[str]:
        """The relay's lines about a send: its headers were read, and what follows."""
        said = (f"cleanup[2]: {queue_id}: message-id={self.message_id(index)}", *rest)
        return [f"Nov 21 {hour}:00:30 mx1 postfix/{words}" for words in said]


def uncertain_case(
    db: Database,
    keyring: KeyRing,
    signer: Signer,
    statuses: Sequence[str] = ("uncertain",) * 4,
    campaign_status: str = "sent",
    prefix: str = "C",
) -> Case:
    """A campaign whose sends stand where `statuses` says; its counters agree."""
    with db.transaction() as session:
        campaign = Campaign(
            name="Autumn", status=campaign_status, template="plain", picks=0,
            sender=f"Fjell & Fern <hello@{DOMAIN}>", postal_address="Road 1, Bergen", brief={}, segment={},
            slots=[], finished_at=NOW - timedelta(hours=1) if campaign_status == "sent" else None,
        )  # fmt: skip
        session.add(campaign)
        session.flush()
        sends = []
        for number, status in enumerate(statuses):
            email = f"{prefix.lower()}{number}@dest.example"
            customer = Customer(
                external_id=f"{prefix}{number}",
                email_cipher=keyring.encrypt(email, ADDRESS_CONTEXT),
                email_hmac=keyring.address_hmac(email),
            )
            session.add(customer)
            session.flush()
            send = Send(
                campaign_id=campaign.id, customer_id=customer.id, status=status, attempts=1,
                claimed_by="host:1", reason="the worker ended while this mail was being handed over",
                created_at=HANDED_OVER - timedelta(minutes=30), intent_at=HANDED_OVER,
            )  # fmt: skip
            session.add(send)
            session.flush()
            sends.append(send.id)
        recount(session, campaign.id)
        return Case(campaign.id, sends, signer)


def standing(db: Database, case: Case) -> list[str]:
    """The status of each send, after making sure that the counters agree with them."""
    with db.transaction() as session:
        rows = session.execute(select(Send.id, Send.status).where(Send.campaign_id == case.campaign)).all()
        kept = counts(session, case.campaign)
    by_id = {row.id: row.status for row in rows}
    found = [by_id[send] for send in case.sends]
    assert kept == {status: found.count(status) for status in set(found)}
    return found


def the_send(db: Database, case: Case, index: int) -> Send:
    with db.transaction() as session:
        return session.get_one(Send, (case.campaign, case.sends[index]))


def campaign_status(db: Database, case: Case) -> CampaignStatus:
    with db.transaction() as session:
        return CampaignStatus(session.get_one(Campaign, case.campaign).status)


def become(db: Database, case: Case, index: int, status: SendStatus) -> None:
    """What a worker or the sweeper would do: move one send, and the counters with it."""
    with db.transaction() as session:
        session.execute(
            text("update sends set status = :s where campaign_id = :c and id = :id"),
            {"s": status.value, "c": case.campaign, "id": case.sends[index]},
        )
        recount(session, case.campaign)
