"""Preflights that are kept: asked for by people, made by a worker, and shown with the campaign that they are of.

A preflight takes seconds: mails are written, links are asked for, SpamAssassin judges. So no page runs one. What it
found is kept in the campaign's row with a digest of what the campaign said: whoever changes it sees that it is stale.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import Refused, TailormailError, TellThePerson
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.flows.console.audit import record
from campaigns.flows.copy.copy_due import CopyDue
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.previewing.preflight_report import PreflightReport
from campaigns.models import Campaign, CampaignStatus

log = get_logger(__name__)

GOOD_FOR = timedelta(hours=1)
"""How long an approval goes by a preflight of the campaign as it is: links die, and audiences change."""

_BEFORE = (CampaignStatus.DRAFT, CampaignStatus.APPROVED, CampaignStatus.SCHEDULED)
# All that decides what its mails say; when they go out does not.
_SAID = (
    "template", "picks", "sender", "reply_to", "postal_address", "brief", "segment", "slots", "picking", "copy",
    "topic", "kind", "experiment",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeptPreflight:
    """What the last preflight found, and when.

    `report` is None where it could not be made; `problem` says why then. `fresh`: the campaign still says what it
    said then.
    """

    report: PreflightReport | None
    problem: str
    at: datetime
    fresh: bool

    @property
    def passed(self) -> bool:
        """Whether it is of the campaign as it is, and nothing in it forbids approval."""
        return self.fresh and self.report is not None and not self.report.of("error")


class PreflightKeeping:
    """Runs preflights for who asks, and keeps what they find. `run` is Preflight.run."""

    def __init__(self, db: Database, clock: Clock, jobs: Jobs, run: Callable[[int], PreflightReport]) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._run = run
        self._due = CopyDue(db, clock, Campaign.preflight_due_at)

    def ask(self, campaign_id: int, by: str) -> None:
        """Have a worker run one; `waits` tells until when.

        Raises:
            NotFound: there is no such campaign.
            Refused: it has begun, and nothing of it can be mended any more.
        """
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id)
            if campaign.status not in _BEFORE:
                raise Refused(
                    f"campaign {campaign_id} is {campaign.status}: a preflight is for before it begins"
                )
            self._due.ask(session, campaign_id)
            record(session, self._clock.now(), by, "preflight.asked", f"campaign {campaign_id}")
            session.after_commit(self._jobs.run_preflights)

    def waits(self, campaign_id: int) -> bool:
        """Whether one was asked for and is not done yet."""
        return self._due.waits(campaign_id)

    def kept(self, campaign_id: int) -> KeptPreflight | None:
        """What the last one found; None: there was none yet.

        Raises:
            NotFound: there is no such campaign.
        """
        with self._db.transaction() as session:
            return kept_of(get_campaign(session, campaign_id))

    def work(self) -> int:
        """Run all that were asked for; returns how many. For workers."""
        done = 0
        while (campaign_id := self._due.take()) is not None:
            # Whatever it is, nobody waits for it for ever.
            try:
                self.run(campaign_id)
            except TailormailError as error:
                log.warning("preflight_not_made", campaign_id=campaign_id, why=error.message)
            except Exception as error:
                log.warning("preflight_crashed", campaign_id=campaign_id, why=type(error).__name__)
                self._keep(campaign_id, "", None, "it broke off; the log says more")
            with self._db.transaction() as session:
                self._due.done(session, campaign_id)
            done += 1
        return done

    def run(self, campaign_id: int) -> PreflightReport:
        """Run one now and keep what it finds, also where it cannot be made.

        Raises:
            NotFound, BadInput: as Preflight.run.
        """
        digest = self._digest(campaign_id)
        try:
            report = self._run(campaign_id)
        except TellThePerson as error:
            self._keep(campaign_id, digest, None, error.message)
            raise
        self._keep(campaign_id, digest, report, "")
        return report

    def for_approval(self, campaign_id: int) -> PreflightReport:
        """What an approval goes by: the one kept, if it is of the campaign as it is and not old; else a new one.

        Raises:
            NotFound, BadInput: as Preflight.run.
        """
        kept = self.kept(campaign_id)
        if kept and kept.fresh and kept.report and self._clock.now() - kept.at < GOOD_FOR:
            return kept.report
        return self.run(campaign_id)

    def _digest(self, campaign_id: int) -> str:
        with self._db.transaction() as session:
            return digest_of(get_campaign(session, campaign_id))

    def _keep(self, campaign_id: int, digest: str, report: PreflightReport | None, problem: str) -> None:
        kept = {
            "at": self._clock.now().isoformat(),
            "digest": digest,
            "problem": problem,
            "report": report.as_json() if report else None,
        }
        with self._db.transaction() as session:
            campaign = session.scalar(select(Campaign).where(Campaign.id == campaign_id))
            if campaign is not None:
                campaign.preflight = kept


def kept_of(campaign: Campaign) -> KeptPreflight | None:
    """What the last preflight of this campaign found; None: there was none yet."""
    kept: dict[str, Any] | None = campaign.preflight
    if kept is None:
        return None
    report = PreflightReport.from_json(kept["report"]) if kept["report"] else None
    return KeptPreflight(
        report, kept["problem"], datetime.fromisoformat(kept["at"]), kept["digest"] == digest_of(campaign)
    )


def digest_of(campaign: Campaign) -> str:
    """What tells whether a campaign still says what it said, in hexadecimal."""
    said = {name: getattr(campaign, name) for name in _SAID}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
