"""The whole path of a mail through the flows, in one process: claimed, tailored, checked, handed over."""

from __future__ import annotations

import smtplib
from itertools import count, cycle, islice
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.measuring import Figure, Work, measure
from benchmarks.sink import Sink, running_sink
from campaigns.runtime import Runtime

_SECONDS = 6.0


def figures(bench: Bench) -> dict[str, Figure]:
    """Mails a second with mail captured and with a local SMTP server; afterwards mails have been sent."""
    captured = measure(
        _sending(bench, bench.runtime),
        "mails/s",
        floor=_bare_files(bench, bench.runtime.settings.folder / "bare"),
        floor_is="such letters, each into a file",
        seconds=_SECONDS,
    )
    with running_sink() as sink:
        settings = bench.runtime.settings.model_copy(
            update={"smtp_url": f"smtp://127.0.0.1:{sink.port}?tls=none"}
        )
        runtime = Runtime(settings).start()
        try:
            relayed = _relayed(bench, runtime, sink)
        finally:
            runtime.close()
    return {"sends_captured": captured, "sends_smtp": relayed}


def _relayed(bench: Bench, runtime: Runtime, sink: Sink) -> Figure:
    handed_over = count()
    with smtplib.SMTP("127.0.0.1", sink.port) as bare:
        figure = measure(
            _counted(_sending(bench, runtime), handed_over),
            "mails/s",
            floor=_counted(_bare_smtp(bench, bare), handed_over),
            floor_is="such letters through smtplib, one connection",
            seconds=_SECONDS,
        )
    received, expected = sink.stop(), next(handed_over)
    if received != expected:
        raise RuntimeError(f"{expected} mails were handed over and {received} received")
    return figure


def _counted(work: Work, counter: count[int]) -> Work:
    def counting() -> int:
        done = work()
        for _ in range(done):
            next(counter)
        return done

    return counting


def _sending(bench: Bench, runtime: Runtime) -> Work:
    campaign = bench.new_campaign()

    def work() -> int:
        result = runtime.sending.send_batch(campaign)
        if result.sent + result.held_back != result.claimed:
            raise RuntimeError(f"not all of a batch was sent: {result}")
        return result.sent

    return work


def _bare_files(bench: Bench, folder: Path) -> Work:
    folder.mkdir()
    waiting, numbers = cycle(bench.letter_facts), count()

    def work() -> int:
        for facts in islice(waiting, bench.batch):
            (folder / f"{next(numbers)}.eml").write_bytes(
                bench.runtime.letters.write(bench.plan, facts).message
            )
        return bench.batch

    return work


def _bare_smtp(bench: Bench, connection: smtplib.SMTP) -> Work:
    waiting = cycle(bench.letter_facts)

    def work() -> int:
        for facts in islice(waiting, bench.batch):
            message = bench.runtime.letters.write(bench.plan, facts).message
            connection.sendmail(bench.plan.sender_address, facts.addressee.email, message)
        return bench.batch

    return work
