from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog

from campaigns.opentime.place import apple_egress, gazetteer, geo, requester
from campaigns.opentime.weather import met_norway


@pytest.fixture(autouse=True)
def loggers_of_their_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`structlog.testing.capture_logs` hears these modules, whatever another test of this process has configured.

    A logger that was used before keeps the processors and the level of that time.
    """
    before = structlog.get_config()
    structlog.reset_defaults()
    for module in (apple_egress, gazetteer, geo, requester, met_norway):
        monkeypatch.setattr(module, "_log", structlog.get_logger(module.__name__))
    yield
    structlog.configure(**before)
