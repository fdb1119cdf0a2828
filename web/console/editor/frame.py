"""What all steps of the editor share: the page around the fields, and saving what was typed.

A step's module looks like this:

    blueprint = Blueprint("picks", __name__)

    def _page(editing: Editing) -> ResponseReturnValue:
        return editing.page("console/editor/picks.html", whatever_else=...)

    @blueprint.get(f"{EDIT}/picks")
    def show(number: int) -> ResponseReturnValue:
        return _page(Editing.of(number, "picks"))

    @blueprint.post(f"{EDIT}/picks")
    @requires(Role.AUTHOR)
    def save(number: int) -> ResponseReturnValue:
        editing = Editing.of(number, "picks")
        return editing.save(typed(request.form, "number", "least_price")) or _page(editing)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import jsonify, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from campaigns.flows.describing.drafts import DraftSection, EditedMeanwhile, Missing, Saved
from campaigns.flows.describing.plans import get_campaign
from campaigns.models import CampaignStatus, Role
from web.console.editor.steps import STEPS, Step, after, step_of
from web.console.users import person
from web.parts import runtime

EDIT = "/campaigns/<int:number>/edit"
VERSION = "version"
"""The hidden field that says which version of the step the person was shown."""


@dataclass
class Editing:
    """One step of one campaign, as a person has it on the screen.

    `campaign` has id, name and status; `draft` is what stands in the fields; `theirs` is what somebody else saved
    meanwhile, in which case `draft` is still what this person typed.
    """

    campaign: dict[str, Any]
    step: Step
    draft: DraftSection
    missing: list[Missing]
    theirs: DraftSection | None = None
    problems: dict[str, str] = field(init=False)
    told: dict[str, Any] = field(default_factory=dict)
    """What a page that saves by itself is told beside what became of the save."""

    def __post_init__(self) -> None:
        self.problems = {}
        for problem in self.draft.problems:
            known = self.problems.get(problem.field)
            self.problems[problem.field] = f"{known} {problem.message}" if known else problem.message

    @classmethod
    def of(cls, number: int, name: str) -> Editing:
        """The step as it is kept.

        Raises:
            NotFound: there is no campaign of this number.
        """
        here = runtime()
        with here.db.transaction() as session:
            row = get_campaign(session, number)
            campaign = {"id": row.id, "name": row.name, "status": row.status}
            missing = here.drafts.missing(session, row)
        known = name in here.draft_sections
        draft = here.drafts.look(number, name) if known else DraftSection(name, {})
        return cls(campaign, step_of(name), draft, missing)

    @property
    def value(self) -> dict[str, Any]:
        """What stands in the fields."""
        return self.draft.value

    @property
    def may_edit(self) -> bool:
        """Whether this person may change it now."""
        return self.campaign["status"] == CampaignStatus.DRAFT and person().may(Role.AUTHOR)

    def page(self, template: str, **context: Any) -> ResponseReturnValue:
        """The step's page."""
        html = render_template(
            template,
            editing=self,
            campaign=self.campaign,
            path=self._path(),
            step=self.step,
            outlook=runtime().outlooks.of(self.campaign["id"]),
            **context,
        )
        response = make_response(html)
        response.status_code = 409 if self.theirs else 200
        return response

    def save(self, value: dict[str, Any], anchor: str = "", **query: Any) -> ResponseReturnValue | None:
        """Keep what was typed, and say where to go on; None: show the page again, somebody else was faster.

        A button that stays goes back to `anchor` on the same page, with `query` in its address.

        What has faults is kept as well, and the page says so when it is shown again. A page that saves as one
        types gets JSON.

        Raises:
            Refused: the campaign is no draft any more.
        """
        try:
            saved = self.keep(value)
        except EditedMeanwhile as error:
            if wants_json():
                return _overtaken(error), 409
            # Saving once more, now knowing of the other version, overwrites it.
            self.theirs = error.theirs
            self.draft = replace(error.theirs, value=value, problems=())
            self.problems = {}
            return None
        if wants_json():
            return _told(saved, self.told)
        onward = after(self.step.name) if request.form.get("then") == "next" and not saved.problems else None
        if onward is not None:
            return redirect(url_for(onward.endpoint, number=self.campaign["id"], _anchor="main"))
        # Always with an anchor: a browser would keep the one of the page before.
        anchor = anchor or ("faults" if saved.problems else "saved")
        return redirect(url_for(self.step.endpoint, number=self.campaign["id"], _anchor=anchor, **query))

    def keep(self, value: dict[str, Any]) -> Saved:
        """Keep what was typed, for a step that answers by itself.

        Raises:
            EditedMeanwhile: somebody else was faster.
            Refused: the campaign is no draft any more.
        """
        shown = request.form.get(VERSION, type=int)
        return runtime().drafts.save(self.campaign["id"], self.step.name, value, person().name, shown)

    def _path(self) -> list[dict[str, Any]]:
        """The steps with how they stand: done, or how many things are open."""
        still = {step.name: sum(m.section == step.name for m in self.missing) for step in STEPS}
        return [
            {
                "step": step,
                "here": step is self.step,
                "open": still[step.name],
                "url": url_for(step.endpoint, number=self.campaign["id"]),
            }
            for step in STEPS
        ]


def typed(form: MultiDict[str, str], *names: str) -> dict[str, Any]:
    """These fields as they were typed; "" for one that was not sent."""
    return {name: form.get(name, "").strip() for name in names}


def wants_json() -> bool:
    """Whether this is a page that saves by itself while somebody types."""
    return request.headers.get("X-Saving") == "as-typed"


def _told(saved: Saved, more: Mapping[str, Any]) -> ResponseReturnValue:
    return jsonify(
        version=saved.version,
        at=saved.at.isoformat(),
        problems=[problem.to_json() for problem in saved.problems],
        **more,
    )


def _overtaken(error: EditedMeanwhile) -> Mapping[str, Any]:
    theirs = error.theirs
    return {"by": theirs.by, "at": theirs.at.isoformat() if theirs.at else None, "error": error.message}
