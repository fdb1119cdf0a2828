"""Answers that were paid for: kept before anything is done with them, so that nobody pays twice."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from campaigns.copywriting.usage import Usage


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` of one call, or the `failure` (a rule's name and message) for which there is none.

    `batch` tells that it came by a batch, at half price.
    """

    text: str
    usage: Usage
    failure: tuple[str, str] | None = None
    batch: bool = False


class AnswerStore(Protocol):
    """Where answers wait until their copy is kept. `key` is the SHA-256 of server, model and all that was asked."""

    def find(self, key: str) -> Answer | None:
        """The answer to this question, if it was paid for before."""
        ...

    def keep(self, key: str, answer: Answer) -> None:
        """Keep it for good before returning."""
        ...


class AnswersInMemory:
    """A store that ends with the process."""

    def __init__(self) -> None:
        self._kept: dict[str, Answer] = {}
        self._lock = threading.Lock()

    def find(self, key: str) -> Answer | None:
        """See AnswerStore."""
        with self._lock:
            return self._kept.get(key)

    def keep(self, key: str, answer: Answer) -> None:
        """See AnswerStore; the first answer stays."""
        with self._lock:
            self._kept.setdefault(key, answer)
