"""Counting the cells of an audience by one granularity, and what of their words is there already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from sqlalchemy.orm import Session

from campaigns.copywriting.request import CopyRequest
from campaigns.core.db import rows
from campaigns.flows.copy.copy_orders import MOST_PRODUCTS, situation
from campaigns.flows.copy.wording import CopyShelf

_MOST_SAMPLES = 40
_KEYS_AT_ONCE = 5000
_KNOWN = "select content_hash from copies where content_hash = any(%(keys)s::text[])"


class Tally:
    """Mails by cell. `samples` are some of the requests, of cells all over the audience."""

    def __init__(self, shelf: CopyShelf) -> None:
        self._shelf = shelf
        self._mails: Counter[bytes] = Counter()
        self._lines: dict[tuple[object, ...], set[bytes]] = {}
        self._brought: set[bytes] = set()  # lines that come with the words of a cell
        self._known: set[bytes] = set()
        self.samples: list[CopyRequest] = []

    def add(self, requests: Iterable[CopyRequest]) -> None:
        """Count these mails."""
        for request in requests:
            # Raw digests, because a million keys are kept in mind.
            cell = bytes.fromhex(self._shelf.cell_of(request))
            new = cell not in self._mails
            self._mails[cell] += 1
            if request.in_parts:
                keys = [bytes.fromhex(key) for key in self._shelf.lines_of(request)]
                self._lines.setdefault(situation(request), set()).update(keys)
                if new:
                    self._brought.update(keys)
            # Of more and more cells ever fewer: those of the first customers are like one another.
            if new and (len(self.samples) < _MOST_SAMPLES or not len(self._mails) % 997):
                self.samples = [*self.samples[-_MOST_SAMPLES + 1 :], request]

    def look_up(self, session: Session) -> None:
        """Find out what the wanted writer has written before."""
        keys = [*self._mails, *(key for lines in self._lines.values() for key in lines)]
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            asked = [key.hex() for key in keys[start : start + _KEYS_AT_ONCE]]
            self._known.update(bytes.fromhex(key) for (key,) in rows(session, _KNOWN, {"keys": asked}))

    @property
    def cells(self) -> int:
        """How many there are."""
        return len(self._mails)

    @property
    def mails(self) -> int:
        """How many mails were counted."""
        return self._mails.total()

    @property
    def largest(self) -> int:
        """Mails of the largest cell."""
        return max(self._mails.values(), default=0)

    @property
    def median(self) -> int:
        """Mails of the cell in the middle."""
        return round(median(self._mails.values())) if self._mails else 0

    @property
    def known(self) -> int:
        """Cells whose words are there; see `look_up`."""
        return sum(cell in self._known for cell in self._mails)

    @property
    def cells_to_write(self) -> int:
        """The others."""
        return self.cells - self.known

    @property
    def line_calls(self) -> int:
        """Calls for lines that no cell's words bring along: many products in one."""
        left: Sequence[int] = [len(lines - self._brought - self._known) for lines in self._lines.values()]
        return sum(-(-n // (MOST_PRODUCTS - 1)) for n in left)
