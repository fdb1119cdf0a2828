"""Checking consent again: before a mail is composed, and right before it leaves."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.verdict import ERASED, held_back_reason, standing
from campaigns.core.db import any_of
from campaigns.models import Customer

_REASONS = select(Customer.id, held_back_reason()).select_from(standing()).where(Customer.id == any_of("ids"))


def still_allowed(session: Session, sends: Iterable[tuple[int, int]]) -> dict[int, str]:
    """Of (send id, customer id) pairs, those that may not be mailed any more: send id -> reason.

    The reason is one of never_asked, withdrawn, suppressed, no_address, erased. A customer who is not
    found counts as erased.
    """
    pairs = list(sends)
    rows = session.execute(_REASONS, {"ids": sorted({customer_id for _, customer_id in pairs})})
    reasons: dict[int, str | None] = dict(rows.all())
    refused = {send_id: reasons.get(customer_id, ERASED) for send_id, customer_id in pairs}
    return {send_id: reason for send_id, reason in refused.items() if reason}
