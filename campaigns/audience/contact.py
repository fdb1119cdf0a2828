"""What decides, of a campaign, whether a customer may hear of it; and one campaign at a time where there are limits.

Two campaigns that are sent at the same moment must not both pass a limit. So whoever is about to record the intent
to send first holds these customers (`hold`), then asks (checking.py), and lets go with the commit: who comes second
sees what the first one did.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from campaigns.core.db import rows
from campaigns.core.frequency import FrequencyCap
from campaigns.core.locks import CONTACT_LOCK
from campaigns.models import Campaign

MARKETING, REPERMISSION = "marketing", "repermission"

# In the order of their numbers, so that two who hold several never wait for each other. The customers of a batch
# lie beside one another, so 256 share a lock: one for each would fill PostgreSQL's table of locks.
_HOLD = f"""
    select pg_advisory_xact_lock({CONTACT_LOCK}, held.lot) from (
        select distinct ((ids.id >> 8) %% 2147483647)::int as lot from unnest(%(ids)s::bigint[]) as ids (id)
        where %(all)s or exists (select 1 from contact_preferences p
                                 where p.customer_id = ids.id and p.frequency <> 'all')
        order by 1) as held
"""


@dataclass(frozen=True, slots=True)
class ContactTerms:
    """A campaign as the limits see it; `cap` is the house's, None where there is none.

    `urgent` campaigns go before all others: mails that only wait in others do not count against them.
    """

    campaign_id: int
    topic: str = ""
    kind: str = MARKETING
    urgent: bool = False
    cap: FrequencyCap | None = None

    @classmethod
    def of(cls, campaign: Campaign, cap: FrequencyCap | None) -> ContactTerms:
        """The terms of this campaign."""
        urgent = bool((campaign.delivery or {}).get("urgent", False))
        return cls(campaign.id, campaign.topic, campaign.kind, urgent, cap)

    @property
    def asks_permission(self) -> bool:
        """Whether it asks those who never look whether they still want mail."""
        return self.kind == REPERMISSION


def hold(session: Session, terms: ContactTerms, customer_ids: Iterable[int]) -> None:
    """Until this transaction ends, let nobody else begin to mail those of these customers who have a limit.

    It is to be the first thing that a transaction does: who holds rows and waits here could be waited for.
    """
    everybody = terms.cap is not None or terms.asks_permission
    rows(session, _HOLD, {"ids": sorted(set(customer_ids)), "all": everybody})
