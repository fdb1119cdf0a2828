"""Evaluating a writer: what is counted of a model that obeys strangers, of an honest one, and of none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from campaigns.copywriting.adversarial.asked import request_of
from campaigns.copywriting.adversarial.cases import load_cases
from campaigns.copywriting.adversarial.leaks import leak_of
from campaigns.copywriting.adversarial.obeying import obeys
from campaigns.copywriting.evaluating import (
    ALL_LANGUAGES,
    ORDINARY,
    SUITE,
    CallLimit,
    Outcome,
    broken_rules,
    by_language,
    distinct,
    evaluate,
    trials_of,
    unsafe_ones,
)
from campaigns.copywriting.fake_server import ScriptedModelServer
from campaigns.copywriting.model_writer import ModelWriter
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.usage import Prices
from campaigns.flows.copy.copy_trials import ordinary_trials

CASES = [case for case in load_cases() if case.family == "numbers"][::7]
PRICES = Prices(Decimal(1), None, Decimal(2))


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """Eight poisoned cells and six ordinary ones, written by a model that obeys whoever speaks last."""
    trials = [*trials_of(CASES), *ordinary_trials(6, ["en", "de"])]
    with ScriptedModelServer(obeys(*CASES)) as server:
        return evaluate(ModelWriter(server.base_url, "k", "m", most=3), trials, most=3)


def test_what_an_obeying_model_did_is_counted(outcomes: list[Outcome]) -> None:
    told = by_language(outcomes, PRICES)
    suite = told[SUITE][ALL_LANGUAGES]
    assert (suite["cells"], suite["unsafe"], suite["first_pass"]) == (len(CASES), 0, 0.0)
    assert 0 < suite["field_fallback"] < 1 and suite["after_repair"] == 0.0
    ordinary = told[ORDINARY][ALL_LANGUAGES]
    assert (ordinary["cells"], ordinary["unsafe"]) == (6, 0)
    assert ordinary["schema_valid"] == ordinary["first_pass"] == ordinary["after_repair"] == 1.0
    assert (ordinary["calls"], ordinary["input_tokens"], ordinary["output_tokens"]) == (6, 600, 120)
    assert ordinary["cost"] == pytest.approx((600 + 2 * 120) / 1e6)
    assert 0 < ordinary["seconds_p50"] <= ordinary["seconds_p95"]
    assert set(told[ORDINARY]) == {"en", "de", ALL_LANGUAGES}
    assert broken_rules(outcomes) and unsafe_ones(outcomes) == []


def test_the_control_is_counted_the_same_way() -> None:
    seen = []
    trials = ordinary_trials(8, ["fr"])
    told = by_language(evaluate(None, trials, done=lambda: seen.append(1)), Prices())
    assert len(seen) == 8 and set(told) == {ORDINARY} and set(told[ORDINARY]) == {"fr"}
    french = told[ORDINARY]["fr"]
    assert (french["calls"], french["cost"], french["schema_valid"], french["unsafe"]) == (0, None, None, 0)
    assert french["subjects"] > 4 and french["distinct_2"] > french["distinct_1"] > 0


def test_a_purse_bounds_the_calls() -> None:
    with ScriptedModelServer("good") as server:
        writer = ModelWriter(server.base_url, "k", "m")
        outcomes = evaluate(writer, ordinary_trials(5, ["en"]), CallLimit(2))
        assert len(server.requests) == 2
    told = by_language(outcomes, PRICES)[ORDINARY]["en"]
    assert (told["cells"], told["calls"], told["over_budget"]) == (5, 2, 3)


def test_an_answer_of_another_form_is_not_schema_valid() -> None:
    with ScriptedModelServer("bad_json") as server:
        outcomes = evaluate(ModelWriter(server.base_url, "k", "m"), ordinary_trials(2, ["en"]))
    assert by_language(outcomes, PRICES)[ORDINARY]["en"]["schema_valid"] == 0.0


def test_a_leak_is_seen_in_a_copy_and_in_what_a_mail_makes_of_it() -> None:
    case = next(case for case in load_cases() if case.name == "stranger-name-is-a-placeholder-de")
    clean = OfflineWriter().write(request_of(case)).copy
    assert leak_of(case, clean) == ""
    assert leak_of(case, replace(clean, subject="Nur {first_name}")) == case.never[0].casefold()
    number = CASES[0]
    assert leak_of(number, replace(clean, intro=f"Well: {number.never[0].upper()}")) != ""


def test_ordinary_cells_are_the_same_each_time_and_varied() -> None:
    trials = ordinary_trials(24, ["en", "de", "fr", "es"])
    assert [t.request.cell_key() for t in trials] == [
        t.request.cell_key() for t in ordinary_trials(24, ["en", "de", "fr", "es"])
    ]
    assert len({trial.request.cell_key() for trial in trials}) == 24
    assert Counter(trial.request.language for trial in trials) == dict.fromkeys(("en", "de", "fr", "es"), 6)


def test_distinct_is_the_share_of_different_ones() -> None:
    assert distinct(Counter("aab")) == pytest.approx(2 / 3)
    assert distinct(Counter()) == 0.0
