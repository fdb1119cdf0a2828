"""The voice of a brief: how it sounds, with lines that do and lines that do not."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from campaigns.copywriting.textrules import safety_faults

ReadingLevel = Literal["easy", "plain", "any"]

LONGEST_TONE, LONGEST_EXAMPLE, LONGEST_WORD = 1000, 200, 60
MOST_EXAMPLES, MOST_WORDS = 12, 60
USUAL_EMOJI, USUAL_EXCLAMATIONS = 1, 2
_MOST_SIGNS = 30

# Pictures and ornaments (Unicode blocks Miscellaneous Technical to Miscellaneous Symbols and Arrows, and the
# pictographs of plane 1); two regional letters make one flag, and a skin tone or joined picture is no other one.
_PICTURE = (
    "[\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
_SHADE = "[\ufe0f\U0001f3fb-\U0001f3ff]*"
_EMOJI = re.compile(f"[\U0001f1e6-\U0001f1ff]{{1,2}}|{_PICTURE}{_SHADE}(?:\u200d{_PICTURE}{_SHADE})*")


def emoji_in(text: str) -> int:
    """How many emoji and ornaments a text holds."""
    return 0 if text.isascii() else len(_EMOJI.findall(text))


def exclamations_in(text: str) -> int:
    """How many exclamation marks, of any width and also as pictures; "¡Hola!" has one."""
    if text.isascii():
        return text.count("!")
    flat = unicodedata.normalize("NFKC", text)
    return flat.count("!") + flat.count("❗") + flat.count("❕")


def plain_line(text: str) -> str:
    """A phrase that may stand in a mail word by word: one line, no markup, link or template syntax.

    Raises:
        ValueError: it is not; says why.
    """
    text = text.strip()
    if "\n" in text:
        raise ValueError("must be one line")
    faults = safety_faults(text, frozenset())
    if faults:
        raise ValueError(faults[0].message)
    return text


def some_words(text: str) -> str:
    """A word or phrase of a list: a plain line that holds at least one letter or digit."""
    text = plain_line(text)
    if not any(c.isalnum() for c in text):
        raise ValueError("must be a word or a phrase; take the empty entry out")
    if len(text) > LONGEST_WORD:
        raise ValueError(f"must have at most {LONGEST_WORD} characters; list single words or short phrases")
    return text


def as_list(value: Any) -> Any:
    """What may be written alone where several are meant."""
    return [value] if isinstance(value, (str, dict)) else value


def _example(text: str) -> str:
    text = plain_line(text)
    if not 3 <= len(text) <= LONGEST_EXAMPLE:
        raise ValueError(f"must have 3 to {LONGEST_EXAMPLE} characters; give single lines")
    return text


Examples = Annotated[
    tuple[Annotated[str, AfterValidator(_example)], ...],
    BeforeValidator(as_list),
    Field(max_length=MOST_EXAMPLES),
]
Words = Annotated[
    tuple[Annotated[str, AfterValidator(some_words)], ...],
    BeforeValidator(as_list),
    Field(max_length=MOST_WORDS),
]


class Voice(BaseModel):
    """How the copy of a campaign sounds.

    tone: in the marketer's words; a plain text for the whole voice is its tone.
    good, bad: lines that sound right, and lines that do not; shown to the writer, never copied into a mail by code.
    prefer, avoid: words to use where they fit, and words that no copy may say (in any language).
    reading_level: "easy" (short words and sentences), "plain" (as a newspaper), "any".
    emoji, exclamations: most in one copy, the marketer's own words included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    tone: str = Field("", max_length=LONGEST_TONE)
    good: Examples = ()
    bad: Examples = ()
    prefer: Words = ()
    avoid: Words = ()
    reading_level: ReadingLevel = "any"
    emoji: int = Field(USUAL_EMOJI, ge=0, le=_MOST_SIGNS)
    exclamations: int = Field(USUAL_EXCLAMATIONS, ge=0, le=_MOST_SIGNS)

    @model_validator(mode="before")
    @classmethod
    def _accept_a_text(cls, raw: Any) -> Any:
        return {"tone": raw} if isinstance(raw, str) else raw
