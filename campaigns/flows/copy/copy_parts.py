"""From a copy that was written to the rows that keep it: in parts where these fit other mails, else as a whole."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, NamedTuple

from campaigns.copywriting.request import OFFLINE, CopyRequest
from campaigns.copywriting.splitting import split
from campaigns.copywriting.usage import Prices, Usage
from campaigns.copywriting.written import WrittenCopy
from campaigns.flows.copy.copystore import NewPart
from campaigns.models.values import Copy, Pick

_LINES = "product_lines"
_WHOLE_LINE = (f"{_LINES}[0]",)


class _Laid(NamedTuple):
    """A part, the names of its fields that the offline writer wrote, and of a line its pick."""

    copy: Copy
    offline_fields: tuple[str, ...]
    pick: Pick | None = None


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
    _add(_laid_out(written, request, lines_only), written, request, prices, known, new)


def pinned_lines(
    stand_in: WrittenCopy,
    request: CopyRequest,
    model: str,
    prices: Prices,
    known: Container[str],
    new: dict[str, NewPart],
) -> None:
    """Add to `new` the offline writer's lines for those of this request that `model` has none of, under its keys."""
    assert stand_in.parts is not None
    lines = zip(request.part_keys(model).lines, stand_in.parts.lines, request.picks, strict=True)
    laid = {key: _Laid(_line(line), _WHOLE_LINE, pick) for key, line, pick in lines if line is not None}
    _add(laid, stand_in, request, prices, known, new)


def _add(
    laid: Mapping[str, _Laid],
    written: WrittenCopy,
    request: CopyRequest,
    prices: Prices,
    known: Container[str],
    new: dict[str, NewPart],
) -> None:
    cost, usage, repairs, verdicts = (
        cost_micros(written, prices),
        written.usage,
        written.repairs,
        written.verdicts,
    )
    for key, part in laid.items():
        if key in known or key in new:
            continue
        new[key] = NewPart(
            part.copy,
            written.writer,
            written.model,
            written.prompt_version,
            verdicts,
            _told_of_line(written, request, part.pick) if part.pick else _told(written, request),
            usage,
            cost,
            repairs,
            part.offline_fields,
        )
        # What the writing took is told once, with the first part that it brought.
        cost, usage, repairs, verdicts = 0, Usage(), 0, ()


def _told(written: WrittenCopy, request: CopyRequest) -> dict[str, Any]:
    """What is kept of what the writer was told. Words of the offline writer are anybody's: an erasure of the one
    customer for whom they were first written does not find them, so nothing of that customer may stand there."""
    told = request.facts()
    if written.key_model == OFFLINE and request.granularity == "customer":
        told.pop("reader", None)
    return told


def _told_of_line(written: WrittenCopy, request: CopyRequest, pick: Pick) -> dict[str, Any]:
    """The same of a line: it stands in mails of many, so nothing that they do not all share."""
    shown = {"sku": pick.product.sku, "reason": request.reason_kind(pick)}
    told = {**_told(written, request), "picks": [shown]}
    if "reader" in told:
        told["reader"] = {"stage": request.stage}
    return told


def cost_micros(written: WrittenCopy, prices: Prices) -> int:
    """What all calls for a copy cost, those by a batch at its price."""
    batched = written.batched
    at_once = Usage(*(of_all - of_some for of_all, of_some in zip(written.usage, batched, strict=True)))
    return prices.micros(at_once) + prices.micros(batched, batch=True)


def _laid_out(written: WrittenCopy, request: CopyRequest, lines_only: bool) -> dict[str, _Laid]:
    """The parts by their keys."""
    keys = request.part_keys(written.key_model)
    if not keys.lines:
        return {keys.head: _Laid(written.copy, written.offline_fields)}
    parts = written.parts or split(written.copy, request)
    laid: dict[str, _Laid] = {}
    if parts.head is not None and not lines_only:
        of_head = tuple(name for name in written.offline_fields if not name.startswith(_LINES))
        laid[keys.head] = _Laid(parts.head, of_head)
    for number, (key, line, pick) in enumerate(zip(keys.lines, parts.lines, request.picks, strict=True)):
        if line is not None:
            offline = f"{_LINES}[{number}]" in written.offline_fields
            laid[key] = _Laid(_line(line), _WHOLE_LINE if offline else (), pick)
    if not parts.are_all and not lines_only:
        laid[request.cell_key(written.key_model)] = _Laid(written.copy, written.offline_fields)
    return laid


def _line(text: str) -> Copy:
    return Copy("", "", "", "", (text,), "")
