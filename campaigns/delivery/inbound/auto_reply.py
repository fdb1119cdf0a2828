"""Answers that no person wrote and that tell nothing of a mail's fate: vacations, confirmations, challenges."""

from __future__ import annotations

import re

from campaigns.delivery.inbound.arrived import Arrived, addresses_in

_DAEMONS = ("mailer-daemon", "mailerdaemon", "postmaster", "mail-daemon", "maildaemon", "mdaemon")
_SIGNS = (
    "X-Autoreply",
    "X-Autorespond",
    "X-Autoresponder",
    "X-Auto-Reply",
    "X-Vacation",
    "X-TMDA-Fingerprint",
)
_SUBJECT = re.compile(
    r"\b(?:out of (?:the )?office|auto(?:matic|mated)?[ -]?(?:reply|response|answer)|vacation|on holiday|autoreply|"
    r"abwesen|abwesenheit\w*|automatische antwort|nicht im büro|réponse automatique|absence|en vacances|"
    r"respuesta automática|fuera de (?:la )?oficina|ausente|fravær\w*|autosvar|automatisk svar|"
    r"confirm your (?:message|e-?mail)|please confirm|challenge|sender verification)\b",
    re.IGNORECASE,
)


def from_daemon(mail: Arrived) -> bool:
    """Whether a mail server speaks: by the null return path (RFC 5321, 4.5.5), or by its name."""
    if mail.header("Return-Path").replace(" ", "") == "<>":
        return True
    senders = addresses_in(mail.header("From").lower())
    return any(address.partition("@")[0].startswith(_DAEMONS) for address in senders)


def is_auto_reply(mail: Arrived) -> bool:
    """Whether somebody's machine answers (RFC 3834).

    Bounces say `Auto-Submitted: auto-replied` as well, so that alone is no sign where a mail server speaks.
    """
    if mail.header("Auto-Submitted").lower().startswith("auto-") and not from_daemon(mail):
        return True
    if any(name in mail.message for name in _SIGNS):
        return True
    if mail.header("Precedence").lower().replace("-", "_") == "auto_reply":
        return True
    return _SUBJECT.search(mail.subject) is not None
