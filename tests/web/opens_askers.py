"""Mail clients that ask for pictures all the time, and keep an account of what they got."""

from __future__ import annotations

import hashlib
import http.client
import io
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from opens_site import SIZE, OpensSite
from PIL import Image

from campaigns.compose.links import SendRef

AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    "",
)
_CLIENTS = 3
_PAUSE_SECONDS = 0.012


@dataclass
class Account:
    """What was answered; `personal` counts by mail the answers that were not the neutral picture."""

    answers: int = 0
    neutral: int = 0
    broken: int = 0
    refused: int = 0
    slowest: float = 0.0
    personal: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Askers:
    """Ask for the pictures of a site; one account for all the time that they do."""

    def __init__(self, site: OpensSite, neutral: bytes) -> None:
        self.account = Account()
        self.left: dict[int, float] = {ref.send_id: 0.0 for ref in site.groups["withdrawn"]}
        """When (time.monotonic) the last moment was over in which a mail may be shown another picture."""
        self._site = site
        self._neutral = hashlib.sha256(neutral).digest()
        self._sound: dict[bytes, str] = {}
        self._lock = threading.Lock()

    @contextmanager
    def asking(self, *groups: str) -> Iterator[None]:
        """Ask from several threads for as long as the block lasts."""
        refs = [ref for group in groups for ref in self._site.groups[group]]
        paths = [(ref, self._site.path(ref)) for ref in refs]
        ended = threading.Event()
        threads = [threading.Thread(target=self._ask, args=(paths, ended, n)) for n in range(_CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()

    def _ask(self, paths: Sequence[tuple[SendRef, str]], ended: threading.Event, seed: int) -> None:
        chance = random.Random(seed)
        connection = http.client.HTTPConnection("127.0.0.1", self._site.port, timeout=10)
        while not ended.is_set():
            ref, path = chance.choice(paths)
            headers = {
                "User-Agent": chance.choice(AGENTS),
                "X-Forwarded-For": f"81.2.69.{chance.randrange(256)}",
            }
            began = time.monotonic()
            try:
                connection.request("GET", path, headers=headers)
                response = connection.getresponse()
                body = response.read()
            except ConnectionRefusedError:
                connection.close()
                with self._lock:
                    self.account.refused += 1
                ended.wait(0.05)
                continue
            except (OSError, http.client.HTTPException):
                # The server ended: it may have answered, and nobody heard it.
                connection.close()
                with self._lock:
                    self.account.broken += 1
                continue
            self._note(ref, began, response, body)
            ended.wait(_PAUSE_SECONDS)
        connection.close()

    def _note(self, ref: SendRef, began: float, response: http.client.HTTPResponse, body: bytes) -> None:
        took, digest = time.monotonic() - began, hashlib.sha256(body).digest()
        with self._lock:
            account = self.account
            account.answers += 1
            account.slowest = max(account.slowest, took)
            problem = self._sound.setdefault(digest, _what_is_wrong(body))
            if response.status != 200:
                problem = f"status {response.status}"
            if response.getheader("Content-Length") != str(len(body)):
                problem = "Content-Length"
            if problem:
                account.wrong.append(f"mail {ref.send_id}: {problem}")
            if digest == self._neutral:
                account.neutral += 1
                return
            account.personal[ref.send_id] += 1
            if began > self.left.get(ref.send_id, float("inf")):
                account.wrong.append(f"mail {ref.send_id}: personal although withdrawn")


def _what_is_wrong(body: bytes) -> str:
    try:
        with Image.open(io.BytesIO(body)) as picture:
            picture.load()
            return "" if picture.size == SIZE else f"size {picture.size}"
    except OSError as error:
        return f"not a picture: {type(error).__name__}"
