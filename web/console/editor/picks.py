"""The step "picks" of the editor."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from web.console.editor.frame import EDIT, Editing

blueprint = Blueprint("picks", __name__)


@blueprint.get(f"{EDIT}/picks")
def show(number: int) -> ResponseReturnValue:
    """The step as it is kept."""
    return Editing.of(number, "picks").page("console/editor/step.html")
