"""What a campaign says, apart from its number and its life: what a copy and a run of a series take along."""

from __future__ import annotations

from typing import Any

from campaigns.models import Campaign

OF_ITS_LIFE = frozenset(
    {
        *("id", "status", "created_at", "scheduled_at", "started_at", "finished_at", "audience_size"),
        *(
            "summary",
            "sends_dropped_at",
            "engagement_at",
            "copy_forecast",
            "samples_due_at",
            "forecast_due_at",
        ),
        *("preflight", "preflight_due_at", "series_id", "created_by", "changed_by"),
    }
)
"""What a copy does not take along: its number, its life so far, and what was worked out for it."""


def content_of(campaign: Campaign) -> dict[str, Any]:
    """Every other column by name, also those that are added one day."""
    columns = (column.key for column in Campaign.__mapper__.column_attrs)
    return {name: getattr(campaign, name) for name in columns if name not in OF_ITS_LIFE}
