"""The step "brief" of the editor."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from web.console.editor.frame import EDIT, Editing

blueprint = Blueprint("brief", __name__)


@blueprint.get(f"{EDIT}/brief")
def show(number: int) -> ResponseReturnValue:
    """The step as it is kept."""
    return Editing.of(number, "brief").page("console/editor/step.html")
