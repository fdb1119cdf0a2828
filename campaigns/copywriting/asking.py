"""What a model is asked, round by round: the whole copy first, then only what was refused, with the reasons.

A later round has the messages of the one before as its beginning, so that the server's cache serves those.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from campaigns.copywriting.answer import LINES, WHOLE_COPY, asked_name
from campaigns.copywriting.prompt import Message, build_messages
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.usage import Usage
from campaigns.copywriting.written import Verdict

_FIELDS = re.compile(r"<fields>([a-z0-9_, ]*)</fields>")
_LONGEST_QUOTED = 8000
_MOST_FAULTS_OF_A_FIELD = 6
# Rather too many: four characters of English are a token, fewer of other languages and of JSON.
_CHARACTERS_OF_A_TOKEN = 3
_TOKENS_OF_AN_ANSWER = 400


@dataclass(frozen=True, slots=True)
class Question:
    """One call of a model: its messages, the names asked for (see `answer`) and how many products there are."""

    messages: tuple[Message, ...]
    asked: tuple[str, ...]
    lines: int
    told_apart_by: tuple[str, ...] = ()

    def key(self, server: str, model: str) -> str:
        """SHA-256 (hexadecimal) of server, model and all that is asked.

        Not of the way in which a server takes a schema: what it has answered stays valid when that is found out.
        """
        told = [server, model, self.messages, self.asked, self.lines, self.told_apart_by]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def fields_of_request(request: CopyRequest) -> tuple[str, ...]:
    """The names of all texts of a copy for this request, as `guard.fields_of` gives them."""
    lines = tuple(f"{LINES}[{index}]" for index in range(len(request.picks)))
    return tuple(field for name in WHOLE_COPY for field in (lines if name == LINES else (name,)))


def first_question(request: CopyRequest, known: Mapping[str, str]) -> Question:
    """All texts, or with some `known` already the others."""
    messages = tuple(build_messages(request))
    # Two variants and two customers are asked the same and shall get different words.
    apart = (request.variant, request.salt)
    if not known:
        return Question(messages, WHOLE_COPY, len(request.picks), apart)
    missing = [field for field in fields_of_request(request) if field not in known]
    written = {asked_name(field): text for field, text in known.items()}
    # In the same message: some chat templates take no two of the same role after each other.
    last = messages[-1]
    text = (
        f"{last['content']}\nThese texts are written already and stay as they are:\n"
        f"<written>{_as_data(written)}</written>\n{only_these(missing)}"
    )
    return Question((*messages[:-1], {**last, "content": text}), _names(missing), len(request.picks), apart)


def repair_question(
    asked: Question, answer: str, fields: Sequence[str], verdicts: Iterable[Verdict]
) -> Question:
    """The next round: the refused answer, and of these `fields` the rules that they broke."""
    told: dict[str, list[str]] = {}
    for verdict in verdicts:
        of_field = told.setdefault(asked_name(verdict.field) or "copy", [])
        if len(of_field) < _MOST_FAULTS_OF_A_FIELD and verdict.message not in of_field:
            of_field.append(verdict.message)
    broken = "\n".join(f"- {name}: {'; '.join(messages)}" for name, messages in told.items())
    return Question(
        (
            *asked.messages,
            # Some servers take no message without content.
            {"role": "assistant", "content": answer[:_LONGEST_QUOTED] or "{}"},
            {
                "role": "user",
                "content": f"Refused. {only_these(fields)} The other texts stand. Mend this:\n{broken}",
            },
        ),
        _names(fields),
        asked.lines,
        asked.told_apart_by,
    )


def expected_usage(question: Question) -> Usage:
    """What a call will take, roughly and rather too much: for reservations, and for calls that nobody counted."""
    characters = sum(len(message["content"]) for message in question.messages)
    return Usage(1, characters // _CHARACTERS_OF_A_TOKEN, 0, _TOKENS_OF_AN_ANSWER)


def read_asked(messages: Sequence[Message]) -> tuple[str, ...]:
    """The names that the last message asks for, taken apart again: those of the whole copy if it names none."""
    found = _FIELDS.search(messages[-1].get("content", "")) if messages else None
    return tuple(name.strip() for name in found.group(1).split(",")) if found else WHOLE_COPY


def _names(fields: Iterable[str]) -> tuple[str, ...]:
    return tuple(asked_name(field) for field in fields)


def only_these(fields: Iterable[str]) -> str:
    """The sentence that asks for some texts only; `read_asked` reads it."""
    return (
        f"Write only these texts, as a JSON object with just these names: "
        f"<fields>{', '.join(_names(fields))}</fields>."
    )


def _as_data(texts: Mapping[str, str]) -> str:
    text = json.dumps(texts, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e")
