"""Words that a person rejected in a sample: no further mail gets them, in whichever campaign.

Words are shared: a line stands under many heads, a head in all campaigns with the same brief. What a person approved
of in another sample may go out all the same. Mails that went out before keep their words.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.core.db import rows

# The offline writer's words stay: there is nothing else to stand in for them.
_REJECT = """
    update copies k set rejected_at = %(at)s
    where k.id = any(%(numbers)s::bigint[]) and k.writer = 'model' and k.rejected_at is null and not exists (
        select 1 from copy_cells c
        where c.sample = 'approved' and (c.copy_id = k.id or c.line_ids @> to_jsonb(k.id)))
"""
_ALLOW = """
    update copies set rejected_at = null where id = any(%(numbers)s::bigint[]) and rejected_at is not null
"""
_REJECTED = "select content_hash from copies where rejected_at is not null"


def reject_words(session: Session, numbers: Collection[int], at: datetime) -> None:
    """Give these rows of copies to no further mail, but for those that an approved sample has."""
    rows(session, _REJECT, {"numbers": sorted(numbers), "at": at})


def allow_words(session: Session, numbers: Collection[int]) -> None:
    """Mails may have the words of these rows again: a person approved of them."""
    rows(session, _ALLOW, {"numbers": sorted(numbers)})


def rejected_keys(session: Session) -> frozenset[str]:
    """The keys of all rejected words: a dozen at most for each sample that a person rejected."""
    return frozenset(key for (key,) in rows(session, _REJECTED, {}))
