"""What providers and other mail servers told us, as it came: kept once, encrypted, forgotten a month after its use.

A payload repeats addresses and subjects. It is emptied at once where it turns out to be about nobody whom we may know.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.models import ProviderPayload

KEPT = timedelta(days=30)
"""For how long after it was handled."""

_CONTEXT = "provider payload"
_AT_ONCE = 5_000


def keep(
    session: Session, keyring: KeyRing, provider: str, event_id: str, payload: bytes, now: datetime
) -> int | None:
    """Keep a payload that is still to be handled; its number, or None when it is known already."""
    found = keep_all(session, keyring, provider, [(event_id, payload)], now)
    return found[0] if found else None


def keep_all(
    session: Session, keyring: KeyRing, provider: str, payloads: Sequence[tuple[str, bytes]], now: datetime
) -> list[int]:
    """The same for many, by their event ids; returns the numbers of those that are new."""
    # In one order, so that two requests with the same events wait for one another and do not deadlock.
    values = [
        {
            "provider": provider,
            "event_id": event_id,
            "received_at": now,
            "payload_cipher": keyring.encrypt(payload.decode("latin-1"), _CONTEXT),
        }
        for event_id, payload in sorted(dict(payloads).items())
    ]
    new: list[int] = []
    for start in range(0, len(values), _AT_ONCE):
        some = insert(ProviderPayload).values(values[start : start + _AT_ONCE])
        new += session.scalars(some.on_conflict_do_nothing().returning(ProviderPayload.id))
    return new


def note_once(session: Session, provider: str, token: str, now: datetime) -> bool:
    """Remember a token that may come only once; False when it came before."""
    values = {"provider": provider, "event_id": token, "received_at": now, "payload_cipher": b""}
    statement = insert(ProviderPayload).values(**values, handled_at=now)
    return session.scalar(statement.on_conflict_do_nothing().returning(ProviderPayload.id)) is not None


def payload_of(row: ProviderPayload, keyring: KeyRing) -> bytes:
    """What came, byte for byte; empty where it was emptied.

    Raises:
        CannotDecrypt: its key was retired.
    """
    cipher = row.payload_cipher
    return keyring.decrypt(cipher, _CONTEXT).encode("latin-1") if cipher else b""


def mark_handled(
    session: Session,
    payload_id: int,
    now: datetime,
    *,
    mail: tuple[int, int, int] | None,
    problem: str = "",
    unreadable: bool = False,
) -> None:
    """Done with it. `mail` is (campaign, send, customer id) of whom it is about, by which an erasure finds it.

    About nobody that we know (a stranger, or somebody erased) it is emptied: only that it came stays. What could not
    be read stays as it came, so that somebody can find out why.
    """
    values: dict[str, object] = {"handled_at": now, "problem": problem}
    if mail is None and not unreadable:
        values["payload_cipher"] = b""
    if mail is not None:
        values |= dict(zip(("campaign_id", "send_id", "customer_id"), mail, strict=True))
    session.execute(update(ProviderPayload).where(ProviderPayload.id == payload_id).values(values))


def forget_payloads(db: Database, now: datetime) -> int:
    """Delete what was handled longer than KEPT ago; returns how many that were."""
    before = now - KEPT
    old = select(ProviderPayload.id).where(
        ProviderPayload.received_at < before, ProviderPayload.handled_at < before
    )
    gone, some = 0, _AT_ONCE
    while some == _AT_ONCE:
        with db.transaction() as session:
            ids = session.scalars(old.limit(_AT_ONCE)).all()
            session.execute(delete(ProviderPayload).where(ProviderPayload.id.in_(ids)))
        some = len(ids)
        gone += some
    return gone
