"""What is wrong with a campaign's mails, before anybody approves it."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from web.parts import runtime

blueprint = Blueprint("preflight", __name__)


@blueprint.get("/campaigns/<int:number>/preflight")
def preflight(number: int) -> ResponseReturnValue:
    """Write the mails of a few people and list what was found; takes some seconds and changes nothing."""
    here = runtime()
    return render_template(
        "console/preflight.html",
        campaign=here.campaigns.show(number),
        report=here.preflight.run(number),
    )
