"""The pictures of a slot, read from beside the campaign file and compared with one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from campaigns.core.errors import BadInput, TailormailError
from campaigns.opentime.drawing.pictures import PictureFile, check_picture
from campaigns.opentime.drawing.still_gif import as_gif
from campaigns.opentime.slots import slot_fields as fields
from campaigns.opentime.slots.slot_definition import Variant

VARIANT_KEYS = ("picture", "link", "product")


class SlotFiles:
    """Reads each file once, and keeps the pictures that are shown by their sha256."""

    def __init__(
        self, read: Callable[[str], bytes], kept: Callable[[str], PictureFile | None] = lambda name: None
    ) -> None:
        self._read = read
        self._kept = kept
        self._by_name: dict[tuple[str, bool], PictureFile] = {}
        self.by_hash: dict[str, PictureFile] = {}

    def bytes_of(self, name: str, where: str) -> bytes:
        """The content of a file.

        Raises:
            BadInput: it cannot be read; names it and `where`.
        """
        try:
            return self._read(name)
        except (OSError, ValueError, KeyError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise BadInput(f"{name}: cannot be read: {why}", where) from None
        except TailormailError as error:
            raise BadInput(error.message, where) from error

    def picture(self, name: str, where: str, gif: bool) -> PictureFile:
        """A checked picture; with `gif`, one of another format is turned into a GIF."""
        if (name, gif) not in self._by_name:
            known = self._kept(name)
            picture = known or check_picture(self.bytes_of(name, where), f"{where}, {name}")
            picture = as_gif(picture, f"{where}, {name}") if gif else picture
            self._by_name[name, gif] = self.by_hash[picture.sha256] = picture
        return self._by_name[name, gif]


class VariantReader:
    """Reads the variants of one slot and remembers which picture each has, to compare them at the end.

    With `gif` all of them become GIFs: a countdown moves, and its URL ends in gif whatever it shows.
    """

    def __init__(self, where: str, files: SlotFiles, gif: bool) -> None:
        self._where = where
        self._files = files
        self._gif = gif
        self._seen: list[tuple[str, PictureFile]] = []

    def variant(self, raw: Mapping[str, Any], name: str, where: str) -> Variant:
        """One variant: picture, link, and maybe a product."""
        picture = self._files.picture(fields.text(raw, "picture", where), f"{where}, picture", self._gif)
        self._seen.append((name, picture))
        product = fields.text(raw, "product", where) if "product" in raw else ""
        return Variant(name, picture.sha256, fields.web_link(raw, "link", where), product)

    def fixed(self, raw: Mapping[str, Any], name: str) -> Variant:
        """The default or the expired variant."""
        where = f"{self._where}, {name}"
        if name not in raw:
            raise BadInput(f'is required: {name} = {{ picture = "...", link = "..." }}', where)
        given = fields.table(raw[name], where)
        fields.only_keys(given, VARIANT_KEYS, where)
        return self.variant(given, name, where)

    def common(self, width: int, height: int) -> tuple[int, str]:
        """Scale and media type that all pictures share: mail clients keep the size of the first they saw."""
        sizes = {picture.size for _, picture in self._seen}
        if len(sizes) > 1:
            named = ", ".join(f"{name} {picture.size}" for name, picture in self._seen)
            raise BadInput(f"all pictures of a slot need one size in pixels; here: {named}", self._where)
        types = {picture.media_type for _, picture in self._seen}
        if len(types) > 1:
            named = ", ".join(f"{name} {picture.media_type}" for name, picture in self._seen)
            why = "all pictures of a slot need one format (their URL ends in it)"
            raise BadInput(f"{why}; here: {named}", self._where)
        picture = self._seen[0][1]
        for scale in (1, 2, 3):
            if (picture.width, picture.height) == (width * scale, height * scale):
                return scale, picture.media_type
        shown = f"{width}x{height}"
        raise BadInput(f"pictures of {picture.size} are not 1, 2 or 3 times {shown}", f"{self._where}, width")
