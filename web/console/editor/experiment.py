"""The step "experiment": what is tried out, on whom, and what it takes to tell something."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from campaigns.compose.template_list import installed_templates
from campaigns.core.errors import BadInput
from campaigns.flows.describing.draft_sections.experiment import KEPT, only_choices
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.reports.experiment_waves import terms_of
from campaigns.flows.reports.experiments import SizeHelp
from campaigns.insight.experiment_terms import MOST_ARMS, ExperimentTerms
from campaigns.models import Campaign, Role
from web.console.access import requires
from web.console.editor.frame import EDIT, Editing, typed
from web.console.experiment_tables import value_words
from web.parts import runtime

blueprint = Blueprint("experiment", __name__)

_FIELDS = (
    *("factor", "holdout", "test_share", "floor", "most_loss", "window_hours", "wave_hours", "waves"),
    *("least_mails", "method", "goal", "decide"),
)
_ARM = ("name", "weight", "value")
_LEAST_SHOWN = 2
FACTORS = (
    ("", "Nothing: everybody gets the same"),
    ("none", "Only a holdout: some get no mail, to tell what the mails bring"),
    ("subject", "The subject"),
    ("slot", "The picture of a slot"),
    ("picks", "How products are picked"),
    ("copy", "Who writes the words"),
    ("template", "The template"),
    ("time", "The hour of sending"),
)
_PICKS = (
    ({"strategy": "best_sellers"}, "Best-sellers, the same for everybody"),
    ({"popularity": 1.0}, "Rather what most customers buy"),
    ({"popularity": 0.25}, "Rather what few know"),
    ({"buy_again": 0.25}, "A quarter of them bought before"),
)
_COPY = [("offline", "The offline writer"), ("model", "The language model")]


def _page(editing: Editing) -> ResponseReturnValue:
    here, number = runtime(), editing.campaign["id"]
    with here.db.transaction() as session:
        campaign = get_campaign(session, number)
        terms, choices = terms_of(campaign), _choices(campaign, editing.value)
    factor = editing.value.get("factor", "")
    arms = list(editing.value.get("arms") or [])
    shown = [*arms, *({} for _ in range(max(1, _LEAST_SHOWN - len(arms))))][:MOST_ARMS]
    return editing.page(
        "console/editor/experiment.html",
        factors=FACTORS,
        factor=factor,
        arms=shown,
        choices=choices,
        terms=terms,
        size=_size(number, terms),
        effect=_percent("effect", 20),
        with_arms=factor not in ("", "none"),
    )


@blueprint.get(f"{EDIT}/experiment")
def show(number: int) -> ResponseReturnValue:
    """The step as it is kept."""
    return _page(Editing.of(number, "experiment"))


@blueprint.post(f"{EDIT}/experiment")
@requires(Role.AUTHOR)
def save(number: int) -> ResponseReturnValue:
    """Keep what was typed."""
    editing = Editing.of(number, "experiment")
    value = typed(request.form, *_FIELDS)
    rows = [
        {name: request.form.get(f"arm.{n}.{name}", "").strip() for name in _ARM} for n in range(MOST_ARMS)
    ]
    if value["factor"] != editing.value.get("factor", ""):
        rows = [{**row, "value": ""} for row in rows]  # they were about something else
    value["arms"] = [row for row in rows if row["name"] or row["value"]]
    return editing.save(value) or _page(editing)


def _choices(campaign: Campaign, value: dict[str, Any]) -> list[tuple[str, str]]:
    """What an arm may be, where it is chosen and not typed."""
    factor = value.get("factor", "")
    if factor == "copy":
        return _COPY
    if factor == "template":
        others = [(one.folder, one.name) for one in installed_templates() if one.folder != campaign.template]
        return [("", "As the campaign has it"), *others]
    if factor == "picks":
        known = {json.dumps(terms, sort_keys=True): words for terms, words in _PICKS}
        for row in value.get("arms") or []:
            if row.get("value") and row["value"] not in known:
                known[row["value"]] = _words_of(row["value"])
        return [("", "As the campaign has it"), *known.items()]
    if factor == "slot":
        found = [
            (text, f"{text.partition(':')[0]}: always “{text.partition(':')[2]}”")
            for text, _ in only_choices(campaign)
        ]
        kept = [row["value"] for row in value.get("arms") or [] if str(row.get("value", "")).startswith(KEPT)]
        return [
            ("", "As the campaign has it"),
            *found,
            *((text, "A slot of its own, from a file") for text in kept),
        ]
    return []


def _words_of(text: str) -> str:
    try:
        return value_words("picks", json.loads(text))
    except ValueError:
        return text


def _size(number: int, terms: ExperimentTerms | None) -> SizeHelp | None:
    if terms is None or not terms.arms:
        return None
    try:
        return runtime().experiments.size_help(number, terms, _percent("effect", 20) / 100)
    except BadInput:
        return None


def _percent(name: str, otherwise: float) -> float:
    """A number of percent from the page's address."""
    value = request.args.get(name, otherwise, type=float) or otherwise
    return min(max(value, 1.0), 500.0)
