"""Postfix's log (syslog lines; https://www.postfix.org/ daemons' manual pages).

    .../smtpd[9]: 4XqzRt2: client=...                        a mail begins
    .../cleanup[7]: 4XqzRt2: message-id=<12.345.c0de@mail.example>    its headers were read
    .../qmgr[2]: 4XqzRt2: from=<...>, size=46012, nrcpt=1 (queue active)
    .../smtp[8]: 4XqzRt2: to=<...>, relay=..., dsn=2.0.0, status=sent (250 2.0.0 Ok)
    .../qmgr[2]: 4XqzRt2: removed

`cleanup` writes the Message-ID as soon as it has read the headers: a mail whose connection broke in the
midst of it, or which a milter refused, has that line as well. Only the queue manager's line proves that the
relay kept the mail.
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

_PROGRAMS = frozenset(
    (
        *("smtpd", "submission", "postscreen", "tlsproxy", "dnsblog", "pickup", "cleanup", "trivial-rewrite"),
        *("qmgr", "nqmgr", "oqmgr", "smtp", "lmtp", "relay", "local", "virtual", "pipe", "error", "discard"),
        *("bounce", "verify", "anvil", "scache", "tlsmgr", "proxymap", "flush", "showq", "master"),
        *("postsuper", "postfix-script"),
    )
)
_STATUS = re.compile(
    r"to=<(?P<to>[^>]*)>, (?:orig_to=<(?P<orig>[^>]*)>, )?.*?\bdsn=(?P<dsn>\d\.\d{1,3}\.\d{1,3}), "
    r"status=(?P<status>\w+)(?: \((?P<reply>.*)\))?"
)
_TRACES = {
    "sent": Trace.DELIVERED,
    "deferred": Trace.DEFERRED,
    "softbounce": Trace.DEFERRED,
    "bounced": Trace.BOUNCED,
    "expired": Trace.BOUNCED,
}


class PostfixLines:
    """Follows wanted mails from their Message-ID over the queue id to what became of them.

    Queue ids are kept for wanted mails only, so memory does not grow with the log.
    """

    name = "Postfix"

    def __init__(self, wanted: Wanted, clock: LogClock, sightings: Sightings) -> None:
        self._wanted = wanted
        self._clock = clock
        self._sightings = sightings
        self._queued: dict[str, SendKey] = {}

    def read(self, line: str) -> bool:
        """See `LineReader`."""
        end = line.find("]: ")
        opening = line.rfind("[", 0, end)
        slash = line.rfind("/", 0, opening)
        if slash < 0 or line[slash + 1 : opening] not in _PROGRAMS:
            return False
        queue_id, colon, rest = line[end + 3 :].partition(": ")
        if colon and rest.startswith("message-id="):
            self._begin(line, queue_id, rest)
        elif queue_id in self._queued:
            self._follow(line, line[slash + 1 : opening], queue_id, rest)
        return True

    def time_of(self, line: str) -> datetime | None:
        """See `LineReader`."""
        return self._clock.at(line)

    def _begin(self, line: str, queue_id: str, rest: str) -> None:
        key = self._wanted.identify(rest.removeprefix("message-id=").strip())
        if key is None:
            # Short queue ids are used again, and this one now belongs to a stranger.
            self._queued.pop(queue_id, None)
            return
        self._queued[queue_id] = key
        self._note(line, key, Trace.BEGUN, "the relay read its headers and did not keep it")

    def _follow(self, line: str, program: str, queue_id: str, rest: str) -> None:
        key = self._queued[queue_id]
        status = _STATUS.match(rest)
        if status is not None:
            self._outcome(line, key, status)
        elif program == "cleanup":
            self._at_the_door(line, queue_id, key, rest)
        elif rest == "removed":
            del self._queued[queue_id]
        elif rest.startswith("from=") and "status=expired" in rest:
            self._note(line, key, Trace.BOUNCED, "expired, returned to sender")
        elif program.endswith("qmgr") and rest.startswith("from="):
            self._note(line, key, Trace.TAKEN, "the relay has it in its queue")

    def _at_the_door(self, line: str, queue_id: str, key: SendKey, rest: str) -> None:
        verb, _, words = rest.partition(": ")
        if verb in ("reject", "milter-reject"):
            del self._queued[queue_id]
            self._note(line, key, Trace.BEGUN, f"the relay refused it: {words}")
        elif verb in ("hold", "milter-hold", "discard", "milter-discard"):
            self._note(line, key, Trace.TAKEN, f"the relay took it ({verb.removeprefix('milter-')})")

    def _outcome(self, line: str, key: SendKey, status: re.Match[str]) -> None:
        trace = _TRACES.get(status["status"].lower())
        if trace is None:  # probes of addresses: deliverable, undeliverable
            return
        if not self._wanted.is_recipient(key, status["to"], status["orig"]):
            trace = Trace.TAKEN
        reply = status["reply"] or status["status"]
        code, _ = codes_in(reply.partition(" said: ")[2])
        self._note(line, key, trace, reply, code, status["dsn"])

    def _note(
        self,
        line: str,
        key: SendKey,
        trace: Trace,
        reply: str,
        code: int | None = None,
        enhanced: str | None = None,
    ) -> None:
        seen = Sighting(trace, self._clock.at(line), without_addresses(reply), code, enhanced)
        self._sightings.note(key, seen)
