"""What the web's tests talk about: a small shop's two campaigns, and a password."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from PIL import Image
from sqlalchemy import select

from campaigns.compose.links import SendRef
from campaigns.models import Customer, Event, Send
from campaigns.runtime import Runtime
from tests.shop import record_opens

COLOURS = {"neutral": "darkolivegreen", "rain": "steelblue", "snow": "whitesmoke"}
PASSWORD = "reindeer moss and granite"
NAME = "Ola"
CUSTOMERS = 400

_OF_A_MAIL = ("open", "click", "view", "unsubscribe", "preferences")


@dataclass
class Story:
    """What the tests begin from: campaign 1 is sent, campaign 2 is a draft."""

    runtime: Runtime
    sent: int
    draft: int
    taken: int = 0

    def sends(self, tracked: bool = True) -> list[SendRef]:
        """Mails of the sent campaign."""
        with self.runtime.db.transaction() as session:
            rows = session.execute(
                select(Send.id, Send.campaign_id, Send.customer_id)
                .where(Send.campaign_id == self.sent, Send.status == "sent", Send.tracked == tracked)
                .order_by(Send.id)
            ).all()
        return [SendRef(*row, tracked) for row in rows]

    def take(self) -> SendRef:
        """A tracked mail that no other test has taken: what one test changes must not show in another."""
        self.taken += 1
        return self.sends()[self.taken]

    def token(self, kind: str, *numbers: int) -> str:
        """A signed token; those of a mail's links say its campaign, the one that is sent, before `numbers`."""
        campaign = (self.sent,) if kind in _OF_A_MAIL else ()
        return self.runtime.signer.sign(kind, *campaign, *numbers)

    def granted(self, customer_id: int) -> frozenset[str]:
        """What this customer agrees to now."""
        return self.runtime.preferences.of(self.token("preferences", customer_id, 0)).granted

    def events(self, name: str, send_id: int) -> list[Event]:
        """What is recorded of a mail."""
        record_opens(self.runtime)
        with self.runtime.db.transaction() as session:
            found = select(Event).where(Event.name == name, Event.send_id == send_id)
            return list(session.scalars(found))

    def speaking(self, language: str) -> int:
        """The number of a customer with this language."""
        with self.runtime.db.transaction() as session:
            found = select(Customer.id).where(Customer.locale.startswith(language)).limit(1)
            return session.scalars(found).one()


def picture(colour: str, size: tuple[int, int] = (1200, 600)) -> bytes:
    """A picture of one colour, of the size that the slot asks for."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


def description(name: str) -> dict[str, Any]:
    """A campaign with one slot of three pictures."""
    site = "https://fjellandfern.example"
    rules = [
        {"name": "rain", "when": {"weather": ["rain"]}, "picture": "rain", "link": f"{site}/p/JKT-01"},
        {"name": "snow", "when": {"weather": ["snow"]}, "picture": "snow", "link": f"{site}/p/JKT-06"},
    ]
    return {
        "name": name,
        "template": "outdoor",
        "picks": 4,
        "sender": "Fjell & Fern <hello@fjellandfern.example>",
        "postal_address": "Fjell & Fern, Storgata 12, 9008 Tromsø, Norway",
        "segment": {},
        "brief": {
            "goal": "Get people outside in autumn",
            "voice": "Warm and plain",
            "call_to_action": "See the collection",
            "call_to_action_url": f"{site}/autumn",
            "languages": ["en", "de", "fr", "es"],
        },
        "slots": [
            {
                "name": "hero",
                "width": 1200,
                "height": 600,
                "alt": "Something made for the weather out there",
                "default": {"picture": "neutral", "link": f"{site}/autumn"},
                "expired": {"picture": "neutral", "link": f"{site}/"},
                "rules": rules,
            }
        ],
    }
