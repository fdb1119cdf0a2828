"""Holds a TCP port for one program.

Granian lets other processes listen on its port as well (SO_REUSEPORT), and the system deals the visitors out among
them: of two shops on one port each would answer half of the other's, and nobody would be told. So whoever starts a
web server holds its port first.
"""

from __future__ import annotations

import errno
import socket
import sys
import time
from dataclasses import dataclass

from campaigns.core.errors import NotConfigured

_LOOK_AGAIN_SECONDS = 0.2


class PortTaken(NotConfigured):
    """Another program listens there, or is about to."""


@dataclass(frozen=True, slots=True)
class HeldPort:
    """A port that nobody else takes who asks `hold_port`, until `close` or the end of this process."""

    number: int
    _name: socket.socket | None

    def close(self) -> None:
        """Let others have it; what listens there stays."""
        if self._name is not None:
            self._name.close()


def hold_port(host: str, port: int, patience: float = 0.0) -> HeldPort:
    """Hold `port` of the address `host` for a server that is started later; 0 means any that is free.

    Args:
        patience: seconds to wait for whoever has it, such as an earlier self that is just ending.

    Raises:
        PortTaken: somebody else has it.
        NotConfigured: nobody can listen there: no such address, or no right to the port.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return _hold(host, port)
        except PortTaken:
            # Any free port was free a moment ago, so there is another one.
            if port and time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_AGAIN_SECONDS)


def _hold(host: str, port: int) -> HeldPort:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # Listening, unlike binding, fails beside a listener that shares its port.
        with socket.create_server((host, port), family=family) as free:
            number = int(free.getsockname()[1])
            return HeldPort(number, _name_of(host, number))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"port {port} of {host} is in use by another program") from error
        raise NotConfigured(f"cannot listen on port {port} of {host}: {error.strerror or error}") from error


def _name_of(host: str, number: int) -> socket.socket | None:
    """A name that the kernel gives to one process and takes back when that ends; Linux alone has such."""
    if sys.platform != "linux":
        return None
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0tailormail {host} {number}")
    except OSError:
        name.close()
        raise
    return name
