"""Campaigns that are being written: made from a description, copied, and changed section by section."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any

from apiflask import APIBlueprint, HTTPError
from flask import request
from pydantic import Field, ValidationError

from campaigns.core.errors import BadInput, Conflict
from web.api.asked import NUMBER, Anything, Asked
from web.api.keys import ALWAYS, asked_by, auth
from web.api.repeatable import repeatable
from web.parts import runtime

blueprint = APIBlueprint("drafts", __name__, tag="Campaigns")

ONE = f"/campaigns/<{NUMBER}:campaign_id>"
MOST_FILES = 60

_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "campaign": {"type": "string", "description": "The description as JSON."},
        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
    },
    "required": ["campaign"],
}


class CampaignIn(Asked):
    """A campaign as a campaign file describes it, or its name alone; `files` are pictures and lists of shops in base64."""

    campaign: dict[str, Any]
    files: dict[str, str] = Field(default_factory=dict, max_length=MOST_FILES)


class MadeOut(Anything):
    """The number of the new draft."""

    id: int
    status: str


class SectionIn(Asked):
    """What the section is to say; it is kept also where something is wrong with it."""

    value: dict[str, Any]


class ProblemOut(Anything):
    """What is wrong with a field."""

    field: str
    message: str


class SectionOut(Anything):
    """A section as it stands; its ETag goes along with a change as If-Match."""

    section: str
    value: dict[str, Any]
    problems: list[ProblemOut]


class MissingOut(Anything):
    """What is missing before it can be approved, section by section."""

    missing: list[dict[str, str]]


@blueprint.post("/campaigns")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output(MadeOut, status_code=201)
@blueprint.doc(
    responses=[400, 404, 409, 413, 415, 422, *ALWAYS],
    extensions={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": CampaignIn.model_json_schema()},
                "multipart/form-data": {"schema": _FORM},
            },
        }
    },
)
@repeatable(201)
def create() -> dict[str, Any]:
    """Make a draft: of a whole description, as a campaign file has it, or of `{"name": ...}` alone.

    The pictures that it names come along: as base64 in `files`, or as parts of a form, each under its file's name.
    """
    wanted, files = _form() if request.mimetype == "multipart/form-data" else _body()
    if set(wanted) == {"name"} and isinstance(wanted["name"], str):
        number = runtime().drafts.create(wanted["name"], asked_by())
    else:
        number = runtime().campaigns.create(wanted, files, asked_by())
    return {"id": number, "status": "draft"}


@blueprint.post(f"{ONE}/copy")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output(MadeOut, status_code=201)
@blueprint.doc(responses=[404, *ALWAYS])
@repeatable(201)
def copy(campaign_id: int) -> dict[str, Any]:
    """A new draft that says what this campaign says."""
    return {"id": runtime().drafts.copy_of(campaign_id, asked_by()), "status": "draft"}


@blueprint.get(f"{ONE}/missing")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(MissingOut)
@blueprint.doc(responses=[404, *ALWAYS])
def missing(campaign_id: int) -> dict[str, Any]:
    """What a draft still needs."""
    found = runtime().drafts.complete(campaign_id)
    return {
        "missing": [{"section": one.section, "field": one.field, "message": one.message} for one in found]
    }


@blueprint.get(f"{ONE}/sections/<name>")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(SectionOut)
@blueprint.doc(responses=[404, *ALWAYS])
def section(campaign_id: int, name: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """A section of a draft, as the editor of the console shows it."""
    body, tag, _ = _section(campaign_id, name)
    return body, 200, {"ETag": tag}


@blueprint.put(f"{ONE}/sections/<name>")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.input(SectionIn, arg_name="wanted")
@blueprint.output(SectionOut)
@blueprint.doc(responses=[400, 404, 409, 412, *ALWAYS])
def save_section(
    campaign_id: int, name: str, wanted: SectionIn
) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Change a section of a draft; what is wrong is named in `problems`, and kept all the same.

    With `If-Match: ETAG` nobody's change is overwritten: 412 where the section is another one by now.
    """
    tags = request.if_match
    _, tag, version = _section(campaign_id, name)
    if tags and not tags.contains(tag.strip('"')):
        raise HTTPError(412, "Somebody changed this section meanwhile; look at it again")
    try:
        runtime().drafts.save(campaign_id, name, wanted.value, asked_by(), version if tags else None)
    except Conflict as error:
        raise HTTPError(412, error.message) from None
    body, tag, _ = _section(campaign_id, name)
    return body, 200, {"ETag": tag}


def _section(campaign_id: int, name: str) -> tuple[dict[str, Any], str, int]:
    """The section as JSON, its ETag, and its version."""
    seen = runtime().drafts.look(campaign_id, name)
    body = {
        "section": seen.name,
        "value": seen.value,
        "problems": [{"field": one.field, "message": one.message} for one in seen.problems],
        "changed_by": seen.by,
        "changed_at": seen.at.isoformat() if seen.at else None,
    }
    told = json.dumps([seen.version, seen.value], sort_keys=True, default=str).encode()
    return body, f'"{hashlib.sha256(told).hexdigest()[:24]}"', seen.version


def _body() -> tuple[dict[str, Any], dict[str, bytes]]:
    if not request.is_json:
        raise HTTPError(415, "The body must be JSON, or a form with files")
    asked = _validated(request.get_json())
    files: dict[str, bytes] = {}
    for name, content in asked.files.items():
        try:
            files[name] = base64.b64decode(content, validate=True)
        except (binascii.Error, ValueError):
            raise BadInput("is not base64", where=f"files.{name}"[:200]) from None
    return asked.campaign, files


def _form() -> tuple[dict[str, Any], dict[str, bytes]]:
    try:
        told = json.loads(request.form.get("campaign", ""))
    except ValueError:
        raise BadInput("must be the description as JSON", where="campaign") from None
    asked = _validated({"campaign": told})
    sent = [file for file in request.files.values() if file.filename]
    if len(sent) > MOST_FILES:
        raise BadInput(f"must be at most {MOST_FILES}", where="files")
    return asked.campaign, {str(file.filename): file.stream.read() for file in sent}


def _validated(told: Any) -> CampaignIn:
    try:
        return CampaignIn.model_validate(told)
    except ValidationError as error:
        fields = {".".join(map(str, one["loc"])) or "body": [one["msg"]] for one in error.errors()}
        raise HTTPError(422, "Validation error", detail={"json": fields}) from None
