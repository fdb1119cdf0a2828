"""Reading the values inside segment rules; each function raises BadInput naming the path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_

from campaigns.core.errors import BadInput

MOST_VALUES = 500
LONGEST_VALUE = 200
LONGEST_DAYS = 36500
_MOST_MONEY = 10**12
_LARGEST_NUMBER = 2**63 - 1

Span = Callable[[Any, datetime], ColumnElement[bool]]
"""Whether a moment lies in a span of time, as seen from a moment called now."""


def names(value: Any, path: str) -> list[str]:
    """One string or a list of them, none empty."""
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values:
        raise BadInput("must be a word or a list of words", path)
    if len(values) > MOST_VALUES:
        raise BadInput(f"has {len(values)} values; at most {MOST_VALUES}", path)
    return [_name(item, f"{path}[{index}]") for index, item in enumerate(values)]


def _name(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadInput("must be a word, not empty", path)
    if len(value) > LONGEST_VALUE:
        raise BadInput(f"is longer than {LONGEST_VALUE} characters", path)
    # PostgreSQL's text has neither NUL nor halves of a surrogate pair; JSON can carry both.
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise BadInput("has a character that no text may have", path)
    return value.strip()


def days(value: Any, path: str) -> timedelta | None:
    """A whole number of days from 1; None where none is given."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LONGEST_DAYS:
        raise BadInput(f"must be a whole number of days from 1 to {LONGEST_DAYS}", path)
    return timedelta(days=value)


def amount(value: Any, path: str) -> Decimal:
    """A sum of money, in the currency of the orders."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= _MOST_MONEY:
        raise BadInput("must be a number from 0 on", path)
    return Decimal(str(value))


def only_keys(value: Any, known: tuple[str, ...], path: str) -> Mapping[str, Any]:
    """An object that has no other keys than these."""
    if not isinstance(value, Mapping):
        raise BadInput(f"must be an object with {', '.join(known)}", path)
    for key in value:
        if key not in known:
            raise BadInput(f'"{str(key)[:40]}" is not one of {", ".join(known)}', path)
    return value


def truth(value: Any, path: str) -> bool:
    """Yes or no."""
    if not isinstance(value, bool):
        raise BadInput("must be true or false", path)
    return value


def whole_number(value: Any, least: int, most: int, path: str) -> int:
    """A whole number between these."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadInput(f"must be a whole number from {least} to {most}", path)
    return value


def numbers(value: Any, path: str) -> list[int]:
    """One number of a campaign or segment, or a list of them, none empty."""
    values = value if isinstance(value, list) else [value]
    if not values or len(values) > MOST_VALUES:
        raise BadInput(f"must be 1 to {MOST_VALUES} numbers", path)
    return [whole_number(item, 1, _LARGEST_NUMBER, f"{path}[{i}]") for i, item in enumerate(values)]


def coordinate(value: Any, most: int, path: str) -> float:
    """Degrees from -most to most."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not -most <= value <= most:
        raise BadInput(f"must be degrees from -{most} to {most}", path)
    return float(value)


def bounds(what: Mapping[str, Any], read: Callable[[Any, str], Any], path: str) -> tuple[Any, Any]:
    """`at_least` and `at_most`, each read by `read`; one of them is needed."""
    least, most = (
        read(what[key], f"{path}.{key}") if key in what else None for key in ("at_least", "at_most")
    )
    if least is None and most is None:
        raise BadInput('needs "at_least" or "at_most"', path)
    if least is not None and most is not None and least > most:
        raise BadInput("at_least is more than at_most", path)
    return least, most


def between_moments(value: Any, path: str) -> Span:
    """`within_days`, `more_than_days` ago, `after` and `before` a day (UTC); all that are given must hold.

    `after` begins with its day, `before` ends before it begins.
    """
    what = only_keys(value, ("within_days", "more_than_days", "after", "before"), path)
    if not what:
        raise BadInput('needs one of "within_days", "more_than_days", "after", "before"', path)
    within = days(what.get("within_days"), f"{path}.within_days")
    more_than = days(what.get("more_than_days"), f"{path}.more_than_days")
    after = _day(what["after"], f"{path}.after") if "after" in what else None
    before = _day(what["before"], f"{path}.before") if "before" in what else None
    if after and before and after >= before:
        raise BadInput("after is not earlier than before", path)

    def span(moment: Any, now: datetime) -> ColumnElement[bool]:
        conditions = []
        if within is not None:
            conditions.append(moment >= now - within)
        if more_than is not None:
            conditions.append(moment < now - more_than)
        if after is not None:
            conditions.append(moment >= after)
        if before is not None:
            conditions.append(moment < before)
        return and_(*conditions).self_group()

    return span


def _day(value: Any, path: str) -> datetime:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        day = None
    if day is None:
        raise BadInput("must be a day such as 2026-12-31", path)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
