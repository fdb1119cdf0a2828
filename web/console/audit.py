"""The audit log as a page with filters, and as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date

from flask import Blueprint, Response, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue

from campaigns.flows.console.audit_log import AuditFilter, AuditRow
from campaigns.models import Role
from web.console.access import requires
from web.limits import hashed
from web.parts import runtime

blueprint = Blueprint("audit", __name__)

_COLUMNS = ("at", "by", "action", "subject", "detail")
# What a spreadsheet would take for a formula at the beginning of a cell.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@blueprint.get("/audit")
@requires(Role.APPROVER)
def index() -> ResponseReturnValue:
    """A page of entries, newest first, of those that are asked for."""
    by, actions = runtime().audit_log.names()
    wanted, problems = _wanted(by)
    before = request.args.get("before", type=int)
    rows, next_ = runtime().audit_log.page(wanted, before)
    asked = {name: value for name, value in request.args.items() if name != "before" and value}
    return render_template(
        "console/audit.html",
        rows=rows,
        problems=problems,
        asked=asked,
        older=None if next_ is None else {**asked, "before": next_},
        newer=before is not None,
        people=[(_handle(name), name) for name in by],
        actions=_grouped(actions),
    )


@blueprint.get("/audit.csv")
@requires(Role.APPROVER)
def export() -> ResponseReturnValue:
    """All entries that are asked for, as CSV in UTF-8."""
    wanted, _ = _wanted(runtime().audit_log.names()[0])
    lines = _csv_lines(runtime().audit_log.all(wanted))
    response = Response(stream_with_context(lines), mimetype="text/csv")
    response.headers["Content-Disposition"] = "attachment; filename=audit-log.csv"
    response.headers["Cache-Control"] = "no-store"
    return response


def _wanted(names: list[str]) -> tuple[AuditFilter, list[str]]:
    """What the address asks for, and which of it cannot be read."""
    asked, problems, days = request.args, [], {}
    for field, words in (("from", "The first day"), ("to", "The last day")):
        text = asked.get(field, "").strip()
        try:
            days[field] = date.fromisoformat(text) if text else None
        except ValueError:
            days[field] = None
            problems.append(f"{words} is not a day such as 2026-12-24; it was left out.")
    # An address stays in histories and logs of proxies: it names nobody.
    by = next((name for name in names if _handle(name) == asked.get("by")), "")
    wanted = AuditFilter(
        by=by,
        action=asked.get("action", "")[:60],
        subject=asked.get("subject", "").strip().casefold()[:60],
        first_day=days["from"],
        last_day=days["to"],
    )
    return wanted, problems


def _handle(name: str) -> str:
    return hashed("audit", name)[:12]


def _grouped(actions: list[str]) -> dict[str, list[str]]:
    """Actions by what they are done to."""
    groups: dict[str, list[str]] = {}
    for action in actions:
        groups.setdefault(action.partition(".")[0], []).append(action)
    return groups


def _csv_lines(rows: Iterator[AuditRow]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(_COLUMNS)
    for row in rows:
        detail = json.dumps(row.detail, ensure_ascii=False) if row.detail else ""
        cells = (row.at.isoformat(), row.by, row.action, row.subject, detail)
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()
