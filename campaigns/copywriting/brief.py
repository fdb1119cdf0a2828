"""The brief: what a marketer wants said. Checked once, so that everything written from it can be trusted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
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

from campaigns.copywriting.brief_check import contradictions
from campaigns.copywriting.languages import SUPPORTED, primary
from campaigns.copywriting.lengths import LONGEST, SHORTEST, base_field
from campaigns.copywriting.offer import Offer as Offer
from campaigns.copywriting.offer import OfferMoney as OfferMoney
from campaigns.copywriting.voice import Voice as Voice
from campaigns.copywriting.voice import Words, as_list, emoji_in, exclamations_in, plain_line
from campaigns.core.errors import BadInput

LONGEST_CALL_TO_ACTION = LONGEST["call_to_action"]
LONGEST_MENTION = 90
MOST_MENTIONS = 3
ANY_LANGUAGE = "any"

_URL = TypeAdapter(AnyHttpUrl)


def _call_to_action(text: str) -> str:
    text = plain_line(text)
    if len(text) > LONGEST_CALL_TO_ACTION:
        raise ValueError(f"must have at most {LONGEST_CALL_TO_ACTION} characters")
    return text


def _mention(text: str) -> str:
    text = plain_line(text)
    if not 3 <= len(text) <= LONGEST_MENTION:
        raise ValueError(f"must have 3 to {LONGEST_MENTION} characters")
    return text


def _known_language(code: str) -> str:
    if primary(code) not in SUPPORTED:
        raise ValueError(f"{code!r} is not supported; choose among {', '.join(SUPPORTED)}")
    return primary(code)


def _language_or_any(code: str) -> str:
    return code if code == ANY_LANGUAGE else _known_language(code)


def _copy_field(name: str) -> str:
    if name not in LONGEST:
        raise ValueError(f"there is no text {name!r}; lengths are of {', '.join(LONGEST)}")
    return name


Language = Annotated[str, AfterValidator(_known_language)]


class Brief(BaseModel):
    """What a campaign wants to say.

    `call_to_action` and entries of `must_mention` are a text (in the first of `languages`) or a table of
    language -> text; they are the marketer's own words and stand in the mail verbatim.
    `lengths` has the most characters of a text, by its name, where it is to be shorter than usual.
    `banned` has what no copy may say: words for all languages, or a table of language (or "any") -> words.
    `catalogue_language` is the language of the products' titles and descriptions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    goal: str = Field(min_length=3, max_length=500)
    offer: Offer | None = None
    voice: Voice = Field(default_factory=Voice)
    languages: Annotated[tuple[Language, ...], BeforeValidator(as_list)] = Field(SUPPORTED, min_length=1)
    call_to_action: dict[Language, Annotated[str, AfterValidator(_call_to_action)]] = Field(
        default_factory=dict
    )
    call_to_action_url: str
    must_mention: tuple[dict[Language, Annotated[str, AfterValidator(_mention)]], ...] = Field(
        (), max_length=MOST_MENTIONS
    )
    lengths: dict[Annotated[str, AfterValidator(_copy_field)], int] = Field(default_factory=dict)
    banned: dict[Annotated[str, AfterValidator(_language_or_any)], Words] = Field(default_factory=dict)
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
        languages = as_list(raw.get("languages")) or SUPPORTED
        first = languages[0] if isinstance(languages, (list, tuple)) else SUPPORTED[0]
        if isinstance(raw.get("call_to_action"), str):
            raw["call_to_action"] = {first: raw["call_to_action"]} if raw["call_to_action"].strip() else {}
        mentions = as_list(raw.get("must_mention", []))
        if isinstance(mentions, (list, tuple)):
            raw["must_mention"] = [{first: m} if isinstance(m, str) else m for m in mentions]
        if isinstance(raw.get("banned"), (str, list, tuple)):
            raw["banned"] = {ANY_LANGUAGE: raw["banned"]}
        return raw

    @field_validator("call_to_action_url")
    @classmethod
    def _is_web_address(cls, url: str) -> str:
        _URL.validate_python(url)
        return url

    @field_validator("lengths")
    @classmethod
    def _leaves_room(cls, lengths: dict[str, int]) -> dict[str, int]:
        for field, longest in lengths.items():
            if not SHORTEST[field] <= longest <= LONGEST[field]:
                raise ValueError(f"{field}: must be from {SHORTEST[field]} to {LONGEST[field]} characters")
        return lengths

    @field_validator("banned")
    @classmethod
    def _names_what_is_banned(cls, banned: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        return {language: words for language, words in banned.items() if words}

    @model_validator(mode="after")
    def _unsaid_limits_yield(self) -> Brief:
        """A limit that nobody wrote down gives way to the marketer's own words; a written one is held to."""
        given = self.voice.model_fields_set
        raised = {
            name: needed
            for name, count in (("emoji", emoji_in), ("exclamations", exclamations_in))
            if name not in given and (needed := self.own_signs(count)) > getattr(self.voice, name)
        }
        if raised:
            self.__dict__["voice"] = self.voice.model_copy(update=raised)
        return self

    def own_signs(self, count: Callable[[str], int]) -> int:
        """How many of what `count` counts the marketer's own words hold, in the language that has most."""
        return max(sum(map(count, self.own_words_in(language))) for language in self.languages)

    def own_words_in(self, language: str) -> tuple[str, ...]:
        """What stands in a copy of this language word by word: mentions, and the button's words if given."""
        button = self.call_to_action_in(language)
        return self.must_mention_in(language) + ((button,) if button else ())

    def call_to_action_in(self, language: str) -> str:
        """The marketer's own words for the button, "" where the writer is to find them."""
        return self.call_to_action.get(language, "")

    def must_mention_in(self, language: str) -> tuple[str, ...]:
        """Phrases that a copy in this language has to contain word by word."""
        return tuple(mention[language] for mention in self.must_mention if language in mention)

    def banned_in(self, language: str) -> tuple[str, ...]:
        """Words and phrases that no copy in this language may say; `voice.avoid` has further ones."""
        return self.banned.get(ANY_LANGUAGE, ()) + self.banned.get(language, ())

    def longest(self, field: str) -> int:
        """The most characters of a text, by its name ("product_lines[0]" is one of "product_lines")."""
        name = base_field(field)
        return min(self.lengths.get(name, LONGEST[name]), LONGEST[name])

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of the whole brief; equal briefs have the same."""
        canonical = json.dumps(self.as_json(), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The brief as JSON values; `parse_brief` takes it back."""
        return self.model_dump(mode="json")


def brief_faults(raw: dict[str, Any]) -> list[tuple[str, str]]:
    """(field such as "brief.offer.ends", what is wrong) of everything for which `parse_brief` refuses this."""
    try:
        return contradictions(Brief.model_validate(raw))
    except ValidationError as error:
        return [(_where(fault["loc"]), _what(fault["msg"])) for fault in error.errors(include_input=False)]


def stored_brief(raw: dict[str, Any]) -> Brief:
    """The brief that `as_json` made, also of an older release: rules made since do not stop its campaign.

    Raises:
        BadInput: `where` names the first wrong field ("brief.offer.ends"), the message lists all of them.
    """
    try:
        return Brief.model_validate(raw)
    except ValidationError as error:
        faults = [(_where(fault["loc"]), _what(fault["msg"])) for fault in error.errors(include_input=False)]
        raise _bad(faults) from None


def parse_brief(raw: dict[str, Any]) -> Brief:
    """The brief described by `raw` (a TOML table or JSON), with nothing in it that contradicts the rest.

    Raises:
        BadInput: `where` names the first wrong field ("brief.offer.ends"), the message lists all of them.
    """
    brief = stored_brief(raw)
    faults = contradictions(brief)
    if faults:
        raise _bad(faults)
    return brief


def _bad(faults: Sequence[tuple[str, str]]) -> BadInput:
    first_where, message = faults[0]
    others = "".join(f"; {where}: {what}" for where, what in faults[1:])
    return BadInput(message + others, where=first_where)


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(["brief", *(str(part) for part in location if part != "[key]")])


def _what(message: str) -> str:
    return message.removeprefix("Value error, ")
