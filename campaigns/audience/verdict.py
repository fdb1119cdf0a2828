"""May this customer be mailed? One SQL expression, used wherever consent is checked."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, case, null
from sqlalchemy.orm import aliased

from campaigns.audience.limits import (
    is_capped,
    is_not_asked,
    is_paused,
    is_resting,
    mutes_topic,
    wants_fewer,
)
from campaigns.models import (
    ConsentState,
    ContactPreference,
    Customer,
    EngagementState,
    SuppressedDomain,
    Suppression,
)

ERASED = "erased"
# Why a customer is held back, in order of precedence.
HELD_BACK_REASONS = (
    "never_asked", "withdrawn", "suppressed", "no_address",
    "paused", "topic_muted", "snoozed", "not_asked", "frequency_wish", "frequency_cap",
)  # fmt: skip

_marketing = aliased(ConsentState, name="marketing")
_profiling = aliased(ConsentState, name="profiling")
_tracking = aliased(ConsentState, name="tracking")


def standing() -> FromClause:
    """customers, each with what decides about them; one row a customer."""
    joined: Any = Customer.__table__
    for state, purpose in (
        (_marketing, "marketing"),
        (_profiling, "profiling"),
        (_tracking, "open_tracking"),
    ):
        joined = joined.outerjoin(state, and_(state.customer_id == Customer.id, state.purpose == purpose))
    joined = joined.outerjoin(Suppression, Suppression.address_hmac == Customer.email_hmac)
    joined = joined.outerjoin(SuppressedDomain, SuppressedDomain.domain_hmac == Customer.email_domain_hmac)
    joined = joined.outerjoin(ContactPreference, ContactPreference.customer_id == Customer.id)
    result: FromClause = joined.outerjoin(EngagementState, EngagementState.customer_id == Customer.id)
    return result


def held_back_reason(with_waiting: bool = False) -> ColumnElement[str | None]:
    """Why not, or NULL for a customer who may be mailed; over `standing()`, executed with `limits.values`.

    `with_waiting`: mails that other running campaigns are about to send count against a limit, as they do when
    an audience is frozen. Later only mails that were begun do: else two campaigns could each give way to the other.
    """
    return case(
        (Customer.erased_at.is_not(None), ERASED),
        (_marketing.customer_id.is_(None), "never_asked"),
        (~_marketing.granted, "withdrawn"),
        (Suppression.id.is_not(None) | SuppressedDomain.id.is_not(None), "suppressed"),
        (Customer.email_cipher.is_(None) | Customer.email_hmac.is_(None), "no_address"),
        (is_paused(), "paused"),
        (mutes_topic(), "topic_muted"),
        (is_resting(grants_tracking()), "snoozed"),
        (is_not_asked(grants_tracking()), "not_asked"),
        # Last, because these two look for mails.
        (wants_fewer(with_waiting), "frequency_wish"),
        (is_capped(with_waiting), "frequency_cap"),
        else_=null(),
    )


def marketing_entry() -> ColumnElement[int]:
    """The ledger entry that decided about marketing: the grant, or the withdrawal."""
    return _marketing.entry_id.expression


def grants_profiling() -> ColumnElement[bool]:
    """Whether the customer grants profiling."""
    return _is_granted(_profiling)


def grants_tracking() -> ColumnElement[bool]:
    """Whether the customer grants open_tracking."""
    return _is_granted(_tracking)


def _is_granted(state: Any) -> ColumnElement[bool]:
    return state.granted.is_(True)
