"""How a campaign is going right now: from its counters, a few looks into indexes, and the pace of the last minute.

Nothing here counts sends: it may be asked for every second by everybody who watches.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database, rows
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.sending.counters import counts
from campaigns.flows.sending.pace_samples import Pace, PaceSamples
from campaigns.models import CampaignStatus, SendStatus
from campaigns.models.send import FINAL

STAGES = (
    SendStatus.PLANNED, SendStatus.CLAIMED, SendStatus.PICKED, SendStatus.WRITTEN, SendStatus.SENDING,
    SendStatus.SENT, SendStatus.FAILED, SendStatus.UNCERTAIN, SendStatus.HELD_BACK,
)  # fmt: skip
"""Where a send may stand, in the order of its way."""

# In the order of an index each (models/send.py), so that each is one look.
_WAITING = """
    select (select id from sends where campaign_id = %(campaign)s and status = 'planned'
            and not_before is null order by campaign_id, id limit 1) is not null,
           (select not_before from sends where campaign_id = %(campaign)s and status = 'planned'
            and not_before is not null order by campaign_id, not_before, id limit 1),
           (select not_before from sends where campaign_id = %(campaign)s and status = 'planned'
            and not_before is not null order by campaign_id desc, not_before desc, id desc limit 1)
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """Numbers of customers by where their mail stands; `open` are those whose mail is still to come.

    `per_second_now` and `per_second_minute` are mails answered a second over the last ten seconds and the last
    minute, None where nobody knows. `seconds_left` is a guess, None where there is none to make. `waits_until`: until
    then nothing goes (quiet hours, local times). `limit` is the campaign's own, in mails a second.
    """

    status: str
    audience: int
    stages: dict[str, int]
    open: int
    per_second_now: float | None
    per_second_minute: float | None
    seconds_left: int | None
    waits_until: datetime | None
    limit: float | None
    quiet_hours: str

    @property
    def active(self) -> bool:
        """Whether the numbers move by themselves."""
        return self.status in (CampaignStatus.PLANNING, CampaignStatus.SENDING)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values; the stages by their own names beside the others."""
        return {
            "status": self.status,
            "active": self.active,
            "audience": self.audience,
            **self.stages,
            "open": self.open,
            "per_second_now": self.per_second_now,
            "per_second_minute": self.per_second_minute,
            "seconds_left": self.seconds_left,
            "waits_until": self.waits_until.isoformat() if self.waits_until else None,
            "limit": self.limit,
            "quiet_hours": self.quiet_hours,
        }


class Watching:
    """Tells how campaigns are going."""

    def __init__(self, db: Database, clock: Clock, samples: PaceSamples) -> None:
        self._db = db
        self._clock = clock
        self._samples = samples

    def progress(self, campaign_id: int) -> Progress:
        """Where the campaign stands now.

        Raises:
            NotFound: there is none with this number.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            status, size = campaign.status, campaign.audience_size
            terms = DeliveryTerms.from_json(campaign.delivery)
            found = counts(session, campaign_id)
            open_ = sum(n for name, n in found.items() if SendStatus(name) not in FINAL)
            sending = status == CampaignStatus.SENDING and open_ > 0
            fresh, first, last = _waiting(session, campaign_id) if sending else (True, None, None)
        now = self._clock.now()
        pace = self._samples.of(campaign_id) if sending else None
        held = found.get(SendStatus.PLANNED, 0) == open_ and not fresh
        waits = first if held and first is not None and first > now else None
        return Progress(
            status=status,
            audience=max(sum(found.values()), size or 0),
            stages={stage.value: found.get(stage, 0) for stage in STAGES},
            open=open_,
            per_second_now=round(pace.now, 2) if pace else None,
            per_second_minute=round(pace.minute, 2) if pace else None,
            seconds_left=_seconds_left(open_, terms, pace, last, now) if sending else None,
            waits_until=waits,
            limit=terms.per_second,
            quiet_hours=" to ".join(f"{at:%H:%M}" for at in terms.quiet_hours) if terms.quiet_hours else "",
        )


def _waiting(session: Session, campaign_id: int) -> tuple[bool, datetime | None, datetime | None]:
    """Whether some may go at any time; and when the first and the last of the others may."""
    [(fresh, first, last)] = rows(session, _WAITING, {"campaign": campaign_id})
    return bool(fresh), first, last


def _seconds_left(
    open_: int, terms: DeliveryTerms, pace: Pace | None, last: datetime | None, now: datetime
) -> int | None:
    """As fast as now, or as fast as it may; and not before the last one may go."""
    wait = max(0.0, (last - now).total_seconds()) if last else 0.0
    rate = (pace.now or pace.minute if pace else 0.0) or terms.per_second or 0.0
    if not rate:
        return round(wait) if wait else None
    return round(max(open_ / rate, wait))
