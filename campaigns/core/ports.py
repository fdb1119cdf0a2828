"""Holds a TCP port for one program.

Granian lets other processes listen on its port as well (SO_REUSEPORT), and the system deals the visitors out among
them: of two shops on one port each would answer half of the other's, and nobody would be told. So whoever starts a
web server holds its port first. To look whether one can listen is not enough: granian binds some time before.
"""

from __future__ import annotations

import errno
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from campaigns.core.errors import NotConfigured

_LOOK_AGAIN_SECONDS = 0.2
# Any free port was free a moment ago; so often another one is asked for.
_MOST_TRIED = 20


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
    if not port:
        return _any_free(host)
    deadline = time.monotonic() + patience
    while True:
        try:
            return _hold(host, port)
        except PortTaken:
            if time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_AGAIN_SECONDS)


def _any_free(host: str) -> HeldPort:
    for _ in range(_MOST_TRIED - 1):
        with suppress(PortTaken):
            return _hold(host, _listened(host, 0))
    return _hold(host, _listened(host, 0))


def _hold(host: str, port: int) -> HeldPort:
    # The name first: who looks by listening may be in the way of the holder's server, which is about to.
    name = _name_of(host, port)
    try:
        return HeldPort(_listened(host, port), name)
    except BaseException:
        if name is not None:
            name.close()
        raise


def _listened(host: str, port: int) -> int:
    """The number of the port, on which it was possible to listen a moment ago."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # As servers do, "::" means every address of both kinds.
    both = host == "::" and socket.has_dualstack_ipv6()
    try:
        with socket.create_server((host, port), family=family, dualstack_ipv6=both) as free:
            return int(free.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _taken(host, port) from error
        # What Python adds to the system's words names the address once more.
        why = (error.strerror or str(error)).partition(" (while ")[0]
        raise NotConfigured(f"cannot listen on port {port} of {host}: {why}") from error


def _name_of(host: str, port: int) -> socket.socket | None:
    """A name that the kernel gives to one process and takes back when that ends; Linux alone has such.

    It says nothing of the address: a port of all addresses and that of one of them are the same.
    """
    if sys.platform != "linux":
        return None
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0tailormail {port}")
    except OSError as error:
        name.close()
        raise _taken(host, port) from error
    return name


def _taken(host: str, port: int) -> PortTaken:
    return PortTaken(f"port {port} of {host} is in use by another program")
