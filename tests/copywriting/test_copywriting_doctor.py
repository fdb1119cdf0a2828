"""What the doctor says of a model server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from campaigns.commands.doctor_model import model_finding
from campaigns.commands.findings import Severity
from campaigns.copywriting.fake_batches import ScriptedBatches
from campaigns.copywriting.fake_kinds import KINDS
from campaigns.copywriting.fake_server import BEHAVIOURS, Behaviour, ScriptedModelServer
from campaigns.core.settings import load_settings


def found(script: str | Behaviour, batches: ScriptedBatches | None = None, **options: Any) -> tuple[str, str]:
    with ScriptedModelServer(script, batches) as server:
        settings = load_settings({"openai_base_url": server.base_url, **options})
        finding = model_finding(settings)
    return finding.severity.value, finding.says


def test_no_model_is_fine() -> None:
    finding = model_finding(load_settings({}))
    assert finding.fine and finding.in_force == "the offline writer"


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("strict", "keeps to a strict JSON schema; no batches"),
        ("json_object", "takes no schema, but answers in JSON"),
        ("ignores_the_form", "was asked for a strict JSON schema, and this answer did not keep to it"),
        ("refuses_store", "refuses store"),
    ],
)
def test_it_tells_how_the_server_answers(kind: str, says: str) -> None:
    severity, told = found(KINDS[kind])
    assert severity == "ok" and says in told and "no prices are set" in told and "answered in " in told


def test_it_tells_of_batches_and_prices() -> None:
    prices = {"llm_input_price": "0.25", "llm_output_price": "2", "llm_currency": "EUR"}
    _, told = found("good", ScriptedBatches(), **prices)
    assert "it takes batches" in told and "cost 0.25 asked, 2 answered, EUR" in told


@pytest.mark.parametrize("behaviour", ["wrong_key", "refusal", "server_error", "not_json", "out_of_quota"])
def test_what_does_not_work_is_an_error(behaviour: str) -> None:
    severity, told = found(BEHAVIOURS[behaviour])
    assert severity == Severity.ERROR and told


def test_a_slow_one_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 0.0, 12.0])
    with monkeypatch.context() as patch:
        # A clock of its own: every other thread, the server's too, asks the one of the module time.
        clock = SimpleNamespace(monotonic=lambda: next(moments, 12.0))
        patch.setattr("campaigns.commands.doctor_model.time", clock)
        severity, told = found("good")
    assert severity == "warning" and "TAILORMAIL_LLM_TIMEOUT" in told
