"""Words of other servers, as they may be kept and shown: PostgreSQL takes no NUL, and a page no control characters."""

from __future__ import annotations


def printable(words: str) -> str:
    """`words` in one line: whatever does not print, a line break too, becomes a space, and a run of them one."""
    if words.isprintable():
        return words
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())
