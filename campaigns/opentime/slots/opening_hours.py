"""Opening hours of a week: how they are written, and what they say at a moment.

Written `Mo-Fr 09:00-12:30,13:30-18:00; Sa 10:00-16:00`: a part for some days, divided by semicolons. A closing time
that is not after the opening time is one of the next day. `closed` is never open. Times are those of the shop's
clocks, daylight saving included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale

from campaigns.core.errors import BadInput
from campaigns.opentime.slots.card_words import language_of

DAY_MINUTES = 24 * 60
_DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_CLOSED = "closed"

Span = tuple[int, int]
"""Opening and closing in minutes from midnight; closing above 1440 is on the next day."""
Week = tuple[tuple[Span, ...], ...]
"""Spans of seven days from Monday; () if the hours are not known."""

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-\u2013]\s*(\d{1,2}):(\d{2})")
_PART = re.compile(r"([A-Za-z][A-Za-z ,\-\u2013]*?)\s+(\d.*)")

# open until a time, opens today at a time, opens on a weekday at a time, closed, always open
_WORDS = {
    "en": ("Open until {time}", "Opens {time}", "Opens {day} {time}", "Closed", "Open 24 hours"),
    "de": (
        "Geöffnet bis {time} Uhr",
        "Öffnet um {time} Uhr",
        "Öffnet {day} um {time} Uhr",
        "Geschlossen",
        "Rund um die Uhr geöffnet",
    ),
    "fr": ("Ouvert jusqu’à {time}", "Ouvre à {time}", "Ouvre {day} à {time}", "Fermé", "Ouvert 24 h/24"),
    "es": (
        "Abierto hasta las {time}",
        "Abre a las {time}",
        "Abre el {day} a las {time}",
        "Cerrado",
        "Abierto 24 horas",
    ),
    "no": (
        "Åpent til kl. {time}",
        "Åpner kl. {time}",
        "Åpner {day} kl. {time}",
        "Stengt",
        "Døgnåpent",
    ),
}


def parse_week(text: str, where: str) -> Week:
    """Read written hours; empty text gives (): not known.

    Raises:
        BadInput: naming `where` and the part that cannot be read, or days whose hours overlap.
    """
    if not text.strip():
        return ()
    week: list[list[Span]] = [[] for _ in _DAYS]
    if text.strip().lower() == _CLOSED:
        return tuple(() for _ in week)
    for part in filter(None, (part.strip() for part in text.split(";"))):
        matched = _PART.fullmatch(part)
        if matched is None:
            raise BadInput(
                f"cannot read {part!r}; expects hours like Mo-Fr 09:00-18:00; Sa 10:00-16:00", where
            )
        spans = [_span(span.strip(), where) for span in matched[2].split(",")]
        for day in _days(matched[1], where):
            week[day] += spans
    _refuse_overlap(week, where)
    return tuple(tuple(sorted(spans)) for spans in week)


def written(week: Week) -> str:
    """The reverse of `parse_week`."""
    if week and not any(week):
        return _CLOSED
    parts = []
    for day, spans in zip(_DAYS, week, strict=False):
        times = ",".join(f"{_clock(opens)}-{_clock(closes, at_end=True)}" for opens, closes in spans)
        parts += [f"{day} {times}"] if times else []
    return "; ".join(parts)


def hours_text(week: Week, timezone: str, now: datetime, language: str) -> str:
    """Whether it is open at the aware moment `now` and until when, or when it opens; empty if not known.

    `timezone` is the IANA zone of the shop, in whose time it is told.
    """
    if not week:
        return ""
    open_until, opens_at, opens_day, closed, always = _WORDS[language_of(language)]
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    spans = list(_moments(week, today, zone))
    closes = _closing(spans, now)
    if closes is not None:
        if closes - now > timedelta(days=6):  # spans that meet all week long
            return always
        return open_until.format(time=_time(closes.astimezone(zone)))
    opens = next((begin for begin, _ in spans if begin > now), None)
    if opens is None:
        return closed
    local = opens.astimezone(zone)
    if local.date() == today:
        return opens_at.format(time=_time(local))
    return opens_day.format(day=_day_names(language_of(language))[local.weekday()], time=_time(local))


def _moments(week: Week, today: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Opening and closing of all spans from yesterday's to those in a week, in order, as UTC."""
    for offset in range(-1, 8):
        day = today + timedelta(days=offset)
        for opens, closes in week[day.weekday()]:
            yield _moment(day, opens, zone), _moment(day, closes, zone)


def _moment(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    # Local clocks say this time, whatever the night before or between was long.
    local = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)
    return local.replace(tzinfo=zone).astimezone(UTC)


def _closing(spans: list[tuple[datetime, datetime]], now: datetime) -> datetime | None:
    """When the span around `now` ends, on through spans that begin as it ends; None if it is closed."""
    closes: datetime | None = None
    for begin, end in spans:
        if begin <= (closes or now) < end:
            closes = end
    return closes


def _time(local: datetime) -> str:
    return f"{local:%H:%M}"


@lru_cache(maxsize=8)
def _day_names(language: str) -> dict[int, str]:
    """Weekdays from Monday = 0 as they stand within a sentence of that language."""
    locale = Locale.parse("nb" if language == "no" else language)
    return dict(locale.days["format"]["wide"])


def _days(text: str, where: str) -> list[int]:
    days: list[int] = []
    for entry in text.replace("\u2013", "-").split(","):
        names = [name.strip()[:2].title() for name in entry.split("-")]
        if not 1 <= len(names) <= 2 or any(name not in _DAYS for name in names):
            raise BadInput(f"cannot read the days {entry.strip()!r}; there are {', '.join(_DAYS)}", where)
        first, last = _DAYS.index(names[0]), _DAYS.index(names[-1])
        days += [(first + step) % 7 for step in range((last - first) % 7 + 1)]
    return days


def _span(text: str, where: str) -> Span:
    matched = _SPAN.fullmatch(text)
    hours = [int(number) for number in matched.groups()] if matched else [99] * 4
    opens, closes = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if max(hours[1], hours[3]) > 59 or opens >= DAY_MINUTES or closes > DAY_MINUTES:
        raise BadInput(f"cannot read the hours {text!r}; expects them like 09:00-18:00", where)
    return opens, closes if closes > opens else closes + DAY_MINUTES


def _refuse_overlap(week: list[list[Span]], where: str) -> None:
    spans = sorted(
        (day * DAY_MINUTES + opens, day * DAY_MINUTES + closes)
        for day, day_spans in enumerate(week)
        for opens, closes in day_spans
    )
    if not spans:
        return
    first_again = (spans[0][0] + 7 * DAY_MINUTES, spans[0][1] + 7 * DAY_MINUTES)
    for (_, closes), (opens, _) in zip(spans, [*spans[1:], first_again], strict=True):
        if opens < closes:
            day = _DAYS[opens // DAY_MINUTES % 7]
            raise BadInput(f"the hours of {day} from {_clock(opens)} overlap others", where)


def _clock(minutes: int, at_end: bool = False) -> str:
    if at_end and minutes == DAY_MINUTES:
        return "24:00"
    return "{:02}:{:02}".format(*divmod(minutes % DAY_MINUTES, 60))
