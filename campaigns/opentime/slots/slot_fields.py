"""Reading single fields of a slot, with errors that say where and how to mend it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit

from campaigns.core.errors import BadInput


def table(value: object, where: str) -> Mapping[str, Any]:
    """A table with names for keys."""
    if not isinstance(value, Mapping):
        raise BadInput("expects a table", where)
    return value


def only_keys(raw: Mapping[str, Any], allowed: Collection[str], where: str) -> None:
    """Refuse a key that nobody reads: most likely a misspelling."""
    for key in raw:
        if key not in allowed:
            raise BadInput(f"there is no field {key!r}; there are {', '.join(sorted(allowed))}", where)


def text(raw: Mapping[str, Any], key: str, where: str, longest: int = 250) -> str:
    """One line of text, not empty."""
    value = raw.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadInput("is required, as text", f"{where}, {key}")
    if len(value) > longest or not value.isprintable():
        raise BadInput(f"expects one line of at most {longest} characters", f"{where}, {key}")
    return value.strip()


def pixels(raw: Mapping[str, Any], key: str, where: str, largest: int) -> int:
    """A whole number of pixels from 1 to `largest`."""
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
        raise BadInput(f"is required, as a whole number from 1 to {largest}", f"{where}, {key}")
    return value


def web_link(raw: Mapping[str, Any], key: str, where: str) -> str:
    """An absolute http or https address without user name."""
    value = text(raw, key, where, longest=2000)
    if not is_web_link(value):
        raise BadInput("expects a web address (https://...)", f"{where}, {key}")
    return value


def is_web_link(value: str) -> bool:
    """Whether this is an absolute http or https address without user name."""
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
    return good and " " not in value


def number(value: object, where: str) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadInput("expects a number", where)
    return float(value)


def some(value: object, where: str) -> list[Any]:
    """A list with something in it."""
    if not isinstance(value, list) or not value:
        raise BadInput("expects a list with at least one entry", where)
    return value


def moment(value: object, where: str, end_of_day: bool = False) -> datetime:
    """An aware moment from a date, with or without time, TOML's own or ISO 8601 text; UTC if it does not say.

    A bare date means its first moment, or with `end_of_day` the first moment after it.
    """
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            raise BadInput("expects a date like 2026-11-30 or 2026-11-30T18:00:00Z", where) from None
    try:
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, date):
            midnight = datetime.combine(value, time(), UTC)
            return midnight + timedelta(days=1) if end_of_day else midnight
    except OverflowError:
        raise BadInput("is too far away", where) from None
    raise BadInput("expects a date like 2026-11-30 or 2026-11-30T18:00:00Z", where)
