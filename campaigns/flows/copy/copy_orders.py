"""What is asked of the writer together, so that the sends of a campaign get all their words by few calls.

A cell is asked with the picks of the first mail that was found in it, as its row says: so a process that takes it
over after a kill asks the very same question, to which the answer may be there already. What is said of further
products is asked for apart, for many at once, under a head that stays as it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from campaigns.copywriting.guard import fields_of
from campaigns.copywriting.request import VARIANTS, CopyRequest
from campaigns.flows.copy.wording import CopyShelf
from campaigns.models.copy import line_in_place
from campaigns.models.values import Copy, Pick, ProductFacts, Reason

K = TypeVar("K", bound=Hashable)

MOST_PRODUCTS = 12
"""So many products at most in one request; a campaign shows no more (flows.definition.CampaignFile)."""


@dataclass(frozen=True, slots=True)
class Order:
    """One copy to be written. `cell` is the key of the cell that it is for, "" where only lines are wanted;
    `known` are the texts that are there already (see CopyDesk.copy_for)."""

    request: CopyRequest
    cell: str
    known: Mapping[str, str]


def cell_orders(
    shelf: CopyShelf,
    requests: Sequence[CopyRequest],
    picks_told: Mapping[str, Sequence[tuple[str, str]]],
    products: Mapping[str, ProductFacts],
    use_known: bool,
) -> Iterator[Order]:
    """One order for each cell of these requests whose head or whole is not written yet, in their order.

    `picks_told` are the picks for which a cell's words are to be written, by its key, as [sku, reason kind];
    `products` are those of the shop by sku. With `use_known`, lines that are there are not asked for again.
    """
    first_of: dict[str, CopyRequest] = {}
    for request in requests:
        first_of.setdefault(shelf.cell_of(request), request)
    asked = {cell: _asked(shelf, cell, one, picks_told, products) for cell, one in first_of.items()}
    known = shelf.parts_of(asked.values())
    missing = {cell: one for cell, one in asked.items() if cell not in known}
    # A copy whose head fits no other mail is kept as a whole only; the model had its chance with this cell.
    whole = shelf.copies_for(missing, write=False)
    for cell, request in missing.items():
        if cell not in whole:
            yield Order(request, cell, _lines_known(shelf, request, known) if use_known else {})


def line_orders(shelf: CopyShelf, requests: Sequence[CopyRequest]) -> list[Order]:
    """Orders for the lines that these requests miss, of whose heads all are there: as few as they can be."""
    known = shelf.parts_of(requests)
    wanted: dict[tuple[object, ...], dict[str, Pick]] = {}
    bases: dict[tuple[object, ...], CopyRequest] = {}
    for request in requests:
        if not request.in_parts or shelf.cell_of(request) not in known:
            continue
        like = situation(request)
        for key, pick in zip(shelf.lines_of(request), request.picks, strict=True):
            if key not in known:
                wanted.setdefault(like, {}).setdefault(key, pick)
                bases.setdefault(like, request)
    return [order for like, lines in wanted.items() for order in _for_lines(shelf, bases[like], lines, known)]


def with_siblings(shelf: CopyShelf, requests: Mapping[K, CopyRequest], variants: int) -> dict[K, CopyRequest]:
    """The requests with what the other variants of their cells say, as far as they are written."""
    if variants < 2:
        return dict(requests)
    names = VARIANTS[1 : variants + 1]
    others = {
        key: [replace(request, variant=name) for name in names if name != request.variant]
        for key, request in requests.items()
    }
    known = shelf.parts_of(other for some in others.values() for other in some)
    return {
        key: replace(
            request,
            siblings=tuple(known[cell] for one in others[key] if (cell := shelf.cell_of(one)) in known),
        )
        for key, request in requests.items()
    }


def _asked(
    shelf: CopyShelf,
    cell: str,
    request: CopyRequest,
    picks_told: Mapping[str, Sequence[tuple[str, str]]],
    products: Mapping[str, ProductFacts],
) -> CopyRequest:
    """What is asked for a cell, one mail of which has this request."""
    asked = representative(request, picks_told.get(cell, ()), products)
    if shelf.cell_of(asked) != cell:
        asked = request  # a product has changed since
    return asked.canonical() if asked.granularity == "pick_set" else asked


def representative(
    request: CopyRequest, told: Sequence[tuple[str, str]], products: Mapping[str, ProductFacts]
) -> CopyRequest:
    """The same request for the picks that a cell's words are written for; itself where a product is gone."""
    if not told or any(sku not in products for sku, _ in told):
        return request
    picks = tuple(Pick(products[sku], rank, 0.0, Reason(kind)) for rank, (sku, kind) in enumerate(told))
    # Which favourite may be named was decided by the mail of the cell, not by those picks.
    return replace(request, picks=picks, favourite_category=request.shown_favourite)


def _for_lines(
    shelf: CopyShelf, base: CopyRequest, lines: Mapping[str, Pick], known: Mapping[str, Copy]
) -> Iterator[Order]:
    # The head stands above its first pick, whose line is asked for where it is missing.
    first = shelf.lines_of(base)[0]
    rest = [pick for key, pick in sorted(lines.items()) if key != first]
    head = {name: text for name, text in fields_of(known[shelf.cell_of(base)]) if text}
    size = MOST_PRODUCTS - 1
    for start in range(0, max(len(rest), 1), size):
        chunk = (base.picks[0], *rest[start : start + size])
        request = replace(base, picks=chunk, favourite_category=base.shown_favourite)
        yield Order(request, "", {**head, **_lines_known(shelf, request, known)})


def _lines_known(shelf: CopyShelf, request: CopyRequest, known: Mapping[str, Copy]) -> dict[str, str]:
    """The lines of this request that are there, by their names in a copy, as they read in it."""
    return {
        f"product_lines[{number}]": line_in_place(known[key].product_lines[0], number + 1)
        for number, key in enumerate(shelf.lines_of(request))
        if key in known
    }


def situation(request: CopyRequest) -> tuple[object, ...]:
    """What decides a line beside its product."""
    return request.language, request.variant, request.stage, request.season, request.personal
