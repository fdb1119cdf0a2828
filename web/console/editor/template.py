"""The step "template": which one, and the pictures that are chosen when a mail is opened."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, send_file, url_for
from flask.typing import ResponseReturnValue

from campaigns.compose.template import MailTemplate, load_template
from campaigns.compose.template_list import installed_templates, template_picture
from campaigns.core.errors import BadInput, NotFound
from campaigns.flows.describing.draft_sections.template import MOST_SLOTS
from campaigns.models import Role
from campaigns.opentime.drawing.pictures import LARGEST_BYTES
from campaigns.opentime.slots.condition_kinds import WEEKDAYS
from campaigns.opentime.slots.season import SEASONS
from campaigns.opentime.slots.slot_kinds import KINDS
from campaigns.opentime.weather.weather import Condition
from web.console.access import requires
from web.console.editor.frame import EDIT, Editing, wants_json
from web.console.editor.slot_forms import act, part_at, read_slots, settle, untouched
from web.console.users import person
from web.console.wording import WEATHER_SIGNS
from web.parts import runtime

blueprint = Blueprint("template", __name__)

# Several pictures at once, and the texts of fifty rules beside them.
LARGEST_FORM = 8 * LARGEST_BYTES
MOST_PARTS = 6000
UPLOAD = ".upload"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NO_PICTURES = "Pictures are PNG, JPEG or GIF."


def _page(editing: Editing) -> ResponseReturnValue:
    chosen = _template(editing.value.get("template", ""))
    slots = editing.value.get("slots") or []
    used = {slot.get("name") for slot in slots}
    free = [name for name in (chosen.slots if chosen else ()) if name not in used]
    _begin_without_problems(editing, slots)
    return editing.page(
        "console/editor/template.html",
        templates=installed_templates(),
        chosen=chosen,
        slots=slots,
        free=free if len(slots) < MOST_SLOTS else [],
        kinds=KINDS,
        weathers=[(one.value, f"{WEATHER_SIGNS.get(one.value, '')} {one.value}") for one in Condition],
        weekdays=[(day, day.capitalize()) for day in WEEKDAYS],
        seasons=[(season, season) for season in SEASONS],
        months=list(enumerate(_MONTHS, 1)),
        pictures=runtime().uploads.about(_picture_names(slots)),
    )


@blueprint.get(f"{EDIT}/template")
def show(number: int) -> ResponseReturnValue:
    """The step as it is kept."""
    return _page(Editing.of(number, "template"))


@blueprint.post(f"{EDIT}/template")
@requires(Role.AUTHOR)
def save(number: int) -> ResponseReturnValue:
    """Keep what was typed and uploaded; buttons add, remove and move slots and rules."""
    editing = Editing.of(number, "template")
    value: dict[str, Any] = {
        "template": request.form.get("template", ""),
        "slots": read_slots(request.form)[:MOST_SLOTS],
    }
    anchor = (
        "" if wants_json() else act(value["slots"], request.form.get("do", ""), _template(value["template"]))
    )
    uploaded = _upload(number, value["slots"])
    if wants_json():
        editing.told["pictures"] = {place: _shown_at(value["slots"], place) for place in uploaded}
    elif not anchor:
        settle(value["slots"])
    return editing.save(value, anchor or "".join(uploaded[-1:])) or _page(editing)


@blueprint.before_request
def _allow_pictures() -> None:
    if request.method == "POST":
        request.max_content_length = LARGEST_FORM
        request.max_form_parts = MOST_PARTS


@blueprint.get("/templates/<name>/picture")
def picture(name: str) -> Response:
    """What a template looks like."""
    body = template_picture(name)
    if body is None:
        raise NotFound(f"there is no picture of a template {name[:40]!r}")
    response = send_file(body, "image/png")
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


def _begin_without_problems(editing: Editing, slots: list[dict[str, Any]]) -> None:
    """Nobody likes to be corrected before they have begun: of what was just added only a refused file is told."""
    new = untouched(slots)
    for name in [*editing.problems] if new else ():
        part = part_at(slots, name.removesuffix(".picture"))
        if name.startswith(new) and not (part and part.get("refused")):
            del editing.problems[name]


def _shown_at(slots: list[dict[str, Any]], place: str) -> dict[str, Any] | None:
    """The picture that is kept there now, for a page that stays; None: the file was refused."""
    part = part_at(slots, place) or {}
    name = part.get("picture", "")
    known = runtime().uploads.about([name]).get(name) if not part.get("refused") else None
    if known is None:
        return None
    url = url_for("opens.hosted", name=known.file)
    return {"picture": name, "url": url, "width": known.width, "height": known.height}


def _upload(number: int, slots: list[dict[str, Any]]) -> list[str]:
    """Keep what was uploaded with the form, and name it in the slots; returns where each belongs."""
    places: list[str] = []
    for name, file in request.files.items():
        part = part_at(slots, name.removesuffix(UPLOAD)) if name.endswith(UPLOAD) and file.filename else None
        if part is None:
            continue
        places.append(name.removesuffix(UPLOAD))
        try:
            part["picture"] = runtime().uploads.keep(
                number, file.filename or "", file.read(LARGEST_BYTES + 1), person().name
            )
        except BadInput as error:
            # The picture that was there before stays; why this one does not do is shown beside it.
            part["refused"] = f"{error.message.removeprefix(f'{error.where}: ')}. {_NO_PICTURES}"
    return places


def _picture_names(slots: list[dict[str, Any]]) -> list[str]:
    shown = [
        part
        for slot in slots
        for part in (slot.get("default"), slot.get("expired"), *(slot.get("rules") or []))
    ]
    return [part["picture"] for part in shown if part and part.get("picture")]


def _template(name: str) -> MailTemplate | None:
    try:
        return load_template(name)
    except (BadInput, NotFound):
        return None
