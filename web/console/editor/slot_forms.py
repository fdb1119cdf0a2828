"""The form of a campaign's picture slots: names such as `slots.0.rules.1.when.weather` to nested values, and the
buttons that add, remove and move slots and rules."""

from __future__ import annotations

import re
from typing import Any

from werkzeug.datastructures import MultiDict

from campaigns.compose.template import MailTemplate
from campaigns.flows.describing.draft_sections.slot_texts import TICKED

_NAME = re.compile(r"slots(?:\.(?:\d{1,2}|[a-z][a-z_]{0,29})){2,5}")
_DO = re.compile(r"(?P<verb>[a-z-]+)(?P<numbers>(?::\d{1,2}){0,3})(?::(?P<word>[a-z0-9_-]{1,40}))?")
MOST_RULES = 50
NEW = "new"
"""The field of a part that was just added, and of which nothing is asked before the first save."""


def read_slots(form: MultiDict[str, str]) -> list[dict[str, Any]]:
    """The slots that a form says, as typed; fields that nobody made are left out."""
    root: dict[str, Any] = {}
    for name in form:
        if not _NAME.fullmatch(name):
            continue
        *path, last = name.split(".")[1:]
        at = root
        for part in path:
            at = at.setdefault(part, {})
        at[last] = form.getlist(name) if last in TICKED else form[name].strip()
    return [_slot(one) for one in _in_order(root)]


def act(slots: list[dict[str, Any]], do: str, template: MailTemplate | None) -> str:
    """Do what a button asks for; returns where on the page that is, "" where it asks for nothing of the kind.

    slot-add:<name>, slot-remove:<n>, rule-add:<slot>, rule-remove|rule-up|rule-down:<slot>:<n>,
    rule-move:<slot>:<from>:<to>.
    """
    found = _DO.fullmatch(do)
    if found is None:
        return ""
    numbers = [int(number) for number in found["numbers"].split(":")[1:]]
    match found["verb"], numbers:
        case "slot-add", []:
            slots.append(blank_slot(found["word"] or "", template))
            return f"slots.{len(slots) - 1}"
        case "slot-remove", [n] if n < len(slots):
            del slots[n]
            return "slots"
        case "rule-add", [n] if n < len(slots) and len(slots[n]["rules"]) < MOST_RULES:
            slots[n]["rules"].append({NEW: "yes", "when": {}})
            return f"slots.{n}.rules.{len(slots[n]['rules']) - 1}"
        case ("rule-remove" | "rule-up" | "rule-down" | "rule-move") as verb, [n, *where] if n < len(slots):
            return _moved(slots[n]["rules"], verb, where, f"slots.{n}")
    return ""


def blank_slot(name: str, template: MailTemplate | None) -> dict[str, Any]:
    """A slot of the size that the template has for it."""
    size = template.slots.get(name) if template else None
    return {
        NEW: "yes",
        "name": name,
        "kind": "picture",
        "width": str(size.width) if size else "",
        "height": str(size.height) if size else "",
        "default": {},
        "expired": {},
        "rules": [],
    }


def untouched(slots: list[dict[str, Any]]) -> tuple[str, ...]:
    """The places of parts that were just added: slots.0. or slots.0.rules.2."""
    places = []
    for n, slot in enumerate(slots):
        places += [f"slots.{n}."] if slot.get(NEW) else []
        places += [f"slots.{n}.rules.{m}." for m, rule in enumerate(slot.get("rules") or []) if rule.get(NEW)]
    return tuple(places)


def settle(slots: list[dict[str, Any]]) -> None:
    """No part is a new one any more."""
    for slot in slots:
        for part in (slot, *slot["rules"]):
            part.pop(NEW, None)


def part_at(slots: list[dict[str, Any]], place: str) -> dict[str, Any] | None:
    """The part of a form at a place such as slots.0.default or slots.0.rules.2; None where there is none."""
    at: Any = slots
    for part in place.split(".")[1:]:
        if isinstance(at, list):
            at = at[int(part)] if part.isdecimal() and int(part) < len(at) else None
        else:
            at = at.get(part) if isinstance(at, dict) else None
    return at if isinstance(at, dict) else None


def _moved(rules: list[dict[str, Any]], verb: str, where: list[int], place: str) -> str:
    if not where or where[0] >= len(rules):
        return ""
    n = where[0]
    if verb == "rule-remove":
        del rules[n]
        return f"{place}.rules"
    to = {"rule-up": n - 1, "rule-down": n + 1}.get(verb, where[-1])
    if 0 <= to < len(rules):
        rules.insert(to, rules.pop(n))
        return f"{place}.rules.{to}"
    return f"{place}.rules.{n}"


def _slot(one: dict[str, Any]) -> dict[str, Any]:
    rules = one.get("rules")
    parts = {name: one[name] if isinstance(one.get(name), dict) else {} for name in ("default", "expired")}
    return {**one, **parts, "rules": _in_order(rules) if isinstance(rules, dict) else []}


def _in_order(by_number: dict[str, Any]) -> list[dict[str, Any]]:
    numbers = sorted(int(key) for key in by_number if key.isdecimal())
    return [entry for number in numbers if isinstance(entry := by_number.get(str(number)), dict)]
