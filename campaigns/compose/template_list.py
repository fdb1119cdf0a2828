"""The templates that are installed, for somebody to choose from."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from importlib import resources

from campaigns.compose.template import load_template
from campaigns.core.errors import BadInput, NotFound
from campaigns.core.log import get_logger

log = get_logger(__name__)

PICTURE = "picture.png"
"""Beside a template's files, what a mail made with it looks like; it may be left out."""
_FOLDER = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class TemplateCard:
    """A template as somebody chooses it; `folder` is what a campaign names."""

    folder: str
    name: str
    description: str
    languages: tuple[str, ...]
    slots: tuple[str, ...]
    has_picture: bool


def installed_templates() -> list[TemplateCard]:
    """Every template that can be used, by name; one that is damaged is left out, with a line in the log."""
    cards = []
    for entry in resources.files("templates").iterdir():
        if not entry.is_dir() or not _FOLDER.fullmatch(entry.name):
            continue
        try:
            found = load_template(entry.name)
        except NotFound:
            continue  # a folder that is no template
        except BadInput as error:
            log.warning("template_damaged", template=entry.name, why=error.message)
            continue
        has_picture = entry.joinpath(PICTURE).is_file()
        cards.append(
            TemplateCard(
                entry.name, found.name, found.description, found.languages, tuple(found.slots), has_picture
            )
        )
    return sorted(cards, key=lambda card: card.name)


def template_picture(folder: str) -> io.BytesIO | None:
    """What a mail made with this template looks like, as PNG; None where nobody made a picture of it."""
    if not _FOLDER.fullmatch(folder):
        return None
    file = resources.files("templates").joinpath(folder, PICTURE)
    return io.BytesIO(file.read_bytes()) if file.is_file() else None
