"""Words of a model for the sends of a campaign: asked for a cell at a time, many at once, within the budget.

Whatever the model does, every request gets words: those it does not write are the offline writer's.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from campaigns.copywriting.crew import Crew
from campaigns.copywriting.request import OFFLINE, CopyRequest
from campaigns.copywriting.usage import Prices, Purse
from campaigns.copywriting.written import WrittenCopy
from campaigns.core.db import Database
from campaigns.flows.copy_cells import Ended, end_cells, offline_among, picks_of
from campaigns.flows.copy_orders import Order, cell_orders, line_orders, with_siblings
from campaigns.flows.copy_parts import new_parts
from campaigns.flows.copy_purse import CampaignPurse
from campaigns.flows.copystore import NewPart
from campaigns.flows.picking import Picker
from campaigns.flows.plans import CampaignPlan
from campaigns.flows.wording import CopyShelf, Worded

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class _Job:
    """What all steps for a campaign need."""

    plan: CampaignPlan
    purse: Purse


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

    def purse(self, plan: CampaignPlan) -> Purse:
        """The campaign's budget."""
        return CampaignPurse(self._db, plan.id, plan.copy, self._prices)

    def known(self, plan: CampaignPlan, requests: Mapping[K, CopyRequest]) -> dict[K, Worded]:
        """The words of those that need nobody to write any more: they exist, or are the offline writer's to be."""
        cells = {send: self._shelf.cell_of(request) for send, request in requests.items()}
        with self._db.transaction() as session:
            offline = offline_among(session, plan.id, set(cells.values()))
        wanted = {send: request for send, request in requests.items() if cells[send] not in offline}
        rest = {send: request for send, request in requests.items() if cells[send] in offline}
        return self._shelf.copies_for(wanted, write=False) | self._shelf.offline_for(rest)

    def words_for(self, plan: CampaignPlan, requests: Mapping[K, CopyRequest]) -> Iterator[dict[K, Worded]]:
        """Have the words for these requests written; gives those of some as soon as they are there.

        The cells of most requests come first. No connection is held while the model writes. The caller may leave
        the rest at any time; told to stop, the crew does too, and what is not written then is left out.
        """
        job = _Job(plan, self.purse(plan))
        waiting = dict(requests)
        yield self._settle(waiting, self.known(plan, waiting))
        yield from self._heads(job, waiting)
        if self._stopping():
            return
        for order, written in self._written(job, line_orders(self._shelf, list(waiting.values()))):
            self._keep(job, order, written)
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
        for order, written in self._written(job, orders):
            offline = self._keep(job, order, written)
            those = {send: waiting[send] for send in sends_of[order.cell] if send in waiting}
            found = self._shelf.offline_for(those) if offline else self._shelf.copies_for(those, write=False)
            yield self._settle(waiting, found)

    def _written(self, job: _Job, orders: Sequence[Order]) -> Iterator[tuple[Order, WrittenCopy]]:
        by_number = dict(enumerate(orders))
        asked = {number: order.request for number, order in by_number.items()}
        requests = with_siblings(self._shelf, asked, job.plan.copy.variants)
        known = {number: order.known for number, order in by_number.items() if order.known}
        for number, written in self._crew.copies_for(requests, job.purse, known):
            yield by_number[number], written

    def _keep(self, job: _Job, order: Order, written: WrittenCopy) -> bool:
        """Keep what was written and note what became of its cell; whether all of it is the offline writer's."""
        offline = written.key_model == OFFLINE
        new: dict[str, NewPart] = {}
        new_parts(written, order.request, self._prices, self._shelf, new, lines_only=not order.cell)
        self._shelf.keep(new)
        if order.cell:
            find: Callable[[Mapping[int, CopyRequest]], Mapping[int, Worded]] = (
                self._shelf.offline_for if offline else lambda one: self._shelf.copies_for(one, write=False)
            )
            ended = ended_by(order.cell, written, find({0: order.request}).get(0))
            with self._db.transaction() as session:
                end_cells(session, job.plan.id, [ended])
        return offline

    def _settle(self, waiting: dict[K, CopyRequest], found: Mapping[K, Worded]) -> dict[K, Worded]:
        for send in found:
            waiting.pop(send, None)
        return dict(found)


def ended_by(cell: str, written: WrittenCopy, words: Worded | None) -> Ended:
    """What became of a cell by this writing, whose words are kept as `words`."""
    rules = {verdict.rule for verdict in written.verdicts}
    if written.key_model == OFFLINE:
        counts_as = "over_budget" if "budget" in rules else "outages" if "outage" in rules else "refused"
        state = "offline"
    elif written.offline_fields:
        counts_as, state = "partly_offline", "partly_offline"
    else:
        counts_as, state = ("repaired" if written.repairs else "first_pass"), "written"
    number = words.copy_id if words else None
    return Ended(cell, state, counts_as, number, words.line_ids if words else (), written.verdicts)
