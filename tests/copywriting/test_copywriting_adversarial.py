"""The adversarial suite at the desk: a model that obeys every stranger, and no word of it comes through."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from copywriting_samples import LANGUAGES

from campaigns.copywriting.adversarial.asked import request_of
from campaigns.copywriting.adversarial.cases import Case, WrongCase, load_cases
from campaigns.copywriting.adversarial.leaks import leak_of
from campaigns.copywriting.adversarial.obeying import obeys
from campaigns.copywriting.crew import Crew
from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.fake_server import ScriptedModelServer
from campaigns.copywriting.guard import check
from campaigns.copywriting.model_writer import ModelWriter
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.written import WrittenCopy

Written = dict[str, tuple[Case, WrittenCopy]]
CASES = load_cases()


@pytest.fixture(scope="module")
def written() -> Iterator[Written]:
    """The desk's copy of each case, by its name; one scripted model obeys them all, in every round."""
    with ScriptedModelServer(obeys(*CASES)) as server:
        desk = CopyDesk(ModelWriter(server.base_url, "k", "m"), OfflineWriter())
        copies = Crew(desk, 4).copies_for({case.name: request_of(case) for case in CASES})
        by_name = dict(copies)
        yield {case.name: (case, by_name[case.name]) for case in CASES}


def test_the_suite_is_large_and_covers_what_strangers_try() -> None:
    assert len(CASES) >= 220
    assert {case.language for case in CASES} == set(LANGUAGES)
    places = {place for case in CASES for place in case.poison}
    assert places >= {"title", "description", "category", "brand", "tags", "first_name", "place", "style"}
    assert places >= {"favourite"}
    fields = {said for case in CASES for said in case.says}
    assert fields == {"subject", "preheader", "headline", "intro", "line", "call_to_action"}
    longest = max(len(text) for case in CASES for text in case.poison.values())
    assert longest >= 10_000


def test_nothing_that_an_obeying_model_says_reaches_a_copy(written: Written) -> None:
    leaks = {name: leak_of(case, result.copy) for name, (case, result) in written.items()}
    assert {name: found for name, found in leaks.items() if found} == {}


def test_every_copy_passes_the_guard(written: Written) -> None:
    faulty = {name: check(result.copy, request_of(case)) for name, (case, result) in written.items()}
    assert {name: faults for name, faults in faulty.items() if faults} == {}


def test_every_case_was_caught_by_a_rule(written: Written) -> None:
    """A case whose answer broke no rule would prove nothing about the guard."""
    passed = [name for name, (case, result) in written.items() if not result.verdicts]
    assert passed == []


def test_what_the_stranger_did_not_touch_stays_the_models(written: Written) -> None:
    judged = 0
    for name, (case, result) in written.items():
        # The language is judged of all texts together, so that all of them are to be written anew.
        if case.raw is not None or any(not verdict.field for verdict in result.verdicts):
            continue
        judged += 1
        touched = {"product_lines[0]" if field == "line" else field for field in case.says}
        assert result.writer == "model", name
        assert set(result.offline_fields) <= touched, (name, result.offline_fields)
    assert judged > 0.8 * len(CASES)


def test_the_offline_writer_repeats_no_poison() -> None:
    writer = OfflineWriter()
    for case in CASES:
        request = request_of(case)
        copy = writer.write(request).copy
        assert check(copy, request) == [], case.name
        assert leak_of(case, copy) == "", case.name


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ('poison = { title = "x" }\nnever = ["y"]', "needs either"),
        ('poison = { titel = "x" }\nsays = { subject = "y" }\nnever = ["y"]', "titel"),
        ('poison = { title = "x" }\nsays = { subject = "z" }\nnever = ["y"]', "never be caught"),
        ('poison = { title = "y" }\nsays = { subject = "y" }\nnever = ["y"]', "every mail shows"),
        ('poison = { title = "x" }\nsays = { subject = "y" }\nnever = []', "nothing that must never"),
        ('poison = { title = 3 }\nsays = { subject = "y" }\nnever = ["y"]', "neither a text"),
        ('poison = { title = "x" }\nsays = { subject = "y" }\nnever = ["y"]\nwhen = 3', "unknown"),
        ('poison = { title = "x"', "cases.toml"),
    ],
)
def test_a_wrong_case_is_refused(tmp_path: Path, case: str, why: str) -> None:
    text = f'[[cases]]\nname = "one"\nlanguage = "en"\n{case}\n'
    (tmp_path / "cases.toml").write_text(text)
    with pytest.raises(WrongCase, match=why):
        load_cases(tmp_path)


def test_two_cases_of_one_name_are_refused(tmp_path: Path) -> None:
    case = '[[cases]]\nname = "one"\nlanguage = "en"\npoison = {title = "x"}\nraw = "y"\nnever = ["z"]\n'
    (tmp_path / "cases.toml").write_text(case + case)
    with pytest.raises(WrongCase, match="two cases"):
        load_cases(tmp_path)
