"""What a slot shows, given what is known."""

from __future__ import annotations

from campaigns.opentime.slots.choice import Choice
from campaigns.opentime.slots.drawn_choices import drawn_choice
from campaigns.opentime.slots.facts import OpenFacts
from campaigns.opentime.slots.slot_definition import SlotDefinition

__all__ = ["Choice", "OpenFacts", "choose"]


def choose(slot: SlotDefinition, facts: OpenFacts) -> Choice:
    """The expired variant after expiry, else that of the first rule that holds, else what the slot's kind draws,
    else the default.
    """
    if slot.expired_at(facts.now):
        return Choice.of(slot.expired)
    for rule in slot.rules:
        if rule.when.hold(facts):
            return Choice.of(rule.variant)
    drawn = drawn_choice(slot.content, facts, slot.default.link) if slot.content else None
    return drawn or Choice.of(slot.default)
