"""Words of a model for the sends of a campaign: asked for a cell at a time, many at once, within the budget.

Whatever the model does, every request gets words: those it does not write are the offline writer's.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from campaigns.copywriting.crew import Crew, nothing
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.request import OFFLINE, CopyRequest
from campaigns.copywriting.usage import Prices, Purse
from campaigns.copywriting.written import WrittenCopy
from campaigns.core.db import Database
from campaigns.flows.copy.copy_cells import Ended, end_cells, offline_among, picks_of
from campaigns.flows.copy.copy_line_outcomes import count_line_order
from campaigns.flows.copy.copy_orders import Order, cell_orders, line_orders, with_siblings
from campaigns.flows.copy.copy_parts import new_parts, pinned_lines
from campaigns.flows.copy.copy_purse import CampaignPurse
from campaigns.flows.copy.copy_rejection import rejected_keys
from campaigns.flows.copy.copystore import NewPart
from campaigns.flows.copy.wording import CopyShelf, Worded
from campaigns.flows.describing.plans import CampaignPlan
from campaigns.flows.sending.picking import Picker

K = TypeVar("K", bound=Hashable)

_STATES = {"first_pass": "written", "repaired": "written", "partly_offline": "partly_offline"}
"""Of a cell, by its outcome; all other outcomes leave it to the offline writer."""


@dataclass(frozen=True, slots=True)
class _Job:
    """What all steps for a campaign need; `beat` is the crew's (Crew.copies_for).

    `as_samples` says that the words are for a person to look at, and that no send waits for them.
    """

    plan: CampaignPlan
    purse: Purse
    beat: Callable[[], None]
    as_samples: bool


class CopyWriting:
    """Has words written; one object belongs to one process. `crew` writes, `shelf` keeps.

    `stopping` says whether this process is asked to end, as it does to the crew.
    """

    def __init__(
        self,
        db: Database,
        shelf: CopyShelf,
        crew: Crew,
        picker: Picker,
        prices: Prices,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._db = db
        self._shelf = shelf
        self._crew = crew
        self._picker = picker
        self._prices = prices
        self._stopping = stopping
        self._offline = OfflineWriter()

    def purse(self, plan: CampaignPlan) -> Purse:
        """The campaign's budget."""
        return CampaignPurse(self._db, plan.id, plan.copy, self._prices)

    def known(self, plan: CampaignPlan, requests: Mapping[K, CopyRequest]) -> dict[K, Worded]:
        """The words of those that need nobody to write any more: they exist, or are the offline writer's to be."""
        cells = {send: self._shelf.cell_of(request) for send, request in requests.items()}
        with self._db.transaction() as session:
            offline = offline_among(session, plan.id, set(cells.values()))
            self._shelf.heed(rejected_keys(session))
        wanted = {send: request for send, request in requests.items() if cells[send] not in offline}
        rest = {send: request for send, request in requests.items() if cells[send] in offline}
        return self._shelf.copies_for(wanted, write=False) | self._shelf.offline_for(rest)

    def words_for(
        self,
        plan: CampaignPlan,
        requests: Mapping[K, CopyRequest],
        beat: Callable[[], None] = nothing,
        as_samples: bool = False,
    ) -> Iterator[dict[K, Worded]]:
        """Have the words for these requests written; gives those of some as soon as they are there.

        The cells of most requests come first. No connection is held while the model writes; `beat` is called
        about every second meanwhile, in the caller's thread. Nothing is given now and then, when words were
        written of which nobody has all yet. The caller may leave the rest at any time; told to stop, the crew does
        too, and what is not written then is left out. `as_samples`: they are for a person to look at.
        """
        job = _Job(plan, self.purse(plan), beat, as_samples)
        waiting = dict(requests)
        yield self._settle(waiting, self.known(plan, waiting))
        yield from self._heads(job, waiting)
        if self._stopping():
            return
        lines = dict(enumerate(line_orders(self._shelf, list(waiting.values()))))
        for order, written in self._asked(job, lines, {number: one.request for number, one in lines.items()}):
            self._keep_lines(job, order, written)
            yield {}
        if not self._stopping():
            # What the model did not write, or wrote so that it fits another mail only.
            yield self._settle(waiting, self._shelf.copies_for(waiting, write=False))
            yield self._settle(waiting, self._shelf.offline_for(waiting))

    def _heads(self, job: _Job, waiting: dict[K, CopyRequest]) -> Iterator[dict[K, Worded]]:
        sends_of: dict[str, list[K]] = {}
        for send, request in waiting.items():
            sends_of.setdefault(self._shelf.cell_of(request), []).append(send)
        cells = sorted(sends_of, key=lambda cell: -len(sends_of[cell]))
        with self._db.transaction() as session:
            told = picks_of(session, job.plan.id, cells)
        products = {facts.sku: facts for facts in self._picker.catalogue.values()}
        first = [waiting[sends_of[cell][0]] for cell in cells]
        # What a batch asked ahead was asked as a whole, and only the same question finds its answer.
        orders = list(cell_orders(self._shelf, first, told, products, job.plan.copy.mode == "now"))
        for order, written in self._in_waves(job, orders):
            offline = self._keep_cell(job, order, written)
            those = {send: waiting[send] for send in sends_of[order.cell] if send in waiting}
            found = self._shelf.offline_for(those) if offline else self._shelf.copies_for(those, write=False)
            yield self._settle(waiting, found)

    def _in_waves(self, job: _Job, orders: Sequence[Order]) -> Iterator[tuple[Order, WrittenCopy]]:
        """The variants of cells one after the other, so that each knows what it is to differ from."""
        for variant in sorted({order.request.variant for order in orders}):
            wave = {number: one for number, one in enumerate(orders) if one.request.variant == variant}
            asked = {number: one.request for number, one in wave.items()}
            yield from self._asked(job, wave, with_siblings(self._shelf, asked, job.plan.copy.variants))

    def _asked(
        self, job: _Job, orders: Mapping[int, Order], requests: Mapping[int, CopyRequest]
    ) -> Iterator[tuple[Order, WrittenCopy]]:
        known = {number: order.known for number, order in orders.items() if order.known}
        for number, written in self._crew.copies_for(requests, job.purse, known, job.beat):
            yield orders[number], written

    def _keep_cell(self, job: _Job, order: Order, written: WrittenCopy) -> bool:
        """Keep what was written and note what became of its cell; whether all of it is the offline writer's."""
        offline = written.key_model == OFFLINE
        new: dict[str, NewPart] = {}
        new_parts(written, order.request, self._prices, self._shelf, new)
        self._shelf.keep(new)
        find: Callable[[Mapping[int, CopyRequest]], Mapping[int, Worded]] = (
            self._shelf.offline_for if offline else lambda one: self._shelf.copies_for(one, write=False)
        )
        ended = ended_by(order.cell, written, find({0: order.request}).get(0))
        with self._db.transaction() as session:
            end_cells(session, job.plan.id, [ended], job.as_samples)
        return offline

    def _keep_lines(self, job: _Job, order: Order, written: WrittenCopy) -> None:
        """Keep the lines of an order for lines only, and count what became of it.

        Where the model had its chance with a line, the offline writer's takes its place for good: else each group
        of sends that shows the product would pay for the same refusals again.
        """
        outcome = outcome_of(written)
        new: dict[str, NewPart] = {}
        if outcome != "refused":
            new_parts(written, order.request, self._prices, self._shelf, new, lines_only=True)
        if outcome not in ("outages", "over_budget"):
            stand_in = written if outcome == "refused" else self._offline.write(order.request)
            pinned_lines(stand_in, order.request, self._shelf.model, self._prices, self._shelf, new)
        self._shelf.keep(new)
        with self._db.transaction() as session:
            count_line_order(session, job.plan.id, outcome)

    def _settle(self, waiting: dict[K, CopyRequest], found: Mapping[K, Worded]) -> dict[K, Worded]:
        for send in found:
            waiting.pop(send, None)
        return dict(found)


def outcome_of(written: WrittenCopy) -> str:
    """What counts of a writing, by the name of its column in copy_spend."""
    if written.key_model == OFFLINE:
        rules = {verdict.rule for verdict in written.verdicts}
        return "over_budget" if "budget" in rules else "outages" if "outage" in rules else "refused"
    if written.offline_fields:
        return "partly_offline"
    return "repaired" if written.repairs else "first_pass"


def ended_by(cell: str, written: WrittenCopy, words: Worded | None) -> Ended:
    """What became of a cell by this writing, whose words are kept as `words`."""
    outcome = outcome_of(written)
    number = words.copy_id if words else None
    state = _STATES.get(outcome, "offline")
    return Ended(cell, state, outcome, number, words.line_ids if words else (), written.verdicts)
