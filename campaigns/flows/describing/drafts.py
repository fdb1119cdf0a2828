"""Campaigns that are still being written: whatever is typed is kept, and what fits is written into the campaign."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, Conflict, NotFound, Refused
from campaigns.flows.console.audit import record
from campaigns.flows.describing.campaign_content import content_of
from campaigns.flows.describing.draft_sections.section import Problem, Problems, Section
from campaigns.flows.describing.plans import get_campaign
from campaigns.models import Campaign, CampaignDraft, CampaignStatus

LONGEST_NAME = 200
# Who sends is seldom another one: a new campaign begins with what the last one said.
_AS_LAST_TIME = ("sender", "reply_to", "postal_address")


@dataclass(frozen=True, slots=True)
class DraftSection:
    """A step as it stands: what was typed, what is wrong with it, and who changed it when (None: nobody here)."""

    name: str
    value: dict[str, Any]
    problems: tuple[Problem, ...] = ()
    version: int = 0
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of a save; without problems it is in the campaign."""

    problems: tuple[Problem, ...]
    version: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Missing:
    """What a step still needs."""

    section: str
    field: str
    message: str

    @property
    def words(self) -> str:
        """As one phrase: "brief: Say what the mails are to do."."""
        return f"{self.section}: {self.message}"


class EditedMeanwhile(Conflict):
    """Somebody saved this step since it was opened; `theirs` is what they left. Nothing was overwritten."""

    def __init__(self, theirs: DraftSection) -> None:
        super().__init__(f"{theirs.by or 'somebody'} changed this step meanwhile")
        self.theirs = theirs


class Drafts:
    """Begins campaigns and keeps what people type into the steps of the editor.

    `sections` are the steps by name, in the order of the editor. `changed` is told of a campaign whose row is
    another one now, after the commit.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        sections: Mapping[str, Section],
        changed: Callable[[int], None] = lambda campaign_id: None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._sections = sections
        self._changed = changed

    def create(self, name: str, by: str) -> int:
        """A new draft that says nothing yet but its name, and who sends as the last campaign did. Its number.

        Raises:
            BadInput: the name is empty or too long.
        """
        with self._db.transaction() as session:
            newest = session.scalars(select(Campaign).order_by(Campaign.id.desc()).limit(1)).first()
            last = {field: getattr(newest, field) if newest else "" for field in _AS_LAST_TIME}
            campaign = Campaign(
                name=checked_name(name), template="", picks=4, brief={}, segment={}, slots=[], **last
            )
            return self._begin(session, campaign, by, {})

    def copy_of(self, campaign_id: int, by: str) -> int:
        """A new draft that says what this campaign says, in whatever state that is. Its number.

        Raises:
            NotFound: there is none with this number.
        """
        with self._db.transaction() as session:
            before = get_campaign(session, campaign_id)
            kept = content_of(before)
            kept["name"] = f"Copy of {before.name}"[:LONGEST_NAME]
            copy = Campaign(**kept)
            number = self._begin(session, copy, by, {"of": campaign_id})
            for draft in session.scalars(select(CampaignDraft).filter_by(campaign_id=campaign_id)):
                if draft.problems:
                    session.add(
                        CampaignDraft(
                            campaign_id=number, section=draft.section, value=draft.value,
                            problems=draft.problems, changed_at=self._clock.now(), changed_by=by,
                        )
                    )  # fmt: skip
            return number

    def _begin(self, session: Session, campaign: Campaign, by: str, detail: dict[str, Any]) -> int:
        campaign.status = CampaignStatus.DRAFT.value
        campaign.created_by = campaign.changed_by = by
        session.add(campaign)
        session.flush()
        record(session, self._clock.now(), by, "campaign.created", f"campaign {campaign.id}", detail)
        return campaign.id

    def section(self, campaign_id: int, name: str) -> dict[str, Any]:
        """What the form of this step says: as it was typed, or as the campaign is.

        Raises:
            NotFound: there is no such campaign or step.
        """
        return self.look(campaign_id, name).value

    def look(self, campaign_id: int, name: str) -> DraftSection:
        """The same with its problems, and who changed it when.

        Raises:
            NotFound: there is no such campaign or step.
        """
        with self._db.transaction() as session:
            return self._look(session, get_campaign(session, campaign_id), self._section(name))

    def save(
        self, campaign_id: int, section: str, value: dict[str, Any], by: str, version: int | None = None
    ) -> Saved:
        """Keep what was typed; where it fits, write it into the campaign.

        `version` is the one that the person was shown; None overwrites whatever is there.

        Raises:
            NotFound: there is no such campaign or step.
            Refused: the campaign is no draft any more.
            EditedMeanwhile: the step has another version by now.
        """
        rules = self._section(section)
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id, lock=True)
            refuse_unless_draft(campaign)
            draft = session.get(CampaignDraft, (campaign_id, section))
            if version is not None and version != (draft.version if draft else 0):
                raise EditedMeanwhile(self._look(session, campaign, rules))
            problems = _tried(session, campaign, rules, value)
            if draft is None:
                draft = CampaignDraft(campaign_id=campaign_id, section=section, version=0)
                session.add(draft)
            draft.value, draft.problems = value, [problem.to_json() for problem in problems]
            draft.version += 1
            draft.applied = _digest(rules.form_of(session, campaign))
            draft.changed_at, draft.changed_by = self._clock.now(), by
            campaign.changed_by = by
            record(
                session, draft.changed_at, by, "campaign.edited", f"campaign {campaign_id}", {"step": section}
            )
            session.after_commit(lambda: self._changed(campaign_id))
            return Saved(tuple(problems), draft.version, draft.changed_at)

    def complete(self, campaign_id: int) -> list[Missing]:
        """What is still missing or wrong, step by step; nothing: it can be approved.

        Raises:
            NotFound: there is none with this number.
        """
        with self._db.transaction() as session:
            return self.missing(session, get_campaign(session, campaign_id))

    def missing(self, session: Session, campaign: Campaign) -> list[Missing]:
        """The same inside a transaction."""
        found: list[Missing] = []
        for name, rules in self._sections.items():
            wrong = self._look(session, campaign, rules).problems or rules.missing(session, campaign)
            found += [Missing(name, problem.field, problem.message) for problem in wrong]
        return found

    def _section(self, name: str) -> Section:
        if name not in self._sections:
            raise NotFound(f"a campaign has no step {name}; it has {', '.join(self._sections)}")
        return self._sections[name]

    def _look(self, session: Session, campaign: Campaign, rules: Section) -> DraftSection:
        now = rules.form_of(session, campaign)
        draft = session.get(CampaignDraft, (campaign.id, rules.name))
        if draft is None:
            return DraftSection(rules.name, now)
        problems = tuple(Problem(**problem) for problem in draft.problems)
        typed = bool(problems) or draft.applied == _digest(now)
        return DraftSection(
            rules.name,
            draft.value if typed else now,
            problems,
            draft.version,
            draft.changed_by,
            draft.changed_at,
        )


def refuse_unless_draft(campaign: Campaign) -> None:
    """Only drafts are changed: whoever approved something shall get just that.

    Raises:
        Refused: it is no draft.
    """
    if campaign.status != CampaignStatus.DRAFT:
        raise Refused(
            f"campaign {campaign.id} is {campaign.status}; only a draft is changed: take it back to draft, or copy it"
        )


def checked_name(name: str) -> str:
    """The name of a campaign, on one line.

    Raises:
        BadInput: it is empty or too long.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise BadInput(f"needs 1 to {LONGEST_NAME} characters", where="name")
    return name


def _tried(session: Session, campaign: Campaign, rules: Section, value: dict[str, Any]) -> list[Problem]:
    """Write what was typed into the campaign if it fits; else say what is wrong, with the campaign as it was."""
    try:
        with session.begin_nested():
            rules.apply(session, campaign, rules.parse(session, campaign, value))
    except Problems as error:
        return error.found
    except (BadInput, NotFound, Conflict, Refused) as error:
        return [Problem(getattr(error, "where", ""), error.message)]
    return []


def _digest(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
