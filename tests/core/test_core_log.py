"""The log: a crash tells where and why, and neither what variables held nor anybody's address."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from campaigns.core.db import Database
from campaigns.core.log import configure_logging, get_logger

SECRET_BODY = "external_id,email\n1,anna.berg@people.example"


@pytest.fixture(params=[False, True], ids=["for people", "as JSON"])
def written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written to stderr while logging is set up as the programs do."""
    root = logging.getLogger()
    before, level, earlier = root.handlers[:], root.level, structlog.get_config()
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    configure_logging(as_json=request.param)
    yield out
    root.handlers[:], root.level = before, level
    structlog.configure(**earlier)


def crash() -> None:
    uploaded = SECRET_BODY
    password = "reindeer moss and granite"
    raise ValueError(f"line {len(uploaded) % 7} is odd, {len(password)}")


def test_a_crash_is_told_without_what_variables_held(written: io.StringIO) -> None:
    for log in (
        lambda error: get_logger("ours").error("request_crashed", exc_info=error),
        lambda error: get_logger("ours").warning("after_commit_failed", exc_info=True),
        lambda error: logging.getLogger("theirs").exception("it went wrong"),
        lambda error: logging.getLogger("celery.app.trace").error("task failed", exc_info=error),
    ):
        written.seek(0)
        written.truncate()
        try:
            crash()
        except ValueError as error:
            log(error)
        said = written.getvalue()
        assert "ValueError" in said and "is odd" in said and "test_core_log.py" in said
        assert "anna.berg" not in said and "external_id" not in said and "granite" not in said


def test_addresses_are_hidden_wherever_they_stand(written: io.StringIO) -> None:
    logging.getLogger("theirs").warning("could not reach %s", "anna.berg@people.example")
    get_logger("ours").info("looked_up", who="anna.berg@people.example", nested={"to": ["b@people.example"]})
    try:
        raise ValueError("no such mailbox: anna.berg@people.example")
    except ValueError:
        logging.getLogger("theirs").exception("it went wrong")
    assert "people.example" not in written.getvalue()
    assert written.getvalue().count("<address>") >= 4


def test_json_stays_json(written: io.StringIO, request: pytest.FixtureRequest) -> None:
    if "as JSON" not in request.node.name:
        pytest.skip("only for JSON")
    try:
        crash()
    except ValueError:
        logging.getLogger("theirs").exception("it went wrong")
    assert json.loads(written.getvalue().splitlines()[0])["event"] == "it went wrong"


def test_whoever_has_not_set_up_logging_shows_no_variables_either() -> None:
    program = """
import structlog
from campaigns.core.log import get_logger
body = "1,anna.berg"
try:
    raise ValueError("odd")
except ValueError as error:
    get_logger("early").error("crashed", exc_info=error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    said = done.stdout + done.stderr
    assert "ValueError: odd" in said and "1,anna.berg" not in said


def test_a_failing_statement_does_not_tell_its_parameters(db: Database, written: io.StringIO) -> None:
    row = {"name": "Anna Berg", "key": b"x", "scopes": ["read"]}
    twice = text("insert into api_keys (name, key_hash, scopes) values (:name, :key, :scopes)")
    with pytest.raises(DBAPIError) as failed, db.transaction() as session:
        session.execute(twice, row)
        session.execute(twice, row)
    get_logger("ours").error("request_crashed", exc_info=failed.value)
    assert "duplicate key" in written.getvalue()
    assert "Anna Berg" not in written.getvalue()
