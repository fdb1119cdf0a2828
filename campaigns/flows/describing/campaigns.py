"""The life of a campaign: created, approved, scheduled, sent, paused, resumed, cancelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from campaigns.audience.segment_references import put_in
from campaigns.audience.segments import parse_segment
from campaigns.compose.template import load_template
from campaigns.copywriting.request import OFFLINE
from campaigns.copywriting.terms import CopyTerms
from campaigns.copywriting.usage import Prices
from campaigns.core.clock import Clock
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.errors import BadInput, Conflict, Refused
from campaigns.core.frequency import FrequencyCap
from campaigns.core.jobs import Jobs
from campaigns.flows.console.audit import CLI, SCHEDULER, record
from campaigns.flows.copy.copy_approval import gone_since_approval, refuse_open_samples
from campaigns.flows.copy.copy_clock import leave_out_pause
from campaigns.flows.copy.copy_purse import check_budget
from campaigns.flows.describing.arm_values import arms_described, refuse_arms_without_model
from campaigns.flows.describing.briefs import resolve_brief
from campaigns.flows.describing.campaign_content import content_of
from campaigns.flows.describing.campaign_list import page_of, summaries, summary
from campaigns.flows.describing.definition import CampaignFile, check_campaign, read_campaign_file
from campaigns.flows.describing.four_eyes import refuse_own_approval
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.describing.reach import count_audience, refuse_nobody
from campaigns.flows.opening.hosting import keep_pictures
from campaigns.flows.previewing.preflight_report import PreflightReport
from campaigns.flows.scheduling.series import begin_series, end_series
from campaigns.flows.scheduling.starting import refuse_if_it_comes_again, refuse_if_over, start_of
from campaigns.flows.sending.counters import counts
from campaigns.flows.sending.self_pause import BY
from campaigns.models import NOT_BEGUN, Campaign, CampaignStatus, CampaignTransition
from campaigns.opentime.slots.slots import parse_slots
from campaigns.recommend.rules_check import check_terms
from campaigns.recommend.rules_file import PickingTerms, ShopTerms, rules_of
from campaigns.recommend.rules_words import rules_in_words

_RUNNING = (CampaignStatus.PLANNING, CampaignStatus.SENDING)
# How the audit log calls it, where that is another word than the status.
_DONE = {
    CampaignStatus.DRAFT: "reopened",
    CampaignStatus.PLANNING: "started",
    CampaignStatus.SENDING: "resumed",
}
_AS_WRITTEN = {
    "name", "topic", "kind", "template", "picks", "sender", "reply_to", "postal_address", "segment",
}  # fmt: skip


class Campaigns:
    """What marketers do with campaigns; every change of status is recorded with who and when.

    `writer` gives what stands for whoever writes the copy now in the keys of copies (CopyShelf.model), `missing` what
    a draft still needs, `audience_now` whom a campaign would reach, without counting everybody.
    `four_eyes`: whether somebody else than its author has to approve a campaign.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        cap: FrequencyCap | None = None,
        preflight: Callable[[int], PreflightReport] | None = None,
        shop: ShopTerms | None = None,
        prices: Prices | None = None,
        writer: Callable[[], str] = lambda: OFFLINE,
        missing: Callable[[int], list[str]] = lambda campaign_id: [],
        audience_now: Callable[[int], Mapping[str, Any]] = lambda campaign_id: {},
        four_eyes: bool = False,
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._cap = cap
        self._preflight = preflight
        self._shop = shop or ShopTerms()
        self._prices = prices or Prices()
        self._writer = writer
        self._missing = missing
        self._audience_now = audience_now
        self._four_eyes = four_eyes

    def create_from_file(self, path: Path, by: str = CLI) -> int:
        """Create a draft from a TOML file, with pictures and lists of shops beside it. Returns its number.

        Raises:
            BadInput: names the file and the field, nothing is created.
        """
        folder = path.resolve().parent

        def read_file(name: str) -> bytes:
            file = (folder / name).resolve()
            if not file.is_relative_to(folder):
                raise BadInput(f"{name}: files must lie beside the campaign file", where=path.name)
            try:
                return file.read_bytes()
            except OSError as error:
                raise BadInput(f"{name}: {error.strerror}", where=path.name) from None

        return self._create(read_campaign_file(path), read_file, by)

    def create(self, raw: dict[str, Any], files: dict[str, bytes], by: str = CLI) -> int:
        """The same from an already parsed description and its pictures and lists of shops by name."""

        def read_file(name: str) -> bytes:
            if name not in files:
                raise BadInput(f"there is no file {name}", where="slots")
            return files[name]

        return self._create(check_campaign(raw, where="campaign"), read_file, by)

    def _create(self, description: CampaignFile, read_file: Callable[[str], bytes], by: str) -> int:
        template = load_template(description.template)
        check_budget(description.copy_terms, self._prices)
        with self._db.transaction() as session:
            segment = put_in(session, description.segment)
        parse_segment(segment)
        now, picks = self._clock.now(), description.picks
        slots, pictures = parse_slots(description.slots, read_file, now, picks)
        unknown = [slot.name for slot in slots if slot.name not in template.slots]
        if unknown:
            known = ", ".join(template.slots) or "none"
            raise BadInput(
                f"the template {description.template} has no slot {unknown[0]!r}; it has {known}",
                where="slots",
            )
        start = description.schedule.start
        with self._db.transaction() as session:
            brief, brief_name, brief_version = resolve_brief(session, description.brief)
            check_terms(session, self._shop, description.picking)
            experiment, of_arms = arms_described(
                session, description, slots, brief, read_file, self._shop, now
            )
            keep_pictures(session, pictures | of_arms)
            campaign = Campaign(
                **description.model_dump(include=_AS_WRITTEN),
                brief=brief.as_json(),
                brief_name=brief_name,
                brief_version=brief_version,
                slots=[slot.to_json() for slot in slots],
                delivery=description.delivery.as_json(),
                picking=description.picking.as_json(),
                copy=description.copy_terms.as_json(),
                experiment=experiment,
                status=CampaignStatus.DRAFT.value,
                scheduled_at=start_of(description.delivery, None if isinstance(start, str) else start),
                recurrence=description.series.as_json() if description.series else None,
            )
            campaign.segment = dict(segment)
            session.add(campaign)
            campaign.created_by = campaign.changed_by = by
            session.flush()
            record(session, self._clock.now(), by, "campaign.created", f"campaign {campaign.id}")
            return campaign.id

    def approve(self, campaign_id: int, by: str) -> None:
        """Draft -> approved; a planned time schedules it at once.

        Raises:
            BadInput: its copy's cost is bounded, and nobody has said what the model costs.
            Refused: steps are open, it would reach nobody, or preflight found errors; the message lists them.
            Conflict: somebody changed it meanwhile: what is approved is what was looked at.
            NotAllowed: somebody else than its author has to approve it; the message says who may.
        """
        open_steps = self._missing(campaign_id)
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            draft, looked_at = campaign.status == CampaignStatus.DRAFT, _as_looked_at(campaign)
            if draft:
                if self._four_eyes:
                    refuse_own_approval(session, campaign, by)
                if open_steps:
                    raise Refused(f"campaign {campaign_id} is not complete: {'; '.join(open_steps)}")
                refuse_if_over(campaign, self._clock.now())
                check_budget(CopyTerms.from_json(campaign.copy), self._prices)
                refuse_open_samples(session, campaign)
                refuse_arms_without_model(campaign, self._writer() != OFFLINE)
                refuse_nobody(session, campaign, self._cap, self._clock.now())
        # Mails are written and pages asked for meanwhile, so no transaction is open.
        if draft and self._preflight is not None:
            self._preflight(campaign_id).refuse_errors()
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id, lock=True)
            if campaign.status in (CampaignStatus.APPROVED, CampaignStatus.SCHEDULED):
                return  # somebody was faster, or it is asked twice; a series that was ended stays so
            # Taken back to draft meanwhile, it was not looked over either.
            if _as_looked_at(campaign) != looked_at or (campaign.status == CampaignStatus.DRAFT) != draft:
                raise Conflict(f"campaign {campaign_id} was changed while it was looked over")
            if draft and self._four_eyes:
                refuse_own_approval(session, campaign, by)
            self._move(session, campaign, CampaignStatus.APPROVED, by)
            if campaign.recurrence is not None:
                begin_series(session, campaign, self._clock.now(), by)
            elif campaign.scheduled_at is not None:
                self._move(session, campaign, CampaignStatus.SCHEDULED, by)

    def reopen(self, campaign_id: int, by: str) -> None:
        """Approved or scheduled -> draft, to be edited; it has to be approved anew.

        Raises:
            Refused: it has begun, or ended.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id, lock=True)
            self._move(session, campaign, CampaignStatus.DRAFT, by)

    def copy_warnings(self, campaign_id: int) -> list[str]:
        """In words, which bounds of its budget its copy is foreseen to exceed; nothing where nobody has looked."""
        with self._db.transaction() as session:
            forecast = get_campaign(session, campaign_id).copy_forecast
        return [] if forecast is None else [str(warning) for warning in forecast.get("exceeds", ())]

    def schedule(self, campaign_id: int, at: datetime, by: str) -> None:
        """Approved -> scheduled at a time; the scheduler starts it."""
        if at.tzinfo is None:
            raise BadInput("needs a time zone, such as 2026-12-01T09:00+01:00", where="at")
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id, lock=True)
            refuse_if_it_comes_again(campaign)
            campaign.scheduled_at = at
            self._move(session, campaign, CampaignStatus.SCHEDULED, by)

    def send(self, campaign_id: int, by: str) -> None:
        """Approved or scheduled -> planning; workers freeze the audience and send.

        Where samples of its copy were approved and are not what would go out any more, it is paused at once.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id, lock=True)
            if campaign.status in _RUNNING or campaign.status == CampaignStatus.SENT:
                return
            refuse_if_it_comes_again(campaign)
            self._move(session, campaign, CampaignStatus.PLANNING, by)
            campaign.started_at = self._clock.now()
            unseen = gone_since_approval(session, campaign, self._writer, self._clock.now())
            if unseen:
                self._move(session, campaign, CampaignStatus.PAUSED, BY, unseen)
            else:
                session.after_commit(lambda: self._jobs.plan(campaign_id))

    def start_due(self) -> list[int]:
        """Start every scheduled campaign whose time has come; returns their numbers."""
        with self._db.transaction() as session:
            due = list(
                session.scalars(
                    select(Campaign.id).where(
                        Campaign.status == CampaignStatus.SCHEDULED.value,
                        Campaign.scheduled_at <= self._clock.now(),
                    )
                )
            )
        for campaign_id in due:
            self.send(campaign_id, SCHEDULER)
        return due

    def pause(self, campaign_id: int, by: str, why: str = "") -> None:
        """Stop before the next group of mails; what is in flight is finished."""
        self._change(campaign_id, CampaignStatus.PAUSED, by, why)

    def resume(self, campaign_id: int, by: str) -> None:
        """Go on exactly where it was paused."""
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id, lock=True)
            frozen = campaign.audience_size is not None
            if campaign.status in _RUNNING:
                return
            if campaign.status != CampaignStatus.PAUSED:
                raise Refused(f"campaign {campaign_id} is {campaign.status}, not paused")
            leave_out_pause(session, campaign_id, self._clock.now())
            self._move(session, campaign, CampaignStatus.SENDING if frozen else CampaignStatus.PLANNING, by)
            session.after_commit(
                (lambda: self._jobs.send(4)) if frozen else (lambda: self._jobs.plan(campaign_id))
            )

    def cancel(self, campaign_id: int, by: str, why: str = "") -> None:
        """End it for good; what was not sent stays unsent."""
        self._change(campaign_id, CampaignStatus.CANCELLED, by, why)

    def _change(self, campaign_id: int, target: CampaignStatus, by: str, why: str) -> None:
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id, lock=True)
            self._move(session, campaign, target, by, why)
            if target is CampaignStatus.CANCELLED:
                campaign.finished_at = self._clock.now()
                end_series(session, campaign_id, campaign.finished_at, by)

    def _move(
        self, session: UnitOfWork, campaign: Campaign, target: CampaignStatus, by: str, why: str = ""
    ) -> None:
        transition = campaign.move(target, self._clock.now(), by, why)
        if transition is not None:
            session.add(transition)
            done = _DONE.get(target, target.value)
            told = {"why": why} if why else None
            record(session, transition.at, by, f"campaign.{done}", f"campaign {campaign.id}", told)

    def status(self, campaign_id: int) -> str:
        """The campaign's status."""
        with self._db.transaction() as session:
            return get_campaign(session, campaign_id).status

    def show(self, campaign_id: int, counted: bool = False) -> dict[str, Any]:
        """Everything about a campaign as JSON-ready values.

        Whom it would reach is estimated until a worker has counted; `counted` counts one by one, which takes a while.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            history = session.scalars(
                select(CampaignTransition)
                .where(CampaignTransition.campaign_id == campaign_id)
                .order_by(CampaignTransition.id)
            ).all()
            by_status = counts(session, campaign_id)
            shown = {
                **summary(campaign, by_status),
                "topic": campaign.topic,
                "kind": campaign.kind,
                "sender": campaign.sender,
                "reply_to": campaign.reply_to,
                "postal_address": campaign.postal_address,
                "template": campaign.template,
                "picks": campaign.picks,
                "segment": campaign.segment,
                "brief": campaign.brief,
                "brief_name": campaign.brief_name,
                "brief_version": campaign.brief_version,
                "slots": campaign.slots,
                "delivery": campaign.delivery,
                "picking": campaign.picking,
                "copy": campaign.copy,
                "experiment": campaign.experiment,
                "picking_rules": rules_in_words(
                    rules_of(self._shop, PickingTerms.from_json(campaign.picking))
                ),
                "paused_because": history[-1].why if campaign.status == CampaignStatus.PAUSED else "",
                "history": [
                    {
                        "from": t.from_status,
                        "to": t.to_status,
                        "at": t.at.isoformat(),
                        "by": t.by,
                        "why": t.why,
                        "figures": t.figures,
                    }
                    for t in history
                ],
            }
        # Not inside: it may ask a worker to count, in a transaction of its own.
        return {**shown, "audience_now": self._now(campaign_id, shown["status"], by_status, counted)}

    def _now(
        self, campaign_id: int, status: str, by_status: Mapping[str, int], counted: bool
    ) -> dict[str, Any]:
        if status in NOT_BEGUN:
            return self.count(campaign_id) if counted else dict(self._audience_now(campaign_id))
        held_back = by_status.get("held_back", 0)
        return {"planned": sum(by_status.values()) - held_back, "held_back": {}, "exact": True}

    def count(self, campaign_id: int) -> dict[str, Any]:
        """Whom it would reach now, counted one by one: seconds, where there are millions of customers."""
        with self._db.transaction() as session:
            row = get_campaign(session, campaign_id)
            audience = count_audience(session, row, self._cap, self._clock.now())
        return {"planned": audience.planned, "held_back": audience.held_back, "exact": True}

    def page(
        self, status: str = "", search: str = "", before: int | None = None, size: int = 25
    ) -> tuple[list[dict[str, Any]], int | None]:
        """Some campaigns as `list` has them, newest first, and the number before which the next page begins.

        `search` is a part of the name, or a number; None for the next page: there is none.
        """
        with self._db.transaction() as session:
            return page_of(session, status, search, before, size)

    def list(self) -> list[dict[str, Any]]:
        """All campaigns, newest first: number, name, status, counts, times."""
        with self._db.transaction() as session:
            rows = session.scalars(select(Campaign).order_by(Campaign.id.desc())).all()
            return summaries(session, rows)


def _as_looked_at(campaign: Campaign) -> tuple[dict[str, Any], datetime | None]:
    """What whoever approves a campaign approves: what it says, and when it goes out."""
    return content_of(campaign), campaign.scheduled_at
