"""Copies in the database: the parts of which mails are put together, read and added many at a time."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from campaigns.copywriting.usage import Usage
from campaigns.copywriting.written import Verdict
from campaigns.core.db import rows
from campaigns.models.copy import line_in_place
from campaigns.models.values import Copy

NO_USAGE = Usage()

_TEXTS = ("subject", "preheader", "headline", "intro", "call_to_action")


class Part(NamedTuple):
    """A row of copies: a head, a line or a whole copy; what it does not have is empty."""

    number: int
    copy: Copy


class Arranged(NamedTuple):
    """A whole copy whose words are those of the row `origin`, with the facts of its own mail."""

    origin: int
    copy: Copy
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NewPart:
    """A part to be kept, with how it came to be (see copywriting.written.WrittenCopy).

    `facts` is what the writer was told (CopyRequest.facts), `cost_micros` in millionths of the prices' currency.
    What one writing took is told with one of its parts only.
    """

    copy: Copy
    writer: str
    model: str
    prompt_version: str
    verdicts: tuple[Verdict, ...] = ()
    facts: Mapping[str, Any] | None = None
    usage: Usage = NO_USAGE
    cost_micros: int = 0
    repairs: int = 0
    offline_fields: tuple[str, ...] = ()

    def row(self, key: str) -> dict[str, Any]:
        """The row of copies that keeps it under this key, as JSON values."""
        return {
            "content_hash": key,
            "fields": _fields(self.copy),
            "writer": self.writer,
            "model": self.model,
            "prompt_version": self.prompt_version,
            "verdicts": [asdict(verdict) for verdict in self.verdicts],
            "facts": self.facts,
            "tokens": self.usage.tokens,
            "input_tokens": self.usage.input,
            "cached_tokens": self.usage.cached,
            "output_tokens": self.usage.output,
            "cost_micros": self.cost_micros,
            "repairs": self.repairs,
            "offline_fields": self.offline_fields,
        }


_BY_KEY = """
    select content_hash, id, fields from copies
    where content_hash = any(%(keys)s::text[]) and rejected_at is null
"""
_BY_NUMBER = "select id, fields from copies where id = any(%(numbers)s::bigint[])"
_COLUMNS = (
    "content_hash, fields, writer, model, prompt_version, verdicts, facts, tokens, input_tokens, cached_tokens,"
    " output_tokens, cost_micros, repairs, offline_fields"
)
_KEEP = f"""
    insert into copies ({_COLUMNS})
    select {_COLUMNS} from jsonb_populate_recordset(null::copies, %(parts)s::jsonb)
    on conflict do nothing returning content_hash, id
"""

_KEEP_ARRANGED = """
    insert into copies (content_hash, fields, writer, model, prompt_version, facts, offline_fields)
    select d.e->>0, d.e->2, c.writer, c.model, c.prompt_version, d.e->3, c.offline_fields
    from jsonb_array_elements(%(copies)s::jsonb) as d (e) join copies c on c.id = (d.e->>1)::bigint
    on conflict do nothing
"""


def parts_by_key(session: Session, keys: Sequence[str]) -> dict[str, Part]:
    """The parts that exist of those with these keys, without those that a person rejected."""
    found = rows(session, _BY_KEY, {"keys": list(keys)})
    by_key = {key: Part(number, copy_from(fields)) for key, number, fields in found}
    # By the strings of whoever asks, who keeps them: each of thousands would be there twice.
    return {key: by_key[key] for key in keys if key in by_key}


def parts_by_number(session: Session, numbers: Collection[int]) -> dict[int, Copy]:
    """The same by the numbers of their rows."""
    found = rows(session, _BY_NUMBER, {"numbers": list(numbers)})
    return {number: copy_from(fields) for number, fields in found}


def keep_parts(session: Session, new: Mapping[str, NewPart]) -> dict[str, Part]:
    """Add parts by their keys; where another process was faster, its words are the ones returned."""
    # In one order everywhere, so that two processes that add the same do not wait for each other in a circle.
    keys = sorted(new)
    written = json.dumps([new[key].row(key) for key in keys], ensure_ascii=False)
    added = dict(rows(session, _KEEP, {"parts": written}))
    kept = {key: Part(added[key], new[key].copy) for key in keys if key in added}
    others = [key for key in keys if key not in kept]
    return kept | parts_by_key(session, others) if others else kept


def keep_arranged(session: Session, new: Mapping[str, Arranged]) -> dict[str, Part]:
    """Add whole copies by their keys, each with the words of another row in another order."""
    keys = sorted(new)
    told = [[key, one.origin, _fields(one.copy), one.facts] for key, one in sorted(new.items())]
    rows(session, _KEEP_ARRANGED, {"copies": json.dumps(told, ensure_ascii=False)})
    return parts_by_key(session, keys)


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
