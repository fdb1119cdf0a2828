"""Pictures that this installation serves itself, by their content."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from campaigns.core.db import Database
from campaigns.models import Picture, PictureUpload
from campaigns.opentime.drawing.pictures import EXTENSIONS, PictureFile, check_picture


class Hosting:
    """Keeps pictures and says where they are served."""

    def __init__(self, db: Database, public_url: str) -> None:
        self._db = db
        self._public_url = public_url

    def keep(self, bodies: Mapping[str, bytes]) -> dict[str, str]:
        """Store pictures by any name; returns the URL of each.

        Raises:
            BadInput: one of them is not a PNG, JPEG or GIF picture; names it.
        """
        files = {name: check_picture(body, name) for name, body in bodies.items()}
        with self._db.transaction() as session:
            keep_pictures(session, {file.sha256: file for file in files.values()})
            # Whoever uploaded the same for a draft before: it no longer goes with the draft.
            hosted = PictureUpload.sha256.in_([file.sha256 for file in files.values()])
            session.execute(update(PictureUpload).where(hosted).values(made=False))
        return {
            name: f"{self._public_url}/i/{file.sha256}.{EXTENSIONS[file.media_type]}"
            for name, file in files.items()
        }


def keep_pictures(session: Session, files: Mapping[str, PictureFile]) -> None:
    """Store pictures that were checked; one that is there already stays."""
    rows = [
        {"sha256": f.sha256, "media_type": f.media_type, "width": f.width, "height": f.height, "body": f.body}
        for f in files.values()
    ]
    if rows:
        session.execute(upsert(Picture).values(rows).on_conflict_do_nothing())
