"""What a writer returns, how it fails, and what every writer promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from campaigns.copywriting.request import OFFLINE, CopyRequest
from campaigns.copywriting.usage import NO_USAGE, OpenPurse, Purse, Usage
from campaigns.core.errors import GiveUp, TryLater
from campaigns.models.values import Copy

SERVICE = "language model"
"""The name of the outside service in errors."""
OPEN_PURSE = OpenPurse()
NOTHING_KNOWN: Mapping[str, str] = {}
"""Of the texts of a copy, none is written yet."""


def never() -> bool:
    """Nobody wants to stop."""
    return False


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
    means passed at first try; `tokens` counts prompt and answer of all calls. `parts`, where a writer wrote them
    apart, spares finding them out.

    `usage` is what all calls for it took, also those whose answers had been kept from before; `batched` is that
    share of it which came by a batch, at half price. `repairs` counts the rounds in which refused fields were
    asked again; `offline_fields` names those that the offline writer wrote in the end (as `guard.fields_of`).
    """

    copy: Copy
    writer: str
    model: str
    prompt_version: str
    tokens: int
    verdicts: tuple[Verdict, ...]
    parts: Parts | None = None
    usage: Usage = NO_USAGE
    batched: Usage = NO_USAGE
    repairs: int = 0
    offline_fields: tuple[str, ...] = ()

    @property
    def key_model(self) -> str:
        """What stands for its writer in the keys of a request."""
        return self.model or OFFLINE


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a writer has of a copy when it is done or gives up.

    `texts` are those that pass the guard, by name as `guard.fields_of` gives it; `verdicts` are of all drafts
    refused on the way. `over_budget` tells that the purse forbade the next call.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    usage: Usage = NO_USAGE
    batched: Usage = NO_USAGE
    repairs: int = 0
    over_budget: bool = False


class CannotWrite(GiveUp):
    """This writer has no acceptable copy for this request; `attempt` is how far it came."""

    def __init__(self, message: str, attempt: Attempt) -> None:
        super().__init__(message)
        self.attempt = attempt


class Stopped(TryLater):
    """Told to stop before the copy was written; what was answered until then is kept."""

    def __init__(self) -> None:
        super().__init__("told to stop")


class CopyWriter(Protocol):
    """Writes the copy of one cell."""

    name: str
    model: str

    def write(self, request: CopyRequest) -> WrittenCopy:
        """A copy that passes the guard for this request; a writer that is no `PaidWriter` never fails."""
        ...


class PaidWriter(Protocol):
    """A writer whose calls take time and money, and may fail."""

    name: str
    model: str

    def write(
        self,
        request: CopyRequest,
        purse: Purse = OPEN_PURSE,
        known: Mapping[str, str] = NOTHING_KNOWN,
        stopping: Callable[[], bool] = never,
    ) -> WrittenCopy:
        """A copy that passes the guard for this request.

        `purse` is asked before each call; `known` are texts that stay as they are (by name as
        `guard.fields_of` gives it), so that only the others are written.

        Raises:
            CannotWrite: its drafts were refused, cut off or unreadable, or the purse forbade more.
            ServiceUnavailable: the writer is away, too slow, or asks to wait for longer than a cell may take and
                the purse has patience.
            Rejected: the writer says no for good (key, model name, malformed request).
            Stopped: `stopping` said so.
        """
        ...
