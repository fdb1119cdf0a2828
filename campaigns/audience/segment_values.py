"""Reading the values inside segment rules; each function raises BadInput naming the path."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from campaigns.core.errors import BadInput

MOST_VALUES = 500
LONGEST_VALUE = 200
LONGEST_DAYS = 36500
_MOST_MONEY = 10**12


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
