"""Two ways in which a host can be cut off from the servers without a word: nothing is refused, nothing arrives.

`Namespace` is a network of its own (`ip netns`), its cable pulled: what is sent in either direction is lost, as
with a dead switch. Needs the rights of root. `Relayed` is a process that passes on the bytes of every connection
and is stopped: what is sent is taken and goes nowhere, as with a firewall that hangs. Always permitted.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parents[2]


class Link(Protocol):
    """What connects a host with the servers."""

    def address(self, port: int) -> tuple[str, int]:
        """Where the host finds the server that listens on this port here."""
        ...

    def command(self, command: Sequence[str]) -> list[str]:
        """The command that runs this one on the host."""
        ...

    def cut(self) -> None:
        """From now on nothing arrives, in either direction."""
        ...

    def repair(self) -> None:
        """As before."""
        ...

    def close(self) -> None:
        """Leave nothing behind."""
        ...


class Namespace:
    """A network namespace that is connected with ours by a cable of its own."""

    def __init__(self) -> None:
        _take_away_what_a_killed_run_left()
        name = f"{os.getpid()}-{secrets.token_hex(2)}"
        self._name, self._here, there = f"tm-{name}", f"h{name}", f"n{name}"
        self._net = _free_net()
        try:
            _ip("netns", "add", self._name)
            _ip("link", "add", self._here, "type", "veth", "peer", "name", there)
            _ip("link", "set", there, "netns", self._name)
            _ip("address", "add", f"{self._net}.1/24", "dev", self._here)
            _ip("link", "set", self._here, "up")
            _ip("-n", self._name, "address", "add", f"{self._net}.2/24", "dev", there)
            _ip("-n", self._name, "link", "set", there, "up")
            _ip("-n", self._name, "link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise

    @staticmethod
    def permitted() -> bool:
        """Whether this process may make networks."""
        try:
            Namespace().close()
        except (OSError, subprocess.CalledProcessError):
            return False
        return True

    def address(self, port: int) -> tuple[str, int]:
        return f"{self._net}.1", port

    def command(self, command: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self._name, *command]

    def cut(self) -> None:
        _ip("link", "set", self._here, "down")

    def repair(self) -> None:
        _ip("link", "set", self._here, "up")

    def close(self) -> None:
        with suppress(OSError, subprocess.CalledProcessError):
            _ip("link", "delete", self._here)
        with suppress(OSError, subprocess.CalledProcessError):
            _ip("netns", "delete", self._name)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


def _free_net() -> str:
    """The first three numbers of a network that no address of this machine is in.

    At random, since another run may be looking for one at this moment.
    """
    links = json.loads(_ip("-j", "-4", "address"))
    taken = {told["local"].rpartition(".")[0] for link in links for told in link["addr_info"]}
    while True:
        net = f"10.{200 + secrets.randbelow(50)}.{secrets.randbelow(256)}"
        if net not in taken:
            return net


def _take_away_what_a_killed_run_left() -> None:
    """Networks whose maker is no more: they take addresses away from those that come later."""
    for line in _ip("netns", "list").splitlines():
        name = line.split()[0]
        maker = name.removeprefix("tm-").partition("-")[0]
        if name.startswith("tm-") and maker.isdigit() and not Path(f"/proc/{maker}").exists():
            with suppress(subprocess.CalledProcessError):
                _ip("link", "delete", name.replace("tm-", "h", 1))
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "delete", name)


class Relayed:
    """A process between the host and each server port in `ports`; the host runs beside us."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = {port: _free_port() for port in ports}
        self._start()

    def address(self, port: int) -> tuple[str, int]:
        return "127.0.0.1", self._ports[port]

    def command(self, command: Sequence[str]) -> list[str]:
        return list(command)

    def cut(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def repair(self) -> None:
        """The connections from before have not survived it."""
        self.close()
        self._start()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _start(self) -> None:
        told = json.dumps({str(there): here for here, there in self._ports.items()})
        command = [sys.executable, "-m", "tests.workers.networks", told]
        self._process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        deadline = time.monotonic() + 20
        for port in self._ports.values():
            while not _listens(port):
                assert time.monotonic() < deadline, "the process between does not start"
                time.sleep(0.05)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _pass_on(ports: Mapping[str, int]) -> None:
    async def meet(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    for there, here in ports.items():
        await asyncio.start_server(partial(meet, here), "127.0.0.1", int(there))
    await asyncio.Event().wait()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()


if __name__ == "__main__":
    asyncio.run(_pass_on(json.loads(sys.argv[1])))
