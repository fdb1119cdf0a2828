"""A mail that is looked at before it is sent, with everything that explains it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from campaigns.audience.consent import Allowed
from campaigns.compose.preflight import Finding
from campaigns.flows.copy.copy_audit import CopyAudit
from campaigns.flows.opening.shown import ShownPicture
from campaigns.flows.sending.letters import Letter
from campaigns.models.values import Pick
from campaigns.opentime.slots.rules import Choice


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as this customer would get it, with everything that explains it.

    `held_back` is the reason (audience/verdict.py) why they would not get it now, empty where they would.
    `words` tells how the words came about, with costs in `currency`. `skies` is what each slot that asks for the
    weather shows in each condition, with all else as it is. `html_bytes` is the size of the HTML part as it is sent.
    """

    letter: Letter
    held_back: str
    picks: tuple[Pick, ...]
    shown: dict[str, Choice]
    pictures: dict[str, ShownPicture]
    weather: str
    signal: str
    findings: tuple[Finding, ...]
    customer: str
    tracked: bool
    beyond_consent: str = ""
    allowed: Allowed | None = None
    words: CopyAudit | None = None
    currency: str = "USD"
    skies: dict[str, dict[str, Choice]] = field(default_factory=dict)
    html_bytes: int = 0

    def explained(self) -> dict[str, Any]:
        """The same without the mail, as JSON-ready values."""
        return {
            "customer": self.customer,
            "subject": self.letter.subject,
            "held_back": self.held_back or None,
            "allowed_because": self.allowed.to_json() if self.allowed and self.allowed.granted else None,
            "weather": self.weather,
            "place_known_from": self.signal,
            "open_tracking": self.tracked,
            "shown_beyond_consent": self.beyond_consent or None,
            "slots": {name: shown_as(choice) for name, choice in self.shown.items()},
            "picks": [
                {
                    "sku": pick.product.sku,
                    "title": pick.product.title,
                    "reason": pick.reason.kind,
                    "because": pick.reason.because or None,
                }
                for pick in self.picks
            ],
            "copy": self.words.as_json(self.currency) if self.words else None,
            "findings": [
                {"severity": str(f.severity), "code": f.code, "message": f.message} for f in self.findings
            ],
        }


def shown_as(choice: Choice) -> str:
    """What a choice is called before people: cards of products by the shop's own number."""
    return f"card of {choice.product}" if choice.drawing and choice.product else choice.variant_name
