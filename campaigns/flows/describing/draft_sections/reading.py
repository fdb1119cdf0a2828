"""Reading what was typed: texts to numbers, days and lists, with every wrong field named at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from campaigns.flows.describing.draft_sections.section import Problem, Problems

_APART = re.compile(r"[,;\n]")
_SAID = {"Input should be": "must be", "String should have": "must have", "Field required": "is needed"}


class Typed:
    """The fields of a form by name. What does not fit is noted; `refuse_faults` raises all of it."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value
        self._found: list[Problem] = []

    def text(self, name: str) -> str:
        """As it was typed, without space around it."""
        value = self._value.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def ticked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return bool(self._value.get(name))

    def one_of(self, name: str, known: Sequence[str]) -> str:
        """One of these; the first where nothing was chosen."""
        value = self.text(name) or known[0]
        if value not in known:
            self.wrong(name, f"Choose one of {', '.join(known)}.")
            return known[0]
        return value

    def some(self, name: str) -> list[str]:
        """What was ticked or chosen of several."""
        value = self._value.get(name, [])
        return [str(entry) for entry in value] if isinstance(value, list) else [str(value)] if value else []

    def whole(self, name: str, least: int, most: int) -> int | None:
        """A whole number; None where nothing was typed."""
        told = f"Write a whole number from {least:,} to {most:,}, such as {max(least, 1)}."
        return self._number(name, int, least, most, told)

    def number(self, name: str, least: float, most: float, example: str) -> float | None:
        """A number, with a point or a comma; None where nothing was typed."""
        told = f"Write a number from {least:g} to {most:g}, such as {example}."
        return self._number(name, lambda text: float(text.replace(",", ".")), least, most, told)

    def day(self, name: str) -> date | None:
        """A date; None where nothing was typed."""
        text = self.text(name)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self.wrong(name, "Write a date, such as 2026-12-24.")
            return None

    def words(self, name: str) -> list[str]:
        """Entries with commas or line breaks between them, each once."""
        return _each_once(_APART.split(self.text(name)))

    def lines(self, name: str) -> list[str]:
        """Lines that say something, each once."""
        return _each_once(self.text(name).splitlines())

    def wrong(self, name: str, message: str) -> None:
        """Note that a field does not fit."""
        self._found.append(Problem(name, message))

    def refuse_faults(self) -> None:
        """Go no further where something does not fit.

        Raises:
            Problems: all that was noted.
        """
        if self._found:
            raise Problems(self._found)

    def _number(self, name: str, read: Callable[[str], Any], least: float, most: float, told: str) -> Any:
        text = self.text(name)
        if not text:
            return None
        try:
            number = read(text)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            self.wrong(name, told)
            return None
        return number


def fault_words(message: str) -> str:
    """What pydantic says, as a sentence."""
    said = message.removeprefix("Value error, ").strip()
    for theirs, ours in _SAID.items():
        said = said.replace(theirs, ours)
    return said[:1].upper() + said[1:] + ("" if said.endswith((".", "!", "?")) else ".")


def shown(value: object) -> str:
    """A number as it stands in a field: "" for None, "0.5", "12"."""
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _each_once(entries: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(stripped for entry in entries if (stripped := entry.strip())))
