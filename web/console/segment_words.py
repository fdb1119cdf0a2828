"""The rules of a segment as one phrase that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BEGIN: Mapping[str, str] = {
    "country": "lives in",
    "city": "lives in the city of",
    "language": "reads",
    "timezone": "is in the time zone",
    "has_purpose": "agreed to",
    "tag": "is tagged",
    "engagement": "is",
    "segment": "is in segment",
}
_MAILS: Mapping[str, str] = {
    "got": "got",
    "opened": "opened",
    "clicked": "clicked in",
    "not_opened": "got and did not open",
    "not_clicked": "got and did not click in",
}
_FIGURES: Mapping[str, tuple[str, str]] = {
    "total_spent": ("spent", ""),
    "orders": ("ordered", " times"),
    "average_order": ("spends", " an order"),
}
_MOMENTS: Mapping[str, str] = {
    "added": "came to us",
    "first_order": "ordered first",
    "last_order": "ordered last",
}


def segment_words(tree: Mapping[str, Any]) -> str:
    """A segment's tree of rules as one phrase."""
    if not tree:
        return "everybody who may be mailed"
    [(name, value)] = tree.items()
    if name in ("all", "any"):
        inner = [segment_words(rule) for rule in value]
        joined = (" and " if name == "all" else " or ").join(inner)
        return f"({joined})" if len(inner) > 1 else joined
    if name == "not":
        return f"not ({segment_words(value)})"
    return _rule_words(name, value)


def _rule_words(name: str, value: Any) -> str:
    if name in ("bought", "not_bought"):
        what = [_either(value[key]) for key in ("category", "sku", "brand", "tag") if key in value]
        verb = "bought" if name == "bought" else "did not buy"
        return f"{verb} {' from '.join(what) or 'anything'}{_within(value)}"
    if name in _FIGURES:
        verb, unit = _FIGURES[name]
        least = f" at least {value['at_least']}" if "at_least" in value else ""
        most = f" at most {value['at_most']}" if "at_most" in value else ""
        return f"{verb}{least}{most}{unit}{_within(value)}"
    if name in _MOMENTS:
        return f"{_MOMENTS[name]}{_when(value)}"
    if name in _MAILS:
        return f"{_MAILS[name]} {_campaigns(value)}{_within(value)}"
    if name == "near":
        place = value.get("place") or f"{value['latitude']}, {value['longitude']}"
        return f"lives within {value['km']} km of {place}"
    if name == "likes":
        return f"likes {' or '.join(_either(value[key]) for key in ('category', 'sku') if key in value)}"
    if name == "has_address":
        return "has an address" if value else "has no address"
    return f"{_BEGIN.get(name, name)} {_either(value)}"


def _campaigns(value: Mapping[str, Any]) -> str:
    return f"campaign {_either(value['campaign'])}" if "campaign" in value else "any campaign"


def _within(value: Mapping[str, Any]) -> str:
    return f" in the last {value['within_days']} days" if "within_days" in value else ""


def _when(value: Mapping[str, Any]) -> str:
    parts = []
    if "within_days" in value:
        parts.append(f"in the last {value['within_days']} days")
    if "more_than_days" in value:
        parts.append(f"more than {value['more_than_days']} days ago")
    if "after" in value:
        parts.append(f"from {value['after']} on")
    if "before" in value:
        parts.append(f"before {value['before']}")
    return f" {' and '.join(parts)}"


def _either(value: Any) -> str:
    return " or ".join(map(str, value)) if isinstance(value, list) else str(value)
