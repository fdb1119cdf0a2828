"""The step "picks": how many products, and by which rules they are picked."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from campaigns.flows.describing.draft_sections.reading import Typed, fault_words, shown
from campaigns.flows.describing.draft_sections.section import Problem, Problems
from campaigns.models import Campaign
from campaigns.opentime.slots.slots import SlotDefinition
from campaigns.recommend.rules_check import term_faults
from campaigns.recommend.rules_file import PickingTerms, ShopTerms

MOST_PICKS = 12
MOST_FAVOURS = 5
NAMED = ("skus", "categories", "brands", "tags")
_SHARES = ("buy_again", "popularity", "margin", "clear_stock")
_WHOLE = {"per_category": 50, "per_brand": 50}
_DAYS = ("bought_days", "durable_days")
# The field of the form by the beginning of a field of the terms, where they differ.
_FIELDS = {"price_band": "price_low"}
_OF_STAND_INS = {
    "choose": "stand_in_choose",
    "price_within": "stand_in_price",
    "otherwise": "stand_in_otherwise",
}
CHOICES = ("", "alike", "category", "brand", "listed")
OTHERWISE = ("", "pick_anew", "leave_out")


class PicksSection:
    """Texts by the names of PickingTerms; `never_skus` and so on, `price_low` and `price_high`, `fresh` is "", "yes" or
    "no"; `favour` is a list of {weight, skus, categories, brands, tags}; `instead` has lines "JKT-01: JKT-02, JKT-05"."""

    name = "picks"

    def __init__(self, shop: ShopTerms) -> None:
        self._shop = shop

    def form_of(self, session: Session, campaign: Campaign) -> dict[str, Any]:
        """The terms as texts."""
        terms = PickingTerms.from_json(campaign.picking)
        low, high = terms.price_band or (None, None)
        numbers = {name: shown(getattr(terms, name)) for name in (*_SHARES, *_WHOLE, *_DAYS, "likeness")}
        return {
            "picks": str(campaign.picks),
            **numbers,
            "price_low": shown(low),
            "price_high": shown(high),
            "fresh": {None: "", True: "yes", False: "no"}[terms.fresh],
            **{f"never_{kind}": "\n".join(getattr(terms.never, kind)) for kind in NAMED},
            "never_together": "\n".join(", ".join(group) for group in terms.never_together),
            "durable": "\n".join(terms.durable),
            "pinned": "\n".join(terms.pinned),
            "favour": [
                {"weight": shown(one.weight), **{kind: ", ".join(getattr(one, kind)) for kind in NAMED}}
                for one in terms.favour
            ],
            "stand_in_choose": terms.stand_ins.choose or "",
            "stand_in_price": shown(terms.stand_ins.price_within),
            "stand_in_otherwise": terms.stand_ins.otherwise or "",
            "instead": "\n".join(f"{sku}: {', '.join(others)}" for sku, others in terms.stand_ins.instead),
        }

    def parse(self, session: Session, campaign: Campaign, value: dict[str, Any]) -> tuple[int, PickingTerms]:
        """The number of products, and the rules."""
        typed = Typed(value)
        picks = typed.whole("picks", 0, MOST_PICKS)
        raw = _raw(typed, value.get("favour") or [])
        typed.refuse_faults()
        try:
            terms = PickingTerms.model_validate(raw)
        except ValidationError as error:
            raise Problems(
                Problem(_field(fault["loc"]), fault_words(fault["msg"]))
                for fault in error.errors(include_input=False)
            ) from None
        for fault in term_faults(session, self._shop, terms):
            field, _, told = fault.partition(": ")
            typed.wrong(_field(field.replace("[", ".").replace("]", "").split(".")), fault_words(told))
        number = 4 if picks is None else picks
        shows = max((SlotDefinition.from_json(slot).needs_picks for slot in campaign.slots), default=0)
        if shows > number:
            typed.wrong("picks", f"A picture slot shows product {shows}, so that many are needed at least.")
        typed.refuse_faults()
        return number, terms

    def apply(self, session: Session, campaign: Campaign, parsed: tuple[int, PickingTerms]) -> None:
        """Write both columns."""
        campaign.picks, terms = parsed
        campaign.picking = terms.as_json()

    def missing(self, session: Session, campaign: Campaign) -> list[Problem]:
        """Nothing: four products by the shop's own rules are a choice too."""
        return []


def _raw(typed: Typed, favours: list[dict[str, Any]]) -> dict[str, Any]:
    """The table [picking] of a campaign file; what is empty is left out."""
    raw: dict[str, Any] = {
        **{name: typed.number(name, 0, 1, "0.5") for name in _SHARES},
        **{name: typed.whole(name, 1, most) for name, most in _WHOLE.items()},
        **{name: typed.number(name, 0.1, 36_500, "365") for name in _DAYS},
        "likeness": typed.number("likeness", 0.3, 1, "0.75"),
        "price_band": _band(typed),
        "fresh": {"": None, "yes": True, "no": False}[typed.one_of("fresh", ("", "yes", "no"))],
        "never": {kind: typed.words(f"never_{kind}") for kind in NAMED},
        "never_together": [_parts(line) for line in typed.lines("never_together")],
        "durable": typed.words("durable"),
        "pinned": typed.words("pinned"),
        "favour": [one for n, each in enumerate(favours) if (one := _favour(typed, each, n))],
        "stand_ins": {
            "choose": typed.one_of("stand_in_choose", CHOICES) or None,
            "price_within": typed.number("stand_in_price", 1, 100, "30"),
            "otherwise": typed.one_of("stand_in_otherwise", OTHERWISE) or None,
            "instead": _instead(typed),
        },
    }
    return {name: entry for name, entry in raw.items() if entry not in (None, [])}


def _band(typed: Typed) -> list[float] | None:
    low = typed.number("price_low", 0, 1, "0.5")
    high = typed.number("price_high", 1, 1000, "2")
    if low is None and high is None:
        return None
    # Open at one side is as far as a band can go there.
    return [0.0 if low is None else low, 1000.0 if high is None else high]


def _favour(typed: Typed, each: dict[str, Any], n: int) -> dict[str, Any] | None:
    own = Typed(each)
    named = {kind: own.words(kind) for kind in NAMED}
    if not any(named.values()) and not own.text("weight"):
        return None
    try:
        weight = float(own.text("weight").replace(",", "."))
    except ValueError:
        typed.wrong(f"favour.{n}.weight", "Write how much more often, such as 1.5.")
        return None
    return {"weight": weight, **{kind: names for kind, names in named.items() if names}}


def listed_in(line: str) -> tuple[str, list[str]]:
    """What sells out and what stands in for it, as "JKT-01: JKT-02, JKT-05" says; a number may have a colon itself."""
    sku, _, others = line.partition(": ") if ": " in line else line.partition(":")
    return sku.strip().removesuffix(":"), _parts(others)


def _instead(typed: Typed) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in typed.lines("instead"):
        sku, others = listed_in(line)
        if not sku or not others:
            typed.wrong(
                "instead",
                f"Say what stands in for {sku or 'what'}, such as {sku or 'JKT-01'}: JKT-02, JKT-05.",
            )
        elif sku in found:
            typed.wrong("instead", f"{sku} has two lines; put all its stand-ins into one, the best first.")
        found[sku] = others
    return found


def _parts(line: str) -> list[str]:
    return [part.strip() for part in line.split(",") if part.strip()]


def _field(place: tuple[int | str, ...] | list[str]) -> str:
    """The form's field for a place in the terms: ("never", "skus", 0) -> never_skus, ("favour", 1) -> favour.1.weight."""
    first, *rest = (str(part) for part in place)
    if first == "never" and rest:
        return f"never_{rest[0]}"
    if first == "favour" and rest:
        return f"favour.{rest[0]}.{rest[1] if len(rest) > 1 and rest[1] in NAMED else 'weight'}"
    if first == "stand_ins":
        return _OF_STAND_INS.get(rest[0], "instead") if rest else "instead"
    return _FIELDS.get(first, first)
