"""What the console's menus lead to: the main one, and the one under the person's name. Each piece adds its line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import request

from campaigns.models import Role
from web.console.users import person
from web.parts import runtime


@dataclass(frozen=True, slots=True)
class Entry:
    """One way in.

    Args:
        label: what it is called.
        endpoint: where it leads, without arguments.
        rooms: blueprints (by the beginning of their names) whose pages belong to it.
        least: the role that one needs to see it.
        shown: whether it is there at all.
    """

    label: str
    endpoint: str
    rooms: tuple[str, ...]
    least: Role = Role.VIEWER
    shown: Callable[[], bool] = lambda: True

    @property
    def here(self) -> bool:
        """Whether the page that is being asked for belongs to it."""
        room = request.blueprint or ""
        return any(room == own or room.startswith(f"{own}.") for own in self.rooms)


MAIN: tuple[Entry, ...] = (
    Entry(
        "Campaigns",
        "console.campaigns.index",
        (
            "console.campaigns",
            "console.copy",
            "console.editor",
            "console.preflight",
            "console.preview",
            "console.progress",
            "console.report",
            "console.series",
            "console.troubles",
        ),
    ),
    Entry("Segments", "console.segments.index", ("console.segments",)),
    Entry("Import", "console.imports.index", ("console.imports",), Role.AUTHOR),
    Entry("Customers", "console.customers.index", ("console.customers",)),
    Entry("Calendar", "console.calendar.index", ("console.calendar",)),
    Entry("Reports", "console.reports.index", ("console.reports",)),
    Entry("Recommender", "console.recommender.index", ("console.recommender",)),
)
"""The main menu, in its order: Campaigns, Segments, Import, Customers, Calendar, Reports, Recommender."""

PERSONAL: tuple[Entry, ...] = (
    Entry("Account", "console.account.account", ("console.account",)),
    Entry("People", "console.people.index", ("console.people",), Role.ADMIN),
    Entry("Audit log", "console.audit.index", ("console.audit",), Role.APPROVER),
    Entry("API keys", "console.api_keys.index", ("console.api_keys",), Role.ADMIN),
    Entry("Webhooks", "console.webhooks.index", ("console.webhooks",), Role.ADMIN),
    Entry("The API", "console.api_keys.docs", (), Role.AUTHOR),
    Entry(
        "Outbox",
        "console.outbox.index",
        ("console.outbox",),
        Role.AUTHOR,
        shown=lambda: not runtime().settings.smtp_url,
    ),
)
"""The menu under the person's name: Account, People, Audit log, API keys, Webhooks, Outbox."""


def entries_for_person(entries: tuple[Entry, ...]) -> list[Entry]:
    """Those of the entries that whoever is signed in may see now."""
    return [entry for entry in entries if person().may(entry.least) and entry.shown()]
