"""What a worker loads before it forks: its processes must not do it again."""

from __future__ import annotations

import re

import pytest

from campaigns.copywriting import claims, phrases
from campaigns.copywriting.claims import claims_in, matching
from campaigns.copywriting.phrases import Phrasebook
from campaigns.copywriting.preparing import prepare


@pytest.fixture
def as_in_a_new_process() -> None:
    """Nothing of this is known yet."""
    for cached in (
        claims.finding._any_claim,
        claims.finding._wide_claim,
        claims.finding._any_own_claim,
        claims.finding._may_claim,
        claims_in,
        matching.finders_of,
        phrases._table,
        phrases._phrases,
    ):
        cached.cache_clear()


@pytest.mark.usefixtures("as_in_a_new_process")
def test_nothing_is_compiled_or_read_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare()

    def too_late(*_: object) -> None:
        raise AssertionError("this should have been ready")

    monkeypatch.setattr(re, "compile", too_late)
    monkeypatch.setattr(phrases.tomllib, "loads", too_late)
    told = "Everything is half price today only: the best jacket there is. Nearly sold out, guaranteed."
    for language in ("en", "de", "fr", "es"):
        assert {claim.rule for claim in claims_in(f"{told} ({language})", language)} >= {
            "amount_in_words",
            "superlative",
        }
        assert Phrasebook(language).of("subject", "general")
        assert Phrasebook(language).safe("intro")


@pytest.mark.usefixtures("as_in_a_new_process")
def test_without_it_there_would_be_much_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_one, compiled = re.compile, []

    def counted(pattern: str) -> re.Pattern[str]:
        compiled.append(pattern)
        return compile_one(pattern)

    monkeypatch.setattr(re, "compile", counted)
    claims_in("Everything is half price today only: the best jacket there is.", "en")
    assert len(compiled) > 20
