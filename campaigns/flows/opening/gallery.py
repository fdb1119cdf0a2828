"""What slots can show: their definitions and the stored pictures, from memory, Redis or PostgreSQL."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import select

from campaigns.core.db import Database
from campaigns.core.errors import NotFound
from campaigns.core.log import get_logger
from campaigns.core.patience import Patience
from campaigns.core.remembering import Remembered
from campaigns.flows.describing.arm_plans import all_slots
from campaigns.models import NOT_BEGUN, Campaign, Picture
from campaigns.opentime.drawing.byte_cache import ByteCache
from campaigns.opentime.serving.byte_shelf import ByteShelf
from campaigns.opentime.slots.slots import SlotDefinition

log = get_logger(__name__)

MISSING_SECONDS = 30.0
_MOST_CAMPAIGNS = 1000
_MOST_MISSING = 10_000
_MOST_BYTES = 64_000_000
_KEPT_SECONDS = 30 * 24 * 3600

Slots = tuple[SlotDefinition, ...]


class StoredPicture(NamedTuple):
    """A picture as it was uploaded."""

    media_type: str
    body: bytes


class Gallery:
    """Slots by campaign and pictures by content; one object serves all threads of a process.

    Neither ever changes once a campaign has begun, so what is known stays known. Redis keeps copies, so that a
    process that has just started needs no PostgreSQL either.
    """

    def __init__(self, db: Database, redis_client: Any) -> None:
        self._db = db
        self._patience = Patience("PostgreSQL")
        # Whoever asks for hashes at random must not use up what image requests of mails need.
        self._visitors_patience = Patience("PostgreSQL", at_once=4)
        self._missing: Remembered[str, float] = Remembered(_MOST_MISSING)
        self._shelf = ByteShelf(redis_client, "gallery", _KEPT_SECONDS)
        self._slots: Remembered[int, Slots] = Remembered(_MOST_CAMPAIGNS)
        self._pictures = ByteCache[StoredPicture](_MOST_BYTES, lambda picture: len(picture.body))

    def slots(self, campaign_id: int) -> Slots:
        """The slots of a campaign and of the arms of its experiment, in the order of their numbers in links.

        Raises:
            NotFound: there is no such campaign.
            ServiceUnavailable: nobody who would know answers.
        """
        known = self._slots.get(campaign_id)
        if known is not None:
            return known
        key = f"slots:{campaign_id}"
        raw, settled = self._shelf.get(key), True
        if raw is None:
            raw, settled = self._patience.ask(lambda: self._stored_slots(campaign_id))
            if settled:
                self._shelf.put_all({key: raw})
        known = tuple(SlotDefinition.from_json(slot) for slot in json.loads(raw))
        if settled:
            self._slots[campaign_id] = known
        return known

    def picture(self, sha256: str) -> StoredPicture:
        """A stored picture.

        Raises:
            NotFound: there is no such picture.
            ServiceUnavailable: nobody who would know answers.
        """
        return self._picture(sha256, self._patience)

    def hosted(self, sha256: str) -> StoredPicture:
        """The same for whoever asks by the hash itself; that there is none is remembered for MISSING_SECONDS.

        Raises:
            NotFound: there is no such picture.
            ServiceUnavailable: nobody who would know answers.
        """
        missed = self._missing.get(sha256)
        if missed is not None and time.monotonic() - missed < MISSING_SECONDS:
            raise NotFound("this picture is no longer known")
        try:
            return self._picture(sha256, self._visitors_patience)
        except NotFound:
            self._missing[sha256] = time.monotonic()
            raise

    def warm(self, campaign_id: int) -> None:
        """Have copies of a campaign's slots and pictures in Redis before its first mail is opened.

        Waits for PostgreSQL, so it is not for a request.

        Raises:
            NotFound: there is no such campaign.
        """
        raw, settled = self._stored_slots(campaign_id)
        if settled:
            self._shelf.put_all({f"slots:{campaign_id}": raw})
        slots = [SlotDefinition.from_json(slot) for slot in json.loads(raw)]
        self.warm_pictures(variant.picture for slot in slots for variant in slot.variants)

    def warm_pictures(self, names: Iterable[str]) -> None:
        """Have copies of these pictures (sha256) in Redis, the first of them, up to what a process may hold itself."""
        put = 0
        for sha256 in dict.fromkeys(names):
            try:
                body = self._stored_picture(sha256)
            except NotFound:
                log.warning("picture_missing", picture=sha256)
                continue
            put += len(body)
            if put > _MOST_BYTES:
                return
            self._shelf.put_all({f"picture:{sha256}": body})

    def _picture(self, sha256: str, patience: Patience) -> StoredPicture:
        known = self._pictures.get(sha256)
        if known is None:
            raw = self._either(f"picture:{sha256}", lambda: self._stored_picture(sha256), patience)
            media_type, _, body = raw.partition(b"\n")
            known = StoredPicture(media_type.decode(), body)
            self._pictures.put(sha256, known)
        return known

    def _either(self, key: str, stored: Callable[[], bytes], patience: Patience) -> bytes:
        kept = self._shelf.get(key)
        if kept is None:
            kept = patience.ask(stored)
            self._shelf.put_all({key: kept})
        return kept

    def _stored_slots(self, campaign_id: int) -> tuple[bytes, bool]:
        """The slots as JSON, and whether they stay as they are: a test mail's are those of a draft."""
        wanted = select(Campaign.slots, Campaign.experiment, Campaign.status).where(
            Campaign.id == campaign_id
        )
        with self._db.transaction() as session:
            row = session.execute(wanted).one_or_none()
        if row is None:
            raise NotFound("this campaign is no longer known")
        return json.dumps(all_slots(row.slots, row.experiment)).encode(), row.status not in NOT_BEGUN

    def _stored_picture(self, sha256: str) -> bytes:
        with self._db.transaction() as session:
            row = session.execute(
                select(Picture.media_type, Picture.body).where(Picture.sha256 == sha256)
            ).one_or_none()
        if row is None:
            raise NotFound("this picture is no longer known")
        return row.media_type.encode() + b"\n" + bytes(row.body)
