"""What was worked out once and is asked for again, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(dict[K, V]):
    """A dictionary that is emptied when it is full: what is used often is soon back.

    Reading is that of a plain dictionary, which is why nothing is noted about what was used last. Only
    `remembered[key] = value` and `keep_all` look at the bound, so other ways of adding are not for it.
    It may empty itself between any two steps of another thread: read with `get`, and go on with what that
    returned.
    """

    __slots__ = ("most",)

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def __setitem__(self, key: K, value: V) -> None:
        if len(self) >= self.most:
            self.clear()
        super().__setitem__(key, value)

    def keep_all(self, fresh: Mapping[K, V]) -> None:
        """Keep all of these together, even where there are more of them than there is room."""
        if len(self) >= self.most:
            self.clear()
        self.update(fresh)


class Tokens:
    """A number for each object, the same as long as it is known here; equal objects may have several.

    For big immutable values that come again and again, as the products of a catalogue do: a dictionary key
    of tokens is hashed in no time. An object is kept as long as its token, since an `id` alone is reused.
    """

    def __init__(self, most: int = 50_000) -> None:
        self._known: Remembered[int, tuple[object, int]] = Remembered(most)
        self._numbers = count(1)  # one step even when two threads ask at once

    def of(self, thing: object) -> int:
        """The token of this very object."""
        known = self._known.get(id(thing))
        if known is not None and known[0] is thing:
            return known[1]
        token = next(self._numbers)
        self._known[id(thing)] = (thing, token)
        return token
