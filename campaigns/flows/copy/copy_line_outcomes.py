"""What became of orders for lines only: counted beside the cells, because no cell tells of them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.core.db import rows

_COUNT = """
    insert into copy_spend as s (campaign_id, line_orders, line_orders_refused, line_orders_away)
    values (%(campaign)s, 1, %(refused)s, %(away)s)
    on conflict (campaign_id) do update set line_orders = s.line_orders + 1,
        line_orders_refused = s.line_orders_refused + excluded.line_orders_refused,
        line_orders_away = s.line_orders_away + excluded.line_orders_away
"""


def count_line_order(session: Session, campaign_id: int, outcome: str) -> None:
    """Count one order for lines; `outcome` is copy_writing.outcome_of's. Those over budget are not counted."""
    if outcome == "over_budget":
        return
    counted = {"refused": int(outcome == "refused"), "away": int(outcome == "outages")}
    rows(session, _COUNT, {"campaign": campaign_id, **counted})
