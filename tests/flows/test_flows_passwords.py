"""How passwords are hashed where nobody makes it quick for the tests (conftest.quick_passwords)."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from campaigns.flows.console import passwords

WORD = "correct horse battery"


@pytest.fixture(scope="module")
def real() -> ModuleType:
    """The module as a process of its own would load it."""
    assert passwords.__file__
    spec = importlib.util.spec_from_file_location("real_passwords", passwords.__file__)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_guess_costs_more_than_owasp_asks_for(real: ModuleType) -> None:
    # OWASP's Password Storage Cheat Sheet: argon2id with 46 MiB and one round, or 19 MiB and two.
    used = extract_parameters(real.hashed(WORD))
    assert used.type is Type.ID
    assert used.memory_cost >= 47_104
    assert used.time_cost >= 2


def test_the_right_word_opens_and_no_other(real: ModuleType) -> None:
    stored = real.hashed(WORD)
    assert real.is_right(stored, WORD)
    assert not real.is_right(stored, WORD + "!")
    assert not real.is_right("", "")
    assert not real.is_right("nonsense", WORD)


def test_a_cheaper_hash_of_before_is_outdated(real: ModuleType) -> None:
    assert not real.is_outdated(real.hashed(WORD))
    assert real.is_outdated(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(WORD))
