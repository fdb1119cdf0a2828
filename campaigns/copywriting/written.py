"""What a writer returns, how it fails, and what every writer promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from campaigns.copywriting.request import CopyRequest
from campaigns.core.errors import GiveUp
from campaigns.models.values import Copy


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule that a draft broke, in one field ("subject", "product_lines[0]", "" for the whole)."""

    rule: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class WrittenCopy:
    """A copy that passed the guard, placeholders unfilled.

    `writer` is "model" or "offline"; `verdicts` are of the drafts refused on the way, so an empty tuple
    means passed at first try; `tokens` counts prompt and answer of all calls; `cell_key` is the key under
    which this copy may be kept: an offline stand-in never takes the place of the model's copy.
    """

    copy: Copy
    writer: str
    model: str
    prompt_version: str
    tokens: int
    verdicts: tuple[Verdict, ...]
    cell_key: str


class CannotWrite(GiveUp):
    """This writer has no acceptable copy for this request; carries what its drafts did wrong."""

    def __init__(self, message: str, verdicts: tuple[Verdict, ...] = (), tokens: int = 0) -> None:
        super().__init__(message)
        self.verdicts = verdicts
        self.tokens = tokens


class CopyWriter(Protocol):
    """Writes the copy of one cell."""

    name: str
    model: str

    def write(self, request: CopyRequest) -> WrittenCopy:
        """A copy that passes the guard for this request.

        Raises:
            CannotWrite: its drafts were refused, cut off or unreadable.
            ServiceUnavailable: the writer is away, too slow or asks to wait.
            Rejected: the writer says no for good (key, model name, malformed request).
        """
        ...
