"""Quiet hours: no mail between these hours on the clock of the customer."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from campaigns.core.zones import next_local, zone_named


class QuietHours:
    """From `start` up to, not including, `end`, in whole minutes; over midnight where start is the later.

    `default_zone` is for customers whose zone is unknown. One object belongs to one thread.
    """

    def __init__(self, start: time, end: time, default_zone: str = "UTC") -> None:
        if start == end:
            raise ValueError("quiet hours need a beginning and an end that differ")
        self._start = start
        self._end = end
        self._default = zone_named(default_zone) or ZoneInfo("UTC")
        # Asked for every mail, answered once a zone and minute: all borders lie on whole minutes.
        self._minute = -1
        self._known: dict[str, datetime | None] = {}

    def until(self, timezone_name: str, now: datetime) -> datetime | None:
        """When the quiet hours of this customer end, in UTC; None where a mail may go now.

        Exact at the changes to and from summer time, except that an end which the clocks jump over is
        taken as late as on the old time, up to an hour later than needed.
        """
        minute = int(now.timestamp() // 60)
        if minute != self._minute:
            self._minute = minute
            self._known.clear()
        try:
            return self._known[timezone_name]
        except KeyError:
            answer = self._known[timezone_name] = self._ask(timezone_name, now.astimezone(UTC))
            return answer

    def _ask(self, timezone_name: str, now: datetime) -> datetime | None:
        zone = zone_named(timezone_name) or self._default
        shown = now.astimezone(zone).time()
        if self._start < self._end:
            quiet = self._start <= shown < self._end
        else:
            quiet = shown >= self._start or shown < self._end
        return next_local(zone, self._end, now) if quiet else None
