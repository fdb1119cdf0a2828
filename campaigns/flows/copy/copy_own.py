"""Words that were written for one customer only: kept as long as the mails that they are in.

They are found by their cells, and go some thousands at a time; a kill loses nothing, the next run goes on.
"""

from __future__ import annotations

from campaigns.core.db import Database, rows

_AT_ONCE = 5000
_DROPPED = """
    select c.id from campaigns c where c.sends_dropped_at is not null
        and exists (select 1 from copy_cells k where k.campaign_id = c.id)
"""
_FORGET = """
    with gone as (
        delete from copy_cells where campaign_id = %(campaign)s and key in (
            select key from copy_cells where campaign_id = %(campaign)s order by key limit %(limit)s)
        returning key, salt
    ), words as (
        delete from copies using gone where gone.salt <> '' and content_hash = gone.key
    )
    select count(*) from gone
"""


def forget_own_copies(db: Database) -> int:
    """Delete the words of single customers, and the cells left, of campaigns whose sends are dropped; how many cells."""
    with db.transaction() as session:
        dropped = [number for (number,) in rows(session, _DROPPED, {})]
    gone = 0
    for campaign_id in dropped:
        more = True
        while more:
            with db.transaction() as session:
                asked = {"campaign": campaign_id, "limit": _AT_ONCE}
                some = int(rows(session, _FORGET, asked)[0][0])
            gone += some
            more = some == _AT_ONCE
    return gone
