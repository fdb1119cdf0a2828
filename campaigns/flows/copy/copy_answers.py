"""Answers of a model in the database: each committed the moment it arrives, so that no kill costs money."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from campaigns.copywriting.answers import Answer
from campaigns.copywriting.usage import Usage
from campaigns.core.db import Database, rows

KEPT_FOR = timedelta(days=30)
"""Until then its copy has long been kept under a key of its own."""
_AT_ONCE = 5000

_FIND = """
    select key, text, failure, input_tokens, cached_tokens, output_tokens, batch from copy_answers
    where key = any(%(keys)s::text[])
"""
_KEEP = """
    insert into copy_answers (key, campaign_id, text, failure, input_tokens, cached_tokens, output_tokens, batch)
    select d.key, %(campaign)s::bigint, d.text, d.failure::jsonb, d.input, d.cached, d.output, d.batch
    from unnest(%(keys)s::text[], %(texts)s::text[], %(failures)s::text[], %(inputs)s::bigint[],
                %(cached)s::bigint[], %(outputs)s::bigint[], %(batch)s::boolean[])
         as d (key, text, failure, input, cached, output, batch)
    on conflict (key) do nothing returning key
"""
_FORGET = """
    delete from copy_answers where key in
        (select key from copy_answers where created_at < %(before)s limit %(most)s)
    returning key
"""


class AnswersInDatabase:
    """An `AnswerStore` that all processes share. No transaction is open when a method returns."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def find(self, key: str) -> Answer | None:
        """See AnswerStore."""
        with self._db.transaction() as session:
            found = rows(session, _FIND, {"keys": [key]})
        return _answer(found[0]) if found else None

    def keep(self, key: str, answer: Answer) -> None:
        """See AnswerStore; where another process was faster, its answer stays."""
        with self._db.transaction() as session:
            keep_answers(session, {key: answer})


def known_answers(session: Session, keys: Collection[str]) -> set[str]:
    """Those of these keys whose answer is there."""
    found = rows(
        session, "select key from copy_answers where key = any(%(keys)s::text[])", {"keys": list(keys)}
    )
    return {key for (key,) in found}


def keep_answers(session: Session, answers: Mapping[str, Answer], campaign_id: int | None = None) -> set[str]:
    """Keep answers by their keys; returns the keys of those that were not there yet."""
    keys = sorted(answers)  # in one order everywhere, so that two who add the same do not wait in a circle
    told = [answers[key] for key in keys]
    params: dict[str, Any] = {
        "campaign": campaign_id,
        "keys": keys,
        "texts": [answer.text for answer in told],
        "failures": [json.dumps(answer.failure) if answer.failure else None for answer in told],
        "inputs": [answer.usage.input for answer in told],
        "cached": [answer.usage.cached for answer in told],
        "outputs": [answer.usage.output for answer in told],
        "batch": [answer.batch for answer in told],
    }
    return {key for (key,) in rows(session, _KEEP, params)}


def forget_answers(db: Database, now: datetime) -> int:
    """Delete answers that are older than `KEPT_FOR`, some at a time; returns how many."""
    gone, total = _AT_ONCE, 0
    while gone == _AT_ONCE:
        with db.transaction() as session:
            gone = len(rows(session, _FORGET, {"before": now - KEPT_FOR, "most": _AT_ONCE}))
        total += gone
    return total


def _answer(row: tuple[Any, ...]) -> Answer:
    _, text, failure, asked, cached, answered, batch = row
    usage = Usage(1, asked, cached, answered)
    return Answer(text, usage, (failure[0], failure[1]) if failure else None, batch)
