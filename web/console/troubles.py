"""Why mails failed, are uncertain or were held back; those concerned; trying again, and settling what is unknown."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue

from campaigns.core.errors import NotFound, Refused
from campaigns.delivery.causes import CAUSES
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.sending.troubles import FAILED, UNCERTAIN, Affected, Pair
from campaigns.models import Role
from web.console.access import requires
from web.console.tables import safe
from web.console.users import person
from web.parts import runtime

blueprint = Blueprint("troubles", __name__)

_COLUMNS = ("customer", "address", "reason", "reply", "at", "attempts")


@blueprint.get("/campaigns/<int:number>/troubles")
def show(number: int) -> ResponseReturnValue:
    """What went wrong, by cause, as it was counted last."""
    here = runtime()
    return render_template(
        "console/troubles.html",
        campaign=_campaign(number),
        troubles=here.troubles.current(number),
        orders=here.retrying.orders(number),
    )


@blueprint.get("/campaigns/<int:number>/troubles/<status>/<cause>")
def affected(number: int, status: str, cause: str) -> ResponseReturnValue:
    """The customers concerned, page by page; `cause` is the key of a cause, or "all"."""
    pairs, title = _meant(number, status, cause)
    page, after = runtime().troubles.affected(number, status, pairs, request.args.get("after", 0, type=int))
    return render_template(
        "console/troubles_affected.html",
        campaign=_campaign(number),
        status=status,
        key=cause,
        cause=CAUSES.get(cause),
        title=title,
        page=page,
        after=after,
    )


@blueprint.get("/campaigns/<int:number>/troubles/<status>/<cause>.csv")
def export(number: int, status: str, cause: str) -> Response:
    """All of them as CSV; addresses can be recognised and not read."""
    pairs, _ = _meant(number, status, cause)
    rows = runtime().troubles.all_affected(number, status, pairs)
    response = Response(stream_with_context(_csv(rows)), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="campaign-{number}-{status}-{cause}.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/campaigns/<int:number>/troubles/retry")
@requires(Role.APPROVER)
def retry(number: int) -> ResponseReturnValue:
    """Have failed mails of the ticked causes tried again."""
    causes = request.form.getlist("cause")
    if not causes:
        raise Refused("nothing was ticked: tick the causes whose mails are to be tried again")
    mails = runtime().retrying.ask(number, causes, person().name)
    flash(f"{mails:,} mails are tried again; each is checked for consent once more.")
    return redirect(url_for("console.progress.show", number=number))


@blueprint.post("/campaigns/<int:number>/troubles/uncertain")
@requires(Role.APPROVER)
def settle(number: int) -> ResponseReturnValue:
    """Send uncertain mails again, or leave them unknown, because a person says so."""
    do, why = request.form.get("do", ""), " ".join(request.form.get("why", "").split())[:200]
    which = [int(one) for one in request.form.getlist("send") if one.isdecimal() and len(one) < 19]
    if not which:
        raise Refused("nothing was ticked: tick the mails that are meant")
    if do == "resend":
        if request.form.get("meant") != "yes":
            raise Refused(
                "whoever did get the first mail gets it twice: tick the box to say that you mean it"
            )
        done = runtime().reconciling.resend(number, which, person().name, why)
        flash(f"{len(done):,} mails are sent again.")
    elif do == "let_be":
        done = runtime().reconciling.let_be(number, which, person().name, why)
        flash(f"{len(done):,} mails are left as they are.")
    else:
        raise NotFound("uncertain mails are sent again or let be")
    return redirect(url_for("console.troubles.show", number=number))


def _campaign(number: int) -> dict[str, Any]:
    with runtime().db.transaction() as session:
        row = get_campaign(session, number)
        return {"id": row.id, "name": row.name, "status": row.status}


def _meant(number: int, status: str, cause: str) -> tuple[list[Pair], str]:
    """The reasons and codes of a cause as they were counted last, and what it is called."""
    troubles = runtime().troubles.current(number)
    if status == FAILED:
        groups = [group for group in troubles.failed if cause in ("all", group.cause.key)]
        title = CAUSES[cause].title if cause in CAUSES else "All that failed"
        pairs = [pair for group in groups for pair in group.pairs]
    elif status == UNCERTAIN and cause == "all":
        pairs, title = list(troubles.uncertain_pairs), "Uncertain"
    else:
        raise NotFound("there is no such list of mails")
    if not pairs:
        raise NotFound("none of this was counted; look at the overview again")
    return pairs, title


def _csv(rows: Iterable[Affected]) -> Iterator[str]:
    yield _line(_COLUMNS)
    for row in rows:
        yield _line((row.external_id, row.address, row.reason, row.reply, row.at.isoformat(), row.attempts))


def _line(values: Iterable[object]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([safe(value) for value in values])
    return buffer.getvalue()
