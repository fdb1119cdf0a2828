"""What writers would be told for the audience of a campaign: as it was frozen, else as it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from campaigns.audience.arms import HOLDOUT, Shares
from campaigns.audience.contact import ContactTerms
from campaigns.audience.freezing import audience_page, estimate_audience
from campaigns.audience.segments import Segment, parse_segment
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.terms import Granularity
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database, rows
from campaigns.core.frequency import FrequencyCap
from campaigns.flows.copy.copy_facts import Readers, Told
from campaigns.flows.describing.plans import CampaignPlan, get_campaign, plan_of
from campaigns.flows.reports.experiment_waves import expected_shares
from campaigns.flows.sending.addressees import Addressee, load_addressees
from campaigns.flows.sending.picking import Picker

_AT_ONCE = 1000
_FROZEN = """
    select s.id, s.customer_id, s.personal and coalesce(p.granted, false), s.arm
    from sends s left join consent_states p on p.customer_id = s.customer_id and p.purpose = 'profiling'
    where s.campaign_id = %(campaign)s and s.id > %(after)s and s.status in ('planned','claimed','picked','written')
    order by s.id limit %(limit)s
"""
_TO_SEND = """
    select count(*) from sends
    where campaign_id = %(campaign)s and status in ('planned','claimed','picked','written')
"""

People = dict[int, tuple[bool, int | None]]
"""By customer, whether profiling is granted, and the arm they were told (None: none, or not yet)."""
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
            planned = estimate_audience(session, terms, segment, self._clock.now()).planned
            shares = expected_shares(campaign)
            return planned if shares is None else round(planned * (1 - shares.holdout))

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
            shares = expected_shares(campaign)
        wanted = granularities or (plan.copy.granularity,)
        plans: dict[Granularity, CampaignPlan] = {
            one: replace(plan, copy=plan.copy.model_copy(update={"granularity": one})) for one in wanted
        }
        following = self._frozen(campaign_id) if frozen else self._now(terms, segment)
        after = 0
        while True:
            with self._db.transaction() as session:
                before = after
                after, people = following(session, after)
                addressees = load_addressees(session, self._keyring, list(people))
            if after == before:
                return
            told = self._told(plan, people, addressees, shares)
            now = self._clock.now()
            yield {one: self._readers.requests(as_if, told, now) for one, as_if in plans.items()}

    def _told(
        self, plan: CampaignPlan, people: People, addressees: dict[int, Addressee], shares: Shares | None
    ) -> dict[int, Told]:
        """What is known of those whose words somebody has to write, with the picks of the arm that each is in."""
        by_arm: dict[int | None, dict[int, bool]] = {}
        for number, (personal, known) in people.items():
            arm = known if known is not None or shares is None else shares.arm_of(number)
            if number in addressees and arm != HOLDOUT:
                by_arm.setdefault(arm, {})[number] = personal
        told: dict[int, Told] = {}
        for arm, those in by_arm.items():
            way = plan.for_arm(arm)
            if way.offline:
                continue  # no model is asked
            histories, picks = self._picker.pick(those, way.picks, way.picking, way.best_sellers)
            told |= {number: Told(addressees[number], histories[number], picks[number]) for number in those}
        return told

    def _frozen(self, campaign_id: int) -> Callable[[Session, int], tuple[int, People]]:
        def following(session: Session, after: int) -> tuple[int, People]:
            found = rows(session, _FROZEN, {"campaign": campaign_id, "after": after, "limit": _AT_ONCE})
            people = {customer: (personal, arm) for _, customer, personal, arm in found}
            return (found[-1][0] if found else after), people

        return following

    def _now(self, terms: ContactTerms, segment: Segment) -> Callable[[Session, int], tuple[int, People]]:
        def following(session: Session, after: int) -> tuple[int, People]:
            found = audience_page(session, terms, segment, self._clock.now(), after, _AT_ONCE)
            people: People = {number: (personal, None) for number, personal in found}
            return (found[-1][0] if found else after), people

        return following
