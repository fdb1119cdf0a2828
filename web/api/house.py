"""The house as a whole: its calendar, its files on their way in, and who did what."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from apiflask import APIBlueprint
from pydantic import AwareDatetime, Field, model_validator

from campaigns.core.errors import BadInput
from campaigns.flows.console.audit_log import AuditFilter
from campaigns.flows.scheduling.calendar import Entry
from campaigns.flows.shop.file_imports import FileView
from web.api.asked import NUMBER, Anything, Asked, Page
from web.api.keys import ALWAYS, auth
from web.parts import runtime

blueprint = APIBlueprint("house", __name__, tag="House")

LONGEST_SPAN = timedelta(days=400)


class SpanQuery(Asked):
    """From one moment up to another, at most 400 days later."""

    first: AwareDatetime
    end: AwareDatetime

    @model_validator(mode="after")
    def _is_a_span(self) -> SpanQuery:
        if not timedelta(0) < self.end - self.first <= LONGEST_SPAN:
            raise ValueError(f"end must be after first, by at most {LONGEST_SPAN.days} days")
        return self


class EntriesOut(Anything):
    """What is planned, running and sent, in the order of time; clashes and frequency caps with it."""

    entries: list[dict[str, Any]]


class AuditQuery(Page):
    """Whose doings, which, of what, and from which day to which."""

    by: str = Field("", max_length=200)
    action: str = Field("", max_length=200)
    subject: str = Field("", max_length=200)
    first_day: date | None = None
    last_day: date | None = None


class AuditOut(Anything):
    """Entries, newest first; `next` is the `before` of the next page, null where there is none."""

    entries: list[dict[str, Any]]
    next: int | None


class FileOut(Anything):
    """A file on its way in; `state` says where it stands."""

    id: int
    kind: str
    state: str


class FilesOut(Anything):
    """The last files, newest first."""

    files: list[FileOut]


@blueprint.get("/calendar")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.input(SpanQuery, location="query", arg_name="asked")
@blueprint.output(EntriesOut)
@blueprint.doc(responses=[400, *ALWAYS])
def calendar(asked: SpanQuery) -> dict[str, Any]:
    """What goes out when."""
    if asked.first.year < 1971 or asked.end.year > 9000:
        raise BadInput("must be in our times", where="first")
    return {"entries": [_entry(one) for one in runtime().calendar.between(asked.first, asked.end)]}


@blueprint.get("/audit")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.input(AuditQuery, location="query", arg_name="asked")
@blueprint.output(AuditOut)
@blueprint.doc(responses=[400, *ALWAYS])
def audit(asked: AuditQuery) -> dict[str, Any]:
    """Who did what, newest first."""
    if any(day and not 1971 <= day.year <= 9000 for day in (asked.first_day, asked.last_day)):
        raise BadInput("must be in our times", where="first_day")
    wanted = AuditFilter(asked.by, asked.action, asked.subject, asked.first_day, asked.last_day)
    rows, after = runtime().audit_log.page(wanted, asked.before, asked.size)
    return {"entries": [row.to_json() for row in rows], "next": after}


@blueprint.get("/files")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(FilesOut)
@blueprint.doc(responses=[*ALWAYS])
def files() -> dict[str, Any]:
    """The last files that were sent to be imported in the background."""
    return {"files": [_file(one) for one in runtime().file_imports.list()]}


@blueprint.get(f"/files/<{NUMBER}:number>")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(FileOut)
@blueprint.doc(responses=[404, *ALWAYS])
def file(number: int) -> dict[str, Any]:
    """Where one of them stands, and what it did."""
    return _file(runtime().file_imports.get(number))


def _entry(one: Entry) -> dict[str, Any]:
    return {
        "at": one.at.isoformat(),
        "kind": one.kind,
        "campaign_id": one.campaign_id,
        "name": one.name,
        "status": one.status,
        "audience": one.audience,
        "capped": one.capped,
        "clashes": [
            {"campaign_id": c.campaign_id, "name": c.name, "customers": c.customers, "hours": c.hours}
            for c in one.clashes
        ],
    }


def _file(one: FileView) -> dict[str, Any]:
    return {
        "id": one.number,
        "kind": one.kind,
        "name": one.name,
        "size": one.size,
        "state": one.state,
        "rows_done": one.rows_done,
        "checked": dict(one.checked) if one.checked else None,
        "result": dict(one.result) if one.result else None,
        "problem": one.problem,
        "by": one.by,
        "created_at": one.created_at.isoformat(),
        "changed_at": one.changed_at.isoformat(),
    }
