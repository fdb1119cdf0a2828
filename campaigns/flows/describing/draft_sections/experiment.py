"""The step "experiment": what is tried out, on whom, and how it is decided."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from campaigns.copywriting.brief import stored_brief
from campaigns.core.clock import Clock
from campaigns.core.errors import BadInput, Refused
from campaigns.flows.describing.arm_values import ArmValues, refuse_arms_without_model
from campaigns.flows.describing.draft_sections.reading import Typed, fault_words, shown
from campaigns.flows.describing.draft_sections.section import Problem, Problems
from campaigns.insight.experiment_terms import FACTORS, MOST_ARMS, ExperimentTerms
from campaigns.models import Campaign
from campaigns.opentime.slots.slots import SlotDefinition
from campaigns.recommend.rules_check import check_terms
from campaigns.recommend.rules_file import PickingTerms, ShopTerms

NOTHING = ""
"""The factor of a campaign that tries nothing out."""
KEPT = "kept:"
"""Begins the value of an arm that says what cannot be typed here, and stays as it is."""
_PERCENT = {"holdout": (0, 50), "test_share": (1, 100), "floor": (1, 50), "most_loss": (0.1, 50)}
_HOURS = ("window_hours", "wave_hours")
_CHOICES = {"method": ("fixed", "thompson"), "goal": ("clicks", "orders"), "decide": ("person", "rule")}


class ExperimentSection:
    """Texts by the names of ExperimentTerms, shares in percent; `arms` is a list of {name, weight, value}."""

    name = "experiment"

    def __init__(self, shop: ShopTerms, clock: Clock, uses_model: bool) -> None:
        self._shop = shop
        self._clock = clock
        self._uses_model = uses_model

    def form_of(self, session: Session, campaign: Campaign) -> dict[str, Any]:
        """The terms as texts."""
        if campaign.experiment is None:
            return {"factor": NOTHING, "arms": []}
        terms = ExperimentTerms.from_json(campaign.experiment)
        return {
            "factor": terms.factor,
            **{name: shown(round(getattr(terms, name) * 100, 4)) for name in _PERCENT},
            **{name: shown(getattr(terms, name)) for name in (*_HOURS, "waves", "least_mails")},
            **{name: getattr(terms, name) for name in _CHOICES},
            "arms": [
                {
                    "name": arm.name,
                    "weight": shown(arm.weight),
                    "value": value_text(campaign, terms.factor, arm.value, number),
                }
                for number, arm in enumerate(terms.arms)
            ],
        }

    def parse(self, session: Session, campaign: Campaign, value: dict[str, Any]) -> ExperimentTerms | None:
        """The terms in stored form; None where nothing is tried out."""
        typed = Typed(value)
        factor = typed.one_of("factor", (NOTHING, *FACTORS))
        if factor == NOTHING:
            return None
        raw: dict[str, Any] = {"factor": factor}
        for name, (least, most) in _PERCENT.items():
            percent = typed.number(name, least, most, "10")
            if percent is not None:
                raw[name] = percent / 100
        for name in _HOURS:
            raw[name] = typed.number(name, 0, 720, "4")
        for name, least_whole, most_whole in (("waves", 2, 50), ("least_mails", 10, 10_000_000)):
            number = typed.whole(name, least_whole, most_whole)
            if number is not None:
                raw[name] = number
        for name, known in _CHOICES.items():
            raw[name] = typed.one_of(name, known)
        if campaign.experiment and campaign.experiment.get("seed"):
            raw["seed"] = campaign.experiment["seed"]  # who is in which arm does not change with each save
        rows = [] if factor == "none" else _rows(value)
        raw["arms"] = [_arm(typed, campaign, factor, number, row) for number, row in rows]
        typed.refuse_faults()
        return self._checked(session, campaign, raw, [number for number, _ in rows])

    def apply(self, session: Session, campaign: Campaign, parsed: ExperimentTerms | None) -> None:
        """Write the column."""
        campaign.experiment = None if parsed is None else parsed.as_json()

    def missing(self, session: Session, campaign: Campaign) -> list[Problem]:
        """What does not fit what other steps say now: a slot that is gone, a model that is not set."""
        if campaign.experiment is None or not campaign.brief or not campaign.template:
            return []
        try:
            terms = ExperimentTerms.from_json(campaign.experiment)
            self._values(session, campaign).stored(terms)
            refuse_arms_without_model(campaign, self._uses_model)
        except (BadInput, Refused) as error:
            return [Problem("", error.message)]
        names = {slot["name"] for slot in campaign.slots}
        lost = [arm.value["name"] for arm in terms.arms if terms.factor == "slot" and arm.value]
        if any(name not in names for name in lost):
            return [Problem("", f"The picture slot {lost[0]} is gone from the template step.")]
        return []

    def _checked(
        self, session: Session, campaign: Campaign, raw: dict[str, Any], numbers: list[int]
    ) -> ExperimentTerms:
        try:
            terms = ExperimentTerms.model_validate(raw)
        except ValidationError as error:
            raise Problems(
                Problem(_field(fault["loc"], numbers), fault_words(fault["msg"]))
                for fault in error.errors(include_input=False)
            ) from None
        if not campaign.brief or not campaign.template:
            raise Problems(
                [Problem("", "Write the brief and choose the template first; the arms build on them.")]
            )
        try:
            return self._values(session, campaign).stored(terms)[0]
        except BadInput as error:
            said = error.message
            at = next(
                (n for n, arm in enumerate(terms.arms) if f"arm {arm.name!r}" in f"{error.where} {said}"),
                None,
            )
            told = said.partition(": ")[2] if at is not None and ": " in said else said
            field = "" if at is None else f"arm.{numbers[at]}.value"
            raise Problems([Problem(field, fault_words(told))]) from None

    def _values(self, session: Session, campaign: Campaign) -> ArmValues:
        return ArmValues(
            template=campaign.template,
            slots=[SlotDefinition.from_json(slot) for slot in campaign.slots],
            picks=campaign.picks,
            picking=PickingTerms.from_json(campaign.picking),
            brief=stored_brief(campaign.brief),
            read_file=_no_file,
            now=self._clock.now(),
            check_picking=lambda terms: check_terms(session, self._shop, terms),
        )


def value_text(campaign: Campaign, factor: str, value: Any, number: int) -> str:
    """An arm's value as it stands in its field."""
    if not value:
        return ""
    if factor == "subject" and isinstance(value, Mapping):
        return "\n".join(f"{language}: {line}" for language, line in value.items())
    if factor == "picks":
        return json.dumps(value, sort_keys=True)
    if factor == "slot":
        return next((text for text, stored in only_choices(campaign) if stored == value), f"{KEPT}{number}")
    return str(value)


def only_choices(campaign: Campaign) -> list[tuple[str, dict[str, Any]]]:
    """For each picture of each slot: how it is written in a field, and the slot that always shows it, stored."""
    found: list[tuple[str, dict[str, Any]]] = []
    for raw in campaign.slots:
        slot = SlotDefinition.from_json(raw)
        if not slot.rules:
            continue
        for variant in slot.variants:
            if variant.name != "expired":
                found.append((f"{slot.name}:{variant.name}", slot.always(variant.name).to_json()))
    return found


def _rows(value: Mapping[str, Any]) -> list[tuple[int, Typed]]:
    """The rows in which something was typed, with their places."""
    given = value.get("arms") or []
    rows = [(number, Typed(row)) for number, row in enumerate(given[:MOST_ARMS])]
    return [(number, row) for number, row in rows if row.text("name") or row.text("value")]


def _arm(typed: Typed, campaign: Campaign, factor: str, number: int, row: Typed) -> dict[str, Any]:
    if not row.text("name"):
        typed.wrong(f"arm.{number}.name", "Give the arm a name, such as With the price.")
    weight = row.number("weight", 0.01, 1000, "1")
    arm: dict[str, Any] = {"name": row.text("name") or "?", "weight": 1.0 if weight is None else weight}
    arm["value"] = _value(typed, campaign, factor, number, row.text("value"))
    return arm


def _value(typed: Typed, campaign: Campaign, factor: str, number: int, text: str) -> Any:
    if not text:
        return None
    if text.startswith(KEPT):
        arms = (campaign.experiment or {}).get("arms", [])
        at = text.removeprefix(KEPT)
        return arms[int(at)]["value"] if at.isdigit() and int(at) < len(arms) else None
    if factor == "subject":
        return _subjects(text)
    if factor == "picks":
        try:
            return dict(json.loads(text))
        except (ValueError, TypeError):
            typed.wrong(f"arm.{number}.value", "Choose one of the ways to pick.")
            return None
    if factor == "slot":
        slot, _, variant = text.partition(":")
        return {"slot": slot, "only": variant}
    return text


def _subjects(text: str) -> str | dict[str, str]:
    """One line for everybody, or lines such as "de: Jetzt in Blau" by language."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    parts = [line.partition(":") for line in lines]
    if all(sign and len(language.strip()) == 2 and language.strip().islower() for language, sign, _ in parts):
        return {language.strip(): line.strip() for language, _, line in parts}
    return " ".join(lines)


def _field(place: tuple[int | str, ...], numbers: list[int]) -> str:
    """The form's field for a place in the terms: ("arms", 1, "name") -> arm.1.name."""
    if not place:
        return ""
    if place[0] == "arms" and len(place) > 2 and isinstance(place[1], int):
        return f"arm.{numbers[place[1]]}.{place[2]}"
    return "" if place[0] == "arms" else str(place[0])


def _no_file(name: str) -> bytes:
    raise BadInput(f"there is no file {name} here", where="slots")
