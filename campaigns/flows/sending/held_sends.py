"""Statements about sends that a worker holds: how these are found, whatever PostgreSQL knows of the table."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core.db import rows

# `|| ''` keeps it off the index by worker, where all that a worker ever held stands until it is vacuumed.
_HELD = "s.campaign_id = %(campaign)s and s.claimed_by || '' = %(worker)s"
# From each send's number alone, and before a partition that was just filled is analysed, PostgreSQL would conclude to
# read all of the campaign.
_NEAR = "s.id between %(first)s and %(last)s"
# Among so many sends those of a batch are still called neighbours: others are held back, or other workers' batches.
_APART = 20


class OfHeld:
    """A statement about some of the sends that a worker holds of a campaign.

    In its text `{held}` stands for the condition that `s` is one of these. A batch's numbers are neighbours as a
    rule, and then it also says between which they are; the rest of the text has to say which they are, for which
    there is `%(ids)s`.
    """

    def __init__(self, text: str) -> None:
        self._near = text.replace("{held}", f"{_HELD} and {_NEAR}")
        self._far = text.replace("{held}", _HELD)

    def rows(
        self, session: Session, campaign_id: int, worker: str, ids: Collection[int], **more: Any
    ) -> list[Any]:
        """What it returns for the sends `ids`, of which there is at least one; `more` are its other parameters."""
        first, last = min(ids), max(ids)
        text = self._near if last - first <= _APART * len(ids) else self._far
        asked = {
            "campaign": campaign_id,
            "worker": worker,
            "first": first,
            "last": last,
            "ids": list(ids),
            **more,
        }
        return rows(session, text, asked)
