"""Into the editor: a new campaign, a copy of one, and the first step that is not done."""

from __future__ import annotations

import io

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from campaigns.core.errors import BadInput
from campaigns.models import Role
from web.console.access import requires
from web.console.editor.frame import EDIT
from web.console.editor.steps import STEPS, step_of
from web.console.users import person
from web.parts import runtime

blueprint = Blueprint("begin", __name__)


@blueprint.get("/campaigns/new")
def new() -> ResponseReturnValue:
    """Ask for a name."""
    return render_template("console/editor/new.html", name="", problem="")


@blueprint.post("/campaigns/new")
@requires(Role.AUTHOR)
def create() -> ResponseReturnValue:
    """Begin a draft of this name."""
    name = request.form.get("name", "")
    try:
        number = runtime().drafts.create(name, person().name)
    except BadInput as error:
        return render_template("console/editor/new.html", name=name, problem=error.message), 400
    return redirect(url_for(STEPS[0].endpoint, number=number))


@blueprint.post("/campaigns/<int:number>/duplicate")
@requires(Role.AUTHOR)
def duplicate(number: int) -> ResponseReturnValue:
    """Begin a draft that says what this campaign says."""
    copy = runtime().drafts.copy_of(number, person().name)
    flash(f"This is a copy of campaign {number}. Give it a name of its own.")
    return redirect(url_for(STEPS[0].endpoint, number=copy))


@blueprint.get(EDIT)
def edit(number: int) -> ResponseReturnValue:
    """Go on at the first step that is not done."""
    missing = runtime().drafts.complete(number)
    step = step_of(missing[0].section) if missing else STEPS[-1]
    return redirect(url_for(step.endpoint, number=number))


@blueprint.get(f"{EDIT}/outlook")
def outlook(number: int) -> ResponseReturnValue:
    """What the campaign would do as it is now, for a page that puts it in place of its own."""
    return render_template(
        "console/editor/_outlook.html",
        outlook=runtime().outlooks.of(number),
        campaign={"id": number},
        whole_audience_beside="beside" in request.args,
    )


@blueprint.get("/campaigns/<int:number>/file")
def file(number: int) -> ResponseReturnValue:
    """The campaign as a campaign file with its pictures, in one ZIP archive."""
    body = runtime().campaign_files.zipped(number)
    return send_file(
        io.BytesIO(body), "application/zip", as_attachment=True, download_name=f"campaign-{number}.zip"
    )
