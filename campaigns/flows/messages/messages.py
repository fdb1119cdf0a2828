"""Messages: single mails that a program of the shop asks for, such as an order confirmation. No marketing.

A message is rendered when it is asked for, so that a missing value is told to who asks and not to a log, and kept
encrypted until a worker hands it over (message_sending.py). The same idempotency key asks for the same message.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.audience import import_values
from campaigns.audience.customers import address_of, find_by_address
from campaigns.compose.header_fields import bare_address, mailbox
from campaigns.compose.message_template import MessageSource, fill_message
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, Conflict, NotFound
from campaigns.core.jobs import Jobs
from campaigns.flows.messages.message_templates import kept_template
from campaigns.models import Customer, Message

ADDRESS_CONTEXT = "messages.email"
CONTENT_CONTEXT = "messages.content"
LONGEST_DATA = 100_000
MOST_HOURS = 168


@dataclass(frozen=True, slots=True)
class MessageOrder:
    """What a program asks for.

    To the `customer` of an external id, or to an `address`. What it says is a kept `template` by its name, or a
    `source` of its own with `sender` and `category`; `data` fills it. After `hours` it is not worth sending.
    """

    idempotency_key: str
    customer: str = ""
    address: str = ""
    template: str = ""
    source: MessageSource | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    category: str = ""
    sender: str = ""
    reply_to: str = ""
    hours: int = 24

    def digest(self) -> bytes:
        """What makes two orders the same one."""
        source = self.source
        parts = [
            self.customer, self.address, self.template, self.category, self.sender, self.reply_to, self.hours,
            [source.subject, source.text, source.html, source.mjml, source.language] if source else None,
            dict(self.data),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that was taken; not `new` where the same order came before."""

    message: dict[str, Any]
    new: bool


class Messages:
    """Takes messages in and tells what became of them. One object serves all threads of a process."""

    def __init__(self, db: Database, clock: Clock, keyring: KeyRing, jobs: Jobs) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._jobs = jobs

    def order(self, order: MessageOrder, holder: str) -> Taken:
        """Take a message in; `holder` is the API key that asks, whose idempotency keys are its own.

        Raises:
            BadInput: a field is wrong, or the template asks for what the data does not have.
            NotFound: there is no such customer, or no such kept template.
            Conflict: this idempotency key stands for another message.
        """
        _check(order)
        digest, now = order.digest(), self._clock.now()
        with self._db.transaction() as session:
            before = _of_key(session, holder, order.idempotency_key)
            if before is not None:
                return Taken(_same(before, digest), new=False)
            customer_id, email = self._recipient(session, order)
            what = _what(session, order)
            content = fill_message(what.source, order.data)
            sealed = json.dumps([content.subject, content.html, content.text])
            row = {
                "holder": holder,
                "idempotency_key": order.idempotency_key,
                "digest": digest,
                "template": order.template,
                "template_version": what.version,
                "category": what.category,
                "customer_id": customer_id,
                "email_cipher": self._keyring.encrypt(email, ADDRESS_CONTEXT),
                "email_hmac": self._keyring.address_hmac(email),
                "sender": what.sender,
                "reply_to": what.reply_to,
                "content_cipher": self._keyring.encrypt(sealed, CONTENT_CONTEXT),
                "created_at": now,
                "not_after": now + timedelta(hours=order.hours),
                "next_try_at": now,
            }
            made = insert(Message).values(row).on_conflict_do_nothing().returning(Message.id)
            new = session.scalar(made) is not None
            # Somebody who asked the same at this moment was waited for by the insert.
            kept = _of_key(session, holder, order.idempotency_key)
            if kept is None:
                raise Conflict("the same message was asked for and removed at this moment; ask again")
            if new:
                session.after_commit(self._jobs.send_notices)
            return Taken(_same(kept, digest), new)

    def show(self, number: int) -> dict[str, Any]:
        """Where a message stands.

        Raises:
            NotFound: there is none of this number, or it is too old.
        """
        with self._db.transaction() as session:
            message = session.get(Message, number)
            if message is None:
                raise NotFound(f"there is no message {number}, or it is too old to be kept")
            return as_plain(message)

    def find(self, holder: str, key: str) -> dict[str, Any]:
        """The message that this API key asked for under this idempotency key.

        Raises:
            NotFound: there is none.
        """
        with self._db.transaction() as session:
            message = _of_key(session, holder, key)
            if message is None:
                raise NotFound("there is no message of this idempotency key, or it is too old to be kept")
            return as_plain(message)

    def _recipient(self, session: Session, order: MessageOrder) -> tuple[int | None, str]:
        """The customer's number, if it is one, and the address; no customer is erased before the order is in."""
        if order.address:
            try:
                address = import_values.email(order.address)
            except ValueError as error:
                raise BadInput(str(error), where="address") from None
            known = find_by_address(session, self._keyring, address)
            return known.id if known else None, address
        found = select(Customer).where(Customer.external_id == order.customer, Customer.erased_at.is_(None))
        customer = session.scalar(found.with_for_update(read=True, key_share=True))
        if customer is None:
            raise NotFound(
                "there is no customer of this number; import the customer first, or give an address"
            )
        email = address_of(self._keyring, customer)
        if not email:
            raise BadInput("has no address; import it, or give one", where="customer")
        return customer.id, email


def as_plain(message: Message) -> dict[str, Any]:
    """A message, ready for JSON; neither the address nor what it says is in it."""
    return {
        "id": message.id,
        "idempotency_key": message.idempotency_key,
        "status": message.status,
        "reason": message.reason,
        "reply": message.reply,
        "category": message.category,
        "template": message.template or None,
        "template_version": message.template_version,
        "attempts": message.attempts,
        "created_at": message.created_at.isoformat(),
        "not_after": message.not_after.isoformat(),
        "ended_at": _iso(message.ended_at),
    }


@dataclass(frozen=True, slots=True)
class _What:
    source: MessageSource
    category: str
    sender: str
    reply_to: str
    version: int | None


def _what(session: Session, order: MessageOrder) -> _What:
    """What is said, and by whom: as kept, where the order says nothing else."""
    if order.template:
        version, body = kept_template(session, order.template)
        kept = _What(
            body.source(),
            order.category or body.category,
            order.sender or body.sender,
            order.reply_to or body.reply_to,
            version,
        )
    else:
        assert order.source is not None
        kept = _What(order.source, order.category, order.sender, order.reply_to, None)
    name, address = parseaddr(kept.sender)
    if "@" not in address or not kept.sender.isprintable():
        raise BadInput("must be a name and an address, such as Shop <hello@shop.example>", where="sender")
    mailbox(name, address, "sender")
    if kept.reply_to:
        bare_address(kept.reply_to, "reply_to")
    if not kept.category:
        raise BadInput("is missing: say what it is, such as order or password", where="category")
    return kept


def _check(order: MessageOrder) -> None:
    if bool(order.customer) == bool(order.address):
        raise BadInput("give a customer's number or an address, one of them", where="customer")
    if bool(order.template) == (order.source is not None):
        raise BadInput("name a kept template, or give subject and text", where="template")
    if not 1 <= order.hours <= MOST_HOURS:
        raise BadInput(f"must be 1 to {MOST_HOURS}", where="hours")
    if len(json.dumps(dict(order.data))) > LONGEST_DATA:
        raise BadInput(f"is longer than {LONGEST_DATA:,} characters", where="data")


def _of_key(session: Session, holder: str, key: str) -> Message | None:
    return session.scalar(select(Message).where(Message.holder == holder, Message.idempotency_key == key))


def _same(message: Message, digest: bytes) -> dict[str, Any]:
    if bytes(message.digest) != digest:
        raise Conflict("this idempotency key stands for another message; take a new key for a new message")
    return as_plain(message)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
