"""Whose fault a bounce is: one policy for replies at SMTP time, providers' events and mailed reports.

Sources: RFC 3463 and its registry by way of `classify`; Gmail's and Microsoft's rules for bulk senders. Suppressing
somebody is for ever, so only what says "there is no such mailbox" does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from campaigns.delivery.classify import Phase, classify
from campaigns.delivery.relaylog_values import codes_in
from campaigns.delivery.transport import Fault

_REFUSED = 550
_GREYLISTING = ("4.7.0", "4.7.1")  # the only passing refusals of "policy" that are not about the sender


class Blame(StrEnum):
    """What a bounce says about the address."""

    DEAD = "dead"  # there is no such mailbox: never again
    SOFT = "soft"  # full, greylisted, away, or no reason named: counts
    SENDER = "sender"  # reputation, authentication, content: ours to mend, says nothing about the customer


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whose fault, and by which code: the RFC 3463 code, else the SMTP code, else empty."""

    blame: Blame
    code: str


def judge(reply: str, permanent: bool = True) -> Judgement:
    """What a bounce with these words means; `permanent` False: the other side might take it later."""
    code, enhanced = codes_in(reply)
    return judge_codes(code, enhanced, permanent)


def judge_codes(code: int | None, enhanced: str | None, permanent: bool = True) -> Judgement:
    """The same from the codes themselves."""
    named = enhanced or (str(code) if code else "")
    if (enhanced or named).startswith("4"):
        ours = enhanced is not None and enhanced.startswith("4.7.") and enhanced not in _GREYLISTING
        return Judgement(Blame.SENDER if ours else Blame.SOFT, named)
    # Asked as of a refusal for good: the table knows by subject and detail whose fault it is.
    verdict = classify(code if code and 500 <= code <= 599 else _REFUSED, enhanced, Phase.RCPT)
    if verdict.fault is Fault.SENDER:
        return Judgement(Blame.SENDER, named)
    return Judgement(Blame.DEAD if permanent and not verdict.soft else Blame.SOFT, named)
