"""What replies mean, and when to try again."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from campaigns.delivery.classify import Phase, classify, enhanced_code
from campaigns.delivery.envelope import dot_stuffed, with_crlf
from campaigns.delivery.retry import RetryPlan, next_attempt
from campaigns.delivery.transport import Fault, Kind, Outcome

DEAD = (Kind.REJECTED, Fault.RECIPIENT, False)
SOFT = (Kind.REJECTED, Fault.RECIPIENT, True)
OURS = (Kind.REJECTED, Fault.SENDER, False)
LATER = (Kind.DEFERRED, None, False)


@pytest.mark.parametrize(
    ("code", "text", "phase", "wanted"),
    [
        (550, "5.1.1 <x>: Recipient address rejected: User unknown", Phase.RCPT, DEAD),
        (550, "5.1.10 null MX", Phase.RCPT, DEAD),
        (550, "5.2.1 The email account that you tried to reach is disabled", Phase.RCPT, DEAD),
        (552, "5.2.2 The recipient's inbox is out of storage", Phase.RCPT, SOFT),
        (550, "5.7.26 Your email has been blocked", Phase.FINAL, OURS),
        (550, "5.7.515 Access denied, sending domain does not meet the level", Phase.FINAL, OURS),
        (550, "5.7.1 blocked", Phase.RCPT, OURS),
        (552, "5.3.4 Message too big", Phase.FINAL, OURS),
        (552, "5.2.3 too long for this mailbox", Phase.FINAL, OURS),
        (553, "5.1.8 sender's domain does not exist", Phase.MAIL, OURS),
        (550, "5.4.1 Recipient address rejected: Access denied", Phase.RCPT, SOFT),
        (550, "4.2.2 contradiction", Phase.RCPT, SOFT),
        (556, "domain takes no mail", Phase.RCPT, DEAD),
        (550, "no such user here", Phase.RCPT, SOFT),
        (550, "rejected", Phase.MAIL, OURS),
        (554, "content refused", Phase.FINAL, OURS),
        (450, "4.2.0 greylisted", Phase.RCPT, LATER),
        (451, "5.1.1 contradiction", Phase.RCPT, LATER),
        (452, "4.2.2 full for now", Phase.FINAL, LATER),
        (421, "4.7.28 rate limited", Phase.MAIL, (Kind.UNREACHED, None, False)),
        (250, "2.0.0 OK", Phase.FINAL, (Kind.SENT, None, False)),
    ],
)
def test_replies(code: int, text: str, phase: Phase, wanted: tuple[Kind, Fault | None, bool]) -> None:
    verdict = classify(code, enhanced_code(text), phase)
    assert (verdict.kind, verdict.fault, verdict.soft) == wanted


@pytest.mark.parametrize(("code", "phase"), [(250, Phase.MAIL), (354, Phase.FINAL), (199, Phase.FINAL)])
def test_a_go_ahead_is_no_verdict(code: int, phase: Phase) -> None:
    with pytest.raises(ValueError):
        classify(code, None, phase)


@pytest.mark.parametrize(
    ("text", "code"),
    [("5.1.1 x", "5.1.1"), ("5.7.515", "5.7.515"), ("no 5.1.1", None), ("5.1.1234 x", None), ("3.1.1", None)],
)
def test_enhanced_codes(text: str, code: str | None) -> None:
    assert enhanced_code(text) == code


def test_long_replies_are_cut() -> None:
    assert len(Outcome(1, Kind.SENT, reply="x" * 5000).reply) == 500


def test_the_wait_grows_up_to_a_bound_and_ends() -> None:
    plan = RetryPlan(attempts=6, longest=timedelta(hours=1))
    rng = random.Random(1)
    for attempt in range(1, 6):
        waits = [next_attempt(attempt, rng, plan) for _ in range(2000)]
        seconds = [wait.total_seconds() for wait in waits if wait is not None]
        bound = min(3600, 480 * 2 ** (attempt - 1))
        assert len(seconds) == 2000
        assert 60 <= min(seconds) < 60 + bound * 0.01
        assert 60 + bound * 0.99 < max(seconds) <= 60 + bound
    assert next_attempt(6, rng, plan) is None
    assert next_attempt(10**9, rng, RetryPlan(attempts=2 * 10**9)) is not None
    with pytest.raises(ValueError):
        next_attempt(0, rng)


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (b"", b"\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"a\r\n.\r\n", b"a\r\n..\r\n.\r\n"),
        (b"a\n.b\r.c\r\n", b"a\r\n..b\r\n..c\r\n.\r\n"),
        (b"a\r\r\n", b"a\r\n\r\n.\r\n"),
        (b"no end", b"no end\r\n.\r\n"),
    ],
)
def test_what_goes_over_the_wire(message: bytes, wire: bytes) -> None:
    assert dot_stuffed(with_crlf(message)) == wire
