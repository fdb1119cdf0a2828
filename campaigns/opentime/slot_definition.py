"""What a slot is: a place in the mail whose picture is decided at open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.opentime.conditions import Conditions
from campaigns.opentime.pictures import EXTENSIONS

DEFAULT = "default"
EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing a slot can show: a picture (sha256), where it leads, and maybe a product (sku)."""

    name: str
    picture: str
    link: str
    product: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """Show `variant` when all conditions hold."""

    when: Conditions
    variant: Variant


@dataclass(frozen=True, slots=True)
class SlotDefinition:
    """`width` and `height` as shown in the mail; each picture has `scale` times as many pixels a side.

    From `expires` on (aware) the expired variant is shown whatever the rules say.
    """

    name: str
    width: int
    height: int
    scale: int
    media_type: str
    alt: str
    default: Variant
    expired: Variant
    expires: datetime | None = None
    rules: tuple[Rule, ...] = ()

    @property
    def variants(self) -> tuple[Variant, ...]:
        """All that it can show: rules in order, default, expired."""
        return (*(rule.variant for rule in self.rules), self.default, self.expired)

    @property
    def pixel_size(self) -> tuple[int, int]:
        """Width and height of every picture of this slot in pixels."""
        return self.width * self.scale, self.height * self.scale

    @property
    def extension(self) -> str:
        """How the picture's URL ends: png, jpg or gif."""
        return EXTENSIONS[self.media_type]

    @property
    def asks_weather(self) -> bool:
        """Whether any rule depends on the weather."""
        return any(rule.when.ask_weather for rule in self.rules)

    def variant(self, name: str) -> Variant | None:
        """The variant of this name, if there is one."""
        return next((variant for variant in self.variants if variant.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready fields; pictures by their sha256."""
        return {
            "name": self.name,
            "width": self.width,
            "height": self.height,
            "scale": self.scale,
            "media_type": self.media_type,
            "alt": self.alt,
            "default": _variant_json(self.default),
            "expired": _variant_json(self.expired),
            "expires": self.expires.isoformat() if self.expires else None,
            "rules": [{**_variant_json(rule.variant), "when": rule.when.to_json()} for rule in self.rules],
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> SlotDefinition:
        """The reverse of `to_json`.

        Raises:
            BadInput, KeyError, TypeError or ValueError: it was not made by `to_json`.
        """
        rules = [
            Rule(Conditions.parse(rule["when"], f"slot {raw['name']!r}, rule {n}, when"), _variant_of(rule))
            for n, rule in enumerate(raw["rules"], 1)
        ]
        return cls(
            name=raw["name"],
            width=raw["width"],
            height=raw["height"],
            scale=raw["scale"],
            media_type=raw["media_type"],
            alt=raw["alt"],
            default=_variant_of(raw["default"]),
            expired=_variant_of(raw["expired"]),
            expires=datetime.fromisoformat(raw["expires"]) if raw["expires"] else None,
            rules=tuple(rules),
        )


def _variant_json(variant: Variant) -> dict[str, str]:
    fields = {"name": variant.name, "picture": variant.picture, "link": variant.link}
    return {**fields, "product": variant.product} if variant.product else fields


def _variant_of(raw: Mapping[str, Any]) -> Variant:
    return Variant(raw["name"], raw["picture"], raw["link"], raw.get("product", ""))
