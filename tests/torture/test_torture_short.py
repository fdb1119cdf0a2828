"""The short kill test; `make torture` plays the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.run import faults_of, torture


@pytest.mark.slow
def test_a_campaign_survives_whatever_is_killed(tmp_path: Path) -> None:
    told = torture(tmp_path, customers=1000, faults=12, seed=20261121, tell=lambda line: None)
    assert faults_of(told) == [], told
