"""The step "schedule" of the editor."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from web.console.editor.frame import EDIT, Editing

blueprint = Blueprint("schedule", __name__)


@blueprint.get(f"{EDIT}/schedule")
def show(number: int) -> ResponseReturnValue:
    """The step as it is kept."""
    return Editing.of(number, "schedule").page("console/editor/step.html")
