"""Which rows are about a person: what is exported and what is erased must be the same."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from campaigns.models import Event, Send


def keys_of_sends(session: Session, customer_id: int) -> list[tuple[int, int]]:
    """(campaign, send) of every mail to this customer."""
    rows = session.execute(select(Send.campaign_id, Send.id).where(Send.customer_id == customer_id))
    return [(row[0], row[1]) for row in rows]


def about(customer_id: int, sends: list[tuple[int, int]]) -> ColumnElement[bool]:
    """Events of this customer, by their number or by that of one of these mails."""
    # The sends as values and not as a subquery: so both sides of the `or` are found by their index.
    return or_(Event.customer_id == customer_id, Event.send_id.in_([send_id for _, send_id in sends]))
