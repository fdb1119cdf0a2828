"""Checking again whether a customer may be mailed: before a mail is composed, and right before it leaves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.contact import ContactTerms
from campaigns.audience.limits import values
from campaigns.audience.verdict import ERASED, held_back_reason, standing
from campaigns.core.db import any_of
from campaigns.models import Customer

_REASONS = select(Customer.id, held_back_reason()).select_from(standing()).where(Customer.id == any_of("ids"))


def still_allowed(
    session: Session, terms: ContactTerms, sends: Iterable[tuple[int, int]], now: datetime
) -> dict[int, str]:
    """Of (send id, customer id) pairs of a campaign, those that may not be mailed any more: send id -> reason.

    The reason is one of `verdict.HELD_BACK_REASONS`, or erased. A customer who is not found counts as erased.
    An answer about limits holds until the transaction ends where these customers are held (`contact.hold`).
    """
    pairs = list(sends)
    ids = sorted({customer_id for _, customer_id in pairs})
    found = session.execute(_REASONS, {"ids": ids, **values(terms, now)})
    reasons: dict[int, str | None] = dict(found.all())
    refused = {send_id: reasons.get(customer_id, ERASED) for send_id, customer_id in pairs}
    return {send_id: reason for send_id, reason in refused.items() if reason}
