"""Times in logs: syslog's without a year, RFC 3339's, and those of databases; in the relay's time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
# RFC 5424 begins with a priority and a version, RFC 3164 over a network with a priority.
_SYSLOG = re.compile(r"(?:<\d{1,3}>)?([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)")
_ISO = re.compile(
    r"(?:<\d{1,3}>(?:\d )?)?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))? ?(Z|[+-]\d\d:?\d\d)?"
)


class LogClock:
    """Understands the times of one relay's log.

    `zone` holds for times that do not name theirs; None is the zone of this machine. `now` decides the
    year where a log leaves it out: the newest that does not put the line into the future.
    """

    def __init__(self, zone: tzinfo | None, now: datetime) -> None:
        self._zone = zone
        self._now = now

    def at(self, line: str) -> datetime | None:
        """The moment (UTC) with which a line begins, None if it begins with none."""
        found = _SYSLOG.match(line)
        if found is not None:
            return self._without_year(found)
        iso = _ISO.match(line)
        if iso is None:
            return None
        try:
            moment = datetime.fromisoformat(iso[1] + (iso[3] or ""))
            return self._aware(moment) + timedelta(seconds=float(f"0.{iso[2] or 0}"))
        except (ValueError, OverflowError):
            return None

    def _aware(self, moment: datetime) -> datetime:
        if moment.tzinfo is None and self._zone is not None:
            moment = moment.replace(tzinfo=self._zone)
        # Without a zone `astimezone` takes it for local time.
        return moment.astimezone(UTC)

    def _without_year(self, found: re.Match[str]) -> datetime | None:
        month = _MONTHS.get(found[1])
        if month is None:
            return None
        day, hour, minute, second = (int(part) for part in found.groups()[1:])
        # A day ahead is let pass: clocks differ, and a zone may be wrong. Four years back finds a 29 February.
        for year in range(self._now.year + 1, self._now.year - 5, -1):
            try:
                moment = self._aware(datetime(year, month, day, hour, minute, second))
            except ValueError:
                continue
            if moment <= self._now + timedelta(days=1):
                return moment
        return None
