"""Chromium and sockets for tests that look at pages as people do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

_CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
IN_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not _CHROMIUM.exists(), reason="needs Chromium at /usr/bin/chromium (apt install chromium)"
    ),
]
"""The marks of a module whose tests need it."""


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """A browser of our own; `flags` are more of Chromium's."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(_CHROMIUM), args=[*_FLAGS, *flags])
        yield browser
        browser.close()


def keep_inside(context: BrowserContext) -> None:
    """No test may depend on anything outside."""
    context.route(lambda url: "://127.0.0.1" not in url, lambda route: route.abort())


def submit(tab: Page, name: str | None = None) -> None:
    """Press the form's button and wait for the page that answers.

    A click alone may return while the old page is still there or the new one is empty, and then what is absent
    from the new page seems to be absent already, and axe finds no document.
    """
    with tab.expect_navigation():
        tab.get_by_role("button", name=name).click()


def free_port() -> int:
    """One that nobody listened at a moment ago."""
    server = make_server("127.0.0.1", 0, Flask("nobody"))
    server.server_close()
    return server.server_port


@contextmanager
def serving(app: Flask, port: int) -> Iterator[None]:
    """The web part on a real socket."""
    # It would tell of each request, also when the test whose output that was is over.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server("127.0.0.1", port, app, threaded=True)
    # A request wakes it at once; this is how long it may take to end.
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
