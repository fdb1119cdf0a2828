"""Importing a file step by step: send it, match its columns, see what it would do, import it, see what became of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from flask import (
    Blueprint,
    Response,
    flash,
    get_template_attribute,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from campaigns.core.errors import BadInput, NotFound
from campaigns.flows.shop.file_imports import KINDS, FileView
from campaigns.flows.shop.file_peek import Peek, fields_of
from campaigns.models import Role
from web.console.access import requires
from web.console.users import person
from web.parts import runtime

blueprint = Blueprint("imports", __name__, url_prefix="/imports")

ERRORS_SHOWN = 50
REMARKS_SHOWN = 10
KIND_WORDS: Mapping[str, str] = {
    "customers": "Customers",
    "products": "Products",
    "orders": "Orders",
    "consents": "Consents",
}
STATE_WORDS: Mapping[str, str] = {
    "uploaded": "columns to match",
    "checking": "being tried out",
    "checked": "tried out",
    "importing": "being imported",
    "done": "imported",
    "failed": "failed",
    "discarded": "discarded",
}
_STEPS = ("Send", "Match columns", "Try out", "Import")


@blueprint.get("/")
@requires(Role.AUTHOR)
def index() -> ResponseReturnValue:
    """The files so far, and where to send one."""
    return _index()


@blueprint.post("/")
@requires(Role.AUTHOR)
def send() -> ResponseReturnValue:
    """Take a file. It goes to the data folder in pieces (web/uploading.py), never into memory."""
    kind, sent = request.form.get("kind", ""), request.files.get("file")
    if sent is None or not sent.filename:
        return _index("Choose a file first.", "file", kind)
    if kind not in KINDS:
        return _index("Say what is in the file.", "kind", kind)
    files = runtime().file_imports
    path = files.place(sent.filename)
    try:
        sent.save(path, buffer_size=1 << 20)
        number = files.take(kind, sent.filename, path, person().name)
    except BadInput as error:
        return _index(f"{error.where} {error.message.removeprefix(f'{error.where}: ')}.", "file", kind)
    return redirect(url_for("console.imports.show", number=number))


@blueprint.get("/<int:number>")
@requires(Role.AUTHOR)
def show(number: int) -> ResponseReturnValue:
    """Where a file stands, and what comes next."""
    return _page(runtime().file_imports.get(number), change=request.args.get("columns") == "1")


@blueprint.get("/<int:number>/standing")
@requires(Role.AUTHOR)
def standing(number: int) -> ResponseReturnValue:
    """How far a worker is, for a page that puts it in place of its own; 205 when the page is to be read anew."""
    file = runtime().file_imports.get(number)
    if not file.working:
        return "", 205
    return str(get_template_attribute("console/_import_parts.html", "working")(file))


@blueprint.post("/<int:number>/check")
@requires(Role.AUTHOR)
def check(number: int) -> ResponseReturnValue:
    """Match the columns, and have it tried out."""
    files = runtime().file_imports
    names = [name for name, _ in fields_of(files.get(number).kind)]
    chosen = {name: request.form.get(f"column.{name}", "") for name in names}
    defaults = {name: value for name in names if (value := request.form.get(f"default.{name}", "").strip())}
    try:
        files.check(number, chosen, defaults, person().name)
    except BadInput:
        return _page(files.get(number), change=True, status=400)
    return redirect(url_for("console.imports.show", number=number))


@blueprint.post("/<int:number>/import")
@requires(Role.AUTHOR)
def import_(number: int) -> ResponseReturnValue:
    """Have it imported."""
    runtime().file_imports.import_(number, person().name)
    return redirect(url_for("console.imports.show", number=number))


@blueprint.post("/<int:number>/discard")
@requires(Role.AUTHOR)
def discard(number: int) -> ResponseReturnValue:
    """Remove it."""
    runtime().file_imports.discard(number, person().name)
    flash("The file is removed. Nothing of it was imported.")
    return redirect(url_for("console.imports.index"))


@blueprint.get("/<int:number>/errors.csv")
@requires(Role.AUTHOR)
def errors(number: int) -> ResponseReturnValue:
    """The rows that were skipped, as a file: line and reason."""
    file = runtime().file_imports.get(number)
    told = file.result or file.checked
    if told is None or "errors" not in told:
        raise NotFound("the list of rows is no longer kept")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["line", "reason"])
    writer.writerows([error["line"], _harmless(error["reason"])] for error in told["errors"])
    answer = Response(text.getvalue().encode("utf-8-sig"), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="import-{number}-skipped-rows.csv"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _harmless(reason: str) -> str:
    """A reason quotes what stands in a file; a spreadsheet must not take it for a formula."""
    return f"'{reason}" if reason[:1] in "=+-@\t\r" else reason


def _index(problem: str = "", at: str = "", kind: str = "customers") -> ResponseReturnValue:
    page = render_template(
        "console/imports.html",
        files=runtime().file_imports.list(),
        kinds=KIND_WORDS,
        states=STATE_WORDS,
        problem=problem,
        at=at,
        kind=kind,
        megabytes=runtime().settings.import_megabytes,
    )
    return page, 400 if problem else 200


def _page(file: FileView, change: bool = False, status: int = 200) -> ResponseReturnValue:
    matching = file.state == "uploaded" or (change and file.state == "checked")
    peek = runtime().file_imports.peek(file.number) if matching else None
    page = render_template(
        "console/import.html",
        file=file,
        kinds=KIND_WORDS,
        states=STATE_WORDS,
        steps=_steps(file, matching),
        peek=peek,
        fields=_fields(file, peek) if peek else (),
        told=file.result or file.checked,
        shown=ERRORS_SHOWN,
        most_remarks=REMARKS_SHOWN,
    )
    return page, status


def _fields(file: FileView, peek: Peek) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "needed": needed,
            "column": file.mapping.get(name, ""),
            "default": file.defaults.get(name, ""),
            "examples": _examples(peek, file.mapping.get(name, "")),
        }
        for name, needed in fields_of(file.kind)
    ]


def _examples(peek: Peek, column: str) -> str:
    """The first different values of a column."""
    if column not in peek.header:
        return ""
    at = peek.header.index(column)
    cells = [row[at] for row in peek.rows if at < len(row) and row[at].strip()]
    return ", ".join(dict.fromkeys(cells))[:120]


def _steps(file: FileView, matching: bool) -> list[tuple[str, str]]:
    """(label, "done", "here" or "") of each step."""
    at = 1 if matching else 2 if file.state in ("checking", "checked") else 3
    over = file.state == "done"
    return [
        (label, "done" if number < at or over else "here" if number == at else "")
        for number, label in enumerate(_STEPS)
    ]
