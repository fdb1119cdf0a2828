"""Which cells a person is shown before a campaign is approved: all of a few, else some of every kind."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from campaigns.copywriting.request import CopyRequest

MOST = 12
"""So many samples a person reads with care; where there are no more cells, all are shown."""

Cell = tuple[str, CopyRequest, int]
"""The key of a cell, what is asked of the writer, and how many mails it is for."""


@dataclass(slots=True)
class _Stratum:
    """Cells of one language, stage, first category and variant; `cells` are some of them, in an order of chance."""

    traits: frozenset[tuple[str, str]]
    mails: int = 0
    taken: int = 0
    cells: list[tuple[int, str, Cell]] = field(default_factory=list)

    @property
    def worth(self) -> float:
        """Mails for each sample that it would then have (D'Hondt)."""
        return self.mails / (self.taken + 1)


def choose(planned: Iterable[Cell], campaign_id: int, most: int = MOST) -> list[Cell]:
    """The cells to show, largest first; the same ones for the same campaign and audience.

    Of more than `most`: the largest and the rarest, then so that each language, stage, first category and
    variant is seen if there is room, the rest in proportion to mails. Reads `planned` once and keeps little of it.
    """
    strata: dict[frozenset[tuple[str, str]], _Stratum] = {}
    few: list[Cell] = []
    largest: Cell | None = None
    rarest: Cell | None = None
    for cell in planned:
        if len(few) <= most:
            few.append(cell)
        traits = _traits(cell[1])
        stratum = strata.setdefault(traits, _Stratum(traits))
        stratum.mails += cell[2]
        _keep(stratum, cell, campaign_id, most)
        if largest is None or (-cell[2], cell[0]) < (-largest[2], largest[0]):
            largest = cell
        if rarest is None or (cell[2], cell[0]) < (rarest[2], rarest[0]):
            rarest = cell
    if len(few) <= most:
        chosen = few
    else:
        chosen = list(
            _drawn(list(strata.values()), [c for c in (largest, rarest) if c is not None][:most], most)
        )
    return sorted(chosen, key=lambda cell: (-cell[2], cell[0]))


def _traits(request: CopyRequest) -> frozenset[tuple[str, str]]:
    category = request.picks[0].product.category if request.picks else ""
    return frozenset(
        {
            ("language", request.language),
            ("stage", request.stage),
            ("category", category),
            ("variant", request.variant),
        }
    )


def _keep(stratum: _Stratum, cell: Cell, campaign_id: int, most: int) -> None:
    """Keep the cell if it is among the first `most` of its stratum in an order that nobody can foresee."""
    digest = hashlib.sha256(f"{campaign_id}:{cell[0]}".encode()).digest()
    # The heap has on top what goes first: the last in that order.
    heapq.heappush(stratum.cells, (-int.from_bytes(digest[:8], "big"), cell[0], cell))
    if len(stratum.cells) > most:
        heapq.heappop(stratum.cells)


def _drawn(strata: list[_Stratum], first: list[Cell], most: int) -> Iterator[Cell]:
    """`first`, then cells of strata: those that show most that was not seen yet, then by how many mails they have."""
    unseen = set().union(*(stratum.traits for stratum in strata))
    seen: set[str] = set()
    by_traits = {stratum.traits: stratum for stratum in strata}
    for stratum in strata:
        stratum.cells.sort(key=lambda one: -one[0])
    for cell in first:
        if cell[0] not in seen:
            seen.add(cell[0])
            stratum = by_traits[_traits(cell[1])]
            stratum.taken += 1
            unseen -= stratum.traits
            yield cell
    while len(seen) < most:
        best = max(strata, key=lambda one: (len(one.traits & unseen), one.worth, sorted(one.traits)))
        following = next((cell for _, _, cell in best.cells if cell[0] not in seen), None)
        if following is None:
            strata.remove(best)
            if not strata:
                return
            continue
        seen.add(following[0])
        best.taken += 1
        unseen -= best.traits
        yield following
