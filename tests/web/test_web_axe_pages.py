"""Every page of the console has its line in axe_pages.py, which test_web_axe.py looks at."""

from __future__ import annotations

from axe_pages import OPEN_PAGES, PAGES
from flask import Flask
from web_story import Story

# Pages that are shown once, which test_web_axe.py walks through by itself.
SHOWN_ONCE = {"people.welcome", "signin.code", "signin.first"}
# Pictures, files, answers for scripts, parts of a page, and addresses that only lead on.
NO_PAGES = (
    "exported", "export", "archive", "errors", "trend", "file", "picture", "standing", "outlook", "count",
    "counted", "builder", "feed", "qr_code",
)  # fmt: skip
JSON = {"editor.check.waiting", "progress.progress"}
LEAD_ON = {"preflight.preflight", "api_keys.docs", "editor.begin.edit"}


def test_every_page_of_the_console_is_looked_at(app: Flask, story: Story) -> None:
    adapter = app.url_map.bind("localhost")
    looked_at = set()
    for path in (*PAGES.values(), *OPEN_PAGES.values()):
        address = path(story).partition("?")[0]
        if address.startswith("/console"):
            looked_at.add(adapter.match(address, method="GET")[0].removeprefix("console."))
    pages = {
        rule.endpoint.removeprefix("console.")
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/console") and "GET" in (rule.methods or ())
    }
    unseen = {name for name in pages - looked_at if name.rpartition(".")[2] not in NO_PAGES}
    assert " ".join(sorted(unseen - SHOWN_ONCE - LEAD_ON - JSON)) == ""
