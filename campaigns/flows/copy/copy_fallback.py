"""A campaign whose model fails at too many cells pauses itself, so that a person decides what goes out instead.

Cells that the offline writer got because the budget or the time was over do not count: that bound was somebody's
wish. Who resumes the campaign has seen the figures, and it goes on with the offline writer's words.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database, rows
from campaigns.core.log import get_logger
from campaigns.core.meters import Meters
from campaigns.flows.describing.plans import CampaignPlan, get_campaign
from campaigns.flows.sending.self_pause import BY
from campaigns.models import CampaignStatus

log = get_logger(__name__)

# Before so many cells are done, a few refusals say nothing; a campaign with fewer is judged at its end.
FEWEST_CELLS = 20
STOPPED_BY = "copy"
"""What `stopped_by` says in the figures of such a pause (campaign_transitions)."""

_DONE = """
    select s.first_pass + s.repaired + s.partly_offline, s.refused, s.outages,
        s.line_orders, s.line_orders_refused, s.line_orders_away,
        exists (select 1 from copy_cells c where c.campaign_id = s.campaign_id and c.state = 'waiting' and c.sends > 0)
    from copy_spend s where s.campaign_id = %(campaign)s
"""
_STOPPED_BEFORE = text(
    "select exists (select 1 from campaign_transitions where campaign_id = :campaign"
    f" and figures->>'stopped_by' = '{STOPPED_BY}')"
)


@dataclass(frozen=True, slots=True)
class CopyFigures:
    """Cells that the model was asked for, and those of them that it refused or was away for.

    `line_orders` are the requests for lines of further products, and those of them without words of the model.
    """

    cells: int
    refused: int
    outages: int
    line_orders: int = 0
    line_orders_refused: int = 0
    line_orders_away: int = 0

    @property
    def percent(self) -> float:
        """The share without the model's words."""
        asked = self.cells + self.line_orders
        failed = self.refused + self.outages + self.line_orders_refused + self.line_orders_away
        return 100 * failed / asked if asked else 0.0


class FallbackStop:
    """Looks at what became of cells; cheap, so that it may be asked after each few of them."""

    def __init__(self, db: Database, clock: Clock, meters: Meters) -> None:
        self._db = db
        self._clock = clock
        self._meters = meters

    def check(self, plan: CampaignPlan) -> bool:
        """Pause the campaign if its model fails at more than its limit; whether it was paused now."""
        limit = plan.copy.fallback_limit
        if limit >= 100:
            return False
        with self._db.transaction() as session:
            figures = _figures(session, plan.id)
            if figures is None or figures.percent <= limit:
                return False
            campaign = get_campaign(session, plan.id, lock=True)
            stopped_before = session.scalar(_STOPPED_BEFORE, {"campaign": plan.id})
            if campaign.status != CampaignStatus.SENDING or stopped_before:
                return False
            record = campaign.move(CampaignStatus.PAUSED, self._clock.now(), BY, _why(figures, limit))
            assert record is not None
            record.figures = {"stopped_by": STOPPED_BY, **asdict(figures), "limit_percent": limit}
            session.add(record)
        log.warning("campaign_paused_itself", campaign_id=plan.id, why=record.why)
        self._meters.add("self_pauses", alarm=STOPPED_BY)
        self._meters.flush()
        return True


def _figures(session: Session, campaign_id: int) -> CopyFigures | None:
    """None while it is too early to tell."""
    found = rows(session, _DONE, {"campaign": campaign_id})
    if not found:
        return None
    good, refused, outages, *lines, more_to_come = found[0]
    cells = good + refused + outages
    # A mail with a line of the offline writer's is little lost: a few such alone are no reason to stop.
    figures = CopyFigures(cells, refused, outages, *(lines if cells + lines[0] >= FEWEST_CELLS else ()))
    return None if figures.cells < FEWEST_CELLS and more_to_come else figures


def _why(figures: CopyFigures, limit: float) -> str:
    lines = ""
    if failed := figures.line_orders_refused + figures.line_orders_away:
        lines = f" and {failed} of {figures.line_orders} requests for lines of further products"
    return (
        f"{figures.refused + figures.outages} of {figures.cells} cells{lines} have no words of the model "
        f"({figures.refused + figures.line_orders_refused} refused, "
        f"{figures.outages + figures.line_orders_away} while it was away: {figures.percent:.2g} %; the limit is "
        f"{limit:g} %). Resumed, they get the offline writer's"
    )
