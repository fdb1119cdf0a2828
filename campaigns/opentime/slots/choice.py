"""What was chosen for a slot: a stored picture or a drawing, and where its click leads."""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.opentime.drawing.drawings import Drawing
from campaigns.opentime.slots.slot_definition import Variant


@dataclass(frozen=True, slots=True)
class Choice:
    """A `picture` (sha256 of a stored picture) or a `drawing`, never both; `product` is the sku shown, if any.

    For a slot it is exactly one of them; only the open pixel, which shows nothing, has neither.

    Raises ValueError for both.
    """

    variant_name: str
    link: str
    picture: str = ""
    drawing: Drawing | None = None
    product: str = ""

    def __post_init__(self) -> None:
        if self.picture and self.drawing is not None:
            raise ValueError("a choice is a picture or a drawing, not both")

    @classmethod
    def of(cls, variant: Variant) -> Choice:
        """A stored variant: that of a rule, the default or the expired one."""
        return cls(variant.name, variant.link, variant.picture, product=variant.product)
