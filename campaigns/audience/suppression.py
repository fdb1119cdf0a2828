"""Suppression: addresses that are never mailed, known only by their keyed HMAC.

An entry is made under every key of the ring, so that it meets a customer whose address was stored under
any of them; importing renews entries under a key that came later.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.core.crypto import KeyRing
from campaigns.core.errors import BadInput
from campaigns.models import Customer, Suppression

ERASED = "erased"
REASONS = ("unsubscribed", "bounced", "complained", ERASED, "manual")


def suppress(session: Session, keyring: KeyRing, email: str, reason: str, source: str, at: datetime) -> None:
    """Never mail this address again; repeating it changes nothing.

    The first reason stays, except that `erased` replaces every other: it is also what keeps an import
    from bringing the person back.

    Raises:
        BadInput: `reason` is not one of REASONS.
    """
    if reason not in REASONS:
        raise BadInput(f'"{reason}" is not one of {", ".join(REASONS)}', where="reason")
    _write(session, keyring.address_hmacs(email), reason, source, at)


def bury_external_id(session: Session, keyring: KeyRing, external_id: str, source: str, at: datetime) -> None:
    """Remember by HMAC that the shop's person of this id was erased, whatever address comes with it."""
    _write(session, external_id_hmacs(keyring, external_id), ERASED, source, at)


def external_id_hmacs(keyring: KeyRing, external_id: str) -> list[bytes]:
    """The external id under every key, newest first; it cannot collide with an address."""
    # In hexadecimal, because the ring folds the case of addresses, and ids may differ by case alone.
    return keyring.address_hmacs("external-id:" + external_id.encode().hex())


def is_suppressed(session: Session, keyring: KeyRing, email: str) -> bool:
    """Whether this address is suppressed, under whichever key."""
    found = select(Suppression.id).where(Suppression.address_hmac.in_(keyring.address_hmacs(email))).limit(1)
    return session.execute(found).first() is not None


def suppressed_among(session: Session, customer_ids: Iterable[int]) -> set[int]:
    """Those of the customers whose address is suppressed."""
    found = (
        select(Customer.id)
        .join(Suppression, Suppression.address_hmac == Customer.email_hmac)
        .where(Customer.id.in_(list(customer_ids)))
    )
    return set(session.scalars(found))


def _write(session: Session, hmacs: list[bytes], reason: str, source: str, at: datetime) -> None:
    rows = [{"address_hmac": value, "reason": reason, "source": source, "at": at} for value in hmacs]
    statement = insert(Suppression).values(rows)
    fresh = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["address_hmac"],
            set_={"reason": fresh.reason, "source": fresh.source, "at": fresh.at},
            where=(fresh.reason == ERASED) & (Suppression.reason != ERASED),
        ).execution_options(synchronize_session=False)
    )
