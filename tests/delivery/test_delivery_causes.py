"""What a reason and a reply's code are held to mean, in words, and whether trying again can help."""

from __future__ import annotations

import pytest

from campaigns.delivery.causes import CAUSES, cause_of

RECIPIENT, SENDER = "rejected (recipient's fault)", "rejected (sender's fault)"


@pytest.mark.parametrize(
    ("reason", "code", "key", "may_retry"),
    [
        (RECIPIENT, "550 5.1.1", "no_such_mailbox", False),
        (RECIPIENT, "550 5.2.1", "no_such_mailbox", False),
        (RECIPIENT, "556 5.1.10", "no_such_domain", False),
        (RECIPIENT, "556", "no_such_domain", False),
        (RECIPIENT, "552 5.2.2", "mailbox_full", True),
        (RECIPIENT, "550", "refused_unnamed", True),
        (RECIPIENT, "5.1.1", "no_such_mailbox", False),
        (SENDER, "5.7.1", "blocked", True),
        ("gave up after # attempts", "4.7.1", "not_now", True),
        (RECIPIENT, "", "bad_address", False),
        (SENDER, "550 5.7.26", "authentication", True),
        (SENDER, "550 5.7.1", "blocked", True),
        (SENDER, "554 5.7.515", "authentication", True),
        (SENDER, "552 5.3.4", "too_big", True),
        (SENDER, "553 5.1.8", "sender_address", True),
        (SENDER, "554", "refused_by_us_to_mend", True),
        (SENDER, "", "refused_by_us_to_mend", True),
        (SENDER, "550 5.4.4", "routing", True),
        ("gave up after # attempts", "451 4.7.1", "not_now", True),
        ("gave up after # attempts", "452 4.2.2", "mailbox_full", True),
        ("gave up after # attempts", "", "unreachable", True),
        ("cannot compose", "", "not_written", True),
        ("bounced, the relay's log says", "550 5.1.1", "bounced_later", False),
        ("bounced, the provider says", "", "bounced_later", False),
        ("something of another version", "", "unknown", True),
        ("something of another version", "250", "unknown", True),
    ],
)
def test_causes(reason: str, code: str, key: str, may_retry: bool) -> None:
    found = cause_of(reason, code)
    assert (found.key, found.may_retry) == (key, may_retry)


def test_every_cause_says_what_to_do_and_why_not() -> None:
    for key, cause in CAUSES.items():
        assert cause.key == key
        assert cause.title and cause.meaning.endswith(".") and cause.to_do.endswith(".") and cause.whose
        assert cause.may_retry or cause.refusal
