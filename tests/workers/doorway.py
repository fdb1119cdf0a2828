"""A way to a server that can be shut, or shut itself after so many replies: a broker that comes and goes."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress


class Doorway:
    """Passes connections on to `port` of this machine, from a port of its own; `close` when done."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._replies_left: int | None = None
        self._shut_until = 0.0
        self.times_shut = 0
        threading.Thread(target=self._let_in, daemon=True).start()

    def shut_after(self, replies: int | None) -> None:
        """Cut all connections once so many replies have gone through, and shut for a moment; None: never."""
        with self._lock:
            self._replies_left = replies

    def shut(self, seconds: float) -> None:
        """Cut all connections, and let nobody in for so long."""
        with self._lock:
            self._replies_left = None
            self._shut_until = time.monotonic() + seconds
            self.times_shut += 1
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.shut(3600)
        self._listener.close()

    def _let_in(self) -> None:
        with suppress(OSError):  # until the listener is closed
            while True:
                client, _ = self._listener.accept()
                server = None if time.monotonic() < self._shut_until else self._reached()
                if server is None:
                    client.close()
                    continue
                with self._lock:
                    self._open |= {client, server}
                threading.Thread(target=self._pass_on, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _reached(self) -> socket.socket | None:
        try:
            return socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            return None

    def _pass_on(self, source: socket.socket, goal: socket.socket, replies: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if replies and self._is_the_last():
                    self.shut(0.3)
                    break
                goal.sendall(data)
        for one in (source, goal):
            with self._lock:
                self._open.discard(one)
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _is_the_last(self) -> bool:
        with self._lock:
            if self._replies_left is None:
                return False
            self._replies_left -= 1
            return self._replies_left < 0
