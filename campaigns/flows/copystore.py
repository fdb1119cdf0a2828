"""Copies in the database: the parts of which mails are put together, read and added many at a time."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from campaigns.copywriting.written import Verdict
from campaigns.core.db import rows
from campaigns.models.copy import line_in_place
from campaigns.models.values import Copy

_TEXTS = ("subject", "preheader", "headline", "intro", "call_to_action")


class Part(NamedTuple):
    """A row of copies: a head, a line or a whole copy; what it does not have is empty."""

    number: int
    copy: Copy


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part to be kept, with how it came to be (see copywriting.written.WrittenCopy)."""

    copy: Copy
    writer: str
    model: str
    prompt_version: str
    verdicts: tuple[Verdict, ...]
    tokens: int


_BY_KEY = "select content_hash, id, fields from copies where content_hash = any(%(keys)s::text[])"
_BY_NUMBER = "select id, fields from copies where id = any(%(numbers)s::bigint[])"
_KEEP = """
    insert into copies (content_hash, fields, writer, model, prompt_version, verdicts, tokens)
    select d.key, d.fields::jsonb, d.writer, d.model, d.prompt_version, d.verdicts::jsonb, d.tokens
    from unnest(%(keys)s::text[], %(fields)s::text[], %(writers)s::text[], %(models)s::text[],
                %(versions)s::text[], %(verdicts)s::text[], %(tokens)s::integer[])
         as d (key, fields, writer, model, prompt_version, verdicts, tokens)
    on conflict do nothing returning content_hash, id
"""


def parts_by_key(session: Session, keys: Sequence[str]) -> dict[str, Part]:
    """The parts that exist of those with these keys."""
    found = rows(session, _BY_KEY, {"keys": list(keys)})
    return {key: Part(number, copy_from(fields)) for key, number, fields in found}


def parts_by_number(session: Session, numbers: Collection[int]) -> dict[int, Copy]:
    """The same by the numbers of their rows."""
    found = rows(session, _BY_NUMBER, {"numbers": list(numbers)})
    return {number: copy_from(fields) for number, fields in found}


def keep_parts(session: Session, new: Mapping[str, NewPart]) -> dict[str, Part]:
    """Add parts by their keys; where another process was faster, its words are the ones returned."""
    # In one order everywhere, so that two processes that add the same do not wait for each other in a circle.
    keys = sorted(new)
    parts = [new[key] for key in keys]
    added = rows(
        session,
        _KEEP,
        {
            "keys": keys,
            "fields": [json.dumps(_fields(part.copy), ensure_ascii=False) for part in parts],
            "writers": [part.writer for part in parts],
            "models": [part.model for part in parts],
            "versions": [part.prompt_version for part in parts],
            "verdicts": [json.dumps([asdict(verdict) for verdict in part.verdicts]) for part in parts],
            "tokens": [part.tokens for part in parts],
        },
    )
    kept = {key: Part(number, new[key].copy) for key, number in added}
    others = [key for key in keys if key not in kept]
    return kept | parts_by_key(session, others) if others else kept


def copy_from(fields: Mapping[str, Any]) -> Copy:
    """A copy from its stored form, with "" and () for what it does not have."""
    subject, preheader, headline, intro, call_to_action = (fields.get(name, "") for name in _TEXTS)
    return Copy(subject, preheader, headline, intro, tuple(fields.get("product_lines", ())), call_to_action)


def put_together(head: Copy, lines: Sequence[Copy]) -> Copy:
    """A whole copy from a head and the lines for its picks, in their order."""
    placed = tuple([line_in_place(line.product_lines[0], at) for at, line in enumerate(lines, start=1)])
    return Copy(head.subject, head.preheader, head.headline, head.intro, placed, head.call_to_action)


def _fields(copy: Copy) -> dict[str, Any]:
    """The stored form; see models.WrittenCopyRow."""
    texts = {name: text for name in _TEXTS if (text := getattr(copy, name))}
    return {**texts, "product_lines": copy.product_lines} if copy.product_lines else texts
