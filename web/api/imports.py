"""Customers, products, orders and consents as CSV: the same rules as `tailormail import`."""

from __future__ import annotations

from typing import Any, Literal

from apiflask import APIBlueprint, HTTPError
from flask import request
from pydantic import BaseModel

from campaigns.audience.import_rows import Upload
from web.api.keys import ALWAYS, asked_by, auth
from web.parts import runtime

blueprint = APIBlueprint("imports", __name__, tag="Imports")


class RowErrorOut(BaseModel):
    """A row that was skipped, by its line (the header is line 1), and why."""

    line: int
    reason: str


class ImportOut(BaseModel):
    """What the file did; `errors` are the first of all rows that were skipped, `remarks` of those that landed and
    lack something in mails."""

    kind: str
    rows_read: int
    inserted: int
    updated: int
    unchanged: int
    skipped: int
    errors: list[RowErrorOut]
    remarks: list[RowErrorOut] = []


_CSV: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string", "minLength": 1}}},
    }
}


@blueprint.post("/imports/<any(customers, products, orders, consents):kind>")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output(ImportOut)
@blueprint.doc(responses=[400, 404, 413, 415, *ALWAYS], extensions=_CSV)
def import_rows(kind: Literal["customers", "products", "orders", "consents"]) -> dict[str, Any]:
    """Import a CSV file with a header, in UTF-8.

    Bad rows are named by line and skipped; the rest lands. The same file again changes nothing.
    """
    if request.mimetype != "text/csv":
        raise HTTPError(415, "The body must be CSV; say so by Content-Type: text/csv")
    content = request.get_data(cache=False)
    (result,) = runtime().importing.run(kind, [Upload(f"{kind}.csv", content)], by=asked_by())
    return {
        "kind": result.kind,
        "rows_read": result.rows_read,
        "inserted": result.inserted,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "skipped": result.skipped,
        "errors": [{"line": error.line, "reason": error.reason} for error in result.errors],
        "remarks": [{"line": remark.line, "reason": remark.reason} for remark in result.remarks],
    }
