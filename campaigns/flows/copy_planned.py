"""What writers would be told for the audience of a campaign: as it was frozen, else as it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import audience_page, estimate_audience
from campaigns.audience.segments import Segment, parse_segment
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.terms import Granularity
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database, rows
from campaigns.core.frequency import FrequencyCap
from campaigns.flows.addressees import Addressee, load_addressees
from campaigns.flows.copy_facts import Readers, Told
from campaigns.flows.picking import Picker
from campaigns.flows.plans import CampaignPlan, get_campaign, plan_of

_AT_ONCE = 1000
_FROZEN = """
    select s.id, s.customer_id, s.personal and coalesce(p.granted, false)
    from sends s left join consent_states p on p.customer_id = s.customer_id and p.purpose = 'profiling'
    where s.campaign_id = %(campaign)s and s.id > %(after)s and s.status in ('planned','claimed','picked','written')
    order by s.id limit %(limit)s
"""
_TO_SEND = """
    select count(*) from sends
    where campaign_id = %(campaign)s and status in ('planned','claimed','picked','written')
"""

Page = dict[int, CopyRequest]
"""Requests by customer."""


class PlannedAudience:
    """Requests for audiences in bulk; one object belongs to one process."""

    def __init__(
        self, db: Database, clock: Clock, keyring: KeyRing, picker: Picker, cap: FrequencyCap | None = None
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._picker = picker
        self._readers = Readers(db, picker)
        self._cap = cap

    def size(self, campaign_id: int) -> int:
        """How many mails are to be sent."""
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            if campaign.audience_size is not None:
                return int(rows(session, _TO_SEND, {"campaign": campaign_id})[0][0])
            terms, segment = ContactTerms.of(campaign, self._cap), parse_segment(campaign.segment)
            return estimate_audience(session, terms, segment, self._clock.now()).planned

    def pages(
        self, campaign_id: int, granularities: Sequence[Granularity] = ()
    ) -> Iterator[dict[Granularity, Page]]:
        """The requests of the whole audience, some customers at a time, for each of these granularities.

        Without any, for the campaign's own. No connection is held while the caller works on a page.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            plan, frozen = plan_of(campaign), campaign.audience_size is not None
            terms, segment = ContactTerms.of(campaign, self._cap), parse_segment(campaign.segment)
        wanted = granularities or (plan.copy.granularity,)
        plans: dict[Granularity, CampaignPlan] = {
            one: replace(plan, copy=plan.copy.model_copy(update={"granularity": one})) for one in wanted
        }
        following = self._frozen(campaign_id) if frozen else self._now(terms, segment)
        after = 0
        while True:
            with self._db.transaction() as session:
                after, people = following(session, after)
                addressees = load_addressees(session, self._keyring, list(people))
            if not people:
                return
            told = self._told(plan, people, addressees)
            now = self._clock.now()
            yield {one: self._readers.requests(as_if, told, now) for one, as_if in plans.items()}

    def _told(
        self, plan: CampaignPlan, people: dict[int, bool], addressees: dict[int, Addressee]
    ) -> dict[int, Told]:
        reachable = {number: personal for number, personal in people.items() if number in addressees}
        histories, picks = self._picker.pick(reachable, plan.picks, plan.picking)
        return {number: Told(addressees[number], histories[number], picks[number]) for number in reachable}

    def _frozen(self, campaign_id: int) -> Callable[[Session, int], tuple[int, dict[int, bool]]]:
        def following(session: Session, after: int) -> tuple[int, dict[int, bool]]:
            found = rows(session, _FROZEN, {"campaign": campaign_id, "after": after, "limit": _AT_ONCE})
            return (found[-1][0] if found else after), {customer: personal for _, customer, personal in found}

        return following

    def _now(
        self, terms: ContactTerms, segment: Segment
    ) -> Callable[[Session, int], tuple[int, dict[int, bool]]]:
        def following(session: Session, after: int) -> tuple[int, dict[int, bool]]:
            found = audience_page(session, terms, segment, self._clock.now(), after, _AT_ONCE)
            return (found[-1][0] if found else after), dict(found)

        return following
