"""Finding out which parts of a copy may stand in other mails too.

Whatever is put together from such parts passes the guard: each of them passes for the fewest picks that its
key knows of, and a guard that is told of more picks only ever forbids less.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from campaigns.copywriting.characters import fold
from campaigns.copywriting.guard import check_text, fields_of, marketers_words, without
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.written import Parts
from campaigns.models.values import Copy, Pick

_FIRST_LINE = "product_lines[0]"
_NUMBERED = re.compile(r"\{(price|stock|link)_(\d+)\}")
_LONGEST_NUMBERED = len("{price_99}")


def split(copy: Copy, request: CopyRequest) -> Parts:
    """The parts of a copy that passed the guard for this request."""
    head = replace(copy, product_lines=())
    lines = zip(copy.product_lines, request.picks, strict=True)
    return Parts(
        head if head_fits(head, request) else None,
        tuple(_line_for_all(line, number, pick, request) for number, (line, pick) in enumerate(lines, 1)),
    )


def head_fits(head: Copy, request: CopyRequest, language_is_sure: bool = False) -> bool:
    """Whether a copy without lines may stand above any lines: it keeps to the first pick, and has all that
    must be mentioned, each phrase within one text; `language_is_sure` as for `guard.check`."""
    known, texts = with_picks(request, request.picks[:1]), list(fields_of(head))
    if any(check_text(field, text, known, language_is_sure) for field, text in texts):
        return False
    folded = [fold(text) for _, text in texts]
    for mention in request.brief.must_mention_in(request.language):
        if not any(fold(mention) in text for text in folded):
            return False
    return not any(_names_others(text, request, known.picks) for _, text in texts)


def _line_for_all(line: str, number: int, pick: Pick, request: CopyRequest) -> str | None:
    if any(int(named) != number for _, named in _NUMBERED.findall(line)):
        return None
    kept = _NUMBERED.sub(r"{\1_1}", line)
    if len(_NUMBERED.sub("x" * _LONGEST_NUMBERED, line)) > request.brief.longest(_FIRST_LINE):
        return None
    if check_text(_FIRST_LINE, kept, with_picks(request, (pick,))):
        return None
    return None if _names_others(line, request, (pick,)) else kept


def with_picks(request: CopyRequest, picks: tuple[Pick, ...]) -> CopyRequest:
    """The same request with fewer picks: what a part may know of."""
    return replace(request, picks=picks)


def _names_others(text: str, request: CopyRequest, own: Iterable[Pick]) -> bool:
    """Whether a text names a product that another mail may not show."""
    if len(request.picks) < 2:
        return False
    mine = {fold(pick.product.title) for pick in own}
    others = {fold(pick.product.title) for pick in request.picks} - mine - {""}
    said = fold(text)
    if not any(title in said for title in others):
        return False
    own_words = tuple(mine - {""}) + tuple(fold(words) for words in marketers_words(request))
    left = without(said, own_words)
    return without(left, tuple(sorted(others))) != left
