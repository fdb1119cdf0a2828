"""A real retailer's data: imported whole, a campaign of its own, each mail received exactly once."""

from __future__ import annotations

import io
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from PIL import Image

from tests.endtoend.conftest import Command

CAMPAIGN = """
name = "Gifts they come back for"
template = "outdoor"
picks = 4
sender = "The Gift Shop <hello@shop.example>"
postal_address = "The Gift Shop, 1 High Street, Leeds, United Kingdom"

[brief]
goal = "Show regulars what goes with what they bought."
voice = "Friendly and plain."
call_to_action = "See the gifts"
call_to_action_url = "https://shop.example/gifts"
languages = ["en"]

[[slots]]
name = "hero"
width = 1200
height = 600
alt = "Gifts on a table"
default = { picture = "hero.png", link = "https://shop.example/" }
expired = { picture = "hero.png", link = "https://shop.example/" }
"""


class Sink:
    """An SMTP server that keeps who got which mail."""

    def __init__(self) -> None:
        self.received: Counter[tuple[str, str]] = Counter()
        self.to_header_wrong = 0
        self._lock = threading.Lock()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content)
        with self._lock:
            self.received[envelope.rcpt_tos[0], str(message["Message-ID"])] += 1
            self.to_header_wrong += parseaddr(message["To"])[1] != envelope.rcpt_tos[0]
        return "250 2.0.0 kept"


@pytest.fixture
def sink() -> Iterator[tuple[Sink, int]]:
    kept = Sink()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    yield kept, port
    controller.stop()


@pytest.mark.slow
def test_the_retail_data_gets_a_campaign_of_its_own(
    command: Command, retail: Path, sink: tuple[Sink, int], tmp_path: Path
) -> None:
    kept, port = sink
    command.environment["TAILORMAIL_SMTP_URL"] = f"smtp://127.0.0.1:{port}?tls=none"
    for kind in ("customers", "products", "orders", "consents"):
        told = command.json("import", kind, str(retail / f"{kind}.csv.gz"))
        assert told[0]["skipped"] == 0, told
    assert told[0]["rows_read"] == 13_237
    picture = io.BytesIO()
    Image.new("RGB", (1200, 600), (200, 210, 190)).save(picture, "PNG")
    (tmp_path / "hero.png").write_bytes(picture.getvalue())
    (tmp_path / "gifts.toml").write_text(CAMPAIGN)
    command.run("train")
    campaign = str(command.json("campaign", "create", str(tmp_path / "gifts.toml"))["id"])
    command.run("campaign", "approve", campaign)
    sent = command.json("campaign", "send", campaign, "--wait")
    assert sent["status"] == "sent"
    report = command.json("report", campaign)
    assert report["audience"] == 4_334
    assert report["sent"] + sum(report["held_back"].values()) == 4_334
    assert report["failed"] == report["uncertain"] == 0
    assert report["sent"] == 3_977 - 174, "all who granted marketing and did not withdraw"
    assert len(kept.received) == report["sent"]
    assert set(kept.received.values()) == {1}, "each mail exactly once"
    assert len({recipient for recipient, _ in kept.received}) == report["sent"], "each person exactly once"
    assert kept.to_header_wrong == 0
