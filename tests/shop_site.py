"""The web site of a shop with pictures: a real server that counts who asks for what, and how many at once."""

from __future__ import annotations

import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class ShopSite:
    """`pages` by path: status, headers and body; `delay` seconds before each answer."""

    port: int = 0
    pages: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    delay: float = 0.0
    asked: Counter[str] = field(default_factory=Counter)
    hosts: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str, scheme: str = "http", host: str = "127.0.0.1") -> str:
        """Where a page is."""
        return f"{scheme}://{host}:{self.port}{path}"

    def show(self, path: str, body: bytes, media_type: str = "image/png") -> str:
        """Put a picture there; returns its address."""
        self.pages[path] = (200, {"Content-Type": media_type}, body)
        return self.url(path)


@contextmanager
def shop_site(certificate: ssl.SSLContext | None = None) -> Iterator[ShopSite]:
    """A running site, with TLS where a certificate is given."""
    site = ShopSite()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with site.lock:
                site.asked[self.path] += 1
                site.hosts.append(self.headers["Host"])
                site.agents.add(self.headers["User-Agent"])
                site.at_once += 1
                site.most_at_once = max(site.most_at_once, site.at_once)
            time.sleep(site.delay)
            with site.lock:
                site.at_once -= 1
            status, headers, body = site.pages.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            return  # a client that went away, as the tests make them do

    server = Server(("127.0.0.1", 0), Handler)
    if certificate:
        server.socket = certificate.wrap_socket(server.socket, server_side=True)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
