"""Fetches pictures from the web sites of shops: bounded in time and size, and never from inside one's own network.

An address in a product feed is somebody else's word. A host is therefore looked up once, its address checked, and
that very address connected to; each redirect is treated the same.
"""

from __future__ import annotations

import io
import ipaddress
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3
from PIL import Image, ImageOps
from requests.adapters import HTTPAdapter

from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.opentime.drawing.pictures import LARGEST_BYTES, PictureFile, check_picture
from campaigns.opentime.http_body import TooLong, TooSlow, body_of

SECONDS = 5.0
LARGEST_SIDE_KEPT = 800  # pixels: a card is at most as high, and the photo stands in a part of it

SERVICE = "the shop's pictures"
_MOST_REDIRECTS = 3
_PORTS = {"http": 80, "https": 443}
_ACCEPTED = (
    "image/jpeg, image/png, image/gif"  # no image/*: servers would rather send formats that mail lacks
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # leads to any IPv4 address, private ones as well (RFC 6052)

Origin = tuple[str, int]  # host and port
Resolve = Callable[[str, int], Sequence[str]]


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


class PictureFetcher:
    """Fetches one picture at a time; safe to use from several threads.

    Args:
        agent: the User-Agent, by which a shop may tell who asks.
        allowed: origins that may have private addresses: one's own.
        resolve: the addresses of a host and port.
        trusted: file of certificates to trust instead of the usual ones.
    """

    def __init__(
        self,
        agent: str,
        allowed: frozenset[Origin] = frozenset(),
        resolve: Resolve | None = None,
        trusted: str | None = None,
    ) -> None:
        self._headers = {"User-Agent": agent, "Accept": _ACCEPTED}
        self._allowed = allowed
        self._resolve = resolve or _addresses_of
        self._trusted: str | bool = trusted or True

    def fetch(self, url: str) -> PictureFile:
        """The picture at this address, brought down to LARGEST_SIDE_KEPT pixels a side, within SECONDS.

        Raises:
            Rejected: the address is none that may be asked, or the shop refuses.
            BadInput: what came is not a picture that mails can show.
            ServiceUnavailable: no answer in time.
        """
        deadline = time.monotonic() + SECONDS
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._ask(self._target(url), deadline)
            if isinstance(answer, bytes):
                return smaller(check_picture(answer, SERVICE))
            url = urljoin(url, answer)
        raise Rejected(f"more than {_MOST_REDIRECTS} redirects")

    def _target(self, url: str) -> _Target:
        origin = origin_of(url)
        if origin is None:
            raise Rejected("no http or https address")
        host, port = origin
        addresses = tuple(self._resolve(host, port))
        if origin not in self._allowed and not all(is_public(address) for address in addresses):
            raise Rejected("the host is inside a private network")
        return _Target(urlsplit(url), host, port, addresses)

    def _ask(self, target: _Target, deadline: float) -> bytes | str:
        """The body, or where it leads."""
        problem = ""
        for address in target.addresses[:2]:
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                break
            try:
                return self._ask_at(address, target, seconds, deadline)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                problem = type(error).__name__
        raise ServiceUnavailable(SERVICE, problem or "no answer in time")

    def _ask_at(self, address: str, target: _Target, seconds: float, deadline: float) -> bytes | str:
        named = f"[{address}]" if ":" in address else address
        url = target.parts._replace(netloc=f"{named}:{target.port}", fragment="").geturl()
        usual = target.port == _PORTS[target.parts.scheme]
        headers = {**self._headers, "Host": target.host if usual else f"{target.host}:{target.port}"}
        with requests.Session() as session:
            session.trust_env = False  # a proxy would look the host up once more, and find another address
            session.verify = self._trusted
            session.mount("https://", _NamedHost(target.host))
            with session.get(
                url, headers=headers, timeout=seconds, allow_redirects=False, stream=True
            ) as answer:
                return _content_of(answer, deadline)


class _NamedHost(HTTPAdapter):
    """Connects to an address, but asks for, and insists on, the certificate of a host."""

    def __init__(self, host: str) -> None:
        self._host = host
        super().__init__()

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, **kwargs, server_hostname=self._host)  # type: ignore[arg-type]


def is_public(address: str) -> bool:
    """Whether this IP address is one of the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (ip in _NAT64 or ip.sixtofour or ip.teredo):
        return False
    return ip.is_global and not ip.is_multicast


def smaller(file: PictureFile, side: int = LARGEST_SIDE_KEPT) -> PictureFile:
    """The picture with at most `side` pixels a side, the right way up; itself if it has no more."""
    if max(file.width, file.height) <= side:
        return file
    out = io.BytesIO()
    with Image.open(io.BytesIO(file.body)) as image:
        image.draft("RGB", (side, side))  # a JPEG is decoded no larger than needed
        upright = ImageOps.exif_transpose(image)
        clear = upright.has_transparency_data
        plain = upright.convert("RGBA" if clear else "RGB")
        plain.thumbnail((side, side), Image.Resampling.LANCZOS)
        if clear:
            plain.save(out, "PNG")
        else:
            plain.save(out, "JPEG", quality=86)
    return check_picture(out.getvalue(), SERVICE)


def _addresses_of(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise ServiceUnavailable(SERVICE, "the host has no address") from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _content_of(answer: requests.Response, deadline: float) -> bytes | str:
    status = answer.status_code
    if answer.is_redirect:
        return answer.headers["Location"]
    if status == 429 or status >= 500:
        raise ServiceUnavailable(SERVICE, f"HTTP {status}")
    if status != 200:
        raise Rejected(f"HTTP {status}")
    try:
        return body_of(answer, LARGEST_BYTES, deadline)
    except TooLong:
        raise Rejected(f"more than {LARGEST_BYTES:,} bytes") from None
    except TooSlow:
        raise ServiceUnavailable(SERVICE, "no answer in time") from None
