"""The brief: what a marketer wants said. Checked once, so that everything written from it can be trusted."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from functools import cached_property
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from campaigns.copywriting.languages import SUPPORTED, primary
from campaigns.copywriting.textrules import safety_faults
from campaigns.core.errors import BadInput

LONGEST_CALL_TO_ACTION = 40
LONGEST_MENTION = 90
MOST_MENTIONS = 3

_URL = TypeAdapter(AnyHttpUrl)


def _plain_line(text: str) -> str:
    """A phrase that may stand in a mail word by word: one line, no markup, link or template syntax."""
    text = text.strip()
    if "\n" in text:
        raise ValueError("must be one line")
    faults = safety_faults(text, frozenset())
    if faults:
        raise ValueError(faults[0].message)
    return text


def _call_to_action(text: str) -> str:
    text = _plain_line(text)
    if len(text) > LONGEST_CALL_TO_ACTION:
        raise ValueError(f"must have at most {LONGEST_CALL_TO_ACTION} characters")
    return text


def _mention(text: str) -> str:
    text = _plain_line(text)
    if not 3 <= len(text) <= LONGEST_MENTION:
        raise ValueError(f"must have 3 to {LONGEST_MENTION} characters")
    return text


def _known_language(code: str) -> str:
    if primary(code) not in SUPPORTED:
        raise ValueError(f"{code!r} is not supported; choose among {', '.join(SUPPORTED)}")
    return primary(code)


Language = Annotated[str, AfterValidator(_known_language)]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, (str, dict)) else value


class Offer(BaseModel):
    """The facts of an offer; the only source from which code fills {offer_amount}, _code and _ends."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    amount_percent: int | None = Field(None, ge=1, le=100)
    code: Annotated[str, AfterValidator(_plain_line)] = Field("", max_length=30)
    ends: date | None = None
    conditions: str = Field("", max_length=500)

    @model_validator(mode="after")
    def _states_something(self) -> Offer:
        if self.amount_percent is None and not self.code:
            raise ValueError("an offer needs an amount_percent or a code")
        return self


class Brief(BaseModel):
    """What a campaign wants to say.

    `call_to_action` and entries of `must_mention` are a text (in the first of `languages`) or a table of
    language -> text; they are the marketer's own words and stand in the mail verbatim.
    `catalogue_language` is the language of the products' titles and descriptions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    goal: str = Field(min_length=3, max_length=500)
    offer: Offer | None = None
    voice: str = Field("", max_length=1000)
    languages: Annotated[tuple[Language, ...], BeforeValidator(_as_list)] = Field(SUPPORTED, min_length=1)
    call_to_action: dict[Language, Annotated[str, AfterValidator(_call_to_action)]] = Field(
        default_factory=dict
    )
    call_to_action_url: str
    must_mention: tuple[dict[Language, Annotated[str, AfterValidator(_mention)]], ...] = Field(
        (), max_length=MOST_MENTIONS
    )
    catalogue_language: str = "en"

    @model_validator(mode="before")
    @classmethod
    def _accept_short_forms(cls, raw: Any) -> Any:
        """`language` for `languages`, and plain texts for tables of one language."""
        if not isinstance(raw, dict):
            return raw
        raw = dict(raw)
        if "language" in raw and "languages" not in raw:
            raw["languages"] = raw.pop("language")
        languages = _as_list(raw.get("languages")) or SUPPORTED
        first = languages[0] if isinstance(languages, (list, tuple)) else SUPPORTED[0]
        if isinstance(raw.get("call_to_action"), str):
            raw["call_to_action"] = {first: raw["call_to_action"]} if raw["call_to_action"].strip() else {}
        mentions = _as_list(raw.get("must_mention", []))
        if isinstance(mentions, (list, tuple)):
            raw["must_mention"] = [{first: m} if isinstance(m, str) else m for m in mentions]
        return raw

    @field_validator("call_to_action_url")
    @classmethod
    def _is_web_address(cls, url: str) -> str:
        _URL.validate_python(url)
        return url

    def call_to_action_in(self, language: str) -> str:
        """The marketer's own words for the button, "" where the writer is to find them."""
        return self.call_to_action.get(language, "")

    def must_mention_in(self, language: str) -> tuple[str, ...]:
        """Phrases that a copy in this language has to contain word by word."""
        return tuple(mention[language] for mention in self.must_mention if language in mention)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the whole brief; equal briefs have the same."""
        canonical = json.dumps(self.as_json(), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The brief as JSON values; `parse_brief` takes it back."""
        return self.model_dump(mode="json")


def parse_brief(raw: dict[str, Any]) -> Brief:
    """The brief described by `raw` (a TOML table or stored JSON).

    Raises:
        BadInput: `where` names the first wrong field ("brief.offer.ends"), the message lists all of them.
    """
    try:
        return Brief.model_validate(raw)
    except ValidationError as error:
        faults = [(_where(fault["loc"]), _what(fault["msg"])) for fault in error.errors(include_input=False)]
        first_where, message = faults[0]
        others = "".join(f"; {where}: {what}" for where, what in faults[1:])
        raise BadInput(message + others, where=first_where) from None


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(["brief", *(str(part) for part in location if part != "[key]")])


def _what(message: str) -> str:
    return message.removeprefix("Value error, ")
