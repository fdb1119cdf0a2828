"""The console's pages that test_web_axe.py looks at. Whoever adds a page adds its line here.

A line is a name and what gives the page's path, from the story that the web's tests begin from (conftest.py):
a campaign that is sent, one that is a draft, a shop's customers. What a page needs beyond that is made here,
by the same flows that people use; every line must work whatever other lines have made before.
"""

from __future__ import annotations

from collections.abc import Callable

from web_story import Story

from campaigns.models import Role

Path = Callable[[Story], str]


def _person(story: Story) -> str:
    people = {one.name: one.number for one in story.runtime.people.list()}
    if "Tove" not in people:
        people["Tove"], _ = story.runtime.people.invite("Tove", Role.AUTHOR, "a test")
    return f"/console/people/{people['Tove']}"


PAGES: dict[str, Path] = {
    # people
    "campaigns": lambda story: "/console/",
    "campaign sent": lambda story: f"/console/campaigns/{story.sent}",
    "campaign draft": lambda story: f"/console/campaigns/{story.draft}",
    "account": lambda story: "/console/account",
    "second factor": lambda story: "/console/account/second-factor",
    "people": lambda story: "/console/people",
    "person": _person,
    "audit log": lambda story: "/console/audit",
    "audit log, nothing found": lambda story: "/console/audit?action=none.such",
    "a page that is not there": lambda story: "/console/campaigns/999999",
    # reports
    "report": lambda story: f"/console/campaigns/{story.sent}/report",
    # experiments, preview
    "copy": lambda story: f"/console/campaigns/{story.draft}/copy",
    "samples": lambda story: f"/console/campaigns/{story.draft}/copy/samples",
    "preflight": lambda story: f"/console/campaigns/{story.draft}/preflight",
    "preview": lambda story: f"/console/campaigns/{story.draft}/preview",
    "outbox": lambda story: "/console/outbox",
    # schedule
    "schedule, when": lambda story: f"/console/campaigns/{story.draft}/edit/schedule",
    "calendar, month": lambda story: "/console/calendar",
    "calendar, week": lambda story: "/console/calendar?view=week",
    "calendar, list": lambda story: "/console/calendar?view=list",
    "progress": lambda story: f"/console/campaigns/{story.sent}/progress",
    "what went wrong": lambda story: f"/console/campaigns/{story.sent}/troubles",
}
"""Pages that ask for a sign-in; looked at by an admin."""

OPEN_PAGES: dict[str, Path] = {
    "sign in": lambda story: "/console/login",
    "a link that has ended": lambda story: "/console/welcome/x",
}
"""Pages for who has not signed in."""
