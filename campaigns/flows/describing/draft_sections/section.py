"""One step of the editor: from what was typed to the campaign's row and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from sqlalchemy.orm import Session

from campaigns.core.errors import BadInput
from campaigns.models import Campaign


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field, in words that say how to mend it. `field` is "" where it is the whole step."""

    field: str
    message: str

    def to_json(self) -> dict[str, str]:
        """JSON-ready values."""
        return asdict(self)


class Problems(BadInput):
    """A step does not fit yet; `found` says where and why."""

    def __init__(self, found: Iterable[Problem]) -> None:
        self.found = list(found)
        super().__init__("; ".join(f"{p.field}: {p.message}" if p.field else p.message for p in self.found))


class Section(Protocol):
    """A step's rules. Values are JSON: the fields of its form by name, texts as they were typed."""

    name: str

    def form_of(self, session: Session, campaign: Campaign) -> dict[str, Any]:
        """What the form shows for the campaign as it is: of a draft from a file, say."""
        ...

    def parse(self, session: Session, campaign: Campaign, value: dict[str, Any]) -> Any:
        """What the form says, checked; `campaign` is not changed.

        Raises:
            BadInput: best as `Problems`, which names every wrong field at once.
        """
        ...

    def apply(self, session: Session, campaign: Campaign, parsed: Any) -> None:
        """Write it into the campaign's row.

        Raises:
            BadInput: it does not fit what other steps say; nothing of it is written then.
        """
        ...

    def missing(self, session: Session, campaign: Campaign) -> list[Problem]:
        """What the campaign still needs from this step before it can be approved."""
        ...
