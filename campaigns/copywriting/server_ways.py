"""How a model server wants to be asked, found out once by how it answers, and remembered."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Protocol

from campaigns.models.copy_work import ANSWER_FORMS

STRICTEST, LOOSEST = ANSWER_FORMS[0], ANSWER_FORMS[-1]


@dataclass(frozen=True, slots=True)
class Ways:
    """`answers_as` is one of ANSWER_FORMS: a strict JSON Schema, JSON of any shape, or text with JSON in it.

    `refuses` are parameters of a call that this server takes for an error.
    """

    answers_as: str = STRICTEST
    refuses: frozenset[str] = frozenset()

    def looser(self) -> Ways:
        """One step less strict; text stays text."""
        at = ANSWER_FORMS.index(self.answers_as)
        return replace(self, answers_as=ANSWER_FORMS[min(at + 1, len(ANSWER_FORMS) - 1)])

    def is_stricter_than(self, form: str) -> bool:
        """Whether an answer of this form did not keep to what was asked."""
        return ANSWER_FORMS.index(self.answers_as) < ANSWER_FORMS.index(form)

    def without(self, parameter: str) -> Ways:
        """The same, knowing of one parameter more that is refused."""
        return replace(self, refuses=self.refuses | {parameter})


class ServerWays(Protocol):
    """Where it is remembered, by the name of the server and of the model."""

    def find(self, server: str, model: str) -> Ways | None:
        """What is known; None where nothing is, or too long ago."""
        ...

    def keep(self, server: str, model: str, ways: Ways) -> None:
        """Remember what was found out."""
        ...


class WaysInMemory:
    """Remembers as long as the process lives."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Ways] = {}
        self._lock = threading.Lock()

    def find(self, server: str, model: str) -> Ways | None:
        """See ServerWays."""
        with self._lock:
            return self._known.get((server, model))

    def keep(self, server: str, model: str, ways: Ways) -> None:
        """See ServerWays."""
        with self._lock:
            self._known[server, model] = ways
