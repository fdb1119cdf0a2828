"""When a campaign begins, from what it says of when customers get it."""

from __future__ import annotations

from datetime import datetime

from campaigns.audience.wall_times import first_moment, last_moment
from campaigns.core.errors import Refused
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.scheduling.recurrence import AHEAD
from campaigns.models import Campaign


def start_of(terms: DeliveryTerms, start: datetime | None) -> datetime | None:
    """When the scheduler begins it; None: when somebody sends it.

    A time on a day of every customer's own calendar comes first where the day begins, so it starts a little before.
    """
    if terms.local_date and terms.local_time:
        return first_moment(terms.local_date, terms.local_time) - AHEAD
    return start


def refuse_if_over(campaign: Campaign, now: datetime) -> None:
    """Whoever approves a campaign for a day that is over wants to hear of it.

    Raises:
        Refused: its time has passed for every customer there could be, and those are to be left out.
    """
    terms = DeliveryTerms.from_json(campaign.delivery)
    if terms.local_date is None or terms.local_time is None or terms.stragglers != "leave_out":
        return
    if last_moment(terms.local_date, terms.local_time) < now:
        raise Refused(
            f"campaign {campaign.id} is for {terms.local_time:%H:%M} on {terms.local_date.isoformat()}, which is over "
            "everywhere, and whoever is too late is left out: choose another day"
        )


def refuse_if_it_comes_again(campaign: Campaign) -> None:
    """What is a pattern for its runs is not sent itself.

    Raises:
        Refused: it has a recurrence.
    """
    if campaign.recurrence is not None:
        raise Refused(
            f"campaign {campaign.id} comes again by itself: each run is sent as a campaign of its own when its time comes"
        )
