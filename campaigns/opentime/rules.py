"""Which variant of a slot is shown, given what is known."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.opentime.facts import OpenFacts
from campaigns.opentime.slot_definition import SlotDefinition, Variant

__all__ = ["Choice", "OpenFacts", "choose"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What to show (`picture` by sha256) and where its click leads."""

    variant_name: str
    picture: str
    link: str
    product: str = ""


def choose(slot: SlotDefinition, facts: OpenFacts) -> Choice:
    """The expired variant after expiry, else that of the first rule that holds, else the default."""
    if slot.expires is not None and facts.now >= slot.expires:
        return _chosen(slot.expired)
    held = next((rule.variant for rule in slot.rules if rule.when.hold(facts)), slot.default)
    return _chosen(held)


def _chosen(variant: Variant) -> Choice:
    return Choice(variant.name, variant.picture, variant.link, variant.product)
