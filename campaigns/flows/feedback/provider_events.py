"""What providers tell of a mail after it left: recorded once, acted upon, and taken as proof where nobody knew.

Providers repeat themselves and tell things out of order. Hence an event moves a send only out of
`uncertain`; everywhere else it is just recorded, and it is found again when the send becomes uncertain later. What
follows for the customer is in bounces.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.core.crypto import KeyRing, normalise_address
from campaigns.core.db import UnitOfWork
from campaigns.core.errors import BadInput, NotFound
from campaigns.core.meters import Meters
from campaigns.delivery.bounce_blame import Blame, judge
from campaigns.delivery.relaylog_values import without_addresses
from campaigns.flows.customers.unsubscribing import Wish, fulfil
from campaigns.flows.feedback.bounces import (
    USUAL_SOFT_LIMIT,
    Addressed,
    Policy,
    act_on_bounce,
    act_on_complaint,
    act_on_delivery,
    bounce_detail,
)
from campaigns.flows.feedback.happenings import Happening, record_event
from campaigns.flows.sending.addressees import load_addressees
from campaigns.flows.sending.uncertain_sends import Resolution, Resolver
from campaigns.models import ResolutionVerdict, ResolvedBy, SendStatus

PROVIDER_EVENTS = ("delivered", "deferred", "bounced", "complained", "unsubscribed")
UNSUBSCRIBED_THERE = "unsubscribed at the provider"
_BY = "provider"


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """One event about one send.

    `name` is one of PROVIDER_EVENTS; `reply` is what the other side said, `event_id` the provider's own
    number for it, by which repeats are known (else name and time are). `permanent` False marks a bounce after
    which the provider tries on, or might. `recipient` is the address it was about, empty where nobody says:
    the customer may have another one by now.
    """

    campaign_id: int
    send_id: int
    name: str
    at: datetime
    reply: str = ""
    event_id: str = ""
    permanent: bool = True
    recipient: str = ""

    def __post_init__(self) -> None:
        if self.name not in PROVIDER_EVENTS:
            raise BadInput(f'"{self.name[:40]}" is not one of {", ".join(PROVIDER_EVENTS)}', where="event")
        if self.at.tzinfo is None:
            raise BadInput("needs a time zone, such as 2026-12-01T09:00:00+01:00", where="at")

    @property
    def verdict(self) -> ResolutionVerdict:
        """What it proves: everything but a final bounce means that the mail was taken."""
        bounced = self.name == "bounced" and self.permanent
        return ResolutionVerdict.FAILED if bounced else ResolutionVerdict.SENT


_SEND = text("select customer_id, status from sends where campaign_id = :c and id = :s for update")


def take_in(
    session: UnitOfWork,
    keyring: KeyRing,
    meters: Meters,
    event: ProviderEvent,
    now: datetime,
    soft_limit: int = USUAL_SOFT_LIMIT,
    by: str = _BY,
) -> Counter[SendStatus]:
    """Record the event, do what follows from it for the customer, and resolve the send if it is uncertain.

    `by` says who told it, for the suppression's source. Returns how many sends (none or one) went where.

    Raises:
        NotFound: there is no such send (any more).
    """
    row = session.execute(_SEND, {"c": event.campaign_id, "s": event.send_id}).first()
    if row is None:
        raise NotFound(f"there is no send {event.send_id} of campaign {event.campaign_id}")
    addressee = load_addressees(session, keyring, [row.customer_id]).get(row.customer_id)
    known = addressee.email if addressee else ""
    told = parseaddr(event.recipient)[1] if addressee else ""
    words = without_addresses(without_addresses(event.reply, told), known)
    _note(session, event, row.customer_id, words, meters, now)
    same = not told or normalise_address(told) == normalise_address(known)
    who = Addressed(row.customer_id, known if same else told)
    _act(session, Policy(keyring, meters, soft_limit), event, who, by, now, same)
    resolver = Resolver(session)
    if row.status == SendStatus.UNCERTAIN:
        _resolve(resolver, event, words, now)
    return resolver.count()


def _note(
    session: UnitOfWork, event: ProviderEvent, customer_id: int, words: str, meters: Meters, now: datetime
) -> None:
    if event.name == "unsubscribed":
        # Withdrawing records the event itself, as it does for every other way to unsubscribe.
        at = min(event.at, now)
        wish = Wish(event.campaign_id, customer_id, event.send_id, at, UNSUBSCRIBED_THERE)
        fulfil(session, wish, now, meters)
        return
    detail: dict[str, object] = {"reply": words, "permanent": event.permanent}
    if event.name == "bounced":
        detail = bounce_detail(words, event.permanent, judge(event.reply, event.permanent))
    record_event(
        session,
        Happening(
            name=event.name,
            key=f"{event.name}:{event.send_id}:{event.event_id or event.at.isoformat()}",
            at=event.at,
            campaign_id=event.campaign_id,
            send_id=event.send_id,
            customer_id=customer_id,
            detail=detail,
        ),
        meters,
    )


def _act(
    session: UnitOfWork,
    policy: Policy,
    event: ProviderEvent,
    who: Addressed,
    by: str,
    now: datetime,
    same_address: bool,
) -> None:
    """`same_address`: the customer has it still; what passes says nothing about the one they have now."""
    if event.name == "complained":
        act_on_complaint(session, policy, who, by, event.at, now)
    elif event.name == "bounced":
        blame = judge(event.reply, event.permanent).blame
        if same_address or blame is Blame.DEAD:
            act_on_bounce(session, policy, who, blame, by, now)
    elif event.name == "delivered" and same_address:
        act_on_delivery(session, policy, who, now)


_TOLD = text(
    """
    select distinct on (s.campaign_id, s.id) s.campaign_id, s.id, e.name, e.at, e.detail
    from sends s join events e on e.campaign_id = s.campaign_id and e.send_id = s.id
    where s.status = 'uncertain' and e.name in ('delivered', 'deferred', 'bounced', 'complained')
      and (cast(:campaign_id as bigint) is null or s.campaign_id = :campaign_id)
    order by s.campaign_id, s.id, e.name in ('delivered', 'complained') desc, e.name = 'bounced' desc, e.at, e.id
    """
)


def settle_by_events(session: Session, campaign_id: int | None, now: datetime) -> Counter[SendStatus]:
    """Resolve sends that became uncertain after an event had told of them; returns how many went where."""
    resolver = Resolver(session)
    for row in session.execute(_TOLD, {"campaign_id": campaign_id}).all():
        told: Mapping[str, object] = row.detail
        event = ProviderEvent(
            campaign_id=row.campaign_id,
            send_id=row.id,
            name=row.name,
            at=row.at,
            permanent=told.get("permanent") is not False,
        )
        _resolve(resolver, event, str(told.get("reply") or ""), now)
    return resolver.count()


def _resolve(resolver: Resolver, event: ProviderEvent, words: str, now: datetime) -> None:
    failed = event.verdict is ResolutionVerdict.FAILED
    evidence = f"{event.name} at {event.at.isoformat()}" + (f": {words}" if words else "")
    resolver.move(
        Resolution(
            campaign_id=event.campaign_id,
            send_id=event.send_id,
            how=ResolvedBy.EVENT,
            verdict=event.verdict,
            evidence=evidence,
            by=_BY,
            at=now,
        ),
        reason="bounced, the provider says" if failed else "",
        reply=words,
        at=min(event.at, now),
    )
