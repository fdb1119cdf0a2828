"""Emptying a mailbox: each message is taken in, and only then said to be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from campaigns.delivery.inbound.mailbox import Mailbox
from campaigns.flows.feedback.inbound import Inbound


def collect(mailbox: Mailbox, inbound: Inbound, stopping: Callable[[], bool] = lambda: False) -> Counter[str]:
    """Take in all that waits; returns how many messages became what (see `Taken.what`).

    A kill in between has a message taken in and still waiting: it comes again and is known.

    Raises:
        ServiceUnavailable: the mailbox or the database does not answer; the rest waits.
    """
    counts: Counter[str] = Counter()
    for key, raw in mailbox.waiting():
        taken = inbound.take(raw)
        mailbox.done(key)
        counts[taken.what] += 1
        if stopping():
            break
    return counts
