"""A process whose main thread waits without an end hears of a signal that another thread was given."""

from __future__ import annotations

import subprocess
import sys
import threading

from campaigns.core.signals import wake_for_signals

_PROGRAM = """
import os, signal, sys, threading
from campaigns.core.signals import wake_for_signals

if sys.argv[1] == "woken":
    assert wake_for_signals()
    assert not wake_for_signals(), "somebody is told of signals already"

ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())


def take_it() -> None:
    print("takes it", flush=True)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)


threading.Timer(0.3, take_it).start()
ended.wait()
print("ended", flush=True)
"""


def ends(how: str, seconds: float) -> bool:
    """Whether its main thread heard, so many seconds after another thread took the signal."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, how], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "takes it\n"
        try:
            return process.communicate(timeout=seconds)[0] == "ended\n"
        except subprocess.TimeoutExpired:
            process.kill()
            return False


def test_it_is_woken() -> None:
    assert ends("woken", 30)


def test_without_it_nobody_would_hear() -> None:
    """Should Python mend this one day, `wake_for_signals` is needed no more."""
    assert not ends("as it is", 2)


def test_only_the_main_thread_can_ask_for_it() -> None:
    said: list[bool] = []
    thread = threading.Thread(target=lambda: said.append(wake_for_signals()))
    thread.start()
    thread.join()
    assert said == [False]
