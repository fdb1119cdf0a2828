"""The step "experiment" of the editor."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from web.console.editor.frame import EDIT, Editing

blueprint = Blueprint("experiment", __name__)


@blueprint.get(f"{EDIT}/experiment")
def show(number: int) -> ResponseReturnValue:
    """The step as it is kept."""
    return Editing.of(number, "experiment").page("console/editor/step.html")
