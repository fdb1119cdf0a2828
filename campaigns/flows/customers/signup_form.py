"""A sign-up form: as a TOML file describes it, and as it is kept with every wording that it ever had."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from campaigns.compose.links import checked_url
from campaigns.compose.notices import LANGUAGES
from campaigns.core.described_file import SenderLine, check_described, read_toml
from campaigns.core.errors import BadInput
from campaigns.models import PURPOSES

MARKETING = "marketing"
PurposeWords = Callable[[str], Mapping[str, tuple[str, str]]]
"""For a language: of each purpose its short name, and what agreeing means."""

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
_VERSION_DIGITS = 16


class FormWords(BaseModel):
    """What the marketer says in one language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1, max_length=120)
    intro: str = Field("", max_length=2000)
    button: str = Field(min_length=1, max_length=60)


class OfferedFavourites(BaseModel):
    """What a newcomer may tick as a favourite: categories as they are in the catalogue, products by SKU."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    categories: list[str] = Field(default_factory=list, max_length=12)
    products: list[str] = Field(default_factory=list, max_length=12)


class SignupFormFile(BaseModel):
    """The file. `wording` replaces the usual words beside the box of a purpose, in every language of the form.

    `sites` are origins, such as https://shop.example, on whose pages the form is embedded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    sender: SenderLine
    postal_address: str = Field(min_length=1, max_length=300)
    privacy_url: str
    purposes: list[str] = Field(default_factory=lambda: [MARKETING])
    asks_name: bool = False
    confirm_hours: int = Field(48, ge=1, le=336)
    words: dict[str, FormWords] = Field(min_length=1)
    wording: dict[str, dict[str, str]] = Field(default_factory=dict)
    favourites: OfferedFavourites = Field(default_factory=OfferedFavourites)
    sites: list[str] = Field(default_factory=list, max_length=20)

    @field_validator("name")
    @classmethod
    def _name_fits_a_url(cls, value: str) -> str:
        if not _SLUG.fullmatch(value):
            raise ValueError("must be up to 60 signs of a-z, 0-9 and -, such as newsletter")
        return value

    @field_validator("privacy_url")
    @classmethod
    def _privacy_url_is_a_web_address(cls, value: str) -> str:
        try:
            return checked_url(value)
        except BadInput:
            raise ValueError("must be a web address, such as https://shop.example/privacy") from None

    @field_validator("purposes")
    @classmethod
    def _purposes_are_known(cls, value: list[str]) -> list[str]:
        unknown = set(value) - set(PURPOSES)
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))}: must be among {', '.join(PURPOSES)}")
        if MARKETING not in value:
            raise ValueError("must have marketing among them: without it there is nothing to sign up for")
        return [purpose for purpose in PURPOSES if purpose in value]

    @field_validator("sites")
    @classmethod
    def _sites_are_origins(cls, value: list[str]) -> list[str]:
        for site in value:
            parts = urlsplit(site)
            if parts.scheme not in ("http", "https") or site != f"{parts.scheme}://{parts.netloc}":
                raise ValueError(f"{site}: must be an origin, such as https://shop.example")
        return value

    @model_validator(mode="after")
    def _words_are_complete(self) -> SignupFormFile:
        unspoken = set(self.words) - set(LANGUAGES)
        if unspoken:
            raise ValueError(f"words.{min(unspoken)}: the languages are {', '.join(LANGUAGES)}")
        for purpose, texts in self.wording.items():
            if purpose not in self.purposes:
                raise ValueError(f"wording.{purpose}: the form does not ask for this purpose")
            if set(texts) != set(self.words) or not all(text.strip() for text in texts.values()):
                raise ValueError(f"wording.{purpose}: must have a text in {', '.join(sorted(self.words))}")
        return self


@dataclass(frozen=True, slots=True)
class Said:
    """All that a form says beside its boxes, in one language; `version` is a hash of it.

    `purposes`: of each one its name and what agreeing means.
    """

    language: str
    title: str
    intro: str
    sender: str
    privacy_url: str
    purposes: Mapping[str, tuple[str, str]]

    @property
    def version(self) -> str:
        """The same for the same words, whenever they are said."""
        text = json.dumps(self.to_json(), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, for `from_json`."""
        return {
            "language": self.language,
            "title": self.title,
            "intro": self.intro,
            "sender": self.sender,
            "privacy_url": self.privacy_url,
            "purposes": {purpose: list(words) for purpose, words in self.purposes.items()},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Said:
        """As `to_json` wrote it."""
        # JSON of PostgreSQL keeps no order.
        kept = stored["purposes"]
        purposes = {purpose: (kept[purpose][0], kept[purpose][1]) for purpose in PURPOSES if purpose in kept}
        return cls(**{**stored, "purposes": purposes})


@dataclass(frozen=True, slots=True)
class SignupForm:
    """A form as it is kept: the file, and what it says now and said before, by version.

    `product_titles` are those of the products offered as favourites that are still there, by SKU.
    """

    id: int
    active: bool
    file: SignupFormFile
    current: Mapping[str, str]
    wordings: Mapping[str, Said]
    product_titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def brand(self) -> str:
        """The name of the sender."""
        return parseaddr(self.file.sender)[0]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that it speaks, in the order of LANGUAGES."""
        return tuple(language for language in LANGUAGES if language in self.file.words)

    def language_for(self, wanted: str) -> str:
        """This language where it is spoken, else the first one."""
        return wanted if wanted in self.file.words else self.languages[0]

    def said(self, language: str) -> Said:
        """What it says now."""
        return self.wordings[self.current[self.language_for(language)]]

    def offers(self, kind: str, value: str) -> bool:
        """Whether this may be ticked as a favourite."""
        offered = self.file.favourites
        return value in (offered.categories if kind == "category" else offered.products)


def wordings_of(file: SignupFormFile, purpose_words: PurposeWords) -> list[Said]:
    """What the form says in each of its languages, with the usual words where the marketer has none."""
    said = []
    for language, words in file.words.items():
        usual = purpose_words(language)
        purposes = {
            purpose: (usual[purpose][0], file.wording.get(purpose, {}).get(language) or usual[purpose][1])
            for purpose in file.purposes
        }
        said.append(Said(language, words.title, words.intro, file.sender, file.privacy_url, purposes))
    return said


def read_form_file(path: Path) -> SignupFormFile:
    """The form that a TOML file describes.

    Raises:
        BadInput: the file cannot be read; names every wrong field.
    """
    return check_form(read_toml(path), path.name)


def check_form(raw: Mapping[str, Any], where: str) -> SignupFormFile:
    """The form of an already parsed file.

    Raises:
        BadInput: names every wrong field at once.
    """
    return check_described(SignupFormFile, raw, where)
