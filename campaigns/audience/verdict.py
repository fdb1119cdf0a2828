"""May this customer be mailed? One SQL expression, used wherever consent is checked."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, case, null
from sqlalchemy.orm import aliased

from campaigns.models import ConsentState, Customer, Suppression

ERASED = "erased"
# Why a customer is held back, in order of precedence.
HELD_BACK_REASONS = ("never_asked", "withdrawn", "suppressed", "no_address")

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
    result: FromClause = joined.outerjoin(Suppression, Suppression.address_hmac == Customer.email_hmac)
    return result


def held_back_reason() -> ColumnElement[str | None]:
    """Why not, or NULL for a customer who may be mailed; over `standing()`."""
    return case(
        (Customer.erased_at.is_not(None), ERASED),
        (_marketing.customer_id.is_(None), "never_asked"),
        (~_marketing.granted, "withdrawn"),
        (Suppression.id.is_not(None), "suppressed"),
        (Customer.email_cipher.is_(None) | Customer.email_hmac.is_(None), "no_address"),
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
