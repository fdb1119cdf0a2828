"""`tailormail demo`: the numbers add up, twice, and also after a kill in the middle."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress

import psutil
import pytest

from campaigns.commands.demo import demo_settings, port_of_demo
from campaigns.commands.served_port import USUAL_PORT
from campaigns.core.ports import PortTaken, hold_port
from campaigns.core.settings import Settings
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


def test_a_demo_serves_where_nobody_else_does() -> None:
    # Whoever has the usual port, this test or a developer: the demo goes elsewhere.
    with ExitStack() as holding:
        with suppress(PortTaken):
            holding.callback(hold_port("127.0.0.1", USUAL_PORT).close)
        own = port_of_demo(Settings())
        holding.callback(own.close)
        told = demo_settings(Settings(), own)
        assert own.number != USUAL_PORT
        assert told.public_url == f"http://127.0.0.1:{own.number}"
        other = port_of_demo(Settings())
        holding.callback(other.close)
        assert other.number not in (USUAL_PORT, own.number)


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        (("demo", "--customers", "50", "--no-serve"), "name another one in TAILORMAIL_PUBLIC_URL"),
        (("serve",), "end that one, or choose another port with --port"),
    ],
)
def test_two_shops_are_never_served_on_one_port(
    command: Command, arguments: tuple[str, ...], mend: str
) -> None:
    held = hold_port("127.0.0.1", 0)
    command.environment["TAILORMAIL_PUBLIC_URL"] = f"http://127.0.0.1:{held.number}"
    refused = command.run(*arguments, expect=1)
    held.close()
    assert "waiting whether that ends ..." in refused.stderr
    assert f"port {held.number} of 127.0.0.1 is in use by another program; {mend}" in refused.stderr
    assert not command.folder.exists(), "nothing was begun"
