"""What all pages share: errors, headers, ids, health; and a database that is away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from web_story import Story

from campaigns.core import errors
from campaigns.core.settings import load_settings
from campaigns.core.tokens import Signer
from campaigns.runtime import Runtime
from web.app import create_app
from web.errors import TABLE, answer_for
from web.parts import origin_of
from web.security import policy_showing_mail

ROOT = Path(__file__).resolve().parents[2]


def subclasses(kind: type[errors.TailormailError]) -> Iterator[type[errors.TailormailError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_the_table_answers_every_error_of_the_tree() -> None:
    assert errors.TailormailError in TABLE
    for kind in subclasses(errors.TailormailError):
        error = kind.__new__(kind)  # Only its place in the tree matters.
        assert 400 <= answer_for(error).status < 600, kind


def test_a_forged_token_is_answered_like_nothing_there() -> None:
    assert answer_for(errors.BadToken("x")) == answer_for(errors.NotFound("x"))


def test_pages_allow_nothing_from_elsewhere(signed_in: FlaskClient, story: Story) -> None:
    preferences = f"/p/{story.token('preferences', 3, 3)}"
    for url in ("/console/", f"/console/campaigns/{story.sent}", "/console/login", preferences, "/c/x"):
        response = signed_in.get(url, follow_redirects=True)
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy, url
        assert "unsafe-inline" not in policy, url
        assert "frame-ancestors 'none'" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        html = response.get_data(as_text=True)
        assert " style=" not in html and "onclick" not in html and "<style" not in html, url


def test_a_page_with_a_mail_names_the_origins_of_its_pictures() -> None:
    policy = policy_showing_mail({"https://shop.example", ""})
    assert "img-src 'self' data: https://shop.example;" in policy
    assert "script-src 'none'" in policy


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://shop.example/a/b?c", "https://shop.example"),
        ("http://127.0.0.1:8025/i/x.jpg", "http://127.0.0.1:8025"),
        ("pictures/JKT-01.jpg", ""),
        ("javascript://x", ""),
        ("", ""),
    ],
)
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin


def test_every_answer_has_a_request_id(client: FlaskClient) -> None:
    first, second = (client.get("/healthz").headers["X-Request-ID"] for _ in range(2))
    assert first != second
    assert client.get("/healthz", headers={"X-Request-ID": "from-a-proxy-1"}).headers["X-Request-ID"] == (
        "from-a-proxy-1"
    )
    forged = client.get("/healthz", headers={"X-Request-ID": "<script>"}).headers["X-Request-ID"]
    assert "<" not in forged


def test_the_error_page_shows_the_request_id(client: FlaskClient) -> None:
    response = client.get("/nothing")
    assert response.headers["X-Request-ID"] in response.get_data(as_text=True)


def test_a_crash_is_a_page_without_its_insides(app: Flask) -> None:
    def crash() -> str:
        raise ZeroDivisionError("secret insides")

    app.add_url_rule("/crash", view_func=crash)
    response = app.test_client().get("/crash")
    assert response.status_code == 500
    assert "secret insides" not in response.get_data(as_text=True)
    assert response.headers["X-Request-ID"] in response.get_data(as_text=True)


def test_health_and_readiness(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok"}
    assert client.get("/readyz").get_json() == {"status": "ok", "database": "ok", "redis": "ok"}


def test_metrics_count_requests_and_sends(client: FlaskClient, story: Story) -> None:
    client.get("/o/x.png")
    page = client.get("/metrics").get_data(as_text=True)
    assert 'tailormail_requests_total{endpoint="opens.picture",method="GET",status="200"}' in page
    with story.runtime.db.transaction() as session:
        sent = session.scalar(text("select sum(n) from campaign_counts where status = 'sent'")) or 0
    assert sent > 0
    assert f'tailormail_sends{{status="sent"}} {float(sent)}' in page


def test_production_servers_find_the_app(story: Story) -> None:
    there = story.runtime.settings
    settings = {
        "TAILORMAIL_DATABASE_URL": there.database_url,
        "TAILORMAIL_REDIS_URL": there.redis_url,
        "TAILORMAIL_DATA_DIR": str(there.folder),
        "TAILORMAIL_SECRET_KEY": there.secret_key,
    }
    look = "import web.wsgi; print(web.wsgi.app.test_client().get('/readyz').get_json()['status'])"
    environment = {**os.environ, **{name: value for name, value in settings.items() if value}}
    command = [sys.executable, "-c", look]
    ran = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["ok"]


class TestDatabaseAway:
    """PostgreSQL does not answer: pictures go on, the rest says so and asks to come again."""

    @pytest.fixture
    def broken(self, story: Story, tmp_path: Path) -> Iterator[FlaskClient]:
        there = story.runtime.settings
        settings = load_settings(
            {
                "database_url": "postgresql://127.0.0.1:9/nothing",
                "redis_url": there.redis_url,
                "data_dir": tmp_path,
                "secret_key": there.secret_key,
            }
        )
        runtime = Runtime(settings)
        app = create_app(runtime)
        app.config["PROPAGATE_EXCEPTIONS"] = False
        yield app.test_client()
        runtime.close()

    def test_pictures_are_still_answered(self, broken: FlaskClient, story: Story, signer: Signer) -> None:
        response = broken.get(f"/o/{story.token('open', story.take().send_id, 0)}.jpg")
        assert response.status_code == 200
        assert response.content_type.startswith("image/")

    def test_unsubscribing_works_and_is_put_by(
        self, broken: FlaskClient, story: Story, tmp_path: Path
    ) -> None:
        one, all_of_it = story.take(), story.take()
        by_link = broken.post(f"/u/{story.token('unsubscribe', one.customer_id, one.send_id)}")
        assert by_link.status_code == 200
        page = f"/p/{story.token('preferences', all_of_it.customer_id, all_of_it.send_id)}"
        assert broken.get(page).status_code == 503
        by_page = broken.post(page, data={"action": "none"})
        assert by_page.status_code == 200 and "You are unsubscribed" in by_page.get_data(as_text=True)
        (file,) = (tmp_path / "unsubscribes").glob("*.spool")
        wishes = [json.loads(line[9:]) for line in file.read_bytes().splitlines()]
        assert [wish[1] for wish in wishes] == [one.customer_id, all_of_it.customer_id]
        assert [wish[5:] for wish in wishes] == [[], [True]]

    def test_the_console_says_so(self, broken: FlaskClient) -> None:
        with broken.session_transaction("/console/") as session:
            session["_user_id"] = "1.abc"
        assert broken.get("/console/").status_code == 503

    def test_alive_but_not_ready(self, broken: FlaskClient) -> None:
        assert broken.get("/healthz").status_code == 200
        ready = broken.get("/readyz")
        assert ready.status_code == 503
        assert ready.get_json() == {"status": "away", "database": "away", "redis": "ok"}
        assert broken.get("/metrics").status_code == 200
