"""Rules that name other kept segments: found, and put in before the rules are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.segment_values import numbers
from campaigns.audience.segments import DEEPEST, MOST_RULES, REFERENCE
from campaigns.core.errors import BadInput
from campaigns.models import KeptSegment


def referred(tree: Any) -> set[int]:
    """The numbers of the kept segments that rules name themselves; what is malformed names none."""
    return {number for number in _named(tree, 0) if isinstance(number, int)}


def put_in(session: Session, tree: Any) -> Any:
    """The same rules with every kept segment that they name, and those that these name, as rules.

    Raises:
        BadInput: one of them is not there, or they go round in a circle. `where` is the path.
    """
    return _Putting(session).rule(tree, "segment", ())


def users_of(session: Session, number: int) -> set[int]:
    """The kept segments that name this one, at first or second hand, and itself."""
    named = {
        id_: referred(rules) for id_, rules in session.execute(select(KeptSegment.id, KeptSegment.rules))
    }
    found, before = {number}, 0
    while len(found) > before:
        before = len(found)
        found |= {id_ for id_, others in named.items() if others & found}
    return found


class _Putting:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._rules = 0

    def rule(self, tree: Any, path: str, inside: tuple[int, ...]) -> Any:
        self._rules += 1
        # Segments that name one another twice each grow without bound; what is too deep is refused when it is read.
        if self._rules > MOST_RULES * DEEPEST:
            raise BadInput("is too large once the segments that it names are put in", path)
        if not isinstance(tree, Mapping) or len(tree) != 1:
            return tree
        [(name, value)] = tree.items()
        if name in ("all", "any") and isinstance(value, list):
            return {name: [self.rule(item, f"{path}.{name}[{i}]", inside) for i, item in enumerate(value)]}
        if name == "not":
            return {name: self.rule(value, f"{path}.not", inside)}
        if name == REFERENCE:
            return self._segments(value, f"{path}.{name}", inside)
        return tree

    def _segments(self, value: Any, path: str, inside: tuple[int, ...]) -> Any:
        found = [self._segment(number, path, inside) for number in numbers(value, path)]
        return found[0] if len(found) == 1 else {"any": found}

    def _segment(self, number: int, path: str, inside: tuple[int, ...]) -> Any:
        if number in inside:
            raise BadInput("names itself, by way of the segments that it names", path)
        kept = self._session.get(KeptSegment, number)
        if kept is None:
            raise BadInput(f"there is no segment {number}", path)
        if len(inside) > DEEPEST:
            raise BadInput("is too deep", path)
        return self.rule(kept.rules, path, (*inside, number))


def _named(tree: Any, depth: int) -> Iterable[Any]:
    if depth > DEEPEST or not isinstance(tree, Mapping):
        return
    for name, value in tree.items():
        if name == REFERENCE:
            yield from value if isinstance(value, list) else [value]
        elif name == "not":
            yield from _named(value, depth + 1)
        elif name in ("all", "any") and isinstance(value, list):
            for item in value:
                yield from _named(item, depth + 1)
