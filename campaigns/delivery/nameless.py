"""Replies of relays without the people in them: what is stored, logged or shown to colleagues names nobody."""

from __future__ import annotations

import re

from campaigns.delivery.classify import ENHANCED

_NOBODY = "(address)"
# Also what relays make of addresses on the way: SRS0=x=tt=example.com=anna@fwd.example, bounce+anna=example.com@...
_ADDRESS = re.compile(r"""<?(?:"[^"\s@]{0,127}"|[^\s<>@"'():;,][^\s<>@"():;,]{0,127})@[^\s<>@"'():;,]+>?""")
_WORDS = re.compile(r"[^\W_]+")
_LETTER = r"[^\W_]"
# Shorter ones are parts of everyday words and codes, and are looked for only where they stand as a name.
_LEAST = 3


def without_people(text: str, recipient: str = "") -> str:
    """The text without anything like an address, and without the name part of this recipient's.

    Relays quote it in forms of their own: alone, in other case, without its dots or its +tag, escaped. An RFC 3463
    code at the beginning stays.
    """
    if "@" in text:
        if recipient:
            text = re.sub(f"<?{re.escape(recipient)}>?", _NOBODY, text, flags=re.IGNORECASE)
        text = _ADDRESS.sub(_NOBODY, text)
    local, _, domain = recipient.rpartition("@")
    words = _WORDS.findall(local.partition("+")[0])
    # A pattern made for one address is compiled for one use: worth avoiding where most replies name nobody.
    if not words or words[0].casefold() not in text.casefold():
        return text
    code = ENHANCED.match(text)
    start = code.end() if code else 0
    return text[:start] + re.sub(_name(words, domain), _NOBODY, text[start:], flags=re.IGNORECASE)


def _name(words: list[str], domain: str) -> str:
    name = r"[\W_]?".join(map(re.escape, words))
    escaped = rf"(?:=40|%40|=|%){re.escape(domain)}"
    if len("".join(words)) < _LEAST:
        return rf"(?<=[<\"'(\[]){name}(?=[>\"')\]])|(?<!{_LETTER}){name}{escaped}"
    return rf"(?<!{_LETTER}){name}(?!{_LETTER})(?:\+[^\s@<>\"'():;,=%]*)?(?:{escaped})?"
