"""The keys of all advisory locks of PostgreSQL, in one place so that no two subjects share one.

Such a lock is a number that everybody in the database shares, whether it is held by a transaction or by a
session: two subjects with one key wait for each other without need, for as long as a scheduler lives.
"""

from __future__ import annotations

SCHEMA_LOCK = 7_221_407
"""Held while the schema is upgraded: two processes that start together must not both migrate."""

SWEEP_LOCK = 7_221_408
"""Held while the sends of expired leases are released: one sweep at a time is enough."""

PARTITIONS_LOCK = 7_221_409
"""Held by the transaction that makes a new range of partitions. Taken in the database, by the function
`make_campaign_partitions` of migration 0002, which has this number in its text."""

RETENTION_LOCK = 7_221_410
"""Held while old ranges are dropped."""

SCHEDULER_LOCK = 7_221_411
"""Held by the scheduler that speaks, for as long as it lives."""

PLANNING_LOCK = 7_221_412
"""Held, with the number of a campaign as its second key, while the audience of that campaign is frozen."""

DRAINING_LOCK = 7_221_413
"""Held while serves are drained into the database, and while somebody is erased, whom nothing may be added to."""

CONTACT_LOCK = 7_221_416
"""Held, with the number of a lot of customers as its second key, while the intent to mail one of them is recorded
who has a limit (audience/contact.py)."""

ENGAGEMENT_LOCK = 7_221_417
"""Held while it is counted who still looks at their mail: one at a time is enough."""

TRAINING_LOCK = 7_221_418
"""Held while a trained recommender is stored and it is decided which one is in use."""

BEST_HOUR_LOCK = 7_221_431
"""Held while clicks are counted by hour: two who counted the same ones would count them twice."""

CALENDAR_LOCK = 7_221_432
"""Held while it is foreseen how campaigns that are planned get into each other's way."""

FILE_IMPORT_LOCK = 7_221_441
"""Held, with the number of a file as its second key, by the worker that reads it; a killed one lets go."""
