"""What handing a mail over costs, by itself: `python -m benchmarks.handing_over [--mails N]` prints JSON.

Mails of 45 KB, made beforehand, go through SmtpTransport to the sink on this machine; processor time is that
of the process that sends and that of the sink, user and system, in milliseconds a mail.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.sink import running_sink
from campaigns.core.server_addresses import SmtpAddress
from campaigns.delivery.journal import Journal
from campaigns.delivery.journaled import JournaledTransport
from campaigns.delivery.smtp import SmtpTransport
from campaigns.delivery.transport import Kind, Outcome, OutgoingMail, Transport

_BODY_BYTES = 45_000
_LINE = b"A line of seventy-four letters, as quoted-printable makes them, and so on=\r\n"


def mails(count: int, clean: bool) -> Iterator[OutgoingMail]:
    """Mails that differ only in their addressees."""
    head = b"From: a@shop.example\r\nTo: b@customers.example\r\nSubject: Hello\r\n\r\n"
    message = head + _LINE * (_BODY_BYTES // len(_LINE))
    for n in range(count):
        yield OutgoingMail(
            n, "bounce@shop.example", f"customer{n}@customers.example", message, f"<{n}@shop.example>", clean
        )


def measured(count: int, chunking: bool, clean: bool, connections: int, journaled: bool) -> dict[str, float]:
    """Mails a second and milliseconds of processor time a mail, for this way of handing over."""
    with running_sink(chunking) as sink, tempfile.TemporaryDirectory() as folder:
        address = SmtpAddress(f"smtp://127.0.0.1:{sink.port}?tls=none")
        transport: Transport = SmtpTransport(address, "shop.example", connections=connections)
        if journaled:
            transport = JournaledTransport(transport, Journal(Path(folder)))
        _all_sent(transport.send_group(mails(50, clean)))
        sink_before, ours_before, began = sink.cpu_seconds(), time.process_time(), time.perf_counter()
        _all_sent(transport.send_group(mails(count, clean)))
        seconds, ours = time.perf_counter() - began, time.process_time() - ours_before
        theirs = sink.cpu_seconds() - sink_before
        transport.close()
        received = sink.stop()
    if received != count + 50:
        raise RuntimeError(f"{count + 50} mails were handed over and {received} received")
    return {
        "mails_per_second": round(count / seconds),
        "client_ms": round(1000 * ours / count, 4),
        "sink_ms": round(1000 * theirs / count, 4),
    }


def _all_sent(outcomes: Iterator[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.kind is not Kind.SENT:
            raise RuntimeError(f"not sent: {outcome.reply}")


def main() -> None:
    """Measure the usual ways and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=5000)
    count = parser.parse_args().mails
    figures = {
        "chunking, clean": measured(count, True, True, 1, False),
        "chunking, clean, 4 connections": measured(count, True, True, 4, False),
        "chunking, clean, journal": measured(count, True, True, 1, True),
        "chunking": measured(count, True, False, 1, False),
        "pipelining, clean": measured(count, False, True, 1, False),
        "pipelining": measured(count, False, False, 1, False),
    }
    sys.stdout.write(json.dumps({"mails": count, "body_bytes": _BODY_BYTES, **figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
