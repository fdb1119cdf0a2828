"""What a writer returns, how it fails, and what every writer promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from campaigns.copywriting.request import OFFLINE, CopyRequest
from campaigns.core.errors import GiveUp
from campaigns.models.values import Copy


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule that a draft broke, in one field ("subject", "product_lines[0]", "" for the whole)."""

    rule: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Parts:
    """What of a copy may stand in other mails too.

    `head` is a copy without lines, and fits all requests with the same head key; None if it does not.
    `lines` has one entry per pick, for all requests with the same line key, as it reads for the first pick
    of a mail (so a price in it is {price_1}; see models.line_in_place); None where it fits only here.
    """

    head: Copy | None
    lines: tuple[str | None, ...]

    @property
    def are_all(self) -> bool:
        """Whether nothing is left that fits only here."""
        return self.head is not None and None not in self.lines


@dataclass(frozen=True, slots=True)
class WrittenCopy:
    """A copy that passed the guard, placeholders unfilled.

    `writer` is "model" or "offline"; `verdicts` are of the drafts refused on the way, so an empty tuple
    means passed at first try; `tokens` counts prompt and answer of all calls; `cell_key` is the key under
    which this copy may be kept: an offline stand-in never takes the place of the model's copy. `parts`, where
    a writer wrote them apart, spares finding them out.
    """

    copy: Copy
    writer: str
    model: str
    prompt_version: str
    tokens: int
    verdicts: tuple[Verdict, ...]
    cell_key: str
    parts: Parts | None = None

    @property
    def key_model(self) -> str:
        """What stands for its writer in the keys of a request."""
        return self.model or OFFLINE


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
