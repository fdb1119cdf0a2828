"""Roles on the server: what each may reach, and what nobody has thought of."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_people import filled, press, signed_in_as
from web_story import NAME, Story

from campaigns.models import Role
from web.console.access import _ROLE, requires
from web.console.campaign_tabs import TABS
from web.console.navigation import MAIN, PERSONAL

HARMLESS = {"GET", "HEAD", "OPTIONS"}


@pytest.fixture
def admin(app: Flask, signed_in: FlaskClient) -> FlaskClient:
    """So that there is one, whoever else comes; CSRF tokens are asked for."""
    app.config["WTF_CSRF_ENABLED"] = True
    return signed_in


def test_every_view_that_changes_something_says_who_may(app: Flask) -> None:
    silent = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("console.")
        and not rule.endpoint.startswith("console.signin.")
        and (rule.methods or set()) - HARMLESS
        and not hasattr(app.view_functions[rule.endpoint], _ROLE)
    ]
    assert silent == []


def test_a_view_that_says_nothing_is_left_to_admins(app: Flask, admin: FlaskClient, story: Story) -> None:
    # Blueprints are registered; what a forgetful view looks like is one whose mark is gone.
    view = app.view_functions["console.copy.forecast"]
    app.view_functions["console.copy.forecast"] = lambda number: "done"
    approver = signed_in_as(app, story, "Per", Role.APPROVER)
    path = f"/console/campaigns/{story.draft}/copy/forecast"
    assert press(approver, path)[0] == 403
    assert press(admin, path) == (200, "done")
    app.view_functions["console.copy.forecast"] = view


def test_a_refusal_names_the_role_and_changes_nothing(app: Flask, admin: FlaskClient, story: Story) -> None:
    viewer = signed_in_as(app, story, "Vera", Role.VIEWER)
    status, page = press(viewer, f"/console/campaigns/{story.draft}/approve")
    assert status == 403
    assert "an approver" in page and "a viewer" in page
    assert story.runtime.campaigns.status(story.draft) == "draft"


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        (Role.VIEWER, "/console/", 200),
        (Role.VIEWER, "/console/account", 200),
        (Role.VIEWER, "/console/audit", 403),
        (Role.VIEWER, "/console/people", 403),
        (Role.AUTHOR, "/console/audit", 403),
        (Role.APPROVER, "/console/audit", 200),
        (Role.APPROVER, "/console/audit.csv", 200),
        (Role.APPROVER, "/console/people", 403),
        (Role.ADMIN, "/console/people", 200),
    ],
)
def test_who_sees_what(
    app: Flask, admin: FlaskClient, story: Story, role: Role, path: str, status: int
) -> None:
    client = signed_in_as(app, story, f"The {role}", role)
    assert client.get(path).status_code == status


def test_no_page_tempts_a_viewer_with_what_would_be_refused(
    app: Flask, admin: FlaskClient, story: Story
) -> None:
    viewer = signed_in_as(app, story, "Vera", Role.VIEWER)
    page = viewer.get(f"/console/campaigns/{story.draft}").get_data(as_text=True)
    assert "/approve" not in page and "/console/people" not in page and "/console/audit" not in page
    page = admin.get(f"/console/campaigns/{story.draft}").get_data(as_text=True)
    assert "/approve" in page and "/console/people" in page


def test_a_change_of_role_counts_from_the_next_request(app: Flask, admin: FlaskClient, story: Story) -> None:
    client = signed_in_as(app, story, "Per", Role.APPROVER)
    number = next(one.number for one in story.runtime.people.list() if one.name == "Per")
    assert client.get("/console/audit").status_code == 200
    story.runtime.people.change_role(number, Role.VIEWER, NAME)
    assert client.get("/console/audit").status_code == 403


def test_every_entry_of_the_menus_and_every_tab_leads_somewhere(app: Flask) -> None:
    for entry in (*MAIN, *PERSONAL):
        assert entry.endpoint in app.view_functions, entry
        own = [entry.endpoint.startswith(f"{room}.") for room in entry.rooms]
        assert any(own) or not own, entry  # what leads out of the console has no rooms here
    for tab in TABS:
        assert tab.endpoint in app.view_functions, tab


def test_a_page_that_a_viewer_may_see_crashes_for_no_viewer(
    app: Flask, admin: FlaskClient, story: Story
) -> None:
    viewer = signed_in_as(app, story, "Vera", Role.VIEWER)
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("console.") and "GET" in (rule.methods or ()):
            url = re.sub(r"<(?:(\w+)(?:\(([^)]*)\))?:)?\w+>", filled, rule.rule)
            assert viewer.get(url).status_code < 500, url


def test_the_mark_keeps_a_view_s_name() -> None:
    @requires(Role.AUTHOR)
    def change() -> str:
        """Something."""
        return "done"

    assert (change.__name__, getattr(change, _ROLE)) == ("change", Role.AUTHOR)
