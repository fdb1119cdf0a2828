"""What a slot is: a place in the mail whose picture is decided at open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from campaigns.opentime.drawing.pictures import EXTENSIONS
from campaigns.opentime.slots.conditions import Conditions
from campaigns.opentime.slots.slot_kinds import (
    PICTURE,
    Content,
    CountdownTo,
    NearestShop,
    PickCard,
    WeatherPick,
    content_from_json,
)

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


# Without `slots`, so that what it asks is found out once and not at every open.
@dataclass(frozen=True)
class SlotDefinition:
    """`width` and `height` as shown in the mail; each picture has `scale` times as many pixels a side.

    From `expires` on (aware) the expired variant is shown whatever the rules say; a countdown never shows
    anything else after its deadline. Where no rule holds, `content` is drawn, if there is one and enough is known
    for it; else the default is shown.
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
    content: Content | None = None

    def __post_init__(self) -> None:
        if isinstance(self.content, CountdownTo):
            deadline = self.content.deadline
            object.__setattr__(self, "expires", min(self.expires or deadline, deadline))

    def expired_at(self, now: datetime) -> bool:
        """Whether the expired variant is shown at this aware moment."""
        return self.expires is not None and now >= self.expires

    @property
    def kind(self) -> str:
        """What is shown where no rule holds: one of `slot_kinds.KINDS`."""
        return self.content.kind if self.content else PICTURE

    @property
    def variants(self) -> tuple[Variant, ...]:
        """All stored pictures that it can show: rules in order, default, expired."""
        return (*(rule.variant for rule in self.rules), self.default, self.expired)

    @cached_property
    def pixel_size(self) -> tuple[int, int]:
        """Width and height of every picture of this slot in pixels."""
        return self.width * self.scale, self.height * self.scale

    @cached_property
    def extension(self) -> str:
        """How the picture's URL ends: png, jpg or gif."""
        return EXTENSIONS[self.media_type]

    @cached_property
    def asks_weather(self) -> bool:
        """Whether what it shows depends on the weather."""
        return isinstance(self.content, WeatherPick) or any(rule.when.ask_weather for rule in self.rules)

    @cached_property
    def asks_place(self) -> bool:
        """Whether what it shows depends on the place, its weather or its clock."""
        by_kind = isinstance(self.content, WeatherPick | NearestShop)
        return by_kind or any(rule.when.ask_place for rule in self.rules)

    @property
    def asks_picks(self) -> bool:
        """Whether it shows one of the customer's picks, as the product is now."""
        return self.needs_picks > 0

    @cached_property
    def needs_picks(self) -> int:
        """How many picks a customer needs for it to have something to draw."""
        if isinstance(self.content, PickCard):
            return self.content.pick
        return 1 if isinstance(self.content, WeatherPick) else 0

    @cached_property
    def skus(self) -> frozenset[str]:
        """The products whose stock its rules look at."""
        return frozenset().union(*(rule.when.skus for rule in self.rules))

    def variant(self, name: str) -> Variant | None:
        """The variant of this name, if there is one."""
        return next((variant for variant in self.variants if variant.name == name), None)

    def always(self, name: str) -> SlotDefinition:
        """The slot that shows its variant of this name, whatever place and weather are.

        Raises:
            KeyError: there is no such variant.
        """
        shown = self.variant(name)
        if shown is None:
            raise KeyError(name)
        return replace(self, default=replace(shown, name=DEFAULT), rules=(), content=None)

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
            "kind": self.kind,
            "content": self.content.to_json() if self.content else None,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> SlotDefinition:
        """The reverse of `to_json`; what was stored before there were kinds is a slot of pictures by rule.

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
            content=content_from_json(raw.get("kind", PICTURE), raw.get("content") or {}),
        )


def _variant_json(variant: Variant) -> dict[str, str]:
    fields = {"name": variant.name, "picture": variant.picture, "link": variant.link}
    return {**fields, "product": variant.product} if variant.product else fields


def _variant_of(raw: Mapping[str, Any]) -> Variant:
    return Variant(raw["name"], raw["picture"], raw["link"], raw.get("product", ""))
