"""The step "brief": what the mails are to say, kept briefs, and samples of the words."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, request
from flask.typing import ResponseReturnValue

from campaigns.copywriting.brief import ANY_LANGUAGE, MOST_MENTIONS, stored_brief
from campaigns.copywriting.languages import SUPPORTED
from campaigns.copywriting.lengths import LONGEST, SHORTEST
from campaigns.core.errors import BadInput, NotFound, TellThePerson
from campaigns.flows.describing.briefs import parse_reference
from campaigns.flows.describing.draft_sections.brief_fields import fields_of
from campaigns.flows.describing.plans import get_campaign
from campaigns.models import Role
from web.console.access import requires
from web.console.editor.frame import EDIT, Editing, typed
from web.console.users import person
from web.parts import runtime

blueprint = Blueprint("brief", __name__)

LANGUAGES = (("en", "English"), ("de", "German"), ("fr", "French"), ("es", "Spanish"))
_FIELDS = (
    *("source", "kept", "goal", "cta_url", "catalogue_language", "tone", "good", "bad", "prefer", "avoid"),
    *("reading_level", "emoji", "exclamations", "granularity", "mode", "variants", "max_calls", "max_tokens"),
    *("max_cost", "max_minutes", "fallback_limit", "seed", "approve_samples"),
    *("offer", "offer_percent", "offer_amount", "offer_currency", "offer_code", "offer_starts", "offer_ends"),
    *("offer_conditions", f"banned_{ANY_LANGUAGE}"),
    *(f"{name}_{code}" for name in ("cta", "banned") for code in SUPPORTED),
    *(f"mention_{n}_{code}" for n in range(MOST_MENTIONS) for code in SUPPORTED),
    *(f"length_{name}" for name in LONGEST),
)


def _page(editing: Editing) -> ResponseReturnValue:
    here = runtime()
    number = editing.campaign["id"]
    kept = [
        (f"{row.name}@{row.version}", f"{row.name}, version {row.version}: {row.brief.goal[:60]}")
        for row in here.briefs.list()
    ]
    chosen = editing.value.get("kept", "")
    if chosen and chosen not in dict(kept):
        kept.append((chosen, f"{chosen}, an older version"))
    samples = here.copy_samples.shown(number)
    return editing.page(
        "console/editor/brief.html",
        kept=[("", "Choose…"), *kept],
        languages=LANGUAGES,
        mentions=range(MOST_MENTIONS),
        lengths=[(name, SHORTEST[name], LONGEST[name]) for name in LONGEST],
        samples=samples,
        being_written=here.copy_samples.waiting(number),
        uses_model=here.settings.uses_model,
        currency=here.settings.llm_currency,
    )


@blueprint.get(f"{EDIT}/brief")
def show(number: int) -> ResponseReturnValue:
    """The step as it is kept."""
    return _page(Editing.of(number, "brief"))


@blueprint.post(f"{EDIT}/brief")
@requires(Role.AUTHOR)
def save(number: int) -> ResponseReturnValue:
    """Keep what was typed; buttons take over a kept brief, keep this one, or order samples."""
    editing = Editing.of(number, "brief")
    value = _value()
    do = request.form.get("do", "")
    if do == "take":
        _take(value)
    saved = editing.save(value, {"samples": "samples", "keep": "keep"}.get(do, ""))
    if saved is not None and do == "keep":
        _keep(number)
    if saved is not None and do == "samples":
        _order_samples(number)
    return saved or _page(editing)


def _value() -> dict[str, Any]:
    value = typed(request.form, *_FIELDS)
    value["languages"] = request.form.getlist("languages")
    return value


def _take(value: dict[str, Any]) -> None:
    """Fill the fields from the kept brief that is chosen, to go on from there."""
    try:
        name, version = parse_reference(value["kept"])
        value.update(fields_of(runtime().briefs.get(name, version).brief), source="own", kept="")
    except (BadInput, NotFound):
        flash("Choose a brief first.")


def _keep(number: int) -> None:
    """Keep the campaign's brief under a name, for campaigns to come."""
    here = runtime()
    with here.db.transaction() as session:
        brief = get_campaign(session, number).brief
    if not brief or here.drafts.look(number, "brief").problems:
        flash("Not kept: the brief is not complete yet. What you typed is here.")
        return
    name = request.form.get("keep_name", "").strip()
    try:
        version, is_new = here.briefs.save(name, stored_brief(brief).as_json(), person().name)
    except TellThePerson as error:
        flash(f"Not kept: {error.message}")
        return
    flash(f"Kept as {name}, version {version}." if is_new else f"{name} says just this already.")


def _order_samples(number: int) -> None:
    here = runtime()
    missing = [
        one
        for one in here.drafts.complete(number)
        if one.section in ("audience", "picks", "brief", "template")
    ]
    if missing:
        flash(f"No samples yet: {missing[0].section} is not complete.")
        return
    here.copy_samples.ask(number)
    flash("The samples are being written.")
