"""What the slots of a mail showed last, and that picture again: for clicks, for `/v/`, for the console."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from campaigns.core.db import Database
from campaigns.core.errors import TailormailError
from campaigns.core.log import get_logger
from campaigns.flows.opening.easel import Easel
from campaigns.flows.opening.gallery import Gallery
from campaigns.models import SlotServe
from campaigns.opentime.drawing.drawings import drawing_from_json
from campaigns.opentime.serving.serve import Shown
from campaigns.opentime.serving.serve_log import ServeLog
from campaigns.opentime.slots.rules import Choice
from campaigns.opentime.slots.slots import SlotDefinition

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture and where a page finds it: a drawn one is part of its own address (RFC 2397)."""

    url: str
    media_type: str
    body: bytes


class Showing:
    """Looks back at what was shown; one object serves all threads of a process."""

    def __init__(self, db: Database, serves: ServeLog, gallery: Gallery, public_url: str) -> None:
        self._db = db
        self._serves = serves
        self._easel = Easel(gallery)
        self._public_url = public_url

    def last(
        self,
        campaign_id: int,
        send_id: int,
        slots: Sequence[SlotDefinition],
        numbers: Sequence[int] | None = None,
    ) -> list[Choice]:
        """What each slot of this send showed last, the default where it was not shown yet.

        `numbers` are those of the slots in links, where they are not counted from 0.
        What was shown a moment ago is in Redis, and in PostgreSQL only when it has been drained.
        """
        # Looked for here first: what is drained in between is then found there, and never in neither.
        waiting = self._serves.shown(send_id)
        numbers = range(len(slots)) if numbers is None else numbers
        missing = any(number not in waiting for number in numbers)
        seen = {**(self._stored(campaign_id, send_id) if missing else {}), **waiting}
        return [_choice(slot, seen.get(number)) for number, slot in zip(numbers, slots, strict=True)]

    def picture(self, slot: SlotDefinition, choice: Choice, now: datetime) -> ShownPicture:
        """The picture of a choice as it looks `now`; never raises."""
        painted = self._easel.picture(slot, choice, now)
        if painted.stored:
            url = f"{self._public_url}/i/{painted.choice.picture}.{slot.extension}"
        else:
            url = f"data:{painted.media_type};base64,{base64.b64encode(painted.body).decode('ascii')}"
        return ShownPicture(url, painted.media_type, painted.body)

    def _stored(self, campaign_id: int, send_id: int) -> dict[int, Shown]:
        columns = SlotServe.slot, SlotServe.variant, SlotServe.link, SlotServe.detail
        with self._db.transaction() as session:
            rows = session.execute(
                select(*columns).where(SlotServe.campaign_id == campaign_id, SlotServe.send_id == send_id)
            ).all()
        return {slot: Shown(variant, link, detail) for slot, variant, link, detail in rows}


def _choice(slot: SlotDefinition, shown: Shown | None) -> Choice:
    if shown is None:
        return Choice.of(slot.default)
    if shown.detail is not None:
        try:
            return Choice(shown.variant, shown.link, drawing=drawing_from_json(shown.detail))
        except TailormailError:  # drawn by another version of this program
            return Choice.of(slot.default)
    variant = slot.variant(shown.variant) or slot.default
    return Choice(variant.name, shown.link or variant.link, variant.picture, product=variant.product)
