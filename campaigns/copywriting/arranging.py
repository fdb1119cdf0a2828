"""Copies of a pick set, written for one order of its picks, put into the order of a mail."""

from __future__ import annotations

import re
from dataclasses import replace

from campaigns.copywriting.request import CopyRequest
from campaigns.models.values import Copy

_NUMBERED = re.compile(r"\{(price|stock|link)_(\d+)\}")


def arranged(copy: Copy, request: CopyRequest) -> Copy:
    """`copy`, which was written for `request.canonical()`, as it reads for `request`.

    Lines stand beside their products, and numbered placeholders ({price_2}) name the same products as before.
    """
    written = [pick.product.sku for pick in request.canonical().picks]
    shown = [pick.product.sku for pick in request.picks]
    if written == shown or len(copy.product_lines) != len(shown):
        return copy
    place = {number: shown.index(sku) + 1 for number, sku in enumerate(written, start=1)}

    def named(found: re.Match[str]) -> str:
        number = int(found.group(2))
        return f"{{{found.group(1)}_{place.get(number, number)}}}"

    def text(original: str) -> str:
        return _NUMBERED.sub(named, original) if "{" in original else original

    lines = {sku: text(line) for sku, line in zip(written, copy.product_lines, strict=True)}
    return replace(
        copy,
        subject=text(copy.subject),
        preheader=text(copy.preheader),
        headline=text(copy.headline),
        intro=text(copy.intro),
        product_lines=tuple(lines[sku] for sku in shown),
        call_to_action=text(copy.call_to_action),
    )
