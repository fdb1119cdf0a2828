"""Suppression: addresses that are never mailed, known only by their keyed HMAC.

An entry is made under every key of the ring, so that it meets a customer whose address was stored under
any of them; importing renews entries under a key that came later. Domains: suppressed_domains.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.audience.suppressed_domains import domain_entries, domain_hmac, renew_domain
from campaigns.core.crypto import KeyRing
from campaigns.core.errors import BadInput
from campaigns.core.log import get_logger
from campaigns.models import Customer, SuppressedDomain, Suppression
from campaigns.models.customer import ADDRESS_CONTEXT

log = get_logger(__name__)

ERASED = "erased"
REASONS = ("unsubscribed", "bounced", "complained", ERASED, "manual")
LIFTED_BY_CONSENT = ("unsubscribed", ERASED)
"""What a person takes back by asking for mail anew. That a mailbox is dead, or a colleague's word, is not theirs."""


@dataclass(frozen=True, slots=True)
class SuppressedBy:
    """One reason why an address is not mailed; `domain` is empty where the address itself is suppressed."""

    domain: str
    reason: str
    source: str
    at: datetime


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


def lift(
    session: Session,
    keyring: KeyRing,
    email: str,
    source: str,
    reasons: Sequence[str] = LIFTED_BY_CONSENT,
) -> tuple[SuppressedBy, ...]:
    """Let this address be mailed again where one of `reasons` kept it from that; returns what was lifted.

    `source` says who lifts it, for the log, which is where the lifting can be looked up: the entry itself is
    gone, with when it was made and why. Consent is not touched: without a grant nothing is mailed.
    """
    mine = Suppression.address_hmac.in_(keyring.address_hmacs(email)) & Suppression.reason.in_(reasons)
    rows = session.execute(select(Suppression.reason, Suppression.source, Suppression.at).where(mine)).all()
    session.execute(delete(Suppression).where(mine).execution_options(synchronize_session="fetch"))
    # One entry stands under several keys.
    lifted = tuple(dict.fromkeys(SuppressedBy("", row.reason, row.source, row.at) for row in rows))
    for one in lifted:
        log.info(
            "suppression_lifted", reason=one.reason, made_by=one.source, made_at=one.at.isoformat(), by=source
        )
    return lifted


def bury_external_id(session: Session, keyring: KeyRing, external_id: str, source: str, at: datetime) -> None:
    """Remember by HMAC that the shop's person of this id was erased, whatever address comes with it."""
    _write(session, external_id_hmacs(keyring, external_id), ERASED, source, at)


def external_id_hmacs(keyring: KeyRing, external_id: str) -> list[bytes]:
    """The external id under every key, newest first; it cannot collide with an address."""
    # In hexadecimal, because the ring folds the case of addresses, and ids may differ by case alone.
    return keyring.address_hmacs("external-id:" + external_id.encode().hex())


def suppressed_by(session: Session, keyring: KeyRing, email: str) -> list[SuppressedBy]:
    """Why this address is not mailed, under whichever key: its own entry, and that of its domain."""
    own = session.execute(
        select(Suppression.reason, Suppression.source, Suppression.at)
        .where(Suppression.address_hmac.in_(keyring.address_hmacs(email)))
        .order_by(Suppression.at)
    )
    rows = [("", *row) for row in own] + [tuple(row) for row in domain_entries(session, keyring, email)]
    return [SuppressedBy(*row) for row in dict.fromkeys(rows)]


def is_suppressed(session: Session, keyring: KeyRing, email: str) -> bool:
    """Whether this address or its domain is suppressed, under whichever key."""
    return bool(suppressed_by(session, keyring, email))


def suppressed_among(session: Session, customer_ids: Iterable[int]) -> set[int]:
    """Those of the customers whose address or domain is suppressed."""
    found = (
        select(Customer.id)
        .outerjoin(Suppression, Suppression.address_hmac == Customer.email_hmac)
        .outerjoin(SuppressedDomain, SuppressedDomain.domain_hmac == Customer.email_domain_hmac)
        .where(Customer.id.in_(list(customer_ids)))
        .where(Suppression.id.is_not(None) | SuppressedDomain.id.is_not(None))
    )
    return set(session.scalars(found))


def is_erased(session: Session, keyring: KeyRing, emails: Iterable[str]) -> bool:
    """Whether one of these addresses is of somebody who was erased, and has not come back since."""
    hmacs = [value for email in emails for value in keyring.address_hmacs(email)]
    found = select(Suppression.id).where(Suppression.address_hmac.in_(hmacs), Suppression.reason == ERASED)
    return session.execute(found.limit(1)).first() is not None


def sealed_address(session: Session, keyring: KeyRing, email: str) -> dict[str, bytes]:
    """The columns of `customers` that stand for an address: {email_cipher, email_hmac, email_domain_hmac}.

    They are of the newest key, and what is suppressed under an older one only is so under this one
    afterwards. Whoever writes a single customer's address does it with this.
    """
    newest, *older = keyring.address_hmacs(email)
    known = session.scalars(
        select(Suppression).where(Suppression.address_hmac.in_(older)).order_by(Suppression.at).limit(1)
    ).first()
    if known is not None:
        _write(session, [newest], known.reason, known.source, known.at)
    renew_domain(session, keyring, email)
    return {
        "email_cipher": keyring.encrypt(email, ADDRESS_CONTEXT),
        "email_hmac": newest,
        "email_domain_hmac": domain_hmac(keyring, email),
    }


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
