"""Numbers for objects, by which what was worked out for them is found again without comparing them."""

from __future__ import annotations

from itertools import count


class Tokens:
    """A number for each object, the same as long as it is known here; equal objects may have several.

    For big immutable values that come again and again, as the products of a catalogue do: a dictionary key
    of tokens is hashed in no time. An object is kept as long as its token, since an `id` alone is reused.
    """

    def __init__(self, most: int = 50_000) -> None:
        self._most = most
        self._known: dict[int, tuple[object, int]] = {}
        self._numbers = count(1)  # one step even when two threads ask at once

    def of(self, thing: object) -> int:
        """The token of this very object."""
        known = self._known.get(id(thing))
        if known is not None and known[0] is thing:
            return known[1]
        if len(self._known) >= self._most:
            self._known.clear()
        token = next(self._numbers)
        self._known[id(thing)] = (thing, token)
        return token
