"""`tailormail copy evaluate`, as somebody types it."""

from __future__ import annotations

import json

import pytest

from campaigns.copywriting.adversarial.cases import load_cases
from campaigns.copywriting.adversarial.obeying import obeys
from campaigns.copywriting.fake_server import ScriptedModelServer
from tests.shop import Command

CASES = load_cases()


def test_the_model_and_its_control_as_json(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedModelServer(obeys(*CASES)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        status, out, _ = command("copy", "evaluate", "--cases", 12, "--cells", 4, "--json")
    told = json.loads(out)
    assert status == 0 and told["model"]["unsafe"] == told["control"]["unsafe"] == 0
    for part in (told["model"], told["control"]):
        assert part["figures"]["adversarial"]["all"]["cells"] == 12
        assert part["figures"]["ordinary"]["all"]["cells"] == 4
    assert told["model"]["figures"]["ordinary"]["all"]["first_pass"] == 1.0


def test_without_a_model_the_control_is_shown_as_a_table(command: Command) -> None:
    status, out, _ = command("copy", "evaluate", "--cases", 4, "--cells", 4, "--language", "de")
    assert status == 0
    assert "offline" in out and "ordinary" in out and "de" in out and "fr" not in out.split()


def test_only_the_model_where_there_is_none_is_refused(command: Command) -> None:
    status, _, err = command("copy", "evaluate", "--model-only")
    assert status == 1 and "OPENAI_API_KEY" in err


def test_a_model_that_never_answers_is_no_success(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedModelServer("wrong_key") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        status, _, err = command("copy", "evaluate", "--model-only", "--cases", 2, "--cells", 2)
    assert status == 1 and "answered no call" in err
