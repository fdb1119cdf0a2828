"""Where the preflight's page was: it is part of the last step of the editor now."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

blueprint = Blueprint("preflight", __name__)


@blueprint.get("/campaigns/<int:number>/preflight")
def preflight(number: int) -> ResponseReturnValue:
    """To the step that checks the campaign."""
    return redirect(url_for("console.editor.check.show", number=number) + "#preflight")
