"""A campaign as each arm of its experiment has it, and the slots of all arms under numbers of their own.

What a mail shows must be known from its links alone, without looking for its arm: so a slot that an arm has in place of
the campaign's own has a number of its own, behind those of the campaign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from campaigns.compose.template import load_template
from campaigns.insight.experiment_terms import Arm, ExperimentTerms
from campaigns.opentime.slots.slots import SlotDefinition
from campaigns.recommend.rules_file import PickingTerms

if TYPE_CHECKING:
    from campaigns.flows.describing.plans import CampaignPlan

BEST_SELLERS = "best_sellers"


def all_slots(
    slots: Sequence[Mapping[str, Any]], experiment: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """The campaign's slots and those of its arms, stored form, each at the place of its number in links."""
    return [*map(dict, slots), *(definition for _, definition in _own_slots(experiment))]


def slot_names(slots: Sequence[Mapping[str, Any]], experiment: Mapping[str, Any] | None) -> list[str]:
    """What they are called in reports, in the same order."""
    arms = (experiment or {}).get("arms", ())
    own = [f"{definition['name']} ({arms[number]['name']})" for number, definition in _own_slots(experiment)]
    return [*(str(slot["name"]) for slot in slots), *own]


def given_subject(experiment: Mapping[str, Any] | None, arm: int | None, language: str) -> str:
    """The subject that this arm gives mails of this language, "" where it is the writer's."""
    if not experiment or experiment.get("factor") != "subject" or arm is None or arm < 0:
        return ""
    value = experiment["arms"][arm]["value"] if arm < len(experiment["arms"]) else None
    return str(value.get(language, "")) if isinstance(value, Mapping) else str(value or "")


def with_arms(plan: CampaignPlan, experiment: Mapping[str, Any] | None) -> CampaignPlan:
    """The plan with a plan of each arm."""
    if experiment is None:
        return plan
    terms = ExperimentTerms.from_json(experiment)
    numbers = {arm: len(plan.slots) + n for n, (arm, _) in enumerate(_own_slots(experiment))}
    arms = tuple(
        _of_arm(replace(plan, arm=number, arm_name=arm.name), terms, arm, numbers.get(number))
        for number, arm in enumerate(terms.arms)
    )
    own = tuple(SlotDefinition.from_json(definition) for _, definition in _own_slots(experiment))
    return replace(plan, arms=arms, own_slots=own)


def _of_arm(plan: CampaignPlan, terms: ExperimentTerms, arm: Arm, slot_number: int | None) -> CampaignPlan:
    value = arm.value
    if not value:
        return plan
    if terms.factor == "subject":
        given = {"": value} if isinstance(value, str) else dict(value)
        return replace(plan, subjects=given)
    if terms.factor == "copy":
        return replace(plan, offline=value == "offline")
    if terms.factor == "template":
        return replace(plan, template=load_template(value))
    if terms.factor == "picks":
        own = {name: given for name, given in value.items() if name != "strategy"}
        picking = PickingTerms.from_json({**plan.picking.as_json(), **own})
        return replace(plan, picking=picking, best_sellers=value.get("strategy") == BEST_SELLERS)
    if terms.factor == "slot" and slot_number is not None:
        shown = SlotDefinition.from_json(value)
        at = next(n for n, slot in enumerate(plan.slots) if slot.name == shown.name)
        numbers = [*range(len(plan.slots))]
        numbers[at] = slot_number
        slots = (*plan.slots[:at], shown, *plan.slots[at + 1 :])
        return replace(plan, slots=slots, slot_numbers=tuple(numbers))
    return plan


def _own_slots(experiment: Mapping[str, Any] | None) -> Iterator[tuple[int, dict[str, Any]]]:
    """The arms that have a slot of their own, with its definition."""
    if experiment and experiment.get("factor") == "slot":
        for number, arm in enumerate(experiment["arms"]):
            if arm.get("value"):
                yield number, arm["value"]
