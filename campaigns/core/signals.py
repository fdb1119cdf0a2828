"""Signals that were given to another thread than the one that answers them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

# Nothing here is asked for by it, and where nobody listens the system ignores it.
_NUDGE = signal.SIGURG
# The main thread may be just about to wait when it is first woken.
_PAUSES = (0.0, 0.1, 1.0)


def wake_for_signals() -> bool:
    """From now on, wake the main thread for each signal, whichever thread the system gave it to.

    Python answers signals in the main thread alone. The system gives them to any thread, most easily to one that
    starts another at that moment; a main thread that waits without an end, as granian's does, never hears of it, and
    the process does not end. See https://docs.python.org/3/library/signal.html#signals-and-threads

    To be called in the main thread of the process itself, not of its parent. Returns False, and does nothing, in any
    other thread and where somebody else is told of signals already.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    if before != -1 or signal.getsignal(_NUDGE) not in (signal.SIG_DFL, signal.SIG_IGN, None):
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
        return False
    signal.signal(_NUDGE, lambda *_: None)
    threading.Thread(target=_wake, args=(reader,), daemon=True, name="signals").start()
    return True


def _wake(reader: int) -> None:
    main = threading.main_thread().ident
    assert main is not None
    while told := os.read(reader, 64):
        if any(number != _NUDGE for number in told):
            for pause in _PAUSES:
                time.sleep(pause)
                with contextlib.suppress(ProcessLookupError):
                    signal.pthread_kill(main, _NUDGE)
