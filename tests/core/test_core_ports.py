"""A port is held by one program, whatever shares it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from campaigns.core.errors import NotConfigured
from campaigns.core.ports import HeldPort, PortTaken, hold_port

HERE = "127.0.0.1"
_HOLD = f"""
from campaigns.core.ports import hold_port
held = hold_port("{HERE}", 0)
print(held.number, flush=True)
input()
"""


@pytest.fixture
def held() -> Iterator[HeldPort]:
    held = hold_port(HERE, 0)
    yield held
    held.close()


def sharing_listener(port: int) -> socket.socket:
    """As granian listens."""
    return socket.create_server((HERE, port), reuse_port=True)


def test_a_port_is_held_by_one_alone_until_it_lets_go(held: HeldPort) -> None:
    with pytest.raises(PortTaken, match=f"port {held.number} of {HERE} is in use by another program"):
        hold_port(HERE, held.number)
    held.close()
    hold_port(HERE, held.number).close()


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost", "::", "::1", "127.0.0.2"])
def test_a_port_is_held_whatever_address_is_asked_for(held: HeldPort, host: str) -> None:
    with pytest.raises(PortTaken):
        hold_port(host, held.number)
    held.close()
    hold_port(host, held.number).close()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no sockets for IPv4 and IPv6")
def test_all_addresses_are_those_of_ipv4_too() -> None:
    with sharing_listener(0) as listener, pytest.raises(PortTaken):
        hold_port("::", listener.getsockname()[1])


def test_who_is_refused_is_not_in_the_way_of_the_holders_server(
    held: HeldPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were it tried by listening first, the holder's server could not begin at that moment."""
    monkeypatch.setattr(socket, "create_server", lambda *_, **__: pytest.fail("it listened"))
    with pytest.raises(PortTaken):
        hold_port(HERE, held.number)


def test_each_who_asks_for_any_port_gets_another() -> None:
    several = [hold_port(HERE, 0) for _ in range(20)]
    assert len({held.number for held in several}) == 20
    for held in several:
        held.close()


def test_a_server_can_listen_on_a_port_that_is_held(held: HeldPort) -> None:
    with sharing_listener(held.number), socket.create_connection((HERE, held.number), timeout=5):
        pass


def test_a_port_on_which_somebody_listens_who_shares_it_is_taken() -> None:
    with sharing_listener(0) as listener, pytest.raises(PortTaken):
        hold_port(HERE, listener.getsockname()[1])


def test_a_killed_program_holds_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        port = int(other.stdout.readline())
        with pytest.raises(PortTaken):
            hold_port(HERE, port)
        other.kill()
        other.wait()
        hold_port(HERE, port).close()


def test_it_waits_for_one_who_is_just_ending(held: HeldPort) -> None:
    ending = threading.Timer(0.3, held.close)
    ending.start()
    hold_port(HERE, held.number, patience=30).close()
    ending.join()


@pytest.mark.parametrize(
    ("host", "why"),
    [("203.0.113.1", "Cannot assign requested address"), ("no-such-host.invalid", "[A-Z][^\\n]*")],
)
def test_an_address_that_is_not_ours_is_told_apart(host: str, why: str) -> None:
    with pytest.raises(NotConfigured, match=rf"^cannot listen on port 18025 of {host}: {why}$") as caught:
        hold_port(host, 18025)
    assert not isinstance(caught.value, PortTaken)
