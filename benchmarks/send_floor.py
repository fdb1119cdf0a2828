"""The floors of sending: bare processes that fill the template, sign and send, and record nothing.

The plain one does so as a good program does that knows nothing of Tailormail: Jinja fills the compiled template, the
standard library encodes what comes out. The prepared one has the engine's own way of filling, whose static parts are
encoded beforehand: what is left to save there would speed up both it and the engine.
"""

from __future__ import annotations

import binascii
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from statistics import fmean

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from benchmarks.bench import Bench
from benchmarks.sink import Sink
from campaigns.compose.content import MailContent
from campaigns.compose.dkim import DkimSigner
from campaigns.compose.mime import Envelope, build_message
from campaigns.compose.template import MailTemplate, WireMail, load_template
from campaigns.core.clock import SystemClock

_READY = 4000


@dataclass(frozen=True, slots=True)
class FloorRun:
    """What the bare processes did together."""

    mails_per_second: float
    cpu_seconds_per_1000: float


def mean(runs: Sequence[FloorRun]) -> FloorRun:
    """The mean of several runs of one way."""
    rate = fmean(run.mails_per_second for run in runs)
    return FloorRun(round(rate, 1), round(fmean(run.cpu_seconds_per_1000 for run in runs), 3))


class Floor:
    """Prepares the data of some thousand mails, and lets processes send them round and round."""

    def __init__(self, shop: Bench, dkim_key: Path, sink: Sink, processes: int) -> None:
        self._sink = sink
        self._processes = processes
        self._key = dkim_key
        self._data = shop.runtime.settings.folder / "floor.pickle"
        ready = [shop.runtime.letters.prepare(shop.plan, facts) for facts in shop.facts_of(_READY)]
        self._data.write_bytes(pickle.dumps((shop.plan.template.folder, shop.plan.domain, ready)))
        self.html_bytes = len(load_template(shop.plan.template.folder).render(ready[0][0]).html.encode())

    def run(self, seconds: float, way: str) -> FloorRun:
        """Send for so long, in one of WAYS."""
        before = self._sink.cpu_seconds()
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.send_floor", way, str(self._data), str(self._key),
                 str(self._sink.port), str(seconds), str(number * _READY // self._processes)],
                cwd=Path(__file__).resolve().parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for number in range(self._processes)
        ]  # fmt: skip
        for process in running:
            assert process.stdout
            process.stdout.readline()  # ready: all begin together
        for process in running:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate()[0].split() for process in running]
        mails = sum(int(words[0]) for words in said)
        took = max(float(words[1]) for words in said)
        cpu = sum(float(words[2]) for words in said) + self._sink.cpu_seconds() - before
        return FloorRun(mails / took, cpu / mails * 1000)

    def signatures_per_second(self) -> float:
        """How many RSA-2048 signatures one core makes, nothing else."""
        key = serialization.load_pem_private_key(self._key.read_bytes(), password=None)
        assert isinstance(key, rsa.RSAPrivateKey)
        began, n = time.process_time(), 300
        for _ in range(n):
            key.sign(b"x" * 800, padding.PKCS1v15(), hashes.SHA256())
        return round(n / (time.process_time() - began), 1)


def _plain(template: MailTemplate, content: MailContent) -> WireMail:
    """Filled by Jinja, then encoded as a whole."""
    filled = template.render(content)
    return WireMail(_quoted(filled.html), _quoted(filled.text))


def _quoted(text: str) -> str:
    return binascii.b2a_qp(text.encode()).decode().replace("\n", "\r\n")


WAYS: dict[str, Callable[[MailTemplate, MailContent], WireMail]] = {
    "plain": _plain,
    "prepared": MailTemplate.render_for_wire,
}


def _send(way: str, data: Path, key: Path, port: int, seconds: float, first: int) -> None:
    written = WAYS[way]
    template_name, domain, ready = pickle.loads(data.read_bytes())
    template, clock = load_template(template_name), SystemClock()
    signer = DkimSigner(key.read_bytes(), "bench", domain)
    mails: list[tuple[MailContent, Envelope]] = ready[first:] + ready[:first]
    for content, envelope in mails[:50]:
        build_message(written(template, content), envelope, clock, signer)
    with socket.create_connection(("127.0.0.1", port)) as relay:
        relay.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _read(relay, 1)
        relay.sendall(b"EHLO floor\r\n")
        relay.recv(4096)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        began, busy = time.perf_counter(), time.process_time()
        sent = waiting = 0
        for content, envelope in cycle(mails):
            message = build_message(written(template, content), envelope, clock, signer)
            _read(relay, waiting)
            commands = (
                f"MAIL FROM:<{envelope.from_address}>\r\nRCPT TO:<{envelope.to_address}>\r\n"
                f"BDAT {len(message)} LAST\r\n"
            )
            relay.sendall(commands.encode() + message)
            waiting = 3
            sent += 1
            if time.perf_counter() - began > seconds:
                break
        _read(relay, waiting)
        took, used = time.perf_counter() - began, time.process_time() - busy
    sys.stdout.write(f"{sent} {took} {used}\n")


def _read(relay: socket.socket, lines: int) -> None:
    """So many lines of replies, all of which must be a yes."""
    answer = b""
    while answer.count(b"\n") < lines:
        answer += relay.recv(4096)
    if lines and not all(line.startswith(b"2") for line in answer.splitlines()):
        raise RuntimeError(f"the sink said {answer!r}")


if __name__ == "__main__":
    _send(
        sys.argv[1],
        Path(sys.argv[2]),
        Path(sys.argv[3]),
        int(sys.argv[4]),
        float(sys.argv[5]),
        int(sys.argv[6]),
    )
