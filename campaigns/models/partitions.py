"""Partitions of what grows with every campaign: a hundred campaigns share one, and are dropped together.

A trigger on `campaigns` (migration 0002) makes the partitions of a new campaign's range. A query that
does not say the campaign's number has to look into every partition.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

PARTITIONED = ("sends", "events", "slot_serves")
"""The partitioned tables, all by `campaign_id`."""

CAMPAIGNS_A_PARTITION = 100
_NAME = re.compile(rf"^(?:{'|'.join(PARTITIONED)})_p(\d{{6,}})$")


@dataclass(frozen=True, slots=True)
class CampaignRange:
    """The campaigns `first` to `last` (both included) that share a partition of each table."""

    number: int

    @property
    def first(self) -> int:
        """The lowest campaign number of the range."""
        return self.number * CAMPAIGNS_A_PARTITION

    @property
    def last(self) -> int:
        """The highest campaign number of the range."""
        return self.first + CAMPAIGNS_A_PARTITION - 1

    def partition(self, table: str) -> str:
        """The name of this range's partition of one of the PARTITIONED tables."""
        return f"{table}_p{self.number:06}"


def range_of(campaign_id: int) -> CampaignRange:
    """The range that a campaign belongs to."""
    return CampaignRange(campaign_id // CAMPAIGNS_A_PARTITION)


def is_partition(table: str) -> bool:
    """Whether a table of this name is a partition and no table of the models."""
    return _NAME.match(table) is not None


def partition_names(session: Session) -> list[str]:
    """The partitions that are attached now, by name."""
    rows = session.scalars(
        text(
            "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid "
            "where i.inhparent = any(cast(:tables as regclass[])) order by 1"
        ),
        {"tables": list(PARTITIONED)},
    )
    return list(rows)


def existing_ranges(session: Session) -> list[CampaignRange]:
    """The ranges of which at least one table still has its partition, lowest first."""
    matches = (_NAME.match(name) for name in partition_names(session))
    return [CampaignRange(n) for n in sorted({int(match[1]) for match in matches if match})]
