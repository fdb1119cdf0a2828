"""The step "check" of the editor: what is still open, the preflight, test mails, and the approval.

No page runs a preflight or hands a mail over: both are asked for here and done by a worker.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.core.errors import NotAllowed, TellThePerson
from campaigns.flows.describing.four_eyes import refuse_own_approval
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.previewing.scenes import Scene
from campaigns.flows.previewing.test_mails import MOST_ADDRESSES
from campaigns.models import CampaignStatus, Role
from campaigns.opentime.weather.weather import Condition
from web.console.access import requires
from web.console.editor.frame import EDIT, Editing
from web.console.editor.steps import STEPS
from web.console.samples import sample_customers
from web.console.users import person
from web.errors import answer_for
from web.parts import runtime

blueprint = Blueprint("check", __name__)

_WEATHERS = tuple(sky.value for sky in Condition)
_BEFORE = (CampaignStatus.DRAFT, CampaignStatus.APPROVED, CampaignStatus.SCHEDULED)


@blueprint.get(f"{EDIT}/check")
def show(number: int) -> ResponseReturnValue:
    """What is open, what the last preflight found, and the test mails."""
    return _page(number)


@blueprint.get(f"{EDIT}/check.json")
def waiting(number: int) -> ResponseReturnValue:
    """Whether a worker still has something to do for this page: it asks every second, and shows itself anew then."""
    with runtime().db.transaction() as session:
        status = get_campaign(session, number).status
    tests = [[mail.id, mail.state, mail.answer] for mail in runtime().test_mails.listed(number)]
    kept = runtime().preflights.kept(number)
    return jsonify(
        status=status,
        waits=runtime().preflights.waits(number) or runtime().test_mails.waits(number),
        seen=[kept.at.isoformat() if kept else "", tests],
    )


@blueprint.post(f"{EDIT}/check/preflight")
@requires(Role.AUTHOR)
def run_preflight(number: int) -> ResponseReturnValue:
    """Have a preflight run."""
    runtime().preflights.ask(number, person().name)
    return redirect(url_for(".show", number=number) + "#preflight")


@blueprint.post(f"{EDIT}/check/test-mails")
@requires(Role.AUTHOR)
def send_tests(number: int) -> ResponseReturnValue:
    """Have test mails sent; what cannot be is said beside what was typed, and nothing is sent then."""
    typed = {
        name: request.form.get(name, "").strip()[:4000]
        for name in ("addresses", "customer", "other", "weather")
    }
    customer = typed["other"] or typed["customer"]
    addresses = re.split(r"[\s,;]+", typed["addresses"])
    try:
        scene = Scene.of("", typed["weather"], "", "")
        scene.sky()
        asked = runtime().test_mails.ask(number, customer, addresses, person().name, scene)
    except TellThePerson as error:
        return _page(number, typed, error)
    flash("The test mail is on its way." if len(asked) == 1 else f"{len(asked)} test mails are on their way.")
    return redirect(url_for(".show", number=number) + "#tests")


@blueprint.post(f"{EDIT}/check/approve")
@requires(Role.APPROVER)
def approve(number: int) -> ResponseReturnValue:
    """Approve the campaign as it is; what stands in the way is said on the page."""
    try:
        runtime().campaigns.approve(number, person().name)
    except TellThePerson as error:
        return _page(number, problem=error)
    flash("Approved.")
    return redirect(url_for(".show", number=number) + "#go")


def _page(
    number: int, typed: Mapping[str, str] | None = None, problem: TellThePerson | None = None
) -> ResponseReturnValue:
    here = runtime()
    editing = Editing.of(number, "check")
    tests = here.test_mails
    # A draft may have no audience yet.
    readable = not any(missing.section == "audience" for missing in editing.missing)
    samples = sample_customers(here, number) if readable and person().may(Role.AUTHOR) else []
    known = {sample.external_id for sample in samples}
    # A preview leads here with whom and what it shows.
    named, weather = (request.args.get(name, "")[:200] for name in ("customer", "weather"))
    usual = {
        "addresses": "\n".join(tests.kept_addresses(number)),
        "customer": named if named in known else "",
        "other": named if named not in known else "",
        "weather": weather,
    }
    page = editing.page(
        "console/editor/check.html",
        open_steps=_open_steps(editing),
        kept=here.preflights.kept(number),
        preflight_waits=here.preflights.waits(number),
        before=editing.campaign["status"] in _BEFORE,
        tests=tests.listed(number),
        samples=samples,
        weathers=_WEATHERS,
        most_addresses=MOST_ADDRESSES,
        typed={**usual, **(typed or {})},
        tests_problem=problem.message if problem and typed else "",
        problem=problem.message if problem and not typed else "",
        four_eyes=_second_person(number),
        scheduled_at=_scheduled_at(number),
        may_author=person().may(Role.AUTHOR),
        may_approve=person().may(Role.APPROVER),
    )
    if problem is not None:
        page.status_code = answer_for(problem).status  # type: ignore[union-attr]
    return page


def _open_steps(editing: Editing) -> list[dict[str, Any]]:
    """Each step before this one, with what it still needs."""
    return [
        {
            "step": step,
            "url": url_for(step.endpoint, number=editing.campaign["id"]),
            "missing": [one for one in editing.missing if one.section == step.name],
        }
        for step in STEPS
        if step.name != "check"
    ]


def _second_person(number: int) -> str:
    """Why whoever is signed in may not approve it alone; empty where they may, or the setting does not ask."""
    if not runtime().settings.four_eyes:
        return ""
    with runtime().db.transaction() as session:
        try:
            refuse_own_approval(session, get_campaign(session, number), person().name)
        except NotAllowed as error:
            return error.message
    return ""


def _scheduled_at(number: int) -> Any:
    with runtime().db.transaction() as session:
        return get_campaign(session, number).scheduled_at
