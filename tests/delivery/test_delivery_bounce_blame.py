"""Whose fault a bounce is."""

from __future__ import annotations

import pytest

from campaigns.delivery.bounce_blame import Blame, judge


@pytest.mark.parametrize(
    ("reply", "permanent", "blame", "code"),
    [
        ("550 5.1.1 no such user", True, Blame.DEAD, "5.1.1"),
        ("5.1.1 no such user", True, Blame.DEAD, "5.1.1"),
        ("5.1.1 550 no such user", True, Blame.DEAD, "5.1.1"),
        ("552 5.2.1 mailbox disabled", True, Blame.DEAD, "5.2.1"),
        ("556 5.1.10 null MX", True, Blame.DEAD, "5.1.10"),
        ("550 5.1.1 no such user", False, Blame.SOFT, "5.1.1"),
        ("552 5.2.2 mailbox full", True, Blame.SOFT, "5.2.2"),
        ("550 no such user", True, Blame.SOFT, "550"),
        ("451 4.7.1 greylisted", True, Blame.SOFT, "4.7.1"),
        ("451 4.3.2 shutting down", True, Blame.SOFT, "4.3.2"),
        ("421 try later", True, Blame.SOFT, "421"),
        ("4.4.7 expired", True, Blame.SOFT, "4.4.7"),
        ("421 4.7.28 too much mail from you", True, Blame.SENDER, "4.7.28"),
        ("550 5.7.26 neither SPF nor DKIM", True, Blame.SENDER, "5.7.26"),
        ("550 5.7.515 bulk sender rules", True, Blame.SENDER, "5.7.515"),
        ("554 5.7.1 blocked", False, Blame.SENDER, "5.7.1"),
        ("552 5.3.4 too big", True, Blame.SENDER, "5.3.4"),
        ("", True, Blame.SOFT, ""),
        ("something went wrong", True, Blame.SOFT, ""),
    ],
)
def test_the_table(reply: str, permanent: bool, blame: Blame, code: str) -> None:
    found = judge(reply, permanent)
    assert (found.blame, found.code) == (blame, code)
