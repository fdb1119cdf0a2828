"""Signing in: the one-time link, passwords, sessions, limits and forged requests."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from web_people import filled
from web_story import NAME, PASSWORD, Story

from web.console.users import authenticate, ensure_admin


def path_of(link: str) -> str:
    return "/" + link.split("/", 3)[3]


def csrf(client: FlaskClient, path: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(path).get_data(as_text=True))
    assert found
    return found[1]


def choose(client: FlaskClient, path: str, **changes: str) -> int:
    form = {
        "name": NAME,
        "password": PASSWORD,
        "again": PASSWORD,
        "csrf_token": csrf(client, path),
        **changes,
    }
    return client.post(path, data=form).status_code


def log_in(client: FlaskClient, name: str, password: str, path: str = "/console/login") -> tuple[int, str]:
    form = {"name": name, "password": password, "csrf_token": csrf(client, path)}
    response = client.post(path, data=form)
    return response.status_code, response.headers.get("Location", "")


def test_the_link_works_once_and_is_the_same_until_then(
    client: FlaskClient, story: Story, first_link: str
) -> None:
    assert ensure_admin(story.runtime) == first_link
    path = path_of(first_link)
    assert choose(client, path) == 302
    assert client.get("/console/").status_code == 200
    assert ensure_admin(story.runtime) is None
    assert client.get(path).status_code == 404
    assert client.post(path, data={"csrf_token": "x"}).status_code in (400, 404)
    assert authenticate(story.runtime, NAME, PASSWORD)


@pytest.mark.parametrize(
    "changes",
    [{"password": "short", "again": "short"}, {"again": "another one, long"}, {"name": ""}, {"name": " x "}],
)
def test_the_link_stays_while_the_form_is_wrong(
    client: FlaskClient, story: Story, first_link: str, changes: dict[str, str]
) -> None:
    assert choose(client, path_of(first_link), **changes) == 400
    assert ensure_admin(story.runtime) == first_link


def test_a_forged_link_opens_nothing(client: FlaskClient, story: Story, first_link: str) -> None:
    for token in ("x", story.token("first-sign-in", 1, 1), story.token("open", 1, 1), first_link[-5:]):
        assert client.get(f"/console/first/{token}").status_code == 404


def test_signing_in_and_out(client: FlaskClient, app: Flask, first_link: str) -> None:
    choose(client, path_of(first_link))
    other = app.test_client()
    assert log_in(other, NAME, "wrong password")[0] == 401
    assert log_in(other, "nobody", PASSWORD)[0] == 401
    assert other.get("/console/").status_code == 302
    assert log_in(other, NAME, PASSWORD) == (302, "/console/")
    assert other.post("/console/logout", data={"csrf_token": csrf(other, "/console/")}).status_code == 302
    assert other.get("/console/").status_code == 302


def test_the_sign_in_page_points_a_newcomer_to_the_link(client: FlaskClient, first_link: str) -> None:
    assert "one-time link" in client.get("/console/login").get_data(as_text=True)
    choose(client, path_of(first_link))
    client.post("/console/logout", data={"csrf_token": csrf(client, "/console/")})
    assert "one-time link" not in client.get("/console/login").get_data(as_text=True)


def test_the_unused_account_has_no_password(client: FlaskClient, first_link: str) -> None:
    assert log_in(client, "admin", "")[0] == 401
    assert log_in(client, "admin", "unset:1")[0] == 401


@pytest.mark.parametrize(
    ("target", "arrival"),
    [
        ("/console/outbox", "/console/outbox"),
        ("https://evil.example/", "/console/"),
        ("//evil.example/console/", "/console/"),
        ("/console/\\evil", "/console/"),
        ("/console/%0d%0aX: y", "/console/"),
    ],
)
def test_signing_in_leads_only_inside(
    client: FlaskClient, app: Flask, first_link: str, target: str, arrival: str
) -> None:
    choose(client, path_of(first_link))
    assert log_in(app.test_client(), NAME, PASSWORD, f"/console/login?next={target}") == (302, arrival)


def test_guessing_is_slowed_down(client: FlaskClient, app: Flask, first_link: str) -> None:
    choose(client, path_of(first_link))
    other = app.test_client()
    answers = [log_in(other, NAME, f"guess {n}")[0] for n in range(12)]
    assert answers[:9] == [401] * 9
    assert answers[-1] == 429
    # Reading the page is not an attempt.
    assert other.get("/console/login").status_code == 200


def test_a_form_without_its_token_is_refused(client: FlaskClient, story: Story, first_link: str) -> None:
    choose(client, path_of(first_link))
    url = f"/console/campaigns/{story.draft}/approve"
    assert client.post(url).status_code == 400
    assert client.post("/console/logout").status_code == 400
    assert story.runtime.campaigns.status(story.draft) == "draft"


def test_the_cookie_is_for_the_console_only(client: FlaskClient, first_link: str) -> None:
    cookie = client.get("/console/login").headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Lax", "Path=/console"):
        assert part in cookie


def test_every_page_of_the_console_asks_to_sign_in(app: Flask, client: FlaskClient) -> None:
    asked = 0
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("console.") or rule.endpoint.startswith("console.signin."):
            continue
        url = re.sub(r"<(?:(\w+)(?:\(([^)]*)\))?:)?\w+>", filled, rule.rule)
        if "GET" in (rule.methods or ()):
            response = client.get(url)
        else:
            app.config["WTF_CSRF_ENABLED"] = False
            response = client.post(url)
            app.config["WTF_CSRF_ENABLED"] = True
        assert response.status_code == 302, url
        assert response.headers["Location"].startswith("/console/login"), url
        asked += 1
    assert asked >= 7


def test_a_new_password_ends_older_sessions(client: FlaskClient, story: Story, first_link: str) -> None:
    choose(client, path_of(first_link))
    with story.runtime.db.transaction() as session:
        session.execute(text("update console_users set password_hash = password_hash || 'x'"))
    assert client.get("/console/").status_code == 302
