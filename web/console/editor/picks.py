"""The step "picks": how many products, by which rules, and products looked up by number or title."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from campaigns.flows.describing.draft_sections.picks import MOST_FAVOURS, NAMED, listed_in
from campaigns.flows.describing.plans import get_campaign
from campaigns.models import Role
from campaigns.recommend.looking_up import find_products, products_named
from campaigns.recommend.rules_file import PickingTerms, rules_of
from campaigns.recommend.rules_words import rules_in_words
from web.console.access import requires
from web.console.editor.frame import EDIT, Editing, typed
from web.parts import runtime

blueprint = Blueprint("picks", __name__)

_FIELDS = (
    *("picks", "buy_again", "popularity", "per_category", "per_brand", "likeness", "fresh", "bought_days"),
    *(
        "price_low",
        "price_high",
        "never_together",
        "durable",
        "durable_days",
        "pinned",
        "margin",
        "clear_stock",
    ),
    *(f"never_{kind}" for kind in NAMED),
    *("stand_in_choose", "stand_in_price", "stand_in_otherwise", "instead"),
)
# The dial between the back catalogue and the best-sellers, in words.
_DIAL = {
    "": "as the shop has it",
    "0": "the back catalogue",
    "0.25": "rather what few know",
    "0.5": "as the customer's taste says",
    "0.75": "rather what many buy",
    "1": "what most customers buy",
}
_ONTO = {"pin": "pinned", "never": "never_skus"}
# What looks a product up for the list of stand-ins: another field, and another place of the page.
_SELLS_OUT, _STANDS_IN, _FIND_ONE = "sells-out", "stands-in", "find-stand-in"


def _page(editing: Editing) -> ResponseReturnValue:
    here, find = runtime(), request.args.get("find", "").strip()[:100]
    find_one = request.args.get("find_stand_in", "").strip()[:100]
    instead = [listed_in(line) for line in editing.value.get("instead", "").splitlines() if line.strip()]
    with here.db.transaction() as session:
        hits = find_products(session, find) if find else []
        stand_ins = find_products(session, find_one) if find_one else []
        named = dict.fromkeys(one for sku, others in instead for one in (sku, *others))
        titles = {hit.sku: hit.title for hit in products_named(session, list(named))}
        pinned = products_named(session, editing.value.get("pinned", "").split())
    return editing.page(
        "console/editor/picks.html",
        find=find,
        hits=hits,
        pinned=pinned,
        find_stand_in=find_one,
        stand_ins=stand_ins,
        instead=instead,
        titles=titles,
        favours=_favours(editing.value),
        words=_words(editing),
        dial=list(
            {editing.value.get("popularity", ""): editing.value.get("popularity", ""), **_DIAL}.items()
        ),
    )


@blueprint.get(f"{EDIT}/picks")
def show(number: int) -> ResponseReturnValue:
    """The step as it is kept."""
    return _page(Editing.of(number, "picks"))


@blueprint.post(f"{EDIT}/picks")
@requires(Role.AUTHOR)
def save(number: int) -> ResponseReturnValue:
    """Keep what was typed; buttons look a product up, pin it, or keep it out."""
    editing = Editing.of(number, "picks")
    value = typed(request.form, *_FIELDS)
    value["favour"] = [
        {name: request.form.get(f"favour.{n}.{name}", "").strip() for name in ("weight", *NAMED)}
        for n in range(MOST_FAVOURS)
        if any(request.form.get(f"favour.{n}.{name}", "").strip() for name in ("weight", *NAMED))
    ]
    verb, _, sku = request.form.get("do", "").partition(":")
    if verb in _ONTO and sku:
        field = _ONTO[verb]
        value[field] = f"{value[field]}\n{sku}".strip()
    if verb in (_SELLS_OUT, _STANDS_IN, _FIND_ONE):
        value["instead"] = _listed(value["instead"], verb, sku)
        find = request.form.get("find_stand_in", "").strip()
        looked_up = {"find_stand_in": find} if find else {}
        return editing.save(value, "stand-ins", **looked_up) or _page(editing)
    find = request.form.get("find", "").strip()
    looked_up = {"find": find} if verb and find else {}
    return editing.save(value, "find" if verb else "", **looked_up) or _page(editing)


def _listed(lines: str, verb: str, sku: str) -> str:
    """The list with a line for what sells out, or with one more stand-in in its last line."""
    if not sku or verb == _FIND_ONE:
        return lines
    if verb == _SELLS_OUT or not lines:
        return f"{lines}\n{sku}:".strip()
    return f"{lines}{' ' if lines.endswith((':', ',')) else ', '}{sku}"


def _favours(value: dict[str, Any]) -> list[dict[str, str]]:
    given = list(value.get("favour") or [])
    # One more row than there are, up to as many as there may be.
    return [*given, {}][:MOST_FAVOURS]


def _words(editing: Editing) -> list[str]:
    """The rules in force, as the campaign has them."""
    here = runtime()
    with here.db.transaction() as session:
        picking = get_campaign(session, editing.campaign["id"]).picking
    return rules_in_words(rules_of(here.shop_terms, PickingTerms.from_json(picking)))
