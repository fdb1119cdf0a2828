"""The step "audience" of the editor."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from web.console.editor.frame import EDIT, Editing

blueprint = Blueprint("audience", __name__)


@blueprint.get(f"{EDIT}/audience")
def show(number: int) -> ResponseReturnValue:
    """The step as it is kept."""
    return Editing.of(number, "audience").page("console/editor/step.html")
