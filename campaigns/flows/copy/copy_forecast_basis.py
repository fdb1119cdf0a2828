"""What a call of the model takes: measured where calls were made before, else estimated, and said which."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.orm import Session

from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.prompt import build_messages
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.terms import Granularity
from campaigns.core.db import Database, rows

# The rule of thumb of OpenAI's help pages for English; other languages of the Latin script take a little more.
_CHARACTERS_A_TOKEN = 4
# Some refused fields go back; so many calls a cell were usual with small models.
_CALLS_A_CELL = 1.2
_SECONDS_A_CALL = 5.0
_FEWEST = 20
_ANSWERED = """
    select count(*), avg(output_tokens) from (
        select output_tokens from copy_answers where output_tokens > 0 order by created_at desc limit 500) latest
"""
_WRITTEN = """
    select sum(calls)::float8, sum(first_pass + repaired + partly_offline + refused)::float8,
        sum(extract(epoch from last_at - began_at)) filter (where calls > 1)::float8
    from copy_spend
"""


@dataclass(frozen=True, slots=True)
class Basis:
    """What one call is reckoned with, by granularity; `seconds_a_call` is how long until the next one is answered,
    with as many at once as are set. The names in `estimated` are rules of thumb, the others were measured."""

    prompt_tokens: Mapping[Granularity, float]
    answer_tokens: Mapping[Granularity, float]
    calls_a_cell: float
    seconds_a_call: float
    concurrency: int
    estimated: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """As JSON-ready values, rounded."""
        raw = asdict(self)
        for name in ("prompt_tokens", "answer_tokens"):
            raw[name] = {one: round(value) for one, value in raw[name].items()}
        return raw | {
            "calls_a_cell": round(self.calls_a_cell, 2),
            "seconds_a_call": round(self.seconds_a_call, 3),
            "estimated": list(self.estimated),
        }


def basis_of(db: Database, samples: Mapping[Granularity, Sequence[CopyRequest]], concurrency: int) -> Basis:
    """The basis for these cells, and from what was answered until now."""
    with db.transaction() as session:
        answered = _mean_answer(session)
        calls, seconds = _former(session)
    estimated = ["prompt_tokens"]  # its characters are counted, its tokens are the server's to count
    if answered is None:
        estimated.append("answer_tokens")
    if calls is None:
        estimated.append("calls_a_cell")
    if seconds is None:
        estimated.append("seconds_a_call")
    return Basis(
        prompt_tokens={one: _mean([_prompt(r) for r in requests]) for one, requests in samples.items()},
        answer_tokens={one: answered or _answers(requests) for one, requests in samples.items()},
        calls_a_cell=calls or _CALLS_A_CELL,
        seconds_a_call=seconds or _SECONDS_A_CALL / concurrency,
        concurrency=concurrency,
        estimated=tuple(estimated),
    )


def _mean_answer(session: Session) -> float | None:
    count, mean = rows(session, _ANSWERED, {})[0]
    return float(mean) if count >= _FEWEST else None


def _former(session: Session) -> tuple[float | None, float | None]:
    """Calls a cell, and seconds a call, of all campaigns until now."""
    calls, cells, seconds = rows(session, _WRITTEN, {})[0]
    if not cells or cells < _FEWEST or not calls:
        return None, None
    return max(calls / cells, 1.0), seconds / calls if seconds else None


def _prompt(request: CopyRequest) -> float:
    return sum(len(message["content"]) for message in build_messages(request)) / _CHARACTERS_A_TOKEN


def _answers(requests: Sequence[CopyRequest]) -> float:
    """As long as what the offline writer says of the same."""
    writer = OfflineWriter()
    written = [
        json.dumps(asdict(writer.write(request).copy), ensure_ascii=False) for request in requests[:10]
    ]
    return _mean([len(text) / _CHARACTERS_A_TOKEN for text in written])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
