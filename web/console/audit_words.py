"""The audit log in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Flask


def install_audit_filters(app: Flask) -> None:
    """Make the words available to templates."""
    app.add_template_filter(action_words, "audit_words")
    app.add_template_filter(value_words, "audit_value")
    app.add_template_filter(second_words, "second")


def action_words(action: str) -> str:
    """`api_key.made` -> `api key made`."""
    return action.replace(".", " ").replace("_", " ")


def value_words(value: Any) -> str:
    """A value of an entry's detail on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {value_words(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(value_words(inner) for inner in value) or "none"
    return "none" if value is None else str(value)


def second_words(moment: datetime) -> str:
    """`21 Nov 2026, 03:39:07`, in UTC."""
    utc = moment.astimezone(UTC)
    return f"{utc.day} {utc:%b %Y, %H:%M:%S}"
