"""What follows for a customer from a bounce or a complaint: one policy, whoever tells of it and in whatever order.

No such mailbox: never mailed again. Full, away or no reason named: counted, and after so many in a row not mailed
again, until a delivery shows that the mailbox works. The sender's fault: nothing. A complaint is an objection: not
mailed again, and the consent to marketing is withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.audience.consent import withdraw
from campaigns.audience.suppression import lift, suppress, suppressed_by
from campaigns.core.crypto import KeyRing
from campaigns.core.db import UnitOfWork
from campaigns.core.meters import Meters
from campaigns.delivery.bounce_blame import Blame, Judgement, judge_codes
from campaigns.delivery.transport import Fault, Kind, Outcome
from campaigns.flows.feedback.happenings import Happening, record_event
from campaigns.flows.sending.send_moves import Move
from campaigns.models import Customer, SendStatus

USUAL_SOFT_LIMIT = 5
SOFT = "soft bounces"
COMPLAINT = "complaint"
RELAY = "relay"

# A server may try for five days before it gives a mail back (RFC 5321, 4.5.4.1). Who has not by then, has delivered.
_SILENCE = timedelta(days=5)
_MAILS_LOOKED_AT = 100


@dataclass(frozen=True, slots=True)
class Addressed:
    """Whom a mail was sent to: the customer, and the address that it had then."""

    customer_id: int
    address: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What is needed to act: the keys, the meters, and how many soft bounces in a row are too many."""

    keyring: KeyRing
    meters: Meters
    soft_limit: int = USUAL_SOFT_LIMIT


@dataclass(frozen=True, slots=True)
class RelayBounce:
    """A mail that our own relay refused for good, or that was given up after many tries."""

    send_id: int
    who: Addressed
    reply: str
    judgement: Judgement


def bounces_among(
    outcomes: Iterable[Outcome], moves: Iterable[Move], people: Mapping[int, Addressed]
) -> list[RelayBounce]:
    """Those of the outcomes that are bounces; `moves` are what became of the sends, `people` by send id."""
    failed = {move.send_id for move in moves if move.status is SendStatus.FAILED}
    found = []
    for outcome in outcomes:
        judgement = _judged(outcome) if outcome.send_id in failed else None
        if judgement is not None and outcome.send_id in people:
            found.append(RelayBounce(outcome.send_id, people[outcome.send_id], outcome.reply, judgement))
    return found


def _judged(outcome: Outcome) -> Judgement | None:
    """None for what no other server said."""
    code = outcome.enhanced or (str(outcome.code) if outcome.code else "")
    if outcome.kind is Kind.DEFERRED:
        return judge_codes(outcome.code, outcome.enhanced, permanent=False)
    if outcome.kind is not Kind.REJECTED:
        return None
    if outcome.fault is Fault.RECIPIENT:
        return Judgement(Blame.SOFT if outcome.soft else Blame.DEAD, code)
    return Judgement(Blame.SENDER, code) if code else None


def take_relay_bounces(
    session: UnitOfWork, policy: Policy, campaign_id: int, bounces: Sequence[RelayBounce], now: datetime
) -> None:
    """Record what the relay said at once, and do what follows; the same again changes nothing."""
    for bounce in sorted(bounces, key=lambda one: one.who.customer_id):
        permanent = bounce.judgement.blame is not Blame.SOFT
        record_event(
            session,
            Happening(
                name="bounced",
                key=f"bounced:{bounce.send_id}:{RELAY}",
                at=now,
                campaign_id=campaign_id,
                send_id=bounce.send_id,
                customer_id=bounce.who.customer_id,
                detail=bounce_detail(bounce.reply, permanent, bounce.judgement),
            ),
            policy.meters,
        )
        act_on_bounce(session, policy, bounce.who, bounce.judgement.blame, RELAY, now)


def bounce_detail(words: str, permanent: bool, judgement: Judgement) -> dict[str, object]:
    """What the event of a bounce remembers; self_pause.py counts by `blame` and names `code`."""
    return {
        "reply": words,
        "permanent": permanent,
        "blame": judgement.blame.value,
        "code": judgement.code,
    }


def act_on_bounce(
    session: Session, policy: Policy, who: Addressed, blame: Blame, by: str, now: datetime
) -> None:
    """What follows for the address from a bounce whose event is recorded already."""
    if not who.address:
        return
    if blame is Blame.DEAD:
        suppress_for_good(session, policy.keyring, who.address, "bounced", by, now)
    elif blame is Blame.SOFT:
        _recount(session, policy, who, now)


def act_on_delivery(session: Session, policy: Policy, who: Addressed, now: datetime) -> None:
    """The mailbox works: where only soft bounces had ended it, they are counted again."""
    if not who.address:
        return
    if any(one.source == SOFT for one in suppressed_by(session, policy.keyring, who.address)):
        _recount(session, policy, who, now)


def act_on_complaint(
    session: Session, policy: Policy, who: Addressed, by: str, at: datetime, now: datetime
) -> None:
    """Never mail the address again, and withdraw the consent to marketing as of `at`."""
    if who.address:
        suppress_for_good(session, policy.keyring, who.address, "complained", by, now)
    customer = session.get(Customer, who.customer_id, with_for_update=True)
    if customer is None or customer.erased_at is not None:
        return
    withdraw(session, who.customer_id, "marketing", COMPLAINT, min(at, now), now)


def suppress_for_good(
    session: Session, keyring: KeyRing, address: str, reason: str, by: str, now: datetime
) -> None:
    """Suppress for more than soft bounces, which a delivery could take back."""
    if any(one.source == SOFT for one in suppressed_by(session, keyring, address)):
        lift(session, keyring, address, by, ("bounced",))
    suppress(session, keyring, address, reason, by, now)


def _recount(session: Session, policy: Policy, who: Addressed, now: datetime) -> None:
    """Suppress or let go as the soft bounces in a row say, whatever order they were told in."""
    # Two told at the same moment count one after the other.
    session.execute(select(Customer.id).where(Customer.id == who.customer_id).with_for_update())
    run = soft_bounces_in_a_row(_mails_to(session, who.customer_id), now)
    if run >= policy.soft_limit:
        suppress(session, policy.keyring, who.address, "bounced", SOFT, now)
    elif {one.source for one in suppressed_by(session, policy.keyring, who.address) if not one.domain} == {
        SOFT
    }:
        lift(session, policy.keyring, who.address, "delivered", ("bounced",))


@dataclass(frozen=True, slots=True)
class MailFate:
    """What is known of one mail to a customer: when it was begun, if it was sent, and the newest of each event."""

    send_id: int
    begun: datetime
    sent: bool
    delivered: datetime | None = None
    soft: datetime | None = None
    refused: datetime | None = None  # bounced in another way


def soft_bounces_in_a_row(mails: Iterable[MailFate], now: datetime) -> int:
    """How many of the newest mails bounced softly, up to the last one that arrived.

    A mail that was sent and of which nothing was heard for five days arrived; one that was refused for other
    reasons says nothing either way.
    """
    run = 0
    for mail in sorted(mails, key=lambda one: (one.begun, one.send_id), reverse=True):
        arrived = mail.delivered is not None and (mail.soft is None or mail.delivered > mail.soft)
        if mail.soft is not None and not arrived:
            run += 1
        elif arrived or (mail.sent and mail.refused is None and mail.begun < now - _SILENCE):
            break
    return run


_MAILS = text(
    """
    select s.id, coalesce(s.intent_at, s.created_at) as begun, s.status = 'sent' as sent,
           max(e.at) filter (where e.name = 'delivered') as delivered,
           max(e.at) filter (where e.name = 'bounced' and e.detail->>'blame' = 'soft') as soft,
           max(e.at) filter (where e.name = 'bounced' and e.detail->>'blame' is distinct from 'soft') as refused
    from (select campaign_id, id, status, intent_at, created_at from sends
          where customer_id = :customer_id and status in ('sending', 'sent', 'failed', 'uncertain')
          order by id desc limit :most) s
    left join events e on e.campaign_id = s.campaign_id and e.send_id = s.id
        and e.name in ('delivered', 'bounced')
    group by s.campaign_id, s.id, s.status, s.intent_at, s.created_at
    """
)


def _mails_to(session: Session, customer_id: int) -> list[MailFate]:
    found = session.execute(_MAILS, {"customer_id": customer_id, "most": _MAILS_LOOKED_AT})
    return [MailFate(*row) for row in found]
