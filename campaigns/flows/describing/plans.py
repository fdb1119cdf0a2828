"""A campaign as workers use it: parsed once per process and campaign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parseaddr

from sqlalchemy.orm import Session

from campaigns.audience.contact import MARKETING, ContactTerms
from campaigns.compose.content import Brand
from campaigns.compose.template import MailTemplate, load_template
from campaigns.copywriting.brief import Brief, stored_brief
from campaigns.copywriting.terms import CopyTerms
from campaigns.core.db import Database, rows
from campaigns.core.errors import NotFound, TellThePerson
from campaigns.core.frequency import FrequencyCap
from campaigns.core.log import get_logger
from campaigns.core.remembering import Remembered
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.describing.arm_plans import with_arms
from campaigns.models import NOT_BEGUN, Campaign, CampaignStatus
from campaigns.models.values import Copy
from campaigns.opentime.slots.slots import SlotDefinition
from campaigns.recommend.rules_file import PickingTerms

log = get_logger(__name__)

# A plan holds a template and the rules of its pictures; as many campaigns seldom run at once.
_MOST_KEPT = 100
_STATUS = "select status from campaigns where id = %(campaign)s"


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """Everything about a campaign that its mails share.

    Where it tries something out, `arms` are its plans for each arm, of which each has its number as `arm`; `subjects`
    are given lines by language ("": any), `offline` has the words written offline, `best_sellers` picks nothing
    personal. `own_slots` are those of arms, numbered behind `slots`; `slot_numbers` are those of `slots` in links.
    """

    id: int
    name: str
    picks: int
    sender_name: str
    sender_address: str
    reply_to: str
    brand: Brand
    brief: Brief
    slots: tuple[SlotDefinition, ...]
    template: MailTemplate
    terms: DeliveryTerms
    topic: str = ""
    kind: str = MARKETING
    picking: PickingTerms = field(default_factory=PickingTerms)
    copy: CopyTerms = field(default_factory=CopyTerms)
    arm: int | None = None
    arm_name: str = ""
    arms: tuple[CampaignPlan, ...] = ()
    subjects: Mapping[str, str] = field(default_factory=dict)
    offline: bool = False
    best_sellers: bool = False
    own_slots: tuple[SlotDefinition, ...] = ()
    slot_numbers: tuple[int, ...] = ()

    def for_arm(self, arm: int | None) -> CampaignPlan:
        """The plan for sends of this arm; this one for those of none."""
        return self.arms[arm] if arm is not None and 0 <= arm < len(self.arms) else self

    @property
    def all_slots(self) -> tuple[SlotDefinition, ...]:
        """Every slot that any of its mails may show, in the order of their numbers."""
        return (*self.slots, *self.own_slots)

    @property
    def numbered_slots(self) -> tuple[tuple[int, SlotDefinition], ...]:
        """Its slots with their numbers in links."""
        return tuple(zip(self.slot_numbers or range(len(self.slots)), self.slots, strict=True))

    @property
    def ways(self) -> tuple[CampaignPlan, ...]:
        """One plan for each way in which its mails may look: those of arms that look alike once."""
        looks: dict[tuple[object, ...], CampaignPlan] = {}
        for plan in self.arms or (self,):
            subjects = tuple(sorted(plan.subjects.items()))
            look = subjects, plan.template, plan.picking, plan.best_sellers, plan.offline, plan.slot_numbers
            looks.setdefault(look, plan)
        return tuple(looks.values())

    def worded(self, copy: Copy, language: str) -> Copy:
        """These words with the subject that is given, if one is."""
        subject = self.subjects.get(language) or self.subjects.get("")
        return replace(copy, subject=subject) if subject else copy

    @property
    def domain(self) -> str:
        """The domain that sends."""
        return self.sender_address.rpartition("@")[2]

    def contact(self, cap: FrequencyCap | None) -> ContactTerms:
        """What decides whether a customer may hear of it; `cap` is the house's."""
        return ContactTerms(self.id, self.topic, self.kind, self.terms.urgent, cap)


def get_campaign(session: Session, campaign_id: int, lock: bool = False) -> Campaign:
    """The campaign's row.

    Raises:
        NotFound: there is none with this number.
    """
    campaign = session.get(Campaign, campaign_id, with_for_update=lock)
    if campaign is None:
        raise NotFound(f"there is no campaign {campaign_id}; the campaign list shows which there are")
    return campaign


def is_in(session: Session, campaign_id: int, status: CampaignStatus) -> bool:
    """Whether the campaign is in this status just now; neither locks its row nor waits for who does."""
    return rows(session, _STATUS, {"campaign": campaign_id}) == [(status.value,)]


def is_sending(session: Session, campaign_id: int) -> bool:
    """Whether mails of this campaign may go out now; asked for every group of them."""
    return is_in(session, campaign_id, CampaignStatus.SENDING)


def load_plan(session: Session, campaign_id: int) -> CampaignPlan:
    """The campaign, ready for composing.

    Raises:
        NotFound: there is none with this number.
        BadInput: its template or brief no longer fits.
    """
    return plan_of(get_campaign(session, campaign_id))


def plan_of(campaign: Campaign) -> CampaignPlan:
    """The same from a row."""
    sender_name, sender_address = parseaddr(campaign.sender)
    brief = stored_brief(campaign.brief)
    plan = CampaignPlan(
        id=campaign.id,
        name=campaign.name,
        picks=campaign.picks,
        sender_name=sender_name,
        sender_address=sender_address,
        reply_to=campaign.reply_to,
        brand=Brand(sender_name, _site(brief.call_to_action_url), campaign.postal_address),
        brief=brief,
        slots=tuple(SlotDefinition.from_json(slot) for slot in campaign.slots),
        template=load_template(campaign.template),
        terms=DeliveryTerms.from_json(campaign.delivery),
        topic=campaign.topic,
        kind=campaign.kind,
        picking=PickingTerms.from_json(campaign.picking),
        copy=CopyTerms.from_json(campaign.copy),
    )
    return with_arms(plan, campaign.experiment)


class Plans:
    """The plans of the campaigns that a process works for, each read once from when it has begun."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._kept: Remembered[int, CampaignPlan] = Remembered(_MOST_KEPT)
        self._unreadable: set[int] = set()

    @property
    def unreadable(self) -> list[int]:
        """The campaigns that could not be read when they were last asked for: nothing of them can go out."""
        return sorted(self._unreadable)

    def of(self, campaign_id: int) -> CampaignPlan:
        """The plan of this campaign.

        Raises:
            NotFound: there is none with this number.
            BadInput: its template or brief no longer fits.
        """
        plan = self._kept.get(campaign_id)
        if plan is None:
            with self._db.transaction() as session:
                campaign = get_campaign(session, campaign_id)
                plan = plan_of(campaign)
                if campaign.status not in NOT_BEGUN:
                    self._kept[campaign_id] = plan
        return plan

    def readable(self, campaign_id: int) -> CampaignPlan | None:
        """The same; None, and a line in the log, for one that must not stand in the way of others."""
        try:
            plan = self.of(campaign_id)
        except TellThePerson as error:
            if campaign_id not in self._unreadable:
                log.error("campaign_cannot_be_sent", campaign_id=campaign_id, why=error.message)
            self._unreadable.add(campaign_id)
            return None
        self._unreadable.discard(campaign_id)
        return plan


def _site(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.split('/')[0]}"
