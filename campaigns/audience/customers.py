"""Finding customers by what people know of them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.crypto import KeyRing
from campaigns.core.errors import NotFound
from campaigns.models import Customer
from campaigns.models.customer import ADDRESS_CONTEXT


def find_by_address(session: Session, keyring: KeyRing, email: str) -> Customer | None:
    """The customer with this address, whichever key it was stored under."""
    found = select(Customer).where(
        Customer.email_hmac.in_(keyring.address_hmacs(email)), Customer.erased_at.is_(None)
    )
    return session.scalars(found.order_by(Customer.id)).first()


def find(session: Session, keyring: KeyRing, ref: str) -> Customer | None:
    """The customer with this external id or address; an erased one is not found."""
    ref = ref.strip()
    found = select(Customer).where(Customer.external_id == ref, Customer.erased_at.is_(None))
    by_address = find_by_address(session, keyring, ref) if "@" in ref else None
    return by_address or session.scalars(found).first()


def known_by_address(session: Session, keyring: KeyRing, email: str) -> Customer:
    """The customer with this address.

    Raises:
        NotFound: no customer has it.
    """
    customer = find_by_address(session, keyring, email)
    if customer is None:
        raise NotFound("no customer has this address")
    return customer


def known_by_id(session: Session, customer_id: int) -> Customer:
    """The customer of this number.

    Raises:
        NotFound: there is none, or they were erased.
    """
    customer = session.get(Customer, customer_id)
    if customer is None or customer.erased_at is not None:
        raise NotFound("this customer is no longer known")
    return customer


def address_of(keyring: KeyRing, customer: Customer) -> str:
    """The address in the clear; empty when there is none.

    Raises:
        CannotDecrypt: it was changed outside, or its key was retired.
    """
    return keyring.decrypt(customer.email_cipher, ADDRESS_CONTEXT) if customer.email_cipher else ""
