"""The right to be forgotten (GDPR art. 17). The right to a copy: privacy_export.py.

What stays after an erasure: an empty shell `erased-<id>` that keeps the sends countable, the ledger's
entries (purpose, wording, date: the proof of past consent) without evidence, and keyed HMACs of the
address and the external id, so that an old export of the shop cannot bring the person back. Order lines
are deleted: their order ids lead back to the person in the shop's books, which remain with the shop.
The words of mails stay as well, where they are written for many: they have blanks for names, and name nobody.
Those that a model wrote for one customer alone go, with what it was told.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.audience import consent
from campaigns.audience.customers import address_of, known_by_address, known_by_id
from campaigns.audience.privacy_rows import about, keys_of_sends
from campaigns.audience.suppression import ERASED, bury_external_id, suppress
from campaigns.core.crypto import CannotDecrypt, KeyRing
from campaigns.models import (
    Campaign,
    ClickHours,
    ConsentEntry,
    ContactPreference,
    CopyCell,
    Customer,
    EngagementState,
    Erasure,
    Event,
    Favourite,
    Message,
    Notice,
    OrderLine,
    OrderReturn,
    ProviderPayload,
    Send,
    SendResolution,
    SendStatus,
    Signal,
    Signup,
    SlotServe,
    Suppression,
    TestMail,
    WrittenCopyRow,
)
from campaigns.models.copy import salt_of

BLANKED: dict[str, Any] = {
    "email_cipher": None, "email_hmac": None, "email_domain_hmac": None, "first_name": "", "last_name": "",
    "locale": "", "timezone": "", "country": "", "city": "", "latitude": None, "longitude": None, "tags": [],
}  # fmt: skip
_AT_WORK = (SendStatus.CLAIMED, SendStatus.PICKED, SendStatus.WRITTEN, SendStatus.SENDING)


_NAMED_IN_PREFLIGHT = """
    update campaigns set preflight = null where preflight is not null and exists (
      select from jsonb_array_elements_text(
        case when jsonb_typeof(preflight->'report'->'samples') = 'array' then preflight->'report'->'samples' else '[]' end
      ) tried where strpos(tried, :named) > 0)"""


def erase_customer(session: Session, keyring: KeyRing, email: str, at: datetime) -> int:
    """Forget the person of this address; returns the id of the empty shell that stays.

    Sends that have not left are not touched here: whoever is about to mail finds the person erased
    (checking.still_allowed) and holds the send back, with its counters.

    Raises:
        NotFound: no customer has this address.
    """
    return _erase(session, keyring, known_by_address(session, keyring, email), at)


def erase_by_id(session: Session, keyring: KeyRing, customer_id: int, at: datetime) -> int:
    """The same for the customer of this number.

    Raises:
        NotFound: there is no such customer any more.
    """
    return _erase(session, keyring, known_by_id(session, customer_id), at)


def erase_again(session: Session, customer_id: int) -> bool:
    """What others may have written about an erased customer since; True while a worker may still write more.

    A batch that had the customer's mail in its hands at the moment of the erasure holds it back, and writes
    what it had picked all the same.
    """
    sends = keys_of_sends(session, customer_id)
    _forget_choices(session, customer_id, sends, [])
    _blank_words(session, customer_id, sends)
    at_work = select(Send.id).where(Send.customer_id == customer_id, Send.status.in_(_AT_WORK)).limit(1)
    return session.execute(at_work).first() is not None


def _erase(session: Session, keyring: KeyRing, customer: Customer, at: datetime) -> int:
    session.refresh(customer, with_for_update=True)
    own, external_id = customer.id, customer.external_id
    hmacs = _suppress_address(session, keyring, customer, at)
    consent.withdraw_all(session, own, "erasure", at)
    bury_external_id(session, keyring, external_id, "erasure", at)
    sends = keys_of_sends(session, own)
    _forget_choices(session, own, sends, hmacs)
    _blank_words(session, own, sends)
    _forget_preflights(session, external_id)
    session.execute(delete(OrderLine).where(OrderLine.customer_id == own))
    session.execute(delete(OrderReturn).where(OrderReturn.customer_id == own))
    _blank_evidence(session, own)
    shell = {**BLANKED, "external_id": f"erased-{own}", "erased_at": at, "updated_at": at}
    session.execute(update(Customer).where(Customer.id == own).values(shell))
    session.execute(insert(Erasure).values(customer_id=own, erased_at=at).on_conflict_do_nothing())
    session.expire_all()
    return own


def _suppress_address(session: Session, keyring: KeyRing, customer: Customer, at: datetime) -> list[bytes]:
    """Suppress the address under every key; returns its HMACs, by which other tables know it."""
    known = [bytes(customer.email_hmac)] if customer.email_hmac else []
    try:
        email = address_of(keyring, customer)
    except CannotDecrypt:
        # Its key was retired: it is suppressed as far as it is known.
        values = {"reason": ERASED, "source": "erasure", "at": at}
        for value in known:
            statement = insert(Suppression).values(address_hmac=value, **values)
            session.execute(statement.on_conflict_do_update(index_elements=["address_hmac"], set_=values))
        return known
    if not email:
        return known
    suppress(session, keyring, email, ERASED, "erasure", at)
    return [*keyring.address_hmacs(email), *known]


def _forget_choices(session: Session, own: int, sends: list[tuple[int, int]], hmacs: list[bytes]) -> None:
    """What the person chose, liked, asked for, looked at, was shown and was told; and what providers told of them."""
    for table in (ContactPreference, Favourite, EngagementState, Signal, ClickHours):
        session.execute(delete(table).where(table.customer_id == own))
    session.execute(delete(SlotServe).where(tuple_(SlotServe.campaign_id, SlotServe.send_id).in_(sends)))
    session.execute(delete(Notice).where((Notice.customer_id == own) | Notice.email_hmac.in_(hmacs)))
    session.execute(delete(Signup).where(Signup.email_hmac.in_(hmacs)))
    session.execute(delete(Message).where((Message.customer_id == own) | Message.email_hmac.in_(hmacs)))
    session.execute(delete(TestMail).where((TestMail.customer_id == own) | TestMail.email_hmac.in_(hmacs)))
    mails = tuple_(ProviderPayload.campaign_id, ProviderPayload.send_id).in_(sends)
    # Emptied and not deleted: the same message may come once more, and must be known again.
    told = update(ProviderPayload).where((ProviderPayload.customer_id == own) | mails)
    session.execute(told.values(payload_cipher=b"", problem=""))


def _forget_preflights(session: Session, external_id: str) -> None:
    """Kept preflights that name the customer as one for whom they were tried."""
    session.execute(text(_NAMED_IN_PREFLIGHT), {"named": f"({external_id})"})


def _blank_words(session: Session, own: int, sends: list[tuple[int, int]]) -> None:
    """What others said about the person's mails: relays, providers and colleagues like to repeat the address.

    Of a reason, what stands before the colon is one of a few fixed phrases, by which reports count.
    """
    key = case((Event.key.contains("@"), func.concat("erased:", Event.id)), else_=Event.key)
    session.execute(update(Event).where(about(own, sends)).values(detail={}, key=key))
    _forget_own_words(session, own)
    reason = func.split_part(Send.reason, ":", 1)
    blanks = {"picks": None, "copy_id": None, "smtp_reply": "", "reason": reason}
    session.execute(update(Send).where(Send.customer_id == own).values(blanks))
    mails = tuple_(SendResolution.campaign_id, SendResolution.send_id).in_(sends)
    session.execute(update(SendResolution).where(mails).values(evidence=""))


def _forget_own_words(session: Session, own: int) -> None:
    """The words that a model wrote for nobody else, and what was told for them; also where they never went out."""
    salts = [salt_of(campaign_id, own) for campaign_id in session.scalars(select(Campaign.id))]
    words, mine = WrittenCopyRow, CopyCell.salt.in_(salts)
    of_mails = select(Send.copy_id).where(Send.customer_id == own, Send.copy_id.is_not(None))
    written_alone = words.facts["granularity"].astext == "customer"
    session.execute(delete(words).where(words.id.in_(of_mails), words.writer == "model", written_alone))
    session.execute(delete(words).where(words.content_hash.in_(select(CopyCell.key).where(mine))))
    blank: dict[str, Any] = {"copy_id": None, "line_ids": [], "facts": {}, "verdicts": []}
    session.execute(update(CopyCell).where(mine).values(blank))


def _blank_evidence(session: Session, customer_id: int) -> None:
    """The ledger's trigger lets exactly this through, while the transaction says that it is erasing."""
    switch = text("select set_config('tailormail.erasing', :state, true)")
    session.execute(switch, {"state": "on"})
    session.execute(update(ConsentEntry).where(ConsentEntry.customer_id == customer_id).values(evidence=""))
    session.execute(switch, {"state": "off"})
