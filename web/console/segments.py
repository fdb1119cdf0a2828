"""Segments: the list, the builder with its counts, and why a customer is in one or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, flash, get_template_attribute, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.core.errors import BadInput, Conflict, NotFound, TellThePerson
from campaigns.flows.customers.segment_counts import SegmentLook
from campaigns.flows.customers.segments import SegmentView, WhyCustomer
from campaigns.models import Role
from web.console.access import requires
from web.console.segment_choices import choices
from web.console.segment_fields import GROUPS
from web.console.segment_form import MATCHES, Group, Row, act, builder_of, read_builder
from web.console.users import person
from web.limits import limited
from web.parts import runtime

blueprint = Blueprint("segments", __name__, url_prefix="/segments")

COUNT_LIMIT = "240 per minute"
_FRAGMENTS = "console/_segment_builder.html"


@dataclass
class _Page:
    """What is shown of a segment that is being made or changed."""

    tree: Group
    name: str = ""
    kept: SegmentView | None = None
    revision: int = 0
    problem: str = ""
    at: str = ""
    look: SegmentLook | None = None
    count_note: str = ""
    why: WhyCustomer | None = None
    who: str = ""
    newer: SegmentView | None = None

    def render(self, status: int = 200) -> ResponseReturnValue:
        """As a page."""
        but = self.kept.number if self.kept else 0
        page = render_template(
            "console/segment.html",
            page=self,
            choices=choices(runtime(), but),
            rule_groups=GROUPS,
            may_change=person().may(Role.AUTHOR),
        )
        return page, status

    def count(self) -> None:
        """Who is in it, as far as its rules can be read."""
        rules, missing = self.tree.ready_rules()
        if missing:
            one = missing == 1
            self.count_note = f"{'One rule is' if one else f'{missing} rules are'} not ready yet and left out of this count."
        try:
            self.look = runtime().segment_counts.look(rules or {})
        except BadInput as error:
            self.count_note = _in_words(error, Group())


@blueprint.record_once
def _install(state: Any) -> None:
    app: Flask = state.app
    app.add_template_filter(lambda node: node.replace(".", "-"), "node_id")
    app.add_template_global(MATCHES, "SEGMENT_MATCHES")  # type: ignore[arg-type]


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """All segments, or those that were put away."""
    archived = request.args.get("archived") == "1"
    return render_template(
        "console/segments.html",
        rows=runtime().segments.list(archived),
        archived=archived,
        may_change=person().may(Role.AUTHOR),
    )


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """A new segment."""
    page = _Page(Group("all", [Row()]))
    page.look = runtime().segment_counts.look({})
    return page.render()


@blueprint.post("/new")
@requires(Role.AUTHOR)
def create() -> ResponseReturnValue:
    """Keep a new segment, or do what a button of the builder asks for."""
    page = _typed(None)
    if _worked_on(page):
        return page.render()
    try:
        number = runtime().segments.create(page.name, page.tree.rules(), person().name)
    except TellThePerson as error:
        return _refused(page, error)
    flash("Saved.")
    return redirect(url_for("console.segments.show", number=number))


@blueprint.get("/<int:number>")
def show(number: int) -> ResponseReturnValue:
    """One segment: its rules, and who is in it now."""
    kept = runtime().segments.get(number)
    page = _Page(builder_of(kept.rules), kept.name, kept, kept.revision)
    page.count()
    return page.render()


@blueprint.post("/<int:number>")
@requires(Role.AUTHOR)
def change(number: int) -> ResponseReturnValue:
    """Save a segment, or do what a button of the builder asks for."""
    page = _typed(runtime().segments.get(number))
    if _worked_on(page):
        return page.render()
    try:
        runtime().segments.change(number, page.revision, page.name, page.tree.rules(), person().name)
    except Conflict as error:
        newer = runtime().segments.get(number)
        if newer.revision != page.revision:
            page.newer, page.revision = newer, newer.revision
        return _refused(page, error)
    except TellThePerson as error:
        return _refused(page, error)
    flash("Saved.")
    return redirect(url_for("console.segments.show", number=number))


@blueprint.post("/<int:number>/<any(copy, archive, restore):what>")
@requires(Role.AUTHOR)
def act_on(number: int, what: str) -> ResponseReturnValue:
    """Copy it, put it away, or fetch it back."""
    segments, by = runtime().segments, person().name
    if what == "copy":
        number = segments.copy(number, by)
        flash("This is the copy. Give it a name of its own.")
        return redirect(url_for("console.segments.show", number=number))
    if what == "archive":
        segments.archive(number, by)
        flash("Archived. Campaigns that use it go on as they are.")
    else:
        segments.restore(number, by)
        flash("It is back among the segments.")
    return redirect(url_for("console.segments.index"))


@blueprint.post("/why")
@requires(Role.VIEWER)
def why() -> ResponseReturnValue:
    """Why a customer is in it or not. The number comes by POST, so that it is in nobody's history."""
    number = request.form.get("number", type=int)
    page = _typed(runtime().segments.get(number) if number else None)
    page.who = request.form.get("who", "").strip()
    try:
        page.why = runtime().segments.why(page.tree.rules(), page.who)
    except NotFound:
        page.problem, page.at = (
            "No customer has this number. Look at the shop's own number of the customer.",
            "who",
        )
    except BadInput as error:
        page.problem = _in_words(error, page.tree)
    page.count()
    return page.render()


@blueprint.post("/builder")
@requires(Role.VIEWER)
def builder() -> ResponseReturnValue:
    """The fields after a button of the builder, for a page that puts them in place of its own."""
    tree = read_builder(request.form)
    act(tree, request.form.get("do", ""))
    number = request.form.get("number", type=int) or 0
    draw = get_template_attribute(_FRAGMENTS, "segment_builder")
    return str(draw(tree, choices(runtime(), number), GROUPS))


@blueprint.post("/count")
@requires(Role.VIEWER)
@limited(COUNT_LIMIT)
def count() -> ResponseReturnValue:
    """How many fit what is typed now, for a page that puts it in place of its own."""
    page = _Page(read_builder(request.form))
    page.count()
    draw = get_template_attribute(_FRAGMENTS, "count_panel")
    return str(draw(page.look, page.count_note))


@blueprint.get("/count/<digest>")
def counted(digest: str) -> ResponseReturnValue:
    """The exact count once it is there; 204 while it is not."""
    look = runtime().segment_counts.kept(digest)
    if look is None or look.waiting:
        return "", 204
    if look.failed:
        return "", 404
    return str(get_template_attribute(_FRAGMENTS, "count_panel")(look))


def _typed(kept: SegmentView | None) -> _Page:
    revision = request.form.get("revision", type=int) or 0
    return _Page(read_builder(request.form), request.form.get("name", ""), kept, revision)


def _worked_on(page: _Page) -> bool:
    """Whether a button other than Save was pressed; the page is then shown again."""
    do = request.form.get("do", "save")
    if do == "save":
        return False
    act(page.tree, do)
    page.count()
    return True


def _refused(page: _Page, error: TellThePerson) -> ResponseReturnValue:
    if isinstance(error, BadInput):
        page.problem, page.at = _in_words(error, page.tree), error.where
    else:
        page.problem, page.at = error.message, "name" if "named" in error.message else ""
    page.count()
    return page.render(409 if isinstance(error, Conflict) else 400)


def _in_words(error: BadInput, tree: Group) -> str:
    """What is wrong, without the paths of JSON."""
    if error.where == "name":
        return f"The name {error.message.removeprefix('name: ')}."
    if tree.problems():
        several = len(tree.problems())
        return "One rule is not ready yet." if several == 1 else f"{several} rules are not ready yet."
    words = error.message.removeprefix(f"{error.where}: ")
    return f"{words[:1].upper()}{words[1:]}."
