"""The picture of what was chosen: drawn, or stored, or in the end one that is always there."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from campaigns.core.errors import TailormailError
from campaigns.core.log import get_logger
from campaigns.flows.opening.gallery import Gallery
from campaigns.opentime.drawing.drawing import draw
from campaigns.opentime.drawing.neutral import plain_picture
from campaigns.opentime.slots.choice import Choice
from campaigns.opentime.slots.slots import SlotDefinition

log = get_logger(__name__)


class Painted(NamedTuple):
    """A picture, and the choice that it shows in the end.

    `stored`: it is the choice's stored picture, and not one that was made just now.
    """

    media_type: str
    body: bytes
    choice: Choice
    stored: bool = False


class Easel:
    """Makes pictures of choices; one object serves all threads of a process."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery

    def picture(self, slot: SlotDefinition, choice: Choice, now: datetime) -> Painted:
        """The picture as it looks `now`; never raises.

        What cannot be drawn is the slot's default; what is stored and cannot be had is a plain picture of the
        slot's size.
        """
        if choice.drawing is not None:
            try:
                body = draw(choice.drawing, *slot.pixel_size, slot.media_type, now, self._body_of)
                return Painted(slot.media_type, body, choice)
            except Exception as error:
                log.warning("picture_not_drawn", slot=slot.name, why=type(error).__name__)
                choice = Choice.of(slot.default)
        try:
            media_type, body = self._gallery.picture(choice.picture)
        except Exception as error:
            log.warning("picture_missing", picture=choice.picture, why=type(error).__name__)
            stand_in = plain_picture(*slot.pixel_size, slot.media_type)
            return Painted(stand_in.media_type, stand_in.body, choice)
        return Painted(media_type, body, choice, stored=True)

    def _body_of(self, sha256: str) -> bytes | None:
        try:
            return self._gallery.picture(sha256).body
        except TailormailError:
            return None
