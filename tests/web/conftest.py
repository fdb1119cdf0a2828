"""A small shop that has sent one campaign, and the web part on it, on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser
from sqlalchemy import create_engine, select, text
from web_chromium import chromium, free_port, serving
from web_story import COLOURS, CUSTOMERS, NAME, PASSWORD, Story, description, picture

from campaigns.core.db import Database, sqlalchemy_url
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.jobs import RecordedJobs
from campaigns.core.settings import load_settings
from campaigns.models import ConsoleUser, schema
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleShop
from web.app import create_app
from web.console.users import ensure_admin


@pytest.fixture(scope="session")
def web_database(servers: EmbeddedUrls) -> Iterator[str]:
    """The URL of a database of our own: the story is told once, and other tests empty theirs."""
    assert servers.database_url
    admin = create_engine(sqlalchemy_url(servers.database_url), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("create database web_tests"))
    url = sqlalchemy_url(servers.database_url).set(database="web_tests").render_as_string(hide_password=False)
    database = Database(url)
    schema.upgrade(database)
    database.close()
    yield url
    with admin.connect() as connection:
        connection.execute(text("drop database web_tests with (force)"))
    admin.dispose()


@pytest.fixture(scope="session")
def story(
    web_database: str, servers: EmbeddedUrls, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Story]:
    """The sample shop, one campaign sent by hand and one waiting; mails enough for all that take one."""
    assert servers.redis_url
    folder = tmp_path_factory.mktemp("web")
    redis_url = servers.redis_url.replace("db=0", "db=7")  # other shops of this process are in 8
    redis.Redis.from_url(redis_url).flushdb()
    port = free_port()
    settings = load_settings(
        {
            "database_url": web_database.replace("postgresql+psycopg", "postgresql"),
            "redis_url": redis_url,
            "data_dir": folder,
            "secret_key": "a-secret-for-tests-only-0123456789abcdef",
            "public_url": f"http://127.0.0.1:{port}",
            "training_seconds": 0,
        }
    )
    runtime = Runtime(settings, RecordedJobs()).start()
    yield _told(runtime, folder)
    runtime.close()


def _told(runtime: Runtime, folder: Path) -> Story:
    files = SampleShop(customers=CUSTOMERS, today=date.today()).write(folder / "shop", pictures=False)
    runtime.importing.run("products", [files.products])
    runtime.importing.run("customers", [files.customers])
    runtime.importing.run("orders", [files.orders])
    runtime.importing.run("consents", [files.consents])
    runtime.training.run()
    pictures = {name: picture(colour) for name, colour in COLOURS.items()}
    sent = runtime.campaigns.create(description("Autumn on the trail"), pictures)
    runtime.campaigns.approve(sent, by="a test")
    runtime.campaigns.send(sent, by="a test")
    runtime.sending.plan(sent)
    while runtime.sending.send_batch(sent).claimed:
        pass
    assert runtime.campaigns.status(sent) == "sent"
    draft = runtime.campaigns.create(description("First frost"), pictures)
    return Story(runtime, sent, draft)


@pytest.fixture
def app(story: Story) -> Flask:
    """The web part."""
    story.runtime.redis.flushdb()  # Sign-ins of one test must not use up those of the next.
    app = create_app(story.runtime)
    app.testing = True
    # A crash must be answered as in production, not raised into the test.
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Somebody without a session."""
    return app.test_client()


@pytest.fixture
def first_link(story: Story) -> str:
    """The one-time link, fresh."""
    with story.runtime.db.transaction() as session:
        session.execute(text("delete from console_users"))
    link = ensure_admin(story.runtime)
    assert link
    return link


@pytest.fixture
def signed_in(app: Flask, story: Story, first_link: str) -> FlaskClient:
    """Somebody who may do everything, with CSRF tokens left out of the way: other tests are about them."""
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    form = {"name": NAME, "password": PASSWORD, "again": PASSWORD}
    path = first_link.removeprefix(story.runtime.settings.public_url)
    assert client.post(path, data=form).status_code == 302
    return client


@pytest.fixture
def role(story: Story) -> Iterator[Any]:
    """Change the role of whoever is signed in."""

    def change(name: str) -> None:
        with story.runtime.db.transaction() as session:
            session.scalars(select(ConsoleUser)).one().role = name

    yield change


@pytest.fixture
def live(app: Flask, story: Story) -> Iterator[str]:
    """The web part on a real socket, at its public URL."""
    port = int(story.runtime.settings.public_url.rpartition(":")[2])
    with serving(app, port):
        yield story.runtime.settings.public_url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, once a file: while it is there, this thread can run no other event loop."""
    with chromium() as browser:
        yield browser
