"""Exim's main log (Exim specification, chapter "Log files").

    2026-11-21 09:00:01 1tE4Xy-0003aB-Cd <= b@s.example H=... P=esmtp S=46012 id=12.345.c0de@mail.example
    2026-11-21 09:00:02 1tE4Xy-0003aB-Cd => c@d.example R=dnslookup T=remote_smtp H=... C="250 Ok"
    2026-11-21 09:00:02 1tE4Xy-0003aB-Cd ** c@d.example R=... T=...: SMTP error from remote mail server ...: 550 5.1.1 ...
    2026-11-21 09:00:02 1tE4Xy-0003aB-Cd == c@d.example R=... T=... defer (-44) H=...: SMTP error ...: 451 ...
    2026-11-21 09:00:02 1tE4Xy-0003aB-Cd Completed

`<=` is written when the mail is on the relay's disk: it was taken.
"""

from __future__ import annotations

import re
from datetime import datetime

from campaigns.delivery.relaylog_time import LogClock
from campaigns.delivery.relaylog_values import (
    SendKey,
    Sighting,
    Sightings,
    Trace,
    Wanted,
    codes_in,
    without_addresses,
)

# Exim's own time; before it may stand syslog's, with host and program. Ids are longer since 4.97.
_HEAD = re.compile(
    r"(?:[^=]{1,120}?exim\d?(?:\[\d+\])?: )??"
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?(?: [+-]\d{4})?) (?:\[\d+\] )?"
)
_MAIL = re.compile(
    r"(?P<id>[0-9A-Za-z]{6}-(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|[0-9A-Za-z]{11}-[0-9A-Za-z]{4})) "
    r"(?P<flag><=|=>|->|>>|\*\*|==|Completed)(?P<rest>.*)"
)
_MESSAGE_ID = re.compile(r" id=(\S+)")
_ADDRESSES = re.compile(r" (?P<to>\S+?):?(?: <(?P<orig>[^>]*)>:?)?(?: |$)")
_CONFIRMATION = re.compile(r' C="((?:[^"\\]|\\.)*)"')
_TRACES = {
    "=>": Trace.DELIVERED,
    "->": Trace.DELIVERED,
    ">>": Trace.DELIVERED,
    "==": Trace.DEFERRED,
    "**": Trace.BOUNCED,
}


class EximLines:
    """Follows wanted mails from `<=` over Exim's id; only their ids are kept."""

    name = "Exim"

    def __init__(self, wanted: Wanted, clock: LogClock, sightings: Sightings) -> None:
        self._wanted = wanted
        self._clock = clock
        self._sightings = sightings
        self._mails: dict[str, SendKey] = {}

    def read(self, line: str) -> bool:
        """See `LineReader`."""
        head = _HEAD.match(line)
        if head is None:
            return False
        mail = _MAIL.match(line, head.end())
        if mail is None:
            return True
        if mail["flag"] == "<=":
            self._arrived(head["time"], mail["id"], mail["rest"])
        elif mail["id"] in self._mails:
            self._follow(head["time"], mail)
        return True

    def time_of(self, line: str) -> datetime | None:
        """See `LineReader`."""
        head = _HEAD.match(line)
        return self._clock.at(head["time"]) if head else None

    def _arrived(self, time: str, exim_id: str, rest: str) -> None:
        found = _MESSAGE_ID.search(rest)
        key = self._wanted.identify(found[1]) if found else None
        if key is not None:
            self._mails[exim_id] = key
            self._note(time, key, Trace.TAKEN, "the relay has it in its queue")

    def _follow(self, time: str, mail: re.Match[str]) -> None:
        key, flag, rest = self._mails[mail["id"]], mail["flag"], mail["rest"]
        if flag == "Completed":
            del self._mails[mail["id"]]
            return
        trace = _TRACES[flag]
        who = _ADDRESSES.match(rest)
        if who is None or not self._wanted.is_recipient(key, who["to"], who["orig"]):
            return  # that it was taken is known from `<=`
        confirmed = _CONFIRMATION.search(rest)
        reply = confirmed[1] if confirmed else rest.partition(": ")[2]
        self._note(time, key, trace, reply or f"Exim logged {flag}")

    def _note(self, time: str, key: SendKey, trace: Trace, reply: str) -> None:
        code, enhanced = codes_in(reply)
        self._sightings.note(
            key, Sighting(trace, self._clock.at(time), without_addresses(reply), code, enhanced)
        )
