"""Every kind of model server gives copies; how it wants to be asked is found out once and remembered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from copywriting_samples import a_pick, a_request

from campaigns.copywriting.answer import UnreadableAnswer, read_answer, schema_of
from campaigns.copywriting.asking import first_question
from campaigns.copywriting.fake_kinds import KINDS, counts_tokens_otherwise
from campaigns.copywriting.fake_server import ScriptedModelServer, completion, says
from campaigns.copywriting.guard import check
from campaigns.copywriting.model_client import CallFailed, ModelClient, answer_of
from campaigns.copywriting.model_writer import ModelWriter
from campaigns.copywriting.server_ways import Ways, WaysInMemory
from campaigns.copywriting.usage import Usage
from campaigns.core.db import Database
from campaigns.core.errors import Rejected
from campaigns.flows.copy.model_servers import WaysInDatabase

FIRST, SECOND = a_request(), a_request(picks=(a_pick(3),))


@pytest.mark.parametrize(
    ("kind", "calls", "found"),
    [
        ("strict", 1, Ways()),
        ("json_object", 2, Ways("json_object")),
        ("no_form", 3, Ways("text")),
        ("ignores_the_form", 1, Ways()),  # less is asked once it was ignored several times
        ("wants_a_schema", 1, Ways()),
        ("refuses_store", 2, Ways(refuses=frozenset({"store"}))),
        ("refuses_max_tokens", 2, Ways(refuses=frozenset({"max_tokens"}))),
        (
            "refuses_all_limits",
            4,
            Ways(refuses=frozenset({"max_tokens", "max_completion_tokens", "store"})),
        ),
        ("refuses_without_saying_what", 2, Ways(refuses=frozenset({"store"}))),
        ("refuses_forms_without_saying_so", 4, Ways("text", frozenset({"store"}))),
    ],
)
def test_each_kind_writes_and_is_found_out_once(kind: str, calls: int, found: Ways) -> None:
    remembered = WaysInMemory()
    with ScriptedModelServer(KINDS[kind]) as server:
        writer = ModelWriter(server.base_url, "k", "m", timeout=5, ways=remembered)
        written = writer.write(FIRST)
        assert written.writer == "model" and written.verdicts == () and check(written.copy, FIRST) == []
        assert len(server.requests) == calls
        assert remembered.find(writer.client.server, "m") in (found, None if found == Ways() else found)
        ModelWriter(server.base_url, "k", "m", timeout=5, ways=remembered).write(SECOND)
        assert len(server.requests) == calls + 1, "what is known is not tried again"


def test_a_server_that_ignores_all_forms_is_asked_for_text_at_last() -> None:
    with ScriptedModelServer(KINDS["ignores_the_form"]) as server:
        writer = ModelWriter(server.base_url, "k", "m", timeout=5)
        for number in range(1, 8):
            assert writer.write(a_request(picks=(a_pick(number),))).verdicts == ()
        assert writer.client.ways == Ways("text")
        forms = [request.body.get("response_format", {}).get("type") for request in server.requests]
        last = server.requests[-1].body["messages"][-1]["content"]
    assert forms == ["json_schema"] * 3 + ["json_object"] * 3 + [None]
    assert '{"subject": "...", "preheader": "..."' in last


def test_wrong_counts_of_lines_take_the_schema_from_nobody() -> None:
    """A schema cannot say how many lines there are, so a wrong number of them keeps to it."""
    with ScriptedModelServer([says(product_lines=["One."]), "good"] * 4) as server:
        writer = ModelWriter(server.base_url, "k", "m", timeout=5)
        for number in range(1, 5):
            written = writer.write(a_request(picks=(a_pick(number), a_pick(number + 9))))
            assert [verdict.rule for verdict in written.verdicts] == ["schema"]
        assert writer.client.ways == Ways()
    assert read_answer('{"product_lines": ["a"]}', ("product_lines",), 3).kept_to == "json_schema"
    assert read_answer('{"product_lines": [1]}', ("product_lines",), 1).kept_to == "json_object"


def test_a_form_that_is_missed_now_and_then_stays() -> None:
    client = ModelClient("http://s/v1", None, "m")
    for form in ("text", "json_object", "json_schema") * 3:
        client.kept_to(form, client.ways)
    assert client.ways == Ways()
    for _ in range(3):
        client.kept_to("json_object", client.ways)
    assert client.ways == Ways("json_object")


def test_openais_own_server_is_always_asked_for_the_schema() -> None:
    client = ModelClient(None, "k", "m")
    for _ in range(10):
        client.kept_to("text", client.ways)
    assert client.ways == Ways()


def test_what_is_found_out_is_there_for_other_processes_and_tried_anew_after_days(db: Database) -> None:
    now = [0.0]
    first = WaysInDatabase(db, lambda: now[0])
    assert first.find("http://s/v1", "m") is None
    first.keep("http://s/v1", "m", Ways("json_object", frozenset({"store"})))
    second = WaysInDatabase(db)
    assert second.find("http://s/v1", "m") == Ways("json_object", frozenset({"store"}))
    assert second.find("http://s/v1", "another") is None
    with db.transaction() as session:
        session.connection().exec_driver_sql("update model_servers set found_at = now() - interval '8 days'")
    assert first.find("http://s/v1", "m") is not None, "believed for some minutes"
    now[0] = 400.0
    assert first.find("http://s/v1", "m") is None


def test_openai_itself_gets_all_that_it_knows() -> None:
    client = ModelClient(None, "key", "gpt-5-mini")
    body = client.body(first_question(FIRST, {}), client.ways)
    assert body["max_completion_tokens"] and "max_tokens" not in body
    assert body["store"] is False and body["prompt_cache_key"] and body["reasoning_effort"] == "low"
    other = ModelClient("http://me:secret@gpu.example:8000/v1/", None, "llama")
    body = other.body(first_question(FIRST, {}), other.ways)
    assert body["max_tokens"] and body["store"] is False
    assert not {"max_completion_tokens", "prompt_cache_key", "reasoning_effort"} & body.keys()
    assert other.server == "http://gpu.example:8000/v1"


def test_an_error_that_nothing_mends_is_a_no() -> None:
    with ScriptedModelServer(lambda body: KINDS["refuses_store"]({"store": 1})) as server:
        with pytest.raises(Rejected, match="422"):
            ModelWriter(server.base_url, "k", "m", timeout=5).write(FIRST)
        assert len(server.requests) < 6


@pytest.mark.parametrize(
    ("usage", "wanted"),
    [
        (
            {
                "prompt_tokens": 900,
                "completion_tokens": 80,
                "prompt_tokens_details": {"cached_tokens": 768},
            },
            Usage(1, 900, 768, 80),
        ),
        (
            {"prompt_tokens": 900, "completion_tokens": 80, "prompt_cache_hit_tokens": 512},
            Usage(1, 900, 512, 80),
        ),
        (
            {"prompt_tokens": 900, "completion_tokens": 80, "prompt_tokens_details": None},
            Usage(1, 900, 0, 80),
        ),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 99}}, Usage(1, 10, 10, 0)),
        ({"prompt_tokens": "many", "completion_tokens": -5}, Usage(1, 0, 0, 0)),
        ([], None),
        (None, None),
    ],
)
def test_tokens_are_read_from_whatever_a_server_says(usage: Any, wanted: Usage | None) -> None:
    with ScriptedModelServer(counts_tokens_otherwise(usage)) as server:
        written = ModelWriter(server.base_url, "k", "m", timeout=5).write(FIRST)
    if wanted is None:
        assert written.usage.calls == 1 and 20 < written.usage.output < 400, (
            "guessed from the answer's length"
        )
    else:
        assert written.usage == wanted and written.tokens == wanted.tokens


@pytest.mark.parametrize("reply", [None, [], {}, {"choices": "x"}, {"choices": None}, "text", 7])
def test_what_is_no_completion_is_an_outage(reply: object) -> None:
    with pytest.raises(CallFailed):
        answer_of(reply)


@pytest.mark.parametrize(
    "choices",
    [[None], [{}], [{"message": None}], [{"message": {"content": 7}}], [{"message": {"content": None}}]],
)
def test_a_completion_without_text_is_an_empty_answer(choices: Any) -> None:
    assert answer_of({"choices": choices}).text == ""


def test_a_text_that_no_database_takes_is_made_fit_for_one() -> None:
    raw = json.loads(completion("x").body or b"")
    raw["choices"][0]["message"]["content"] = "a\x00b\ud800c"
    assert answer_of(raw).text == "ab?c"
    parts = [{"type": "text", "text": "a"}, {"type": "other"}, "loose", {"text": "b"}]
    raw["choices"][0]["message"]["content"] = parts
    assert answer_of(raw).text == "ab"


ASKED = ("subject", "product_lines", "product_line_3")
GOOD = {"subject": " Rain ", "product_lines": ["one", "two"], "product_line_3": "three"}
TEXTS = {
    "subject": "Rain",
    "product_lines[0]": "one",
    "product_lines[1]": "two",
    "product_lines[2]": "three",
}


class TestReading:
    """JSON as asked, JSON with words around it, and what is missing in it."""

    @pytest.mark.parametrize(
        ("answer", "kept_to"),
        [
            (json.dumps(GOOD), "json_schema"),
            (json.dumps({**GOOD, "notes": "x"}), "json_object"),
            (f"```json\n{json.dumps(GOOD, indent=2)}\n```", "text"),
            (f"Here {{you}} are: {json.dumps(GOOD)} {{", "text"),
            (f'<think>{{"subject": "no"}}</think>{json.dumps(GOOD)}', "text"),
            (f'First {{"subject": "no"}}, better {json.dumps(GOOD)}', "text"),
        ],
    )
    def test_it_is_found(self, answer: str, kept_to: str) -> None:
        reading = read_answer(answer, ASKED, 2)
        assert (reading.texts, reading.faults, reading.kept_to) == (TEXTS, (), kept_to)

    @pytest.mark.parametrize(
        "answer", ["", "Sorry.", "[]", "7", "{", '{"subject": "half', "{}{}", "{" * 100_000]
    )
    def test_there_is_none(self, answer: str) -> None:
        if answer == "{}{}":
            answer = "{ }x{ }"
        with pytest.raises(UnreadableAnswer):
            read_answer(answer, ASKED, 2)

    def test_what_is_missing_is_named_and_the_rest_is_kept(self) -> None:
        answer = json.dumps({"subject": 5, "product_lines": ["one"], "product_line_3": "three"})
        reading = read_answer(answer, ASKED, 2)
        assert reading.texts == {"product_lines[2]": "three"}
        assert reading.faults == (
            ("subject", "must be a text"),
            ("product_lines", "1 lines for 2 products"),
        )

    def test_half_a_character_does_not_reach_a_mail(self) -> None:
        answer = '{"subject": "a\\ud800", "product_lines": ["one", "\\udfff"], "product_line_3": "x"}'
        assert "".join(read_answer(answer, ASKED, 2).texts.values()).encode() == b"a?one?x"

    def test_the_schema_is_one_for_strict_mode(self) -> None:
        schema = schema_of(ASKED)
        assert schema["required"] == list(schema["properties"]) == list(ASKED)
        assert schema["additionalProperties"] is False
