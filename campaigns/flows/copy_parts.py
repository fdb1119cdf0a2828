"""From a copy that was written to the rows that keep it: in parts where these fit other mails, else as a whole."""

from __future__ import annotations

from collections.abc import Container

from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.splitting import split
from campaigns.copywriting.usage import Prices, Usage
from campaigns.copywriting.written import WrittenCopy
from campaigns.flows.copystore import NewPart
from campaigns.models.values import Copy

_LINES = "product_lines"


def new_parts(
    written: WrittenCopy,
    request: CopyRequest,
    prices: Prices,
    known: Container[str],
    new: dict[str, NewPart],
    lines_only: bool = False,
) -> None:
    """Add to `new` what of a copy is not `known` yet, under the keys of whoever wrote it.

    With `lines_only` its head is not wanted: the lines were asked together for mails of their own.
    """
    cost, usage, repairs, verdicts = (
        cost_micros(written, prices),
        written.usage,
        written.repairs,
        written.verdicts,
    )
    for key, (copy, offline_fields) in _laid_out(written, request, lines_only).items():
        if key in known or key in new:
            continue
        new[key] = NewPart(
            copy,
            written.writer,
            written.model,
            written.prompt_version,
            verdicts,
            request.facts(),
            usage,
            cost,
            repairs,
            offline_fields,
        )
        # What the writing took is told once, with the first part that it brought.
        cost, usage, repairs, verdicts = 0, Usage(), 0, ()


def cost_micros(written: WrittenCopy, prices: Prices) -> int:
    """What all calls for a copy cost, those by a batch at its price."""
    batched = written.batched
    at_once = Usage(*(of_all - of_some for of_all, of_some in zip(written.usage, batched, strict=True)))
    return prices.micros(at_once) + prices.micros(batched, batch=True)


def _laid_out(
    written: WrittenCopy, request: CopyRequest, lines_only: bool
) -> dict[str, tuple[Copy, tuple[str, ...]]]:
    """The parts by their keys, each with the names of its fields that the offline writer wrote."""
    keys = request.part_keys(written.key_model)
    if not keys.lines:
        return {keys.head: (written.copy, written.offline_fields)}
    parts = written.parts or split(written.copy, request)
    laid: dict[str, tuple[Copy, tuple[str, ...]]] = {}
    if parts.head is not None and not lines_only:
        of_head = tuple(name for name in written.offline_fields if not name.startswith(_LINES))
        laid[keys.head] = parts.head, of_head
    for number, (key, line) in enumerate(zip(keys.lines, parts.lines, strict=True)):
        if line is not None:
            offline = f"{_LINES}[{number}]" in written.offline_fields
            laid[key] = Copy("", "", "", "", (line,), ""), (f"{_LINES}[0]",) if offline else ()
    if not parts.are_all and not lines_only:
        laid[written.cell_key] = written.copy, written.offline_fields
    return laid
