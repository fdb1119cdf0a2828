"""The shape of a model's answer, and how an answer becomes a copy."""

from __future__ import annotations

import json
from typing import Any

from campaigns.models.values import Copy

_TEXTS = ("subject", "preheader", "headline", "intro", "call_to_action")
_TEXT = {"type": "string"}

# Within the subset of JSON Schema that strict mode takes; lengths and counts are the guard's to judge.
COPY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["subject", "preheader", "headline", "intro", "product_lines", "call_to_action"],
    "properties": {
        **dict.fromkeys(("subject", "preheader", "headline", "intro"), _TEXT),
        "product_lines": {"type": "array", "items": _TEXT},
        "call_to_action": _TEXT,
    },
}


class UnreadableAnswer(ValueError):
    """An answer that is not the JSON that was asked for; the message can be sent back."""


def read_answer(text: str) -> Copy:
    """The copy in a model's answer.

    Raises:
        UnreadableAnswer: not JSON, not an object, a field missing, foreign or of the wrong type.
    """
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableAnswer("the answer is not valid JSON") from None
    wanted = COPY_SCHEMA["required"]
    if not isinstance(fields, dict) or set(fields) != set(wanted):
        raise UnreadableAnswer(f"the answer must have exactly the fields {', '.join(wanted)}")
    lines = fields["product_lines"]
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise UnreadableAnswer("product_lines must be a list of texts")
    if not all(isinstance(fields[name], str) for name in _TEXTS):
        raise UnreadableAnswer(f"{', '.join(_TEXTS)} must be texts")
    texts = {name: fields[name].strip() for name in _TEXTS}
    return Copy(product_lines=tuple(line.strip() for line in lines), **texts)
