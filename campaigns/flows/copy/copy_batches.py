"""Copy asked for a day ahead: the cells of a scheduled campaign, handed to the model server as batches.

What a batch brings goes into the store of answers, and nothing else: when the campaign runs it finds them there,
and asks at once for whatever is missing. So nothing depends on a batch ever coming back.

Each batch has its row before its file is uploaded, and is found again by a mark that the server keeps: a kill at
any point neither loses a batch nor makes one twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from campaigns.copywriting.answers import Answer
from campaigns.copywriting.asking import Question, first_question
from campaigns.copywriting.model_batches import (
    LARGEST_FILE,
    MOST_REQUESTS,
    BatchFile,
    BatchState,
    ModelBatches,
    NoBatches,
    batch_line,
    results,
)
from campaigns.copywriting.model_writer import ModelWriter
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.terms import CopyTerms
from campaigns.copywriting.usage import NO_USAGE, Prices, Usage
from campaigns.core.clock import Clock
from campaigns.core.db import Database
from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.core.log import get_logger
from campaigns.flows.copy.copy_answers import keep_answers, known_answers
from campaigns.flows.copy.copy_batch_budget import Allowance, handed_over, keys_of, release, reserve
from campaigns.flows.copy.copy_cells import register
from campaigns.flows.copy.copy_purse import add_spend
from campaigns.flows.copy.wording import CopyShelf
from campaigns.flows.describing.plans import get_campaign
from campaigns.models import Campaign, CampaignStatus, CampaignTransition
from campaigns.models.copy_work import CopyBatch

log = get_logger(__name__)

PREPARED, UPLOADED, LOST, REFUSED, HANDED_OVER = "prepared", "uploaded", "lost", "refused", "handed_over"
_NOT_YET_THEIRS = (PREPARED, UPLOADED)
SOONEST = timedelta(hours=1)
"""A campaign that begins before that asks when it runs."""
_GIVEN_UP_AFTER = timedelta(minutes=20)  # longer than an upload may take: its maker was killed
_FILES_GONE_AFTER = timedelta(hours=1)  # a server that says for so long that it has no such file has none
_LOST_AFTER = timedelta(days=3)  # a batch has a day; later nobody needs what it brings
_AT_ONCE = 500

Planned = Callable[[int], Iterator[tuple[str, CopyRequest, int]]]
"""The cells of a campaign: key, what is asked, and for how many mails."""


class CopyBatches:
    """Makes batches, looks after them and collects what they bring. One object belongs to one process."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        writer: ModelWriter | None,
        shelf: CopyShelf,
        planned: Planned,
        prices: Prices,
        most: int = MOST_REQUESTS,
        largest: int = LARGEST_FILE,
    ) -> None:
        self._db = db
        self._clock = clock
        self._writer = writer
        self._shelf = shelf
        self._planned = planned
        self._prices = prices
        self._most = most
        self._largest = largest

    def run(self) -> None:
        """Look after all batches, and make those of campaigns that were scheduled since. Harmless when repeated."""
        if self._writer is None:
            return
        batches = ModelBatches(self._writer.client)
        self._give_up_old()
        with self._db.transaction() as session:
            open_ = session.scalars(_open(self._writer)).all()
        for row in open_:
            try:
                self._look_after(row, batches)
            except (ServiceUnavailable, Rejected) as error:
                log.warning("batch_not_looked_after", batch=row.id, why=error.message)
        with self._db.transaction() as session:
            due = session.scalars(self._due(self._writer)).all()
        for campaign_id in due:
            try:
                self._hand_over(campaign_id, self._writer, batches)
            except (ServiceUnavailable, Rejected) as error:
                log.warning("batch_not_made", campaign=campaign_id, why=error.message)

    def _due(self, writer: ModelWriter) -> Select[int]:
        """Scheduled campaigns that want batches, begin late enough, and were not handed over since scheduled."""
        scheduled = (
            select(func.max(CampaignTransition.at))
            .where(
                CampaignTransition.campaign_id == Campaign.id,
                CampaignTransition.to_status == CampaignStatus.SCHEDULED.value,
            )
            .scalar_subquery()
        )
        handed_over = select(CopyBatch.id).where(
            CopyBatch.campaign_id == Campaign.id,
            CopyBatch.server == writer.client.server,
            CopyBatch.model == writer.model,
            CopyBatch.state.in_((HANDED_OVER, REFUSED)),
            CopyBatch.created_at >= func.coalesce(scheduled, Campaign.created_at),
        )
        return (
            select(Campaign.id)
            .where(
                Campaign.status == CampaignStatus.SCHEDULED.value,
                Campaign.copy["mode"].astext == "batch",
                Campaign.scheduled_at > self._clock.now() + SOONEST,
                ~handed_over.exists(),
            )
            .order_by(Campaign.scheduled_at)
        )

    def _hand_over(self, campaign_id: int, writer: ModelWriter, batches: ModelBatches) -> None:
        state = HANDED_OVER
        try:
            for file, usage in self._files(campaign_id, writer):
                row = self._prepared(campaign_id, file, usage, writer)
                if row is not None:
                    self._make(row, file, batches)
        except NoBatches as none:
            state = REFUSED
            log.warning("no_batches", campaign=campaign_id, why=none.message)
        note = self._row(campaign_id, writer, state)
        note.collected, note.fault = True, NoBatches().message if state == REFUSED else ""
        with self._db.transaction() as session:
            session.add(note)

    def _files(self, campaign_id: int, writer: ModelWriter) -> Iterator[tuple[BatchFile, Usage]]:
        """Files of all questions of a campaign that nobody has an answer to, as far as the budget goes, and what
        each will take. The next is begun when the one before is handed over."""
        with self._db.transaction() as session:
            terms = CopyTerms.from_json(get_campaign(session, campaign_id).copy)
            allowance = Allowance.of(session, campaign_id, terms, self._prices)
        file, usage = BatchFile(), NO_USAGE
        # The keys of earlier files are in the database when the next questions are looked up, but for some looked
        # up before a file was full.
        before: set[str] = set()
        asked: set[str] = set()
        for key, question in self._questions(campaign_id, writer):
            if key in asked or key in before:
                continue
            taken = allowance.take(question)
            if taken is None:
                log.info("batch_budget_used_up", campaign=campaign_id)
                break
            line = batch_line(key, writer.client, question)
            if file.keys and not file.has_room_for(line, self._most, self._largest):
                yield file, usage
                file, usage = BatchFile(), NO_USAGE
                before, asked = asked, set()
            file.add(key, line)
            asked.add(key)
            usage = usage.plus(taken)
        if file.keys:
            yield file, usage

    def _questions(self, campaign_id: int, writer: ModelWriter) -> Iterator[tuple[str, Question]]:
        planned = self._planned(campaign_id)
        while some := list(islice(planned, _AT_ONCE)):
            # As the cells have them when the campaign runs: then the very same is asked.
            requests = {
                cell: replace(request, favourite_category=request.shown_favourite)
                for cell, request, _ in some
            }
            written = self._shelf.copies_for(requests, write=False)
            missing = {cell: request for cell, request in requests.items() if cell not in written}
            questions = {
                question.key(writer.client.server, writer.model): question
                for request in missing.values()
                for question in (first_question(request, {}),)
            }
            with self._db.transaction() as session:
                # From now on it is settled for which picks the words of these cells are written.
                register(
                    session,
                    campaign_id,
                    dict.fromkeys(missing, 0),
                    {c: r.facts() for c, r in missing.items()},
                    {c: r.salt for c, r in missing.items()},
                )
                known = known_answers(session, questions) | handed_over(session, questions)
            for key, question in questions.items():
                if key not in known:
                    yield key, question

    def _prepared(
        self, campaign_id: int, file: BatchFile, usage: Usage, writer: ModelWriter
    ) -> CopyBatch | None:
        """The row of a new batch, which counts for the budget; None if another process has one for these questions."""
        with self._db.transaction() as session:
            session.get_one(Campaign, campaign_id, with_for_update=True)
            if handed_over(session, file.keys):
                return None
            row = self._row(campaign_id, writer, PREPARED, len(file.keys))
            session.add(row)
            reserve(session, row, file.keys, usage, self._prices)
        return row

    def _row(self, campaign_id: int, writer: ModelWriter, state: str, requests: int = 0) -> CopyBatch:
        return CopyBatch(
            campaign_id=campaign_id,
            server=writer.client.server,
            model=writer.model,
            state=state,
            requests=requests,
            created_at=self._clock.now(),
        )

    def _make(self, row: CopyBatch, file: BatchFile, batches: ModelBatches) -> None:
        try:
            name = batches.upload(file)
        except NoBatches:
            self._note(row, (PREPARED,), LOST)
            raise
        finally:
            file.data.close()
        if self._note(row, (PREPARED,), UPLOADED, input_file=name):
            self._create(row, name, batches)

    def _create(self, row: CopyBatch, input_file: str, batches: ModelBatches) -> None:
        try:
            self._adopt(row, batches.create(input_file, _mark(row)))
        except (NoBatches, Rejected) as no:
            self._note(row, _NOT_YET_THEIRS, LOST, fault=no.message)
            batches.forget([input_file])
            raise

    def _adopt(self, row: CopyBatch, state: BatchState) -> None:
        """From here on the batch is the server's."""
        told = {"provider_id": state.number, "expires_at": state.expires_at, "fault": state.fault}
        self._note(row, _NOT_YET_THEIRS, state.status, **told)
        log.info("batch_made", batch=row.id, campaign=row.campaign_id, requests=row.requests)

    def _look_after(self, row: CopyBatch, batches: ModelBatches) -> None:
        if row.state in _NOT_YET_THEIRS:
            if row.created_at < self._clock.now() - _GIVEN_UP_AFTER:
                self._find_again(row, batches)
            return
        try:
            state = batches.look(row.provider_id)
        except Rejected as gone:
            self._note(row, (row.state,), LOST, fault=gone.message)
            raise
        if not state.has_ended and state.status != "cancelling" and self._has_begun(row):
            # The campaign asks itself now; what is answered already comes all the same.
            state = batches.cancel(row.provider_id)
        if state.status != row.state:
            ended_at = self._clock.now() if state.has_ended else None
            self._note(row, (row.state,), state.status, fault=state.fault, ended_at=ended_at)
        if not state.has_ended:
            return
        try:
            self._collect(row, state, batches)
        except Rejected as gone:
            if row.ended_at is not None and row.ended_at < self._clock.now() - _FILES_GONE_AFTER:
                self._note(row, (row.state,), LOST, fault=gone.message)
            raise

    def _give_up_old(self) -> None:
        """Those that never ended, or that no process with these settings looks after any more."""
        old = select(CopyBatch).where(
            ~CopyBatch.collected,
            CopyBatch.state != LOST,
            CopyBatch.created_at < self._clock.now() - _LOST_AFTER,
        )
        with self._db.transaction() as session:
            found = session.scalars(old).all()
        for row in found:
            self._note(row, (row.state,), LOST, fault="it never ended")

    def _find_again(self, row: CopyBatch, batches: ModelBatches) -> None:
        """Its maker was killed: the server may have the batch, or only its file, or nothing."""
        found = batches.marked(_mark(row), row.created_at - timedelta(hours=1))
        if found is not None:
            self._adopt(row, found)
        elif row.input_file:
            self._create(row, row.input_file, batches)
        else:
            self._note(row, (PREPARED,), LOST)
            with self._db.transaction() as session:
                _forget_handing_over(session, row)

    def _has_begun(self, row: CopyBatch) -> bool:
        with self._db.transaction() as session:
            status = get_campaign(session, row.campaign_id).status
        return status not in (CampaignStatus.SCHEDULED, CampaignStatus.APPROVED, CampaignStatus.DRAFT)

    def _collect(self, row: CopyBatch, state: BatchState, batches: ModelBatches) -> None:
        """Keep all answers; also those of a batch that failed, expired or was cancelled on the way."""
        with self._db.transaction() as session:
            missing = keys_of(session, row.id)
        answered, files = 0, [state.output_file, state.error_file]
        for file in filter(None, files):
            found = ((key, answer) for key, answer in results(batches.lines(file), missing) if answer)
            while some := dict(islice(found, _AT_ONCE)):
                missing -= some.keys()
                answered += len(some)
                self._keep(row, some)
        self._note(
            row, (state.status,), state.status, collected=True, ended_at=self._clock.now(),
            answered=answered, failed=len(missing), fault=state.fault,
        )  # fmt: skip
        log.info("batch_collected", batch=row.id, state=state.status, answered=answered, failed=len(missing))
        batches.forget(filter(None, (row.input_file, *files)))

    def _keep(self, row: CopyBatch, answers: dict[str, Answer]) -> None:
        """Answers, and what they took in place of what was reserved for them: both, or a kill leaves neither."""
        with self._db.transaction() as session:
            fresh = keep_answers(session, answers, row.campaign_id)
            release(session, row.id, len(answers))
            usage = NO_USAGE
            for key in fresh:
                usage = usage.plus(answers[key].usage)
            add_spend(session, row.campaign_id, usage.calls, usage, self._prices.micros(usage, batch=True))

    def _note(self, row: CopyBatch, before: tuple[str, ...], state: str, **told: object) -> bool:
        """Write down how a batch stands, unless another process was faster; whether it was not."""
        with self._db.transaction() as session:
            changed = session.execute(
                update(CopyBatch)
                .where(CopyBatch.id == row.id, CopyBatch.state.in_(before))
                .values(state=state, **told)
                .returning(CopyBatch.id)
            ).all()
            if changed and (state == LOST or told.get("collected")):
                release(session, row.id)
        if changed:
            row.state = state
        return bool(changed)


def _open(writer: ModelWriter) -> Select[CopyBatch]:
    return (
        select(CopyBatch)
        .where(
            CopyBatch.server == writer.client.server,
            CopyBatch.model == writer.model,
            ~CopyBatch.collected,
            CopyBatch.state != LOST,
        )
        .order_by(CopyBatch.id)
    )


def _mark(row: CopyBatch) -> str:
    return f"{row.campaign_id}-{row.id}-{row.created_at.timestamp():.6f}"


def _forget_handing_over(session: Session, row: CopyBatch) -> None:
    """So that the campaign is looked at once more, and what was lost is asked for again."""
    session.execute(
        update(CopyBatch)
        .where(CopyBatch.campaign_id == row.campaign_id, CopyBatch.state == HANDED_OVER)
        .values(state=LOST)
    )
