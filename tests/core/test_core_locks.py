"""No two subjects share the key of an advisory lock, whether it is taken in Python or in the database."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from campaigns.core import locks

ROOT = Path(__file__).resolve().parents[2]
KEYS = {name: key for name, key in vars(locks).items() if name.endswith("_LOCK")}
_LITERAL = re.compile(r"advisory\w*lock\w*\(\s*([0-9][0-9_]*)")
_SEVEN_DIGITS = re.compile(r"\b7_?221_?4[0-9]{2}\b")


def test_each_subject_has_a_key_of_its_own() -> None:
    assert len(KEYS) >= 5
    assert len(set(KEYS.values())) == len(KEYS)


def test_no_key_is_written_down_elsewhere_but_in_the_migration_that_needs_it() -> None:
    literal: set[tuple[str, int]] = set()
    named = set()
    for folder in ("campaigns", "workers", "web"):
        for file in (ROOT / folder).rglob("*.py"):
            source = file.read_text(encoding="utf-8")
            literal |= {(file.stem, int(key)) for key in _LITERAL.findall(source)}
            if _SEVEN_DIGITS.search(source):
                named.add(file.stem)
    assert literal == {("0002_partitions", locks.PARTITIONS_LOCK)}
    assert named == {"0002_partitions", "locks"}


def test_the_function_in_the_database_takes_the_key_of_partitions(session: Session) -> None:
    source = session.scalar(text("select prosrc from pg_proc where proname = 'make_campaign_partitions'"))
    assert [int(key) for key in _LITERAL.findall(source or "")] == [locks.PARTITIONS_LOCK]
