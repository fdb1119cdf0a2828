"""Why mails failed, in words for people: what it means, whose turn it is, and whether trying again can help.

A cause is told from what is kept of a send: its reason, without what follows a colon and with # for its numbers, and
the relay's reply code, such as "550 5.1.1". The codes are those of RFC 3463 and its registry, as in classify.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from campaigns.delivery.classify import Phase, classify
from campaigns.delivery.transport import Fault


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason why mails did not arrive; `refusal` says why it is not tried again, "" where it may be.

    `whose` is who can change something: the customer, we, their mail server, nobody.
    """

    key: str
    title: str
    meaning: str
    whose: str
    to_do: str
    refusal: str = ""

    @property
    def may_retry(self) -> bool:
        """Whether the same mail may arrive later."""
        return not self.refusal


_GONE = "these addresses do not exist; sending to them again harms your reputation"
CAUSES: dict[str, Cause] = {
    cause.key: cause
    for cause in (
        Cause(
            "no_such_mailbox",
            "No such mailbox",
            "The mail server of the recipient does not know the address, or has switched it off.",
            "the customer's",
            "Nothing: the address is suppressed. If the customer is known to you, ask for another one.",
            _GONE,
        ),
        Cause(
            "no_such_domain",
            "Domain takes no mail",
            "The part after the @ does not exist, or says that it takes no mail.",
            "the customer's",
            "Nothing: the address is suppressed. It is often a typing mistake at sign-up.",
            _GONE,
        ),
        Cause(
            "bad_address",
            "Not an address",
            "What is stored as the address cannot be written to.",
            "yours",
            "Mend the address in the shop's data and import it again; the next campaign will reach it.",
            "no server would take them",
        ),
        Cause(
            "bounced_later",
            "Came back later",
            "The mail was taken first, and came back afterwards.",
            "the customer's",
            "Nothing: bounces are counted, and addresses that do not work are suppressed.",
            "they were taken once: a second mail could reach somebody twice",
        ),
        Cause(
            "mailbox_full",
            "Mailbox full",
            "The customer has no room for new mail.",
            "the customer's",
            "Try again in a few days.",
        ),
        Cause(
            "too_big",
            "Mail too big",
            "The mail is larger than the mail server takes.",
            "yours",
            "Make the mail smaller (fewer or smaller parts), then try again.",
        ),
        Cause(
            "sender_address",
            "Sender refused",
            "The mail server does not accept the address that the campaign is sent from.",
            "yours",
            "Check the campaign's sender and that its domain exists, then try again.",
        ),
        Cause(
            "authentication",
            "Not authenticated",
            "The mail server could not verify that the mail is from you (SPF, DKIM, DMARC).",
            "yours",
            "Check DKIM and SPF; “tailormail doctor” says what is missing. Then try again.",
        ),
        Cause(
            "blocked",
            "Blocked by policy or reputation",
            "The mail server refuses mail from you: because of a list, its contents, or too many complaints.",
            "yours",
            "Read the reply below: it mostly names a page where one asks to be let in. Try again after that.",
        ),
        Cause(
            "refused_by_us_to_mend",
            "Refused because of the mail",
            "The mail server, or your relay, takes this mail from nobody.",
            "yours",
            "Read the reply below and mend what it names, then try again.",
        ),
        Cause(
            "routing",
            "Their mail server could not be found",
            "Something is wrong with the name servers or the routing at the other side.",
            "their mail server's",
            "Wait some hours, then try again.",
        ),
        Cause(
            "refused_unnamed",
            "Refused without a reason",
            "The mail server of the recipient refused and did not say why.",
            "nobody knows",
            "Try again once. After several refusals in a row the address is not mailed any more by itself.",
        ),
        Cause(
            "not_now",
            "Put off too often",
            "The mail server said “not now” each time, until Tailormail gave up.",
            "their mail server's",
            "Try again later, and with a lower pace if there are many.",
        ),
        Cause(
            "unreachable",
            "Mail server away",
            "Your relay, or the other mail server, could not be reached, or the connection broke each time.",
            "your relay's",
            "See that the relay is up (“tailormail doctor” asks it), then try again.",
        ),
        Cause(
            "not_written",
            "Mail could not be written",
            "Something in the template, the pictures or the data kept the mail from being composed.",
            "yours",
            "The list below says what. Mend it, then try again.",
        ),
        Cause(
            "unknown",
            "Unknown",
            "Nothing was said that could be read.",
            "nobody knows",
            "Look at the list below; trying again is safe.",
        ),
    )
}

_DETAILS = {
    "1.1": "no_such_mailbox",
    "1.6": "no_such_mailbox",
    "2.1": "no_such_mailbox",
    "1.2": "no_such_domain",
    "1.10": "no_such_domain",
    "1.3": "bad_address",
    "2.2": "mailbox_full",
    "2.3": "too_big",
    "3.4": "too_big",
    "1.7": "sender_address",
    "1.8": "sender_address",
    "7.515": "authentication",
    **{f"7.{detail}": "authentication" for detail in range(20, 31)},
}
_SUBJECTS = {"4": "routing", "7": "blocked", "0": "refused_by_us_to_mend", "3": "refused_by_us_to_mend"}
_CODE = re.compile(r"([2-5]\d\d)?(?:^| |$)(?:([245])\.(\d{1,3})\.(\d{1,3}))?")


def cause_of(reason: str, code: str) -> Cause:
    """The cause of a failed send, from its reason (as the module says) and the reply's code, "" without one."""
    return CAUSES[_key(reason, code)]


def _key(reason: str, code: str) -> str:
    if reason.startswith("cannot compose"):
        return "not_written"
    found = _CODE.fullmatch(code) if code else None
    if reason.startswith("gave up"):
        named = _named(found) if found else None
        return named if named == "mailbox_full" else "not_now" if found else "unreachable"
    if reason.startswith("bounced"):
        return "bounced_later"
    if not found:
        by_us = {
            "rejected (recipient's fault)": "bad_address",
            "rejected (sender's fault)": "refused_by_us_to_mend",
        }
        return by_us.get(reason, "unknown")
    return _named(found) or _unnamed(int(found[1] or f"{found[2]}50"))


def _named(found: re.Match[str]) -> str | None:
    if found[2] is None:
        return "no_such_domain" if found[1] == "556" else None
    return _DETAILS.get(f"{found[3]}.{found[4]}") or _SUBJECTS.get(found[3])


def _unnamed(code: int) -> str:
    """By whose fault it is held to be."""
    try:
        ours = classify(code, None, Phase.RCPT).fault is not Fault.RECIPIENT
    except ValueError:
        return "unknown"
    return "refused_by_us_to_mend" if ours else "refused_unnamed"
