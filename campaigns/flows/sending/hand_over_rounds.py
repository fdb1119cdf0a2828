"""Rounds of claiming single mails and handing them over, as notices, messages and test mails go out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic
from typing import TypeVar

from campaigns.delivery.transport import Transport

C = TypeVar("C")
D = TypeVar("D")


def rounds(
    seconds: float,
    stopping: Callable[[], bool],
    claim: Callable[[], list[C]],
    make_transport: Callable[[], Transport],
    hand_over: Callable[[Transport, list[C]], D],
) -> Iterator[D]:
    """What each round did, until nothing is claimed any more, the time is over, or this process is to end.

    The transport is made when there is something to send, and closed afterwards.
    """
    until = monotonic() + seconds
    transport: Transport | None = None
    try:
        while not stopping() and monotonic() < until and (claimed := claim()):
            transport = transport or make_transport()
            yield hand_over(transport, claimed)
    finally:
        if transport is not None:
            transport.close()
