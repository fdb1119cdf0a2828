"""Times, paces and what went wrong in words, for the pages about when campaigns go out."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from campaigns.delivery.causes import CAUSES


def duration_words(seconds: float | None) -> str:
    """`3 h 20 min`, `21 min`, `40 s`; "" where nobody knows."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    told = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")) if n]
    return " ".join(told[:2]) if told else "under a second"


def window_words(window: timedelta) -> str:
    """`7 days`, `12 hours`."""
    hours = round(window.total_seconds() / 3600)
    n, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{n} {unit}" if n == 1 else f"{n} {unit}s"


def pace_words(per_second: float | None) -> str:
    """`12 a second`, `0.5 a second`; a dash where nobody knows."""
    if per_second is None:
        return "–"
    return f"{per_second:,.0f} a second" if per_second >= 10 else f"{round(per_second, 1):g} a second"


def cause_title(key: str) -> str:
    """What a cause is called."""
    return CAUSES[key].title if key in CAUSES else key


def install_schedule_filters(app: Flask) -> None:
    """Make these phrases available to all templates."""
    for name, function in (
        ("duration", duration_words),
        ("window_words", window_words),
        ("pace", pace_words),
        ("cause_title", cause_title),
    ):
        app.add_template_filter(function, name)
