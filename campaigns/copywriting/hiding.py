"""Texts that read well without a name or a stock that is not known: the placeholder goes with its punctuation."""

from __future__ import annotations

import re

_GREETINGS = (
    "hello|hi|hey|hey there|hi there|hello there|welcome|welcome back|welcome outside|good morning|good evening"
    "|thanks|thank you|good to see you|nice to see you"
    "|hallo|moin|servus|guten tag|guten morgen|guten abend|grüezi|willkommen|willkommen zurück|herzlich willkommen"
    "|danke|danke dir|vielen dank|schön|na"
    "|bonjour|bonsoir|salut|bienvenue|merci|merci à vous|coucou|rebonjour"
    "|hola|bienvenida|bienvenido|buenos días|buenas tardes|buenas|gracias|muchas gracias|saludos"
)
_WORD = re.compile(r"\w")
_STOCK = re.compile(r"\{stock_\d+\}")
_EMOJI = "\u2600-\u27bf\U0001f300-\U0001faff"
# What may follow: the end, punctuation (in French with a space before it), a spaced dash, a picture.
_AFTER = rf"(?=\s*(?:[,.!?:;…»”\"“{_EMOJI}]|$)|\s[–—-]\s)"
_BEFORE_SENTENCE = r"(?:^|(?<=[.!?…:])\s+)[¡¿\"“„«]?[\u00a0\u202f]?"

# "Hello {first_name}, ..." -> "Hello, ..."
_NAME_GREETED = re.compile(rf"\b({_GREETINGS})\s+\{{first_name\}}{_AFTER}", re.IGNORECASE | re.MULTILINE)


def _set_off(name: str) -> re.Pattern[str]:
    """ "For you, X!" -> "For you!"; "Light – X – and dry" -> "Light – and dry"; "Light (X)" -> "Light"."""
    at = rf"\{{{name}\}}"
    return re.compile(
        rf"\s*\({at}\)|(?:\s*[,;]|\s+[–—-])\s+{at}{_AFTER}|(?<=\w):\s+{at}(?=\s*(?:[.!?…]|$))", re.MULTILINE
    )


def _leading(name: str) -> re.Pattern[str]:
    """ "X, this is new" -> "This is new"."""
    return re.compile(
        rf"({_BEFORE_SENTENCE})\{{{name}\}}\s*(?:[,:!.?…]+|\s[–—-](?=\s))[^\S\n]*(\w?)", re.MULTILINE
    )


_NAME_SET_OFF, _NAME_LEADING = _set_off("first_name"), _leading("first_name")
_STOCK_SET_OFF, _STOCK_LEADING = _set_off(r"stock_\d+"), _leading(r"stock_\d+")


def without_name(text: str) -> str:
    """`text` with {first_name} and its punctuation taken out; it stays where it cannot be missing."""
    if "{first_name}" not in text:
        return text
    text = _NAME_GREETED.sub(r"\1", text)
    return _NAME_LEADING.sub(_begun_anew, _NAME_SET_OFF.sub("", text)).rstrip(" ")


def without_stock(text: str) -> str:
    """The same with all placeholders of stock ({stock_1} and so on)."""
    if "{stock_" not in text:
        return text
    return _STOCK_LEADING.sub(_begun_anew, _STOCK_SET_OFF.sub("", text)).rstrip(" ")


def _begun_anew(found: re.Match[str]) -> str:
    return found.group(1) + found.group(2).upper()


def cannot_be_missing(text: str) -> str:
    """What is wrong with a text in which a name or a stock is missed where nobody knows it; "" if it reads well."""
    if "{first_name}" not in text and "{stock_" not in text:
        return ""
    nameless, bare = without_name(text), without_stock(without_name(text))
    said = _WORD.search(_STOCK.sub("", nameless)) is not None
    if "{first_name}" in nameless or ("{first_name}" in text and not said):
        return "use {first_name} only to address the reader, set off by a comma, and never alone"
    if "{stock_" in bare or not said:
        return "set {stock_1} and its like off by a comma or brackets, or as a sentence beside others, and never alone"
    return ""
