"""A customer's own wishes and the house's cap as SQL: how often, about what and until when they may be mailed.

What counts against a limit are mails of other campaigns that were sent, that are on their way, or of which nobody
knows. They are looked up by customer, and only in the partitions of campaigns that can have mailed in the time in
question: `values` says which that are, and whatever else the expressions are to be executed with.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Integer,
    Interval,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from campaigns.audience.contact import REPERMISSION, ContactTerms
from campaigns.models import (
    Campaign,
    CampaignStatus,
    ContactPreference,
    Customer,
    EngagementState,
    Send,
    SendStatus,
)

# Half a day less than the name says: a letter that comes each Monday, or on each first of the month, does not
# come to the minute, and must not be missed for that.
WISHED_DISTANCE: Mapping[str, timedelta] = {
    "weekly": timedelta(days=6, hours=12),
    "monthly": timedelta(days=27, hours=12),
}
RESTING = ("snoozed", "asked")
"""The states of engagement in which marketing rests. After a sunset it is the consent that is missing."""

_NOT_STARTED = (CampaignStatus.DRAFT.value, CampaignStatus.APPROVED.value, CampaignStatus.SCHEDULED.value)
_WAITING = (
    SendStatus.PLANNED.value, SendStatus.CLAIMED.value, SendStatus.PICKED.value, SendStatus.WRITTEN.value,
)  # fmt: skip
_BEGUN = (SendStatus.SENDING.value, SendStatus.SENT.value, SendStatus.UNCERTAIN.value)

_earlier = aliased(Send, name="earlier")
_other = aliased(Campaign, name="other")
_now = bindparam("contact_now", type_=DateTime(timezone=True))
_asks = bindparam("contact_asks", type_=Boolean)
# False rather than NULL where there are none: after a NULL, PostgreSQL would look for mails all the same.
_has_wishes = ContactPreference.customer_id.is_not(None)
_most = bindparam("contact_most", type_=Integer)


def values(terms: ContactTerms, now: datetime) -> dict[str, Any]:
    """What the expressions of this module stand for with a campaign of these terms, at this moment."""
    window = terms.cap.window if terms.cap else timedelta(0)
    return {
        "contact_campaign": terms.campaign_id,
        "contact_topic": terms.topic,
        "contact_asks": terms.asks_permission,
        "contact_urgent": terms.urgent,
        "contact_most": terms.cap.mails if terms.cap else 0,
        "contact_window": window,
        "contact_now": now,
        "contact_since": now - max(window, *WISHED_DISTANCE.values()),
    }


def is_paused() -> ColumnElement[bool]:
    """Whether the customer wants no mail until later."""
    return ContactPreference.paused_until > _now


def mutes_topic() -> ColumnElement[bool]:
    """Whether the customer wants nothing about the campaign's topic; upper and lower case are the same."""
    muted = func.unnest(ContactPreference.muted_topics).table_valued("topic", name="muted").render_derived()
    topic = func.lower(bindparam("contact_topic", type_=Text))
    is_muted = select(1).select_from(muted).where(func.lower(muted.c.topic) == topic).exists()
    return and_(_has_wishes, is_muted)


def is_resting(grants_tracking: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the campaign is marketing and the customer gave no sign for too many mails.

    Who does not grant open_tracking gives no sign by design: that is never held against them.
    """
    return and_(~_asks, EngagementState.state.in_(RESTING), grants_tracking)


def is_not_asked(grants_tracking: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the campaign asks who never looks, and the customer is none of them or was asked already."""
    to_be_asked = and_(EngagementState.state == "snoozed", grants_tracking, ~_was_asked())
    return and_(_asks, to_be_asked.is_not(True))


def wants_fewer(with_waiting: bool) -> ColumnElement[bool]:
    """Whether the last mail is not as long ago as the customer wishes.

    `with_waiting` counts mails as well that running campaigns are about to send.
    """
    named = ((ContactPreference.frequency == name, cast(t, Interval)) for name, t in WISHED_DISTANCE.items())
    distance = case(*named)
    wishes_it = ContactPreference.frequency.in_(tuple(WISHED_DISTANCE))
    return and_(_has_wishes, wishes_it, _mailed(distance, with_waiting).exists())


def is_capped(with_waiting: bool) -> ColumnElement[bool]:
    """Whether the customer got as many mails as the house allows; `with_waiting` as in `wants_fewer`."""
    window = cast(bindparam("contact_window", type_=Interval), Interval)
    mailed = _mailed(window, with_waiting).limit(_most).correlate(Customer).subquery()
    return and_(_most > 0, select(func.count()).select_from(mailed).scalar_subquery() >= _most)


def _mailed(window: ColumnElement[timedelta], with_waiting: bool) -> Select[Any]:
    """The customer's mails of other campaigns within this time of now."""
    at = func.coalesce(_earlier.sent_at, _earlier.intent_at, _earlier.created_at)
    counted = and_(
        _earlier.status.in_(_BEGUN), or_(_earlier.status == SendStatus.SENDING.value, at > _now - window)
    )
    if with_waiting:
        due = func.coalesce(_earlier.not_before, _now)
        counted = or_(
            counted,
            and_(_earlier.status.in_(_WAITING), _earlier.campaign_id.in_(_ahead()), due < _now + window),
        )
    return _of_others().where(counted)


def _was_asked() -> ColumnElement[bool]:
    """Whether another campaign asked the customer since they rest, or is asking."""
    asking = select(_other.id).where(_other.kind == REPERMISSION)
    at = func.coalesce(_earlier.sent_at, _earlier.intent_at, _earlier.created_at)
    begun = and_(_earlier.status.in_(_BEGUN), _earlier.campaign_id.in_(asking))
    return _of_others().where(begun, at >= EngagementState.state_at).exists()


def _of_others() -> Select[Any]:
    """The customer's sends of other campaigns, none of them older than all that a limit looks back to."""
    return (
        select(literal(1).label("one"))
        .select_from(_earlier)
        .where(
            _earlier.customer_id == Customer.id,
            _earlier.campaign_id != bindparam("contact_campaign", type_=BigInteger),
            _earlier.campaign_id >= _first_in_question(),
        )
        .correlate(Customer, ContactPreference, EngagementState)
    )


def _first_in_question() -> ColumnElement[int]:
    """The lowest number of a campaign that can have mailed since then; the partitions below it are not opened."""
    since = bindparam("contact_since", type_=DateTime(timezone=True))
    lasted = or_(_other.finished_at.is_(None), _other.finished_at >= since)
    return select(func.min(_other.id)).where(_other.status.not_in(_NOT_STARTED), lasted).scalar_subquery()


def _ahead() -> Select[Any]:
    """Running campaigns whose waiting mails go before those of this one."""
    goes_before = or_(~bindparam("contact_urgent", type_=Boolean), _other.delivery.contains({"urgent": True}))
    return select(_other.id).where(_other.status == CampaignStatus.SENDING.value, goes_before)
