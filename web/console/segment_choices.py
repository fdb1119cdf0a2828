"""What the fields of a segment's form offer: words of the shop's data, campaigns, other segments."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field

from babel import Locale
from sqlalchemy import select

from campaigns.audience.vocabulary import vocabulary_of
from campaigns.models import Campaign, KeptSegment
from campaigns.runtime import Runtime
from web.console.segment_fields import RuleField
from web.console.segment_form import quoted, split

_MOST_CAMPAIGNS = 60
_REMEMBERED_SECONDS = 300.0
_EXTENSION = "tailormail_vocabulary"


@dataclass(frozen=True, slots=True)
class Choice:
    """One that can be ticked."""

    value: str
    label: str
    ticked: bool


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from, by the name that a field says; (value, label) each."""

    offered: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def ticks(self, one: RuleField, typed: list[str]) -> list[Choice]:
        """The boxes of a field. What was ticked before and is offered no more stays, where nothing else holds it."""
        options = one.options or self.offered.get(one.offered, ())
        if one.kind == "words":
            chosen = {word.lower() for word in split(",".join(typed))}
            return [Choice(quoted(value), label, value.lower() in chosen) for value, label in options]
        chosen = {value.strip() for value in typed}
        known = {value for value, _ in options}
        gone = sorted(value for value in chosen - known if value)
        return [
            *(Choice(value, label, value in chosen) for value, label in options),
            *(Choice(value, value, True) for value in gone),
        ]

    def rest(self, one: RuleField, typed: list[str]) -> str:
        """Of a field of words, what was typed beside the boxes."""
        known = {value.lower() for value, _ in self.offered.get(one.offered, ())}
        words = split(",".join(typed))
        return ", ".join(quoted(word) for word in words if word.lower() not in known)


def choices(runtime: Runtime, but: int = 0) -> Choices:
    """What there is now; `but` is the segment that is being edited, which cannot name itself."""
    offered = dict(_vocabulary(runtime))
    with runtime.db.transaction() as session:
        begun = select(Campaign.id, Campaign.name).where(Campaign.started_at.is_not(None))
        rows = session.execute(begun.order_by(Campaign.id.desc()).limit(_MOST_CAMPAIGNS))
        offered["campaigns"] = tuple((str(number), f"{name} ({number})") for number, name in rows)
        kept = select(KeptSegment.id, KeptSegment.name).where(
            KeptSegment.archived_at.is_(None), KeptSegment.id != but
        )
        segments = session.execute(kept.order_by(KeptSegment.name))
        offered["segments"] = tuple((str(number), name) for number, name in segments)
    return Choices(offered)


def _vocabulary(runtime: Runtime) -> dict[str, tuple[tuple[str, str], ...]]:
    """Words change slowly, and a page that is edited asks for them at every step: remembered for some minutes."""
    at, words = runtime.__dict__.get(_EXTENSION, (-_REMEMBERED_SECONDS, {}))
    if time.monotonic() - at > _REMEMBERED_SECONDS or not words:
        with runtime.db.transaction() as session:
            found = asdict(vocabulary_of(session))
        words = {
            kind: tuple((word, _called(kind, word)) for word in some) for kind, some in found.items() if some
        }
        runtime.__dict__[_EXTENSION] = (time.monotonic(), words)
    return dict(words)


def _called(kind: str, word: str) -> str:
    """What a code of a language or country is called in English; other words as they are."""
    names = Locale("en").languages if kind == "language" else Locale("en").territories
    if kind not in ("language", "country"):
        return word
    return str(names.get(word if kind == "language" else word.upper(), word))
