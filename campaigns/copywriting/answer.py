"""The shape of a model's answer, and how the texts of a copy are read from one.

The first round asks for all texts of a copy, later ones for just those that were refused. What is asked for has
names: those of the texts, "product_lines" for all lines as a list, "product_line_2" for one line alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LINES = "product_lines"
HEAD_NAMES = ("subject", "preheader", "headline", "intro", "call_to_action")
WHOLE_COPY = ("subject", "preheader", "headline", "intro", LINES, "call_to_action")
"""What the first round asks for, in the order in which it is best written."""

_TEXT: dict[str, Any] = {"type": "string"}
_ONE_LINE = re.compile(r"product_line_(\d{1,3})")
_LINE_FIELD = re.compile(r"product_lines\[(\d{1,3})\]")
# Models that think aloud do so before they answer, and may draft an answer there.
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_LONGEST_ANSWER = 200_000
_MOST_STARTS = 500


class UnreadableAnswer(ValueError):
    """An answer with no JSON object in it; the message can be sent back."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer holds of what was asked for.

    `texts` are by field as `guard.fields_of` names it; `faults` are (field, message) of what is missing or of
    the wrong type. `kept_to` tells how well the answer kept to the form: "json_schema" exactly as asked,
    "json_object" JSON of another shape, "text" JSON with words around it. Only what a schema can say counts: a
    list of lines that is too short is a fault, and keeps to the form.
    """

    texts: dict[str, str]
    faults: tuple[tuple[str, str], ...]
    kept_to: str


def asked_name(field: str) -> str:
    """The name under which one field, as `guard.fields_of` names it, is asked for."""
    line = _LINE_FIELD.fullmatch(field)
    return f"product_line_{int(line.group(1)) + 1}" if line else field


def schema_of(asked: Sequence[str]) -> dict[str, Any]:
    """The JSON Schema of an answer, within the subset that strict mode takes: all required, nothing besides.

    Lengths and counts are the guard's to judge.
    """
    properties = {name: {"type": "array", "items": _TEXT} if name == LINES else _TEXT for name in asked}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(asked),
        "properties": properties,
    }


def shape_of(asked: Sequence[str], lines: int) -> str:
    """The same in words, for servers that take no schema; `lines` is the number of products."""
    shape = {name: ["..."] * max(lines, 1) if name == LINES else "..." for name in asked}
    return f"Answer with one JSON object of this shape and nothing else: {json.dumps(shape)}"


def read_answer(text: str, asked: Sequence[str], lines: int) -> Reading:
    """The texts in a model's answer; what was not asked for is left out.

    Raises:
        UnreadableAnswer: there is no JSON object in it.
    """
    found, alone = _object_in(text[:_LONGEST_ANSWER])
    texts: dict[str, str] = {}
    faults: list[tuple[str, str]] = []
    for name in asked:
        value = found.get(name)
        if name == LINES:
            _read_lines(value, lines, texts, faults)
            continue
        line = _ONE_LINE.fullmatch(name)
        field = f"{LINES}[{int(line.group(1)) - 1}]" if line else name
        if isinstance(value, str):
            texts[field] = _clean(value)
        else:
            faults.append((field, "is missing" if value is None else "must be a text"))
    exact = set(found) == set(asked) and all(_is_of_its_type(name, value) for name, value in found.items())
    kept_to = "text" if not alone else "json_schema" if exact else "json_object"
    return Reading(texts, tuple(faults), kept_to)


def _is_of_its_type(name: str, value: object) -> bool:
    if name != LINES:
        return isinstance(value, str)
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


def _read_lines(value: object, lines: int, texts: dict[str, str], faults: list[tuple[str, str]]) -> None:
    """All lines or none: of a list that is too short or too long nobody knows which line is whose."""
    if isinstance(value, list) and len(value) == lines and all(isinstance(line, str) for line in value):
        texts.update({f"{LINES}[{index}]": _clean(line) for index, line in enumerate(value)})
        return
    told = f"{len(value)} lines for {lines} products" if isinstance(value, list) else "is missing"
    faults.append((LINES, told))


def _clean(text: str) -> str:
    """Halves of characters, which JSON can spell and no mail can carry, become question marks."""
    return text.encode("utf-8", "replace").decode().strip()


def _object_in(text: str) -> tuple[dict[str, Any], bool]:
    """The JSON object in an answer, and whether there is nothing besides."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found, True
    inside = list(_objects_inside(_THOUGHTS.sub(" ", text)))
    if not inside:
        raise UnreadableAnswer("the answer holds no JSON object")
    # The last one: whoever chats before answering may show an example first.
    return inside[-1], False


def _objects_inside(text: str) -> Iterator[dict[str, Any]]:
    """All JSON objects that stand in a text, fenced or bare, from the first on."""
    decoder, at = json.JSONDecoder(strict=False), 0
    for _ in range(_MOST_STARTS):
        at = text.find("{", at)
        if at < 0:
            return
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        at = end
        if isinstance(found, dict) and found:
            yield found
