"""The tabs of one campaign's pages. Each piece adds its line; macro `campaign_tabs` draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import url_for

from campaigns.models import Role
from web.console.users import person

BEFORE_SENDING = ("draft", "approved", "scheduled")
BEGUN = ("planning", "sending", "paused", "sent", "cancelled")


@dataclass(frozen=True, slots=True)
class Tab:
    """One page of a campaign.

    Args:
        key: what the page calls itself when it draws the tabs.
        label: what it is called.
        endpoint: takes the campaign's number as `number`, and `values`.
        least: the role that one needs to see it.
        statuses: in which statuses of the campaign it is there; None: always.
    """

    key: str
    label: str
    endpoint: str
    least: Role = Role.VIEWER
    statuses: tuple[str, ...] | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    shown: Callable[[Mapping[str, Any]], bool] = lambda campaign: True


TABS: tuple[Tab, ...] = (
    Tab("overview", "Overview", "console.campaigns.show"),
    Tab("edit", "Edit", "console.editor.begin.edit", statuses=("draft",)),
    Tab("check", "Check", "console.editor.check.show", statuses=BEFORE_SENDING),
    Tab("preview", "Preview", "console.preview.preview"),
    Tab("copy", "Copy", "console.copy.copy"),
    Tab("experiment", "Experiment", "console.experiment.show"),
    Tab("series", "Series", "console.series.show", shown=lambda campaign: bool(campaign.get("recurrence"))),
    Tab("progress", "Progress", "console.progress.show", statuses=BEGUN),
    Tab("troubles", "What went wrong", "console.troubles.show", statuses=BEGUN),
    Tab("report", "Report", "console.report.report"),
)
"""In their order: Overview, Edit, Preview, Copy, Experiment, Progress, Report."""


def tabs_of(campaign: Mapping[str, Any]) -> list[dict[str, str]]:
    """The tabs of this campaign (needs `id` and `status`) for whoever is signed in: {key, label, url}."""
    return [
        {
            "key": tab.key,
            "label": tab.label,
            "url": url_for(tab.endpoint, number=campaign["id"], **tab.values),
        }
        for tab in TABS
        if person().may(tab.least)
        and (tab.statuses is None or campaign["status"] in tab.statuses)
        and tab.shown(campaign)
    ]
