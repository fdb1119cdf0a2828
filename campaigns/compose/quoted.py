"""Quoted-printable in pieces that can be put one behind the other (RFC 2045, 6.7).

Every piece begins and ends at the start of a line: where its text does not end a line, a soft line break
does. So the static pieces of a template are encoded once, when it is loaded, and only what differs between
two mails is encoded per mail.

The encoded text is also what DKIM's "relaxed" rule makes of it (RFC 6376, 3.4.4): no tab, no two spaces in a
row, no space before a line end. And no line begins with a dot, so SMTP need not double any, nor with "From ".
"""

from __future__ import annotations

import re

_LONGEST = 73  # two less than the 75 before a soft break's "=", for the dot that `_at_line_start` encodes
_SOFT = "=\r\n"
# What stands for itself: printable ASCII but "=", in words with single spaces between them.
_PLAIN = re.compile(r"[!-<>-~]+(?: [!-<>-~]+)*")
_CODED = re.compile(rb"[^ !-<>-~]|(?<= ) | \Z")


def quoted(text: str) -> str:
    """The text, encoded as UTF-8; LF, CRLF and CR end lines. A lone surrogate becomes a question mark."""
    if _PLAIN.fullmatch(text):
        return _wrapped(text) + _SOFT
    *lines, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    encoded = "".join(_wrapped(_coded(line)) + "\r\n" for line in lines)
    return encoded + _wrapped(_coded(rest)) + _SOFT if rest else encoded


def quoted_word(text: str) -> str:
    """What `quoted` makes of visible ASCII without "=" that begins with no dot, such as most URLs; not checked."""
    if _LONGEST < len(text) < 2 * _LONGEST and text[_LONGEST] != ".":
        return f"{text[:_LONGEST]}{_SOFT}{text[_LONGEST:]}{_SOFT}"
    return _wrapped(text) + _SOFT


def _coded(line: str) -> str:
    return _CODED.sub(_code, line.encode("utf-8", "replace")).decode("ascii")


def _wrapped(coded: str) -> str:
    if len(coded) <= _LONGEST:
        return _at_line_start(coded)
    parts = []
    start = 0
    while len(coded) - start > _LONGEST:
        end = start + _LONGEST
        # An escape of three characters stays whole.
        if (cut := coded.find("=", end - 2, end)) >= 0:
            end = cut
        parts.append(_at_line_start(coded[start:end]))
        start = end
    parts.append(_at_line_start(coded[start:]))
    return _SOFT.join(parts)


def _code(found: re.Match[bytes]) -> bytes:
    return b"=%02X" % found[0][0]


def _at_line_start(part: str) -> str:
    if part.startswith("."):
        return "=2E" + part[1:]
    return "=46" + part[1:] if part.startswith("From ") else part
