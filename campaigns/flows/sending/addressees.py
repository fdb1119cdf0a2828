"""Customers as a mail needs them: decrypted for the moment of use, never kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.crypto import CannotDecrypt, KeyRing
from campaigns.core.db import any_of
from campaigns.core.log import get_logger
from campaigns.core.names import presentable_name
from campaigns.models import ConsentEntry, ConsentState, Customer
from campaigns.models.customer import ADDRESS_CONTEXT

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Addressee:
    """One customer; `email` is empty when there is none or it cannot be decrypted."""

    customer_id: int
    email: str
    first_name: str
    last_name: str
    locale: str
    timezone: str
    country: str
    city: str
    latitude: float | None
    longitude: float | None
    tags: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """First and last name, as far as known and as far as they are names: a link would be somebody's advert."""
        return " ".join(filter(None, map(presentable_name, (self.first_name, self.last_name))))


_COLUMNS = (
    Customer.id, Customer.email_cipher, Customer.first_name, Customer.last_name, Customer.locale,
    Customer.timezone, Customer.country, Customer.city, Customer.latitude, Customer.longitude, Customer.tags,
)  # fmt: skip
_PEOPLE = select(*_COLUMNS).where(Customer.id == any_of("ids"), Customer.erased_at.is_(None))
_SINCE = select(ConsentState.customer_id, ConsentState.at).where(
    ConsentState.customer_id == any_of("ids"), ConsentState.purpose == "marketing", ConsentState.granted
)
_DATES = select(ConsentEntry.id, ConsentEntry.at).where(ConsentEntry.id == any_of("ids"))


def load_addressees(session: Session, keyring: KeyRing, ids: Sequence[int]) -> dict[int, Addressee]:
    """The customers with these ids, by id; erased ones are left out."""
    rows = session.execute(_PEOPLE, {"ids": list(ids)})
    return {
        row[0]: Addressee(row[0], _address(keyring, row[0], row[1]), *row[2:10], tags=tuple(row[10]))
        for row in rows
    }


def marketing_since(session: Session, ids: Sequence[int]) -> dict[int, date]:
    """The day (UTC) on which each of these customers gave the consent to marketing that holds now, by customer."""
    rows = session.execute(_SINCE, {"ids": list(ids)})
    return {customer_id: at.astimezone(UTC).date() for customer_id, at in rows}


def consent_dates(session: Session, entry_ids: Iterable[int | None]) -> dict[int, date]:
    """The day (UTC) on which each of these consent entries was given, by entry id."""
    wanted = [entry_id for entry_id in entry_ids if entry_id is not None]
    rows = session.execute(_DATES, {"ids": wanted})
    return {entry_id: at.astimezone(UTC).date() for entry_id, at in rows}


def _address(keyring: KeyRing, customer_id: int, cipher: bytes | None) -> str:
    if cipher is None:
        return ""
    try:
        return keyring.decrypt(cipher, ADDRESS_CONTEXT)
    except CannotDecrypt as error:
        # One unreadable row must not stop a batch; the send fails with a reason and is in the report.
        log.error("address_unreadable", customer_id=customer_id, why=error.message)
        return ""
