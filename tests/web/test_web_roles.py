"""Who may reach what, written down: the least role of every page of the console, the scope of every way of the API.

A new view that stands in neither table fails here, so that somebody thinks about it.
"""

from __future__ import annotations

import pytest
from apiflask import APIFlask
from flask import Flask
from flask.testing import FlaskClient
from web_people import signed_in_as
from web_story import Story
from werkzeug.routing import Rule

from campaigns.models import Role
from web.console.access import _ROLE

# Blueprint -> its views.
VIEWER = {
    "account": "account change_password end_sessions qr_code recovery_codes remove_second_factor second_factor",
    "calendar": "feed index",
    "campaigns": "index show",
    "copy": "copy samples",
    "customers": "index search show",
    "editor.audience": "count show",
    "editor.begin": "edit file new outlook",
    "editor.brief": "show",
    "editor.check": "show waiting",
    "editor.experiment": "show",
    "editor.picks": "show",
    "editor.schedule": "show",
    "editor.template": "picture show",
    "experiment": "count exported show",
    "preflight": "preflight",
    "preview": "preview",
    "progress": "progress show",
    "recommender": "exported index",
    "report": "archive ask exported heat printed report",
    "reports": "compare exported index trend",
    "segments": "builder count counted index new show why",
    "series": "show",
    "troubles": "affected export show",
}
AUTHOR = {
    "api_keys": "docs",
    "campaigns": "reopen",
    "copy": "forecast write",
    "customers": "address",
    "editor.audience": "save",
    "editor.begin": "create duplicate",
    "editor.brief": "save",
    "editor.check": "run_preflight send_tests",
    "editor.experiment": "save",
    "editor.picks": "save",
    "editor.schedule": "save",
    "editor.template": "save",
    "imports": "check discard errors import_ index send show standing",
    "outbox": "index show",
    "segments": "act_on change create",
}
APPROVER = {
    "audit": "export index",
    "calendar": "quiet",
    "campaigns": "act",
    "copy": "approve_all judge",
    "editor.check": "approve",
    "experiment": "decide",
    "recommender": "train use",
    "series": "act",
    "troubles": "retry settle",
}
ADMIN = {
    "api_keys": "create index revoke",
    "customers": "erase export",
    "people": "act change_role index invite reset show withdraw",
    "webhooks": "act change create index redeliver rotate show",
}
# Scopes, any of which opens it ("+": both are needed) -> blueprint -> its ways.
SCOPES = {
    "-": {
        "recommendations": "own_recommendations",
    },
    "admin": {
        "house": "audit",
        "webhooks": "change create deliveries endpoints redeliver remove rotate show test",
    },
    "privacy": {
        "customers": "erase export find mails show",
        "segments": "why",
        "suppressions": "check lift",
    },
    "read": {
        "campaigns": "campaign campaigns outlook progress report series troubles",
        "drafts": "missing section",
        "house": "calendar file files",
        "products": "product products",
        "segments": "look segments show",
        "trying": "compare experiment preflight test_mails",
    },
    "read+privacy": {
        "trying": "preview",
    },
    "recommend": {
        "recommendations": "make_token recommendations",
    },
    "send": {
        "campaigns": "approve cancel retry schedule send step_series",
        "messages": "post_message",
        "trying": "decide",
    },
    "send or read": {
        "messages": "find_message preview_template show_message template templates",
    },
    "write": {
        "campaigns": "pause renew_report reopen resume",
        "drafts": "copy create save_section",
        "imports": "import_rows",
        "messages": "remove_template save_template",
        "segments": "archive change create restore",
        "suppressions": "suppress",
        "trying": "ask_preflight send_test_mails",
    },
    "write or events": {
        "events": "post_events",
        "orders": "post_orders post_returns",
        "products": "post_products put_product",
    },
}


def test_every_page_of_the_console_is_in_the_table_with_its_least_role(app: Flask) -> None:
    written = {
        f"console.{room}.{view}": role
        for role, rooms in zip(Role, (VIEWER, AUTHOR, APPROVER, ADMIN), strict=True)
        for room, views in rooms.items()
        for view in views.split()
    }
    # Unmarked: whoever is signed in may read it (`_ask_to_sign_in`), and only admins could change anything by it.
    there = {
        rule.endpoint: getattr(app.view_functions[rule.endpoint], _ROLE, Role.VIEWER)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("console.") and not rule.endpoint.startswith("console.signin.")
    }
    assert there == written


def test_what_needs_no_session_is_signing_in_alone(app: Flask) -> None:
    inside = {
        rule.endpoint: rule.methods
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("console.signin.")
    }
    names = {endpoint.rpartition(".")[2] for endpoint in inside}
    assert names == {"login", "code", "logout", "first", "welcome"}


def test_nothing_is_changed_by_an_address_alone(app: Flask) -> None:
    """Views that change something take no GET, apart from forms that show themselves."""
    both = {
        rule.endpoint.removeprefix("console.")
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("console.") and {"GET", "POST"} <= (rule.methods or set())
    }
    assert both == {"signin.login", "signin.code", "signin.first", "signin.welcome", "account.second_factor"}


def test_no_page_of_the_console_is_left_out_of_csrf(app: Flask) -> None:
    csrf = app.extensions["csrf"]
    exempt = {*csrf._exempt_views, *(getattr(one, "name", str(one)) for one in csrf._exempt_blueprints)}
    assert not [one for one in exempt if "console" in one]


def test_every_way_of_the_api_is_in_the_table_with_its_scopes(app: Flask) -> None:
    api: APIFlask = app.extensions["tailormail-api"]
    written = {
        f"{room}.{view}": scopes
        for scopes, rooms in SCOPES.items()
        for room, views in rooms.items()
        for view in views.split()
    }
    open_to_all = {"static", "openapi.spec", "docs"}
    there = {
        rule.endpoint: _scopes(api, rule)
        for rule in api.url_map.iter_rules()
        if rule.endpoint not in open_to_all
    }
    assert there == written


def test_what_keeps_secrets_asks_for_an_admin(app: Flask) -> None:
    for room in ("api_keys", "webhooks", "people"):
        reached = {view for table in (VIEWER, AUTHOR, APPROVER) for view in table.get(room, "").split()}
        assert reached <= ({"docs"} if room == "api_keys" else set()), room


@pytest.mark.parametrize(
    "path",
    [
        "/console/outbox",
        "/console/people",
        "/console/api-keys",
        "/console/webhooks",
        "/console/audit",
        "/console/imports/",
    ],
)
def test_a_viewer_sees_no_secrets_and_nobody_s_address(
    app: Flask, signed_in: FlaskClient, story: Story, path: str
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    viewer = signed_in_as(app, story, "Vera", Role.VIEWER)
    assert (viewer.get(path).status_code, signed_in.get(path).status_code) == (403, 200)
    assert f'href="{path}"' not in viewer.get("/console/").get_data(as_text=True)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/campaigns"),
        ("POST", "/campaigns/1/approve"),
        ("POST", "/campaigns/1/send"),
        ("POST", "/messages"),
        ("GET", "/audit"),
        ("GET", "/webhooks"),
        ("POST", "/customers/erase"),
        ("GET", "/recommendations"),
    ],
)
def test_a_key_of_another_scope_is_refused(app: Flask, story: Story, method: str, path: str) -> None:
    key = story.runtime.api_keys.create(f"only events, {method} {path}", ["events"])
    answer = app.test_client().open(
        f"/api/v1{path}", method=method, headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 403
    assert app.test_client().open(f"/api/v1{path}", method=method).status_code == 401


def test_no_preview_is_asked_for_by_an_address_in_the_address(app: Flask, story: Story) -> None:
    key = story.runtime.api_keys.create("previews", ["read", "privacy"])
    answer = app.test_client().get(
        f"/api/v1/campaigns/{story.draft}/preview?customer=kari@private.example",
        headers={"Authorization": f"Bearer {key}"},
    )
    assert answer.status_code == 400
    assert "number, not the address" in answer.get_json()["detail"]
    assert "private.example" not in answer.get_data(as_text=True)


def _scopes(api: APIFlask, rule: Rule) -> str:
    roles = getattr(api.view_functions[rule.endpoint], "_spec", {}).get("roles") or []
    return " or ".join("+".join(role) if isinstance(role, list) else role for role in roles) or "-"
