"""Suppression of whole domains: exactly the one that is named, not those below it.

A customer's domain is kept as a keyed HMAC of its A-labels in lower case, and so is a suppressed one, under
every key of the ring; beside it stands its name, which is no person's. Customers of before schema 0008 have
no such HMAC until the first domain is suppressed: then it is made for all of them (`fill_in`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, bindparam, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.audience.import_values import email as checked_address
from campaigns.core.crypto import CannotDecrypt, KeyRing
from campaigns.core.domains import a_labels
from campaigns.core.errors import BadInput
from campaigns.core.log import get_logger
from campaigns.models import Customer, SuppressedDomain
from campaigns.models.customer import ADDRESS_CONTEXT

log = get_logger(__name__)


def domain_of(email: str) -> str:
    """The domain of an address, in A-labels and lower case."""
    domain = email.strip().rpartition("@")[2].rstrip(".").lower()
    return (a_labels(domain) or domain).lower()


def checked_domain(given: str) -> str:
    """The same of what somebody typed: `example.com` or `@example.com`.

    Raises:
        BadInput: no mail address can have this domain.
    """
    name = given.strip().removeprefix("@")
    domain = domain_of("@" + name)
    try:
        if "@" in name:
            raise ValueError
        checked_address(f"somebody@{domain}")
    except ValueError:
        raise BadInput("is not a domain of mail addresses, such as example.com", where="domain") from None
    return domain


def domain_hmacs(keyring: KeyRing, domain: str) -> list[bytes]:
    """A domain under every key, newest first; an address has something before its @, and cannot collide."""
    return keyring.address_hmacs("@" + domain)


def domain_hmac(keyring: KeyRing, email: str) -> bytes:
    """`customers.email_domain_hmac` of an address: fingerprint and HMAC of the newest key (36 bytes)."""
    return domain_hmacs(keyring, domain_of(email))[0]


def suppress_domain(
    session: Session, keyring: KeyRing, domain: str, reason: str, source: str, at: datetime
) -> bool:
    """Never mail addresses of this domain (see `checked_domain`) again; False where it was so already.

    Call `fill_in` afterwards until it returns 0, or customers of an older schema are not found by it.
    """
    known = session.execute(_entry_of(domain)).first()
    _write(session, keyring, domain, reason, source, at)
    return known is None


def lift_domain(session: Session, domain: str, source: str) -> tuple[str, str, datetime] | None:
    """Mail addresses of this domain again; (reason, source, at) of the entry, None where there was none."""
    known = session.execute(_entry_of(domain)).first()
    if known is None:
        return None
    session.execute(delete(SuppressedDomain).where(SuppressedDomain.domain == domain))
    reason, made_by, at = known
    log.info(
        "domain_suppression_lifted",
        domain=domain,
        reason=reason,
        made_by=made_by,
        made_at=at.isoformat(),
        by=source,
    )
    return reason, made_by, at


def domain_entries(session: Session, keyring: KeyRing, email: str) -> Sequence[Any]:
    """(domain, reason, source, at) of what suppresses the domain of this address; one row a key."""
    hmacs = domain_hmacs(keyring, domain_of(email))
    entry = SuppressedDomain
    found = select(entry.domain, entry.reason, entry.source, entry.at).where(entry.domain_hmac.in_(hmacs))
    return session.execute(found.order_by(entry.at)).all()


def all_domains(session: Session) -> Sequence[Any]:
    """(domain, reason, source, at) of every suppressed domain, in the order of their names."""
    entry = SuppressedDomain
    found = select(entry.domain, entry.reason, entry.source, entry.at).order_by(
        entry.domain, entry.at, entry.id
    )
    first: dict[str, Any] = {}
    for row in session.execute(found):
        first.setdefault(row.domain, row)
    return list(first.values())


def renew_domain(session: Session, keyring: KeyRing, email: str) -> None:
    """After a change of keys: suppress the domain of this address under the newest key, if it is at all."""
    domain = domain_of(email)
    known = session.execute(_entry_of(domain)).first()
    if known is not None:
        _write(session, keyring, domain, *known)


def renew_domains(session: Session, keyring: KeyRing) -> None:
    """The same for all domains, before many addresses come in under the newest key."""
    newest = keyring.address_hmac("")[:4]
    renewed = {
        row.domain
        for row in session.execute(select(SuppressedDomain.domain, SuppressedDomain.domain_hmac))
        if bytes(row.domain_hmac).startswith(newest)
    }
    for domain, reason, source, at in all_domains(session):
        if domain not in renewed:
            _write(session, keyring, domain, reason, source, at)


def fill_in(session: Session, keyring: KeyRing, most: int = 2000) -> int:
    """Make the HMAC of the domain for so many customers who have none; returns how many were looked at.

    Who cannot be decrypted (a retired key) can neither be mailed, and gets an HMAC of no domain, so that
    nobody looks again.
    """
    missing = (
        select(Customer.id, Customer.email_cipher)
        .where(Customer.email_domain_hmac.is_(None), Customer.email_cipher.is_not(None))
        .order_by(Customer.id)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    made = [
        {"own": row.id, "made": _of_cipher(keyring, row.email_cipher)} for row in session.execute(missing)
    ]
    if made:
        statement = (
            update(Customer.__table__)  # type: ignore[arg-type]
            .where(Customer.__table__.c.id == bindparam("own"))
            .values(email_domain_hmac=bindparam("made", type_=LargeBinary))
        )
        session.connection().execute(statement, made)
    return len(made)


def customers_of(session: Session, keyring: KeyRing, domain: str) -> int:
    """How many customers have an address of this domain."""
    found = "select count(*) from customers where email_domain_hmac = any(:hmacs) and erased_at is null"
    return int(session.scalar(text(found), {"hmacs": domain_hmacs(keyring, domain)}) or 0)


def _of_cipher(keyring: KeyRing, cipher: bytes) -> bytes:
    try:
        return domain_hmac(keyring, keyring.decrypt(cipher, ADDRESS_CONTEXT))
    except CannotDecrypt:
        return domain_hmacs(keyring, "")[0]


def _entry_of(domain: str) -> Any:
    entry = SuppressedDomain
    found = select(entry.reason, entry.source, entry.at).where(entry.domain == domain)
    return found.order_by(entry.at).limit(1)


def _write(session: Session, keyring: KeyRing, domain: str, reason: str, source: str, at: datetime) -> None:
    rows = [
        {"domain": domain, "domain_hmac": value, "reason": reason, "source": source, "at": at}
        for value in domain_hmacs(keyring, domain)
    ]
    session.execute(insert(SuppressedDomain).values(rows).on_conflict_do_nothing())
