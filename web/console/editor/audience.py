"""The step "audience": who gets it, what it is about, and who it is from."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, get_template_attribute, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from campaigns.audience.contact import ContactTerms
from campaigns.core.errors import BadInput
from campaigns.flows.describing.draft_sections.audience import FRAME
from campaigns.models import Role
from web.console.access import requires
from web.console.editor.frame import EDIT, Editing, typed, wants_json
from web.console.segment_choices import choices
from web.console.segment_fields import GROUPS
from web.console.segment_form import Group, act, builder_of, read_builder
from web.parts import runtime

blueprint = Blueprint("audience", __name__)

RULES_WRONG = "One of the rules is not complete: look at the line that says so."


def _page(editing: Editing) -> ResponseReturnValue:
    here = runtime()
    tree = _tree(editing.value)
    kept = [(str(row.number), row.name) for row in here.segments.list(False)]
    chosen = editing.value.get("kept", "")
    if chosen and chosen not in dict(kept):
        kept.append((chosen, "the segment chosen before, now archived"))
    return editing.page(
        "console/editor/audience.html",
        tree=tree,
        choices=choices(here, 0),
        rule_groups=GROUPS,
        kept=[("", "Choose…"), *kept],
        look=runtime().outlooks.look(editing.campaign["id"]),
        count_problem="",
    )


@blueprint.get(f"{EDIT}/audience")
def show(number: int) -> ResponseReturnValue:
    """The step as it is kept."""
    return _page(Editing.of(number, "audience"))


@blueprint.post(f"{EDIT}/audience")
@requires(Role.AUTHOR)
def save(number: int) -> ResponseReturnValue:
    """Keep what was typed; a button of the builder changes the rules first."""
    editing = Editing.of(number, "audience")
    tree = read_builder(request.form)
    if not wants_json():
        act(tree, request.form.get("do", ""))
    return editing.save(_value(tree)) or _page(editing)


@blueprint.post(f"{EDIT}/audience/count")
@requires(Role.VIEWER)
def count(number: int) -> ResponseReturnValue:
    """Who it would reach as the form is now, saved or not."""
    value = _value(read_builder(request.form))
    look, problem = None, value.get("rules_problem", "") if value["source"] == "own" else ""
    rules = value["rules"] if value["source"] == "own" else {}
    try:
        if value["source"] == "kept" and value["kept"].isdecimal():
            rules = runtime().segments.get(int(value["kept"])).rules
        if not problem:
            terms = ContactTerms(number, value["topic"], value["kind"] or "marketing")
            look = runtime().segment_counts.look(rules, terms)
    except BadInput as error:
        problem = error.message
    draw = get_template_attribute("console/_segment_builder.html", "count_panel")
    return str(draw(look, problem))


def _value(tree: Group) -> dict[str, Any]:
    value = typed(request.form, *FRAME, "source", "kept")
    # The builder's own fields are kept as well: a line that is not complete is shown again as it was typed.
    value["rules_form"] = _fields(tree)
    try:
        value["rules"] = tree.rules()
    except BadInput:
        value["rules"], value["rules_problem"] = {}, RULES_WRONG
    return value


def _tree(value: dict[str, Any]) -> Group:
    """The builder as it was typed, with what is wrong beside each line; else as the campaign's rules say."""
    if "rules_form" not in value:
        return builder_of(value.get("rules") or {})
    tree = read_builder(
        MultiDict((name, text) for name, texts in value["rules_form"].items() for text in texts)
    )
    if value.get("source") == "own":
        try:
            tree.rules()
        except BadInput:
            return tree
    return tree


def _fields(tree: Group) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for node, part in tree.all_parts():
        if isinstance(part, Group):
            fields[f"{node}:match"] = [part.match]
            continue
        fields[f"{node}:rule"], fields[f"{node}:is"] = [part.rule], ["no" if part.turned else "yes"]
        fields.update({f"{node}:v.{key}": texts for key, texts in part.typed.items()})
    return fields
