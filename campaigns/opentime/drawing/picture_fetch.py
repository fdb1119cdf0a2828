"""Fetches pictures from the web sites of shops: bounded in time and size, and never from inside one's own network."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from campaigns.core.public_http import Origin, PublicHttp, Question, Resolve
from campaigns.opentime.drawing.pictures import LARGEST_BYTES, PictureFile, check_picture

SECONDS = 5.0
LARGEST_SIDE_KEPT = 800  # pixels: a card is at most as high, and the photo stands in a part of it

SERVICE = "the shop's pictures"
_ACCEPTED = (
    "image/jpeg, image/png, image/gif"  # no image/*: servers would rather send formats that mail lacks
)


class PictureFetcher:
    """Fetches one picture at a time; safe to use from several threads. The arguments are those of PublicHttp."""

    def __init__(
        self,
        agent: str,
        allowed: frozenset[Origin] = frozenset(),
        resolve: Resolve | None = None,
        trusted: str | None = None,
    ) -> None:
        self._http = PublicHttp(agent, SERVICE, allowed, resolve, trusted)

    def fetch(self, url: str) -> PictureFile:
        """The picture at this address, brought down to LARGEST_SIDE_KEPT pixels a side, within SECONDS.

        Raises:
            Rejected: the address is none that may be asked, or the shop refuses.
            BadInput: what came is not a picture that mails can show.
            ServiceUnavailable: no answer in time.
        """
        body = self._http.body(url, Question(SECONDS, headers={"Accept": _ACCEPTED}), LARGEST_BYTES)
        return smaller(check_picture(body, SERVICE))


def smaller(file: PictureFile, side: int = LARGEST_SIDE_KEPT) -> PictureFile:
    """The picture with at most `side` pixels a side, the right way up; itself if it has no more."""
    if max(file.width, file.height) <= side:
        return file
    out = io.BytesIO()
    with Image.open(io.BytesIO(file.body)) as image:
        image.draft("RGB", (side, side))  # a JPEG is decoded no larger than needed
        upright = ImageOps.exif_transpose(image)
        clear = upright.has_transparency_data
        plain = upright.convert("RGBA" if clear else "RGB")
        plain.thumbnail((side, side), Image.Resampling.LANCZOS)
        if clear:
            plain.save(out, "PNG")
        else:
            plain.save(out, "JPEG", quality=86)
    return check_picture(out.getvalue(), SERVICE)
