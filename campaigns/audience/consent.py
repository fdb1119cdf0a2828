"""The consent ledger: appended to, never changed; the state of a purpose is its newest entry.

`evidence` may hold what proves the entry (a form's id, the confirming request); an erasure blanks it, so
nothing personal may go into the other fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.core.db import any_of
from campaigns.core.errors import BadInput, NotFound
from campaigns.models import PURPOSES, ConsentEntry, ConsentState, Customer, Send
from campaigns.models.consent import ACTIONS


@dataclass(frozen=True, slots=True)
class Allowed:
    """The ledger entry by which a mail was allowed; or, where `action` is withdrawn, by which it was not.

    `hash` is hexadecimal. `evidence` is personal data: for the person, and for who must prove the consent.
    """

    purpose: str
    action: str
    wording: str
    wording_version: str
    source: str
    at: datetime
    evidence: str
    entry_id: int
    position: int
    hash: str

    @property
    def granted(self) -> bool:
        """Whether it allows the mail."""
        return self.action == "granted"

    def to_json(self) -> dict[str, Any]:
        """The same as JSON-ready values, the moment in ISO 8601."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "at": self.at.isoformat()}


def record(
    session: Session,
    customer_id: int,
    purpose: str,
    action: str,
    wording: str,
    source: str,
    at: datetime,
    evidence: str = "",
    wording_version: str = "",
) -> int:
    """Append one entry and derive the state; returns the entry's id. Repeating it changes nothing.

    An entry older than the newest one is kept as history and leaves the state as it is. `wording_version` names
    the wording; left empty, the database takes the first 12 hexadecimal digits of the wording's SHA-256.

    The customer's chain stays locked until the transaction ends: whoever writes for several customers in one
    goes by their ids, lest two wait for one another.

    Raises:
        BadInput: unknown purpose or action, or `at` has no time zone.
        NotFound: no such customer, or an erased one.
    """
    _check(purpose, action, at)
    alive = select(Customer.id).where(Customer.id == customer_id, Customer.erased_at.is_(None))
    if session.execute(alive).first() is None:
        raise NotFound(f"there is no customer {customer_id}")
    facts = {"customer_id": customer_id, "purpose": purpose, "action": action, "source": source, "at": at}
    entry_id = session.execute(
        insert(ConsentEntry)
        .values(**facts, wording=wording, wording_version=wording_version, evidence=evidence)
        .on_conflict_do_nothing(index_elements=list(facts))
        .returning(ConsentEntry.id)
    ).scalar()
    if entry_id is None:
        entry_id = session.execute(select(ConsentEntry.id).filter_by(**facts)).scalar_one()
    _derive(session, customer_id, purpose, action == "granted", entry_id, at)
    return entry_id


def withdraw(
    session: Session, customer_id: int, purpose: str, source: str, at: datetime, now: datetime
) -> bool:
    """Withdraw a purpose as of `at`, which is at most `now`; False where it is withdrawn already.

    A purpose never asked for is withdrawn too: who objects must not be mailed because an old grant is imported
    later. A grant dated ahead of `now` (a shop's clock) does not outlive the withdrawal; one that was given
    between `at` and `now` does.

    Raises:
        As `record`.
    """
    state = _state(session, customer_id, purpose)
    if state is not None and not state.granted:
        return False
    # At the very moment of the grant, another withdrawal may stand already, and the grant above it.
    overtakes = state is not None and (state.at > now or state.at == at)
    record(session, customer_id, purpose, "withdrawn", "", source, _after(state, at) if overtakes else at)
    return True


def withdraw_all(
    session: Session, customer_id: int, source: str, at: datetime, now: datetime | None = None
) -> tuple[str, ...]:
    """Withdraw every purpose, as `withdraw` does it; returns those that were not withdrawn already.

    Without `now` it is said and done in one moment.
    """
    return tuple(
        purpose for purpose in PURPOSES if withdraw(session, customer_id, purpose, source, at, now or at)
    )


def moment_for(session: Session, customer_id: int, purpose: str, now: datetime) -> datetime:
    """When to date what a person says now about a purpose, so that it holds.

    That is now, or right after the newest statement where a shop's clock has dated that ahead: the person is
    right, and what is said twice in one moment would count once.
    """
    return _after(_state(session, customer_id, purpose), now)


def _state(session: Session, customer_id: int, purpose: str) -> ConsentState | None:
    return session.get(ConsentState, (customer_id, purpose), populate_existing=True)


def _after(state: ConsentState | None, at: datetime) -> datetime:
    return at if state is None else max(at, state.at + timedelta(microseconds=1))


_GRANTED = select(ConsentState.customer_id, ConsentState.purpose).where(
    ConsentState.customer_id == any_of("ids"), ConsentState.granted
)


def states(session: Session, customer_ids: Iterable[int]) -> dict[int, frozenset[str]]:
    """The purposes that each of these customers grants now; an empty set for those who grant none."""
    ids = list(customer_ids)
    granted: dict[int, set[str]] = {customer_id: set() for customer_id in ids}
    for customer_id, purpose in session.execute(_GRANTED, {"ids": ids}):
        granted[customer_id].add(purpose)
    return {customer_id: frozenset(purposes) for customer_id, purposes in granted.items()}


def history(session: Session, customer_id: int) -> Sequence[ConsentEntry]:
    """All entries of a customer, oldest first."""
    return session.scalars(
        select(ConsentEntry)
        .where(ConsentEntry.customer_id == customer_id)
        .order_by(ConsentEntry.at, ConsentEntry.id)
    ).all()


def why_allowed(session: Session, campaign_id: int, send_id: int) -> Allowed | None:
    """The entry that decided about this send; None where nothing was ever asked, or the send is gone.

    For a mail that was begun it is the consent that held at that very moment, which is on disk before the mail is
    handed over; before that, and for one that was held back, it is what held when the audience was frozen.
    """
    query = _deciding().where(Send.campaign_id == campaign_id, Send.id == send_id)
    row = session.execute(query).one_or_none()
    return None if row is None else _allowed(row[2])


def why_allowed_now(session: Session, customer_id: int) -> Allowed | None:
    """The entry that decides now whether a customer may get marketing mail; None if they were never asked."""
    entry = session.scalars(
        select(ConsentEntry)
        .join(ConsentState, ConsentState.entry_id == ConsentEntry.id)
        .where(ConsentState.customer_id == customer_id, ConsentState.purpose == "marketing")
    ).one_or_none()
    return None if entry is None else _allowed(entry)


def why_allowed_all(session: Session, customer_id: int) -> dict[tuple[int, int], Allowed]:
    """The same for all sends to a customer, by (campaign id, send id)."""
    rows = session.execute(_deciding().where(Send.customer_id == customer_id))
    return {(campaign_id, send_id): _allowed(entry) for campaign_id, send_id, entry in rows}


def _deciding() -> Select[int, int, ConsentEntry]:
    return select(Send.campaign_id, Send.id, ConsentEntry).join(
        ConsentEntry, ConsentEntry.id == Send.consent_entry_id
    )


def _allowed(entry: ConsentEntry) -> Allowed:
    return Allowed(
        entry.purpose, entry.action, entry.wording, entry.wording_version, entry.source, entry.at, entry.evidence,
        entry.id, entry.position, entry.hash.hex(),
    )  # fmt: skip


def _derive(
    session: Session, customer_id: int, purpose: str, granted: bool, entry_id: int, at: datetime
) -> None:
    statement = insert(ConsentState).values(
        customer_id=customer_id, purpose=purpose, granted=granted, entry_id=entry_id, at=at
    )
    fresh = statement.excluded
    # The comparison is with the row as it is when its lock is held, so the newest entry wins in any order
    # of commits.
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["customer_id", "purpose"],
            set_={"granted": fresh.granted, "entry_id": fresh.entry_id, "at": fresh.at},
            where=tuple_(fresh.at, fresh.entry_id) > tuple_(ConsentState.at, ConsentState.entry_id),
        ).execution_options(synchronize_session=False)
    )


def _check(purpose: str, action: str, at: datetime) -> None:
    if purpose not in PURPOSES:
        raise BadInput(f'"{purpose}" is not one of {", ".join(PURPOSES)}', where="purpose")
    if action not in ACTIONS:
        raise BadInput(f'"{action}" is not one of {", ".join(ACTIONS)}', where="action")
    if at.tzinfo is None:
        raise BadInput("needs a time zone", where="at")
