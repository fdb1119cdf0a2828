"""Pictures that are uploaded for drafts: kept at once, and dropped after a day when nothing uses them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.flows.console.audit import record
from campaigns.flows.describing.drafts import refuse_unless_draft
from campaigns.flows.describing.plans import get_campaign
from campaigns.models import Campaign, CampaignDraft, Picture, PictureUpload, ProductPicture
from campaigns.opentime.drawing.pictures import EXTENSIONS, check_picture

KEPT = timedelta(days=1)
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class AboutPicture:
    """A stored picture as a page shows it: the name of its file here, and its size in pixels."""

    file: str
    width: int
    height: int


class PictureUploads:
    """Takes pictures for a campaign, tells of them, and forgets what is not used."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def keep(self, campaign_id: int, name: str, body: bytes, by: str) -> str:
        """Keep a picture for a draft; returns its sha256.

        Raises:
            BadInput: not a whole PNG, JPEG or GIF, or too large.
            NotFound: there is no such campaign.
            Refused: it is no draft any more.
        """
        picture = check_picture(body, "picture")
        row = {"sha256": picture.sha256, "media_type": picture.media_type, "width": picture.width}
        with self._db.transaction() as session:
            refuse_unless_draft(get_campaign(session, campaign_id))
            added = insert(Picture).values(**row, height=picture.height, body=picture.body)
            made = (
                session.execute(added.on_conflict_do_nothing().returning(Picture.sha256)).first() is not None
            )
            upload = insert(PictureUpload).values(
                campaign_id=campaign_id,
                sha256=picture.sha256,
                name=name[-_LONGEST_NAME:],
                made=made,
                uploaded_at=self._clock.now(),
            )
            session.execute(
                upload.on_conflict_do_update(
                    index_elements=["campaign_id", "sha256"],
                    set_={"uploaded_at": upload.excluded.uploaded_at, "name": upload.excluded.name},
                )
            )
            told = {"sha256": picture.sha256}
            record(session, self._clock.now(), by, "picture.uploaded", f"campaign {campaign_id}", told)
        return picture.sha256

    def about(self, names: Iterable[str]) -> dict[str, AboutPicture]:
        """These pictures (sha256), as far as they are there."""
        columns = (Picture.sha256, Picture.media_type, Picture.width, Picture.height)
        with self._db.transaction() as session:
            found = session.execute(select(*columns).where(Picture.sha256.in_(set(names)))).all()
        return {row[0]: AboutPicture(f"{row[0]}.{EXTENSIONS[row[1]]}", row[2], row[3]) for row in found}

    def forget_unused(self) -> int:
        """Drop what was uploaded more than a day ago and no campaign and no draft shows; returns how many pictures."""
        with self._db.transaction() as session:
            old = session.scalars(
                select(PictureUpload).where(PictureUpload.uploaded_at < self._clock.now() - KEPT)
            ).all()
            used = _used_by(session, {upload.campaign_id for upload in old})
            unused = [
                upload for upload in old if upload.sha256 not in used.get(upload.campaign_id, frozenset())
            ]
            for upload in unused:
                session.delete(upload)
            session.flush()
            return _drop(session, {upload.sha256 for upload in unused if upload.made})


def _drop(session: Session, names: set[str]) -> int:
    """Delete pictures that came with an upload, unless something else shows them."""
    if not names:
        return 0
    still = set(session.scalars(select(PictureUpload.sha256).where(PictureUpload.sha256.in_(names))))
    still |= set(session.scalars(select(ProductPicture.sha256).where(ProductPicture.sha256.in_(names))))
    for told in session.execute(select(Campaign.slots, Campaign.experiment)):
        still |= names & pictures_in(list(told))
    session.execute(delete(Picture).where(Picture.sha256.in_(names - still)))
    return len(names - still)


def _used_by(session: Session, campaign_ids: set[int]) -> dict[int, set[str]]:
    """The pictures that these campaigns and their drafts show."""
    used: dict[int, set[str]] = {}
    campaigns = select(Campaign.id, Campaign.slots, Campaign.experiment).where(Campaign.id.in_(campaign_ids))
    drafts = select(CampaignDraft.campaign_id, CampaignDraft.value).where(
        CampaignDraft.campaign_id.in_(campaign_ids)
    )
    for number, *told in (*session.execute(campaigns), *session.execute(drafts)):
        used.setdefault(number, set()).update(pictures_in(told))
    return used


def pictures_in(told: Any) -> set[str]:
    """Every `picture` that slots name, wherever they stand in this JSON."""
    if isinstance(told, dict):
        own = {told["picture"]} if isinstance(told.get("picture"), str) and told["picture"] else set()
        return own.union(*(pictures_in(entry) for entry in told.values()))
    if isinstance(told, list):
        return set().union(*(pictures_in(entry) for entry in told))
    return set()
