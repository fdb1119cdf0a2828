"""Asks web servers that data names: bounded in time, and never inside one's own network.

An address in a product feed, a campaign file or a webhook is somebody else's word. A host is therefore looked up
once, its addresses checked, and one of those very addresses connected to; each redirect is treated the same.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.core.http_body import TooLong, TooSlow, body_of

_MOST_REDIRECTS = 3
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # leads to any IPv4 address, private ones as well (RFC 6052)

T = TypeVar("T")
Origin = tuple[str, int]  # host and port
Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Question:
    """One question to a server: within `seconds`, all redirects and the reading of the answer included.

    `redirects` are the most that are followed: 0 where only this very host is believed. `body` goes along, to each
    host that is asked.
    """

    seconds: float
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    redirects: int = _MOST_REDIRECTS
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Target:
    """Where to ask: the URL's parts, host in ASCII, port, and the addresses that may be connected to."""

    parts: SplitResult
    host: str
    port: int
    addresses: tuple[str, ...]


def origin_of(url: str) -> Origin | None:
    """Host (ASCII, lower case) and port of an http or https URL; None for anything else."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (host, port) if host and port and parts.scheme in _PORTS else None


def is_public(address: str) -> bool:
    """Whether this IP address is one of the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (ip in _NAT64 or ip.sixtofour or ip.teredo):
        return False
    return ip.is_global and not ip.is_multicast


class PublicHttp:
    """Asks one server at a time; safe to use from several threads.

    Args:
        agent: the User-Agent, by which the asked may tell who asks.
        service: what the asked is called in errors.
        allowed: origins that may have private addresses: one's own.
        resolve: the addresses of a host and port.
        trusted: file of certificates to trust instead of the usual ones.
    """

    def __init__(
        self,
        agent: str,
        service: str,
        allowed: frozenset[Origin] = frozenset(),
        resolve: Resolve | None = None,
        trusted: str | None = None,
    ) -> None:
        self._agent = agent
        self._service = service
        self._allowed = allowed
        self._resolve = resolve or self._addresses_of
        self._trusted: str | bool = trusted or True

    def ask(self, url: str, question: Question, read: Callable[[requests.Response, float], T]) -> T:
        """What `read` makes of the answer; it gets the answer, its body unread, and the deadline (monotonic).

        An answer that leads elsewhere is followed a few times and not given to `read`.

        Raises:
            Rejected: the address is none that may be asked, or it leads on for ever.
            ServiceUnavailable: no answer in time.
            And what `read` raises.
        """
        deadline = time.monotonic() + question.seconds
        for _ in range(question.redirects + 1):
            led_to, answer = self._ask(self._target(url), question, read, deadline)
            if answer is not None:
                return answer[0]
            url = urljoin(url, led_to)
        raise Rejected(f"more than {question.redirects} redirects")

    def body(self, url: str, question: Question, most_bytes: int) -> bytes:
        """The body of what is there.

        Raises:
            Rejected: as `ask`; or the server has nothing to give there, or more than this.
            ServiceUnavailable: as `ask`; or the server is too busy, or broken.
        """

        def read(answer: requests.Response, deadline: float) -> bytes:
            status = answer.status_code
            if status == 429 or status >= 500:
                raise ServiceUnavailable(self._service, f"HTTP {status}")
            if status != 200:
                raise Rejected(f"HTTP {status}")
            try:
                return body_of(answer, most_bytes, deadline)
            except TooLong:
                raise Rejected(f"more than {most_bytes:,} bytes") from None
            except TooSlow:
                raise ServiceUnavailable(self._service, "no answer in time") from None

        return self.ask(url, question, read)

    def _target(self, url: str) -> _Target:
        origin = origin_of(url)
        if origin is None:
            raise Rejected("no http or https address")
        host, port = origin
        addresses = tuple(self._resolve(host, port))
        if origin not in self._allowed and not all(is_public(address) for address in addresses):
            raise Rejected("the host is inside a private network")
        return _Target(urlsplit(url), host, port, addresses)

    def _ask(
        self,
        target: _Target,
        question: Question,
        read: Callable[[requests.Response, float], T],
        deadline: float,
    ) -> tuple[str, tuple[T] | None]:
        """Where it leads, or what was read."""
        problem = ""
        for address in target.addresses[:2]:
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                break
            try:
                with (
                    self._session(target) as session,
                    session.request(
                        question.method,
                        _url_at(address, target),
                        headers=self._headers(target, question),
                        data=question.body,
                        timeout=seconds,
                        allow_redirects=False,
                        stream=True,
                    ) as answer,
                ):
                    if answer.is_redirect:
                        return answer.headers["Location"], None
                    return "", (read(answer, deadline),)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                problem = type(error).__name__
        raise ServiceUnavailable(self._service, problem or "no answer in time")

    def _session(self, target: _Target) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # a proxy would look the host up once more, and find another address
        session.verify = self._trusted
        session.mount("https://", _NamedHost(target.host))
        return session

    def _headers(self, target: _Target, question: Question) -> dict[str, str]:
        usual = target.port == _PORTS[target.parts.scheme]
        host = target.host if usual else f"{target.host}:{target.port}"
        return {**question.headers, "User-Agent": self._agent, "Host": host}

    def _addresses_of(self, host: str, port: int) -> list[str]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise ServiceUnavailable(self._service, "the host has no address") from None
        return list(dict.fromkeys(str(each[4][0]) for each in found))


class _NamedHost(HTTPAdapter):
    """Connects to an address, but asks for, and insists on, the certificate of a host."""

    def __init__(self, host: str) -> None:
        self._host = host
        super().__init__()

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, **kwargs, server_hostname=self._host)  # type: ignore[arg-type]


def _url_at(address: str, target: _Target) -> str:
    named = f"[{address}]" if ":" in address else address
    return target.parts._replace(netloc=f"{named}:{target.port}", fragment="").geturl()
