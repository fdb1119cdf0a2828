"""What tests of drafts begin with: a campaign that says about all that a campaign can say."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from sqlalchemy.orm import Session

from campaigns.models import Campaign, Product
from campaigns.runtime import Runtime

SITE = "https://shop.example"
# What says nothing of what a campaign says.
OF_ITS_LIFE = {"id", "created_at", "created_by", "changed_by", "segment_id"}


def picture(colour: str, size: tuple[int, int] = (1200, 600), kind: str = "PNG") -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def add_products(session: Session) -> None:
    """Three products that rules can name."""
    for sku, category, tag in (("TEA-1", "Tea", "new"), ("TEA-2", "Tea", "new"), ("MUG-1", "Mugs", "old")):
        session.add(Product(sku=sku, title=f"A fine {sku}", category=category, brand="Leaf", tags=[tag]))


def full_description() -> dict[str, Any]:
    """A campaign with everything in it but a schedule and an experiment."""
    variant = {"picture": "a.png", "link": f"{SITE}/a"}
    offer_variant = {"picture": "offer.png", "link": f"{SITE}/offer"}
    return {
        "name": "Everything at once",
        "topic": "Tea news",
        "template": "outdoor",
        "picks": 5,
        "sender": "Leaf & Clay <hello@shop.example>",
        "reply_to": "care@shop.example",
        "postal_address": "Leaf & Clay\nStreet 1, 1000 Town",
        "segment": {"all": [{"country": ["NO", "SE"]}, {"not": {"tag": "vip"}}]},
        "brief": {
            "goal": "Show people which tea suits the weather.",
            "languages": ["en", "de"],
            "call_to_action": {"en": "See the teas", "de": "Zu den Tees"},
            "call_to_action_url": f"{SITE}/teas",
            "must_mention": [{"en": "Every tin can be filled again"}, {"de": "Jede Dose zum Nachfüllen"}],
            "banned": {"any": ["detox"], "de": ["Schnäppchen"]},
            "lengths": {"subject": 60},
            "voice": {"tone": "Calm.", "good": ["Rain again."], "avoid": ["ultimate"], "emoji": 0, "reading_level": "plain"},
            "offer": {"amount": {"amount": "5", "currency": "EUR"}, "code": "STEAM", "ends": "2027-12-24", "conditions": "On tea."},
        },
        "slots": [
            {
                "name": "hero", "width": 1200, "height": 600, "alt": "Tea", "default": variant,
                "expired": {**variant, "picture": "b.png"}, "expires": "2027-12-24T18:00:00Z",
                "rules": [
                    {"name": "wet", "picture": "b.png", "link": f"{SITE}/b", "product": "TEA-1",
                     "when": {"weather": ["rain", "snow"], "temperature_below": 4.5, "local_hour": [18, 6], "months": [12, 1],
                              "near": {"latitude": 60.4, "longitude": 5.3, "km": 100}, "country": ["NO"], "daylight": "night"}},
                    {"picture": "a.png", "link": f"{SITE}/c",
                     "when": {"season": ["summer"], "weekday": ["sat"], "tags": ["vip"], "after": "2027-01-01T00:00:00Z",
                              "area": {"south": 55, "west": 4, "north": 71.5, "east": 31}, "in_stock": ["TEA-1", "TEA-2"]}},
                ],
            },
            {
                "name": "offer", "kind": "nearest_shop", "width": 1040, "height": 340, "alt": "Our shop near you",
                "default": offer_variant, "expired": offer_variant, "within_km": 30, "style": {"accent": "#8a3b12"},
                "shops": [{"name": "Porto", "latitude": 41.15, "longitude": -8.61, "timezone": "Europe/Lisbon",
                           "hours": "Mo-Fr 09:00-18:00; Sa 10:00-16:00", "link": f"{SITE}/porto"}],
            },
        ],
        "delivery": {"per_second": 20, "quiet_hours": ["21:00", "08:00"]},
        "picking": {
            "buy_again": 0.25, "popularity": 0.75, "per_brand": 3, "price_band": [0.5, 2], "fresh": True,
            "never": {"categories": ["Mugs"], "tags": ["old"]}, "never_together": [["Tea", "Mugs"]],
            "pinned": ["TEA-2"], "favour": [{"categories": ["Tea"], "weight": 1.5}], "durable": ["Mugs"], "margin": 0.3,
            "stand_ins": {"choose": "brand", "price_within": 30, "instead": {"TEA-2": ["TEA-1"], "MUG-1": ["TEA-1", "TEA-2"]},
                          "otherwise": "leave_out"},
        },
        "copy": {"granularity": "pick_set", "max_calls": 100, "max_minutes": "none", "approve_samples": True, "seed": 7},
    }  # fmt: skip


def clock_description() -> dict[str, Any]:
    """Little, with a countdown: its pictures become GIFs."""
    variant = {"picture": "offer.png", "link": SITE}
    slot = {
        "name": "offer", "kind": "countdown", "deadline": "2027-12-24", "label": "Until Christmas", "width": 1040,
        "height": 340, "alt": "A clock", "default": variant, "expired": variant, "units": ["d", "h", "m", "s"],
    }  # fmt: skip
    brief = {"goal": "Sell tea.", "call_to_action_url": SITE, "offer": {"amount_percent": 10}}
    frame = {
        "name": "Clock",
        "template": "outdoor",
        "sender": "A <a@shop.example>",
        "postal_address": "Street 1",
    }
    return {**frame, "brief": brief, "slots": [slot]}


def pictures() -> dict[str, bytes]:
    """The files that both name."""
    return {"a.png": picture("green"), "b.png": picture("blue"), "offer.png": picture("red", (1040, 340))}


def row_of(runtime: Runtime, campaign_id: int) -> dict[str, Any]:
    """What the campaign says, by column."""
    columns = [column.key for column in Campaign.__mapper__.column_attrs]
    with runtime.db.transaction() as session:
        campaign = session.get_one(Campaign, campaign_id)
        return {name: getattr(campaign, name) for name in columns if name not in OF_ITS_LIFE}
