"""The consent ledger: appended to, never changed; the state of a purpose is its newest entry.

`evidence` may hold what proves the entry (a form's id, the confirming request); an erasure blanks it, so
nothing personal may go into the other fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.core.db import any_of
from campaigns.core.errors import BadInput, NotFound
from campaigns.models import PURPOSES, ConsentEntry, ConsentState, Customer
from campaigns.models.consent import ACTIONS


def record(
    session: Session,
    customer_id: int,
    purpose: str,
    action: str,
    wording: str,
    source: str,
    at: datetime,
    evidence: str = "",
) -> int:
    """Append one entry and derive the state; returns the entry's id. Repeating it changes nothing.

    An entry older than the newest one is kept as history and leaves the state as it is.

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
        .values(**facts, wording=wording, evidence=evidence)
        .on_conflict_do_nothing(index_elements=list(facts))
        .returning(ConsentEntry.id)
    ).scalar()
    if entry_id is None:
        entry_id = session.execute(select(ConsentEntry.id).filter_by(**facts)).scalar_one()
    _derive(session, customer_id, purpose, action == "granted", entry_id, at)
    return entry_id


def withdraw_all(session: Session, customer_id: int, source: str, at: datetime) -> tuple[str, ...]:
    """Withdraw every purpose that is not withdrawn already; returns those purposes.

    A purpose never asked for is withdrawn too: who objects to everything must not be mailed because an old
    grant is imported later. A grant dated ahead of `at` (a shop's clock) does not outlive the withdrawal.
    """
    known = {
        state.purpose: state
        for state in session.scalars(
            select(ConsentState)
            .where(ConsentState.customer_id == customer_id)
            .execution_options(populate_existing=True)
        )
    }
    withdrawn = []
    for purpose in PURPOSES:
        state = known.get(purpose)
        if state is None or state.granted:
            moment = max(at, state.at) if state else at
            record(session, customer_id, purpose, "withdrawn", "", source, moment)
            withdrawn.append(purpose)
    return tuple(withdrawn)


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
