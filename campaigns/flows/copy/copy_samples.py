"""Samples of a campaign's copy: written before it is approved, shown to a person, and approved or rejected.

They are written by the same desk, under the same keys and from the same budget as all others, so what was approved
is what is sent. A rejected cell is written offline instead (flows/copy_cells.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns.copywriting.crew import nothing
from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, NotFound, Refused, TellThePerson
from campaigns.core.jobs import Jobs
from campaigns.core.log import get_logger
from campaigns.flows.console.audit import record
from campaigns.flows.copy.copy_approval import APPROVED, REJECTED, SHOWN, rests_on
from campaigns.flows.copy.copy_audit import CopyAudit, audit_of_words
from campaigns.flows.copy.copy_due import CopyDue
from campaigns.flows.copy.copy_rejection import allow_words, reject_words
from campaigns.flows.copy.copy_sampling import MOST, Cell, choose
from campaigns.flows.copy.copy_writing import CopyWriting
from campaigns.flows.copy.copystore import copy_from
from campaigns.flows.copy.wording import CopyShelf, Worded
from campaigns.flows.describing.plans import Plans, get_campaign
from campaigns.models import Campaign, CampaignStatus, CopyCell, CopySpend, Product, WrittenCopyRow
from campaigns.models.copy import assembled_fields
from campaigns.models.values import Copy

log = get_logger(__name__)

BEFORE = (CampaignStatus.DRAFT.value, CampaignStatus.APPROVED.value, CampaignStatus.SCHEDULED.value)
"""The statuses of a campaign that has not begun."""
Planned = Callable[[int, Callable[[], None]], Iterable[Cell]]
"""The cells that a campaign would have now; calls the function that it is given every now and then meanwhile."""
Words = Callable[[int, Sequence[Cell]], Mapping[str, Worded]]
"""Writes for these cells of a campaign; gives the words of those that are done, by key."""

_LEAST_OF_A_KEY = 6


@dataclass(frozen=True, slots=True)
class Sample:
    """A cell that is shown, for `mails` mails (foreseen, until it begins); `copy` is None until it is written.

    `verdict` is shown (nobody has said anything), approved or rejected. `told` is CopyRequest.facts, `titles`
    what the products of the mail are called, in its order. `audit` tells how the words came about.
    """

    key: str
    mails: int
    verdict: str
    told: Mapping[str, Any]
    titles: tuple[str, ...]
    copy: Copy | None
    audit: CopyAudit | None
    judged_by: str
    judged_at: datetime | None

    def as_json(self, currency: str) -> dict[str, Any]:
        """As JSON-ready values."""
        copy = self.copy
        return {
            "key": self.key,
            "mails": self.mails,
            "verdict": self.verdict,
            "judged_by": self.judged_by or None,
            "judged_at": self.judged_at.isoformat() if self.judged_at else None,
            "told": dict(self.told),
            "products": list(self.titles),
            "copy": {
                "subject": copy.subject,
                "preheader": copy.preheader,
                "headline": copy.headline,
                "intro": copy.intro,
                "product_lines": list(copy.product_lines),
                "call_to_action": copy.call_to_action,
            }
            if copy
            else None,
            "written": self.audit.as_json(currency) if self.audit else None,
        }


class CopySamples:
    """Has samples written, shows them, and keeps what people say of them.

    `planned` is CopyForecast.planned_requests, `words` writes for cells, `model` stands in keys for who writes.
    """

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        jobs: Jobs,
        planned: Planned,
        words: Words,
        model: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._jobs = jobs
        self._planned = planned
        self._words = words
        self._model = model
        self._due = CopyDue(db, clock, Campaign.samples_due_at)

    def ask(self, campaign_id: int) -> None:
        """Have the samples written by a worker; `waiting` tells until when.

        Raises:
            Refused: the campaign has begun.
        """
        with self._db.transaction() as session:
            _not_begun(session, campaign_id)
            self._due.ask(session, campaign_id)
            session.after_commit(self._jobs.write_samples)

    def waiting(self, campaign_id: int) -> bool:
        """Whether samples were asked for and are not all written yet."""
        return self._due.waits(campaign_id)

    def work(self) -> int:
        """Write all samples that were asked for; returns for how many campaigns. For workers."""
        done = 0
        while (campaign_id := self._due.take()) is not None:
            try:
                self.write(campaign_id, beat=partial(self._due.still_at_it, campaign_id))
                done += 1
            except TellThePerson as error:
                log.warning("samples_not_written", campaign_id=campaign_id, why=error.message)
                self._settle(campaign_id)
        return done

    def _settle(self, campaign_id: int) -> None:
        with self._db.transaction() as session:
            campaign = get_campaign(session, campaign_id, lock=True)
            self._due.done(session, campaign_id)
            if campaign.status in BEFORE:
                # The time that the campaign may take begins with its own first call.
                clock = update(CopySpend).where(CopySpend.campaign_id == campaign_id)
                session.execute(clock.values(began_at=None, last_at=None))

    def write(self, campaign_id: int, most: int = MOST, beat: Callable[[], None] = nothing) -> list[Sample]:
        """Choose the samples, write those that are missing, and return them all.

        What was judged before stays judged; what nobody judged and is not among the chosen any more is not
        shown any more. No connection is held while a model writes. `beat` is called every now and then while the
        audience is looked through, which takes minutes for a big one.

        Raises:
            Refused: the campaign has begun.
        """
        with self._db.transaction() as session:
            _not_begun(session, campaign_id)
        chosen = choose(self._planned(campaign_id, beat), campaign_id, most)
        with self._db.transaction() as session:
            campaign = _not_begun(session, campaign_id, lock=True)
            _show(session, campaign, chosen, self._model, self._clock.now())
        words = self._words(campaign_id, chosen)
        with self._db.transaction() as session:
            for key in sorted(words):
                _keep(session, campaign_id, key, words[key], self._clock.now())
        self._settle(campaign_id)
        return self.shown(campaign_id)

    def shown(self, campaign_id: int) -> list[Sample]:
        """The samples, those of most mails first.

        Raises:
            NotFound: there is no such campaign.
        """
        with self._db.transaction() as session:
            get_campaign(session, campaign_id)
            found = select(CopyCell).where(CopyCell.campaign_id == campaign_id, CopyCell.sample != "")
            cells = session.scalars(found.order_by(CopyCell.foreseen.desc(), CopyCell.key)).all()
            titles = _titles(session, cells)
            return [_sample(session, cell, titles) for cell in cells]

    def judge(self, campaign_id: int, key: str, verdict: str, by: str) -> None:
        """Approve or reject one sample; the last word counts. `key` may be its beginning, if that is clear.

        Raises:
            NotFound: no sample has this key.
            BadInput: several have this beginning, or the verdict is none.
            Refused: it is not written yet, or the campaign has begun.
        """
        if verdict not in (APPROVED, REJECTED):
            raise BadInput(f"a sample is {APPROVED} or {REJECTED}", where="verdict")
        with self._db.transaction() as session:
            _not_begun(session, campaign_id, lock=True)
            cell = _cell_of(session, campaign_id, key)
            if cell.copy_id is None:
                raise Refused("this sample is not written yet, so nobody can have read it")
            cell.sample, cell.judged_by, cell.judged_at = verdict, by, self._clock.now()
            session.flush()
            if verdict == REJECTED:
                reject_words(session, _rows_of(cell), self._clock.now())
            else:
                allow_words(session, _rows_of(cell))
            told = {"sample": cell.key[:12]}
            record(session, cell.judged_at, by, f"sample.{verdict}", f"campaign {campaign_id}", told)

    def approve_all(self, campaign_id: int, by: str) -> int:
        """Approve all that nobody has judged; returns how many.

        Raises:
            Refused: the campaign has begun.
        """
        with self._db.transaction() as session:
            _not_begun(session, campaign_id, lock=True)
            approved = session.execute(
                update(CopyCell)
                .where(
                    CopyCell.campaign_id == campaign_id,
                    CopyCell.sample == SHOWN,
                    CopyCell.copy_id.is_not(None),
                )
                .values(sample=APPROVED, judged_by=by, judged_at=self._clock.now())
                .returning(CopyCell.copy_id, CopyCell.line_ids)
            ).all()
            allow_words(session, {number for head, lines in approved for number in (head, *lines) if number})
            if approved:
                told = {"samples": len(approved)}
                subject = f"campaign {campaign_id}"
                record(session, self._clock.now(), by, "samples.approved", subject, told)
            return len(approved)


def written_by(plans: Plans, shelf: CopyShelf, writing: CopyWriting) -> Words:
    """What CopySamples writes by: the ordinary way, from the campaign's budget, kept where sending looks."""

    def words(campaign_id: int, cells: Sequence[Cell]) -> dict[str, Worded]:
        requests = {key: request for key, request, _ in cells}
        if not shelf.slow:
            return shelf.copies_for(requests)
        plan, found = plans.of(campaign_id), dict[str, Worded]()
        for some in writing.words_for(plan, requests, as_samples=True):
            found |= some
        return found

    return words


def _not_begun(session: Session, campaign_id: int, lock: bool = False) -> Campaign:
    campaign = get_campaign(session, campaign_id, lock=lock)
    if campaign.status not in BEFORE:
        raise Refused(f"campaign {campaign_id} is {campaign.status}: samples are for before it begins")
    return campaign


def _show(session: Session, campaign: Campaign, chosen: Sequence[Cell], model: str, now: datetime) -> None:
    """Remember which cells are shown; whoever judged one already is not asked again."""
    keys = [key for key, _, _ in chosen]
    others = (CopyCell.campaign_id == campaign.id, CopyCell.key.not_in(keys), CopyCell.sample == SHOWN)
    # Words for one customer only would stay behind where nobody looks for them.
    own = select(CopyCell.key).where(*others, CopyCell.salt != "")
    session.execute(delete(WrittenCopyRow).where(WrittenCopyRow.content_hash.in_(own)))
    session.execute(delete(CopyCell).where(*others))
    for key, request, sends in sorted(chosen, key=lambda cell: cell[0]):
        cell = insert(CopyCell).values(
            campaign_id=campaign.id,
            key=key,
            foreseen=sends,
            facts=request.facts(),
            sample=SHOWN,
            salt=request.salt,
            rests_on=rests_on(request.brief, [pick.product for pick in request.picks], model, now),
        )
        again = {"foreseen": sends, "sample": func.coalesce(func.nullif(CopyCell.sample, ""), SHOWN)}
        session.execute(
            cell.on_conflict_do_update(index_elements=[CopyCell.campaign_id, CopyCell.key], set_=again)
        )


def _keep(session: Session, campaign_id: int, key: str, words: Worded, now: datetime) -> None:
    cell = session.get(CopyCell, (campaign_id, key))
    if cell is None or cell.copy_id is not None:
        return  # nobody asks for it any more, or what it got is known
    cell.copy_id, cell.line_ids, cell.written_at = words.copy_id, list(words.line_ids), now
    audit = audit_of_words(session, campaign_id, words.copy_id, words.line_ids)
    if audit is not None and cell.state == "waiting":
        cell.verdicts = [dict(verdict) for verdict in audit.verdicts]
        cell.state = {"offline": "offline", "partly_offline": "partly_offline"}.get(audit.outcome, "written")


def _cell_of(session: Session, campaign_id: int, key: str) -> CopyCell:
    cells = (CopyCell.campaign_id == campaign_id, CopyCell.sample != "")
    if len(key) < _LEAST_OF_A_KEY:
        raise BadInput(f"give at least {_LEAST_OF_A_KEY} characters of the sample's key", where="key")
    found = session.scalars(
        select(CopyCell).where(*cells, CopyCell.key.startswith(key, autoescape=True)).limit(2)
    ).all()
    if not found:
        raise NotFound(f"campaign {campaign_id} has no sample {key}")
    if len(found) > 1:
        raise BadInput(f"several samples begin with {key}: give more of the key", where="key")
    return found[0]


def _rows_of(cell: CopyCell) -> set[int]:
    """The rows of copies that its words are."""
    return {number for number in (cell.copy_id, *cell.line_ids) if number}


def _titles(session: Session, cells: Iterable[CopyCell]) -> dict[str, str]:
    skus = {str(pick["sku"]) for cell in cells for pick in cell.facts.get("picks", ())}
    found = session.execute(select(Product.sku, Product.title).where(Product.sku.in_(skus)))
    return {row.sku: row.title for row in found}


def _sample(session: Session, cell: CopyCell, titles: Mapping[str, str]) -> Sample:
    skus = [str(pick["sku"]) for pick in cell.facts.get("picks", ())]
    audit = audit_of_words(session, cell.campaign_id, cell.copy_id, cell.line_ids) if cell.copy_id else None
    return Sample(
        key=cell.key,
        mails=cell.sends or cell.foreseen,
        verdict=cell.sample,
        told=cell.facts,
        titles=tuple(titles.get(sku, sku) for sku in skus),
        copy=_words_of(session, cell) if audit else None,
        audit=audit,
        judged_by=cell.judged_by,
        judged_at=cell.judged_at,
    )


def _words_of(session: Session, cell: CopyCell) -> Copy | None:
    lines = [line for line in cell.line_ids if line]
    found = select(WrittenCopyRow.id, WrittenCopyRow.fields).where(
        WrittenCopyRow.id.in_([cell.copy_id, *lines])
    )
    fields = {row.id: row.fields for row in session.execute(found)}
    if cell.copy_id not in fields or any(line not in fields for line in lines):
        return None
    return copy_from(assembled_fields(fields[cell.copy_id], [fields[line] for line in lines]))
