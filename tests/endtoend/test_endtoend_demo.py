"""`tailormail demo`: the numbers add up, twice, and also after a kill in the middle."""

from __future__ import annotations

import time

import psutil
import pytest

from tests.endtoend.conftest import Command

KEYS = {
    "customers", "held_back", "sent", "failed", "uncertain", "opens", "clicks", "unsubscribes",
    "second_campaign_sent", "mails_per_second", "stages",
}  # fmt: skip


def processes_of(command: Command) -> list[psutil.Process]:
    """Everything that runs on this data folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TAILORMAIL_DATA_DIR") == str(command.folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
def test_the_demo_adds_up_after_a_kill_and_again(command: Command) -> None:
    # Whatever relays a developer has set, the sample's mail must not reach them: these would refuse it.
    relays = command.folder.parent / "delivery.toml"
    relays.write_text('[[relays]]\nname = "production"\nurl = "smtp://127.0.0.1:1?tls=none"\n')
    command.environment |= {
        "TAILORMAIL_DELIVERY_PATH": str(relays),
        "TAILORMAIL_BROKER_URL": "redis://127.0.0.1:1/0",
    }
    first = command.start("demo", "--customers", "400", "--no-serve", "--json")
    assert first.stderr
    for line in first.stderr:
        if "sending campaign" in line:
            break
    time.sleep(1.0)
    first.kill()
    first.wait()

    told = command.json("demo", "--customers", "400", "--no-serve")
    assert told.keys() >= KEYS
    assert told["adds_up"] is True
    assert told["customers"] == 400
    assert told["sent"] + told["held_back"] == 400
    assert (told["failed"], told["uncertain"], told["unsubscribes"]) == (0, 0, 2)
    assert told["second_campaign_sent"] == told["sent"] - 2
    assert min(told["opens"], told["clicks"], told["mails_per_second"]) > 0

    again = command.json("demo", "--customers", "400", "--no-serve")
    assert again["adds_up"] is True
    assert again["sent"] == told["sent"] - 2, "who unsubscribed in the first demo is left out of the second"

    deadline = time.monotonic() + 30
    while processes_of(command) and time.monotonic() < deadline:
        time.sleep(0.3)
    assert not processes_of(command), "nothing is left running, whatever was killed"


@pytest.mark.slow
def test_the_demo_keeps_away_from_a_real_shop(command: Command) -> None:
    customers = command.folder.parent / "customers.csv"
    customers.write_text("external_id,email\nreal-1,someone@example.org\n")
    command.run("import", "customers", str(customers))
    refused = command.run("demo", "--customers", "50", "--no-serve", expect=1)
    assert "not the sample's" in refused.stderr
    assert "TAILORMAIL_DATA_DIR" in refused.stderr
