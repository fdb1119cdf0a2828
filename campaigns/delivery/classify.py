"""What a relay's reply means for us: one table, read by RFC 3463 code first, then by SMTP code and phase."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from campaigns.delivery.transport import Fault, Kind

ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\d)")
"""The RFC 3463 code at the beginning of a reply's text, in group 1."""


class Phase(StrEnum):
    """What the relay was answering to."""

    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    FINAL = "final"  # the dot that ends the message, or the last chunk
    RESET = "rset"  # never decides about a mail
    LONE_DOT = "lone dot"  # ends a message that was opened in vain; never decides either


@dataclass(frozen=True, slots=True)
class Verdict:
    """Kind of outcome, whose fault a rejection is, and whether it is a passing state (see Outcome)."""

    kind: Kind
    fault: Fault | None = None
    soft: bool = False


_DEAD_ADDRESS = Verdict(Kind.REJECTED, Fault.RECIPIENT)
_SOFT = Verdict(Kind.REJECTED, Fault.RECIPIENT, soft=True)
_OURS = Verdict(Kind.REJECTED, Fault.SENDER)

# "subject.detail" of RFC 3463 and of the IANA registry that continues it; a subject alone is for all its
# other details. Suppressing somebody is for ever, so only codes that say "no such mailbox" do it.
_BY_ENHANCED: dict[str, Verdict] = {
    "0": _OURS,
    "1": _SOFT,
    "1.1": _DEAD_ADDRESS,  # no such mailbox
    "1.2": _DEAD_ADDRESS,  # no such system
    "1.3": _DEAD_ADDRESS,  # not an address
    "1.6": _DEAD_ADDRESS,  # moved, no forwarding
    "1.7": _OURS,  # the sender's address is malformed
    "1.8": _OURS,  # the sender's domain does not exist
    "1.10": _DEAD_ADDRESS,  # null MX (RFC 7505)
    "2": _SOFT,
    "2.1": _DEAD_ADDRESS,  # mailbox disabled
    "2.2": _SOFT,  # mailbox full
    "2.3": _OURS,  # longer than this mailbox takes
    "3": _OURS,
    "3.4": _OURS,  # message too big
    "4": _SOFT,  # routing: their name servers, their MX, a loop
    "5": _OURS,
    "6": _OURS,
    "7": _OURS,  # policy, reputation, authentication
    "7.26": _OURS,  # Gmail: neither SPF nor DKIM passed
    "7.515": _OURS,  # Microsoft: bulk sender rules
}

# Without an enhanced code a 550 at RCPT is mostly "no such user", sometimes "your address is on a list":
# too weak a ground for suppressing somebody, so it counts as soft.
_BY_CODE: dict[tuple[Phase, int], Verdict] = {
    (Phase.RCPT, 550): _SOFT,
    (Phase.RCPT, 551): _SOFT,
    (Phase.RCPT, 552): _SOFT,
    (Phase.RCPT, 553): _SOFT,
    (Phase.RCPT, 556): _DEAD_ADDRESS,  # the domain accepts no mail (RFC 7504)
}


def enhanced_code(text: str) -> str | None:
    """The RFC 3463 code with which a reply's text begins ("5.1.1 no such user" -> "5.1.1")."""
    found = ENHANCED.match(text)
    return found.group(1) if found else None


def classify(code: int, enhanced: str | None, phase: Phase) -> Verdict:
    """What a reply of 421, 2xx, 4xx or 5xx to this phase means.

    The SMTP code decides the kind, for relays obey it (RFC 5321, 4.2.1); the enhanced code tells whose fault
    it is. 2xx counts as sent only as the reply to the final dot.

    Raises:
        ValueError: the code is no final reply to this phase (a 3xx, or a 2xx before the final dot).
    """
    if code == 421:
        # "Closing the channel": it concerns the connection, not the mail, and nothing was accepted.
        return Verdict(Kind.UNREACHED)
    if 400 <= code <= 499:
        return Verdict(Kind.DEFERRED)
    if 500 <= code <= 599:
        return _rejection(code, enhanced, phase)
    if phase is Phase.FINAL and 200 <= code <= 299:
        return Verdict(Kind.SENT)
    raise ValueError(f"{code} is no final reply to {phase}")


def _rejection(code: int, enhanced: str | None, phase: Phase) -> Verdict:
    if enhanced is None:
        return _BY_CODE.get((phase, code), _OURS)
    status_class, subject, detail = enhanced.split(".")
    verdict = _BY_ENHANCED.get(f"{subject}.{detail}") or _BY_ENHANCED.get(subject, _OURS)
    if status_class != "5" and verdict.fault is Fault.RECIPIENT:
        # The relay contradicts itself (550 4.2.2): it gives up, but not for good.
        return _SOFT
    return verdict
