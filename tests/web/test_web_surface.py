"""Everything that strangers can reach: headers, cookies, redirects and forged tokens, way by way."""

from __future__ import annotations

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from web_story import Story
from werkzeug.routing import Rule

FORGED = "AQ" + "A" * 40
HTML = {"Content-Security-Policy", "X-Frame-Options", "Cross-Origin-Opener-Policy", "X-Robots-Tag"}


def public_rules(app: Flask) -> list[Rule]:
    return [
        rule
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith(("/console", "/static", "/bootstrap")) and rule.endpoint != "home"
    ]


def asked(rule: Rule) -> str:
    """A URL of this rule with something forged in each of its blanks."""
    path = rule.rule
    for name in rule.arguments:
        converter = next(
            part for part in path.split("<")[1:] if part.split(">")[0].rpartition(":")[2] == name
        )
        path = path.replace("<" + converter.split(">")[0] + ">", FORGED, 1)
    return path


@pytest.fixture
def ways(app: Flask) -> list[tuple[str, str]]:
    """(method, path) of all public ways."""
    return [
        (method, asked(rule))
        for rule in public_rules(app)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def test_there_are_many_ways(ways: list[tuple[str, str]]) -> None:
    assert {"/u/", "/p/", "/c/", "/v/", "/s/", "/i/"} <= {path[:3] for _, path in ways}
    assert any(path.startswith("/hooks/") for _, path in ways)


def test_no_way_crashes_sets_a_cookie_or_leads_elsewhere(
    client: FlaskClient, ways: list[tuple[str, str]]
) -> None:
    for method, path in ways:
        answer = client.open(
            path, method=method, data={"next": "https://evil.example/", "url": "//evil.example"}
        )
        assert answer.status_code < 500, (method, path)
        assert "Set-Cookie" not in answer.headers, (method, path)
        assert "evil.example" not in str(answer.headers), (method, path)
        assert answer.status_code not in (301, 302, 303, 307, 308), (method, path)


def test_all_ways_carry_the_headers(client: FlaskClient, ways: list[tuple[str, str]]) -> None:
    for method, path in ways:
        answer = client.open(path, method=method)
        headers = set(answer.headers.keys())
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["Referrer-Policy"] == "no-referrer", path
        if answer.mimetype == "text/html":
            assert headers >= HTML, path
            assert "unsafe-inline" not in answer.headers["Content-Security-Policy"], path


def test_what_is_forged_is_answered_like_what_never_was(client: FlaskClient) -> None:
    for way in ("u", "p", "c", "v"):
        answers = {client.get(f"/{way}/{token}").status_code for token in (FORGED, "x", "%00", "A" * 3000)}
        assert answers == {404}, way


def test_nobody_is_forwarded_by_an_address(client: FlaskClient, story: Story) -> None:
    ref = story.take()
    token = story.token("click", ref.send_id, 2, 0)
    answer = client.get(f"/c/{token}?url=https://evil.example/&next=//evil.example")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("https://fjellandfern.example")


def test_a_page_of_the_console_without_its_csrf_token_does_nothing(app: Flask, client: FlaskClient) -> None:
    with app.test_request_context():
        path = url_for("console.signin.login")
    assert client.get(path).status_code == 200
    answer = client.post(path, data={"name": "a", "password": "b"})
    assert answer.status_code == 400
    assert "This page was open too long" in answer.get_data(as_text=True)


def test_a_request_that_names_another_host_gets_no_link_to_it(client: FlaskClient) -> None:
    for path in ("/", "/console/", "/healthz"):
        answer = client.get(path, headers={"Host": "evil.example"})
        assert "evil.example" not in answer.headers.get("Location", ""), path
        assert b"evil.example" not in answer.data, path
