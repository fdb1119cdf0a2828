"""A real web server that receives webhooks, and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True)
class Got:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it tells."""
        return list(json.loads(self.body)["data"]["events"])


Answer = Callable[[int], tuple[int, dict[str, str], str]]
"""From the number of the request (from 0) to status, headers and body."""


class Receiver:
    """Keeps what it gets; `answer` may be changed while it runs, `seconds` is how long it thinks."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.seconds = 0.0
        self.at_once = self.most_at_once = 0
        self.answer: Answer = lambda number: (200, {}, "thanks")
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._take(self)

            def do_GET(self) -> None:
                receiver._take(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            number = len(self.got)
            headers = {name.lower(): value for name, value in request.headers.items()}
            self.got.append(Got(request.path, headers, body))
        time.sleep(self.seconds)
        status, headers, words = self.answer(number)
        with self._lock:
            self.at_once -= 1
        try:
            request.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(words.encode()))}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(words.encode())
        except OSError:
            pass  # whoever asked did not wait

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
