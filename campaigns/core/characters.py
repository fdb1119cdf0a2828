"""Characters that have no business on a line of a mail, and texts freed of them."""

from __future__ import annotations

import re
import unicodedata

_SPACES = re.compile(r"\s+")
# Emoji that state a number without being one to Unicode.
_NUMBER_PICTURES = frozenset("💯🔟")


def is_forbidden(character: str) -> bool:
    """Control, format (bidirectional, zero-width, tag), surrogate, private use, line and paragraph marks."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def is_number(character: str) -> bool:
    """A digit or number sign of any script: 5, ５, ½, Ⅳ, ①, ٣."""
    return unicodedata.category(character)[0] == "N" or character in _NUMBER_PICTURES


def clean(text: str, longest: int) -> str:
    """`text` on one line, without forbidden characters, cut to `longest` characters."""
    # Twice the length is looked at, so that a text of megabytes costs no more than one of a page.
    spaced = (" " if c.isspace() else c for c in text[: 2 * longest])
    kept = "".join(c for c in spaced if not is_forbidden(c))
    return _SPACES.sub(" ", kept).strip()[:longest].strip()
