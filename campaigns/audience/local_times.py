"""Due times: when a time of day comes next on the clock of each customer, as one SQL expression."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import ARRAY, ColumnElement, DateTime, Text, cast, column, func

from campaigns.core.zones import next_local, zone_named


class DueTimes:
    """`zones` (zone, due) is to be outer-joined to customers by the name of the zone; `due` is the due time.

    The times of all zones are worked out here, by the same rules as quiet hours, and joined by name: the
    database's own AT TIME ZONE would stop a whole audience at one name that it does not know. `name` tells two of
    them apart in one statement.
    """

    def __init__(self, at: time, now: datetime, default_zone: str, name: str = "local_times") -> None:
        places = {name: zone for name in available_timezones() if (zone := zone_named(name)) is not None}
        moments = [next_local(zone, at, now) for zone in places.values()]
        otherwise = next_local(zone_named(default_zone) or ZoneInfo("UTC"), at, now)
        self.zones = (
            func.unnest(cast(list(places), ARRAY(Text)), cast(moments, ARRAY(DateTime(timezone=True))))
            .table_valued(column("zone", Text), column("due", DateTime(timezone=True)))
            .render_derived(name=name)
        )
        self.due: ColumnElement[Any] = func.coalesce(self.zones.c.due, otherwise)
