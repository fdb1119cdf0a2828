"""The offline writer: no model, no network, honest about being one, and never at a loss for a copy.

It writes heads and lines apart, so that each fits above and beside any other. Phrases are chosen by the key
of the part, so the same part always gets the same words and neighbouring ones get different ones. What it
says about products comes from their own texts and tags; what suits only some kinds of shops is said only of
products of that kind.
"""

from __future__ import annotations

from dataclasses import replace

from campaigns.copywriting.characters import fold
from campaigns.copywriting.guard import check, check_text, fields_of
from campaigns.copywriting.offline_draft import HeadDraft, LineDraft, button
from campaigns.copywriting.phrases import Phrasebook
from campaigns.copywriting.request import PROMPT_VERSION, CopyRequest
from campaigns.copywriting.splitting import head_fits, with_picks
from campaigns.copywriting.written import Parts, WrittenCopy
from campaigns.core.remembering import Remembered
from campaigns.models.values import Copy, Pick

_MOST_KEPT = 512
_TRIES = 4
# Two variants of a cell must differ, and chance may give them the same words a few times over.
_TRIES_BESIDE_SIBLINGS = 12


class OfflineWriter:
    """Writes English, German, French and Spanish from phrases; never raises, always passes the guard.

    It is tailored by what request.OFFLINE_HEAD_USES and OFFLINE_LINE_USES name, and `seed` and `variant` move
    its choices. What it wrote last is remembered, because mails differ mostly in how parts come together.
    """

    name = "offline"
    model = ""

    def __init__(self) -> None:
        self._heads: Remembered[str, Copy] = Remembered(_MOST_KEPT)
        self._lines: Remembered[str, str] = Remembered(_MOST_KEPT)

    def write(self, request: CopyRequest) -> WrittenCopy:
        """The copy for this request, the same every time and in every process, with its parts."""
        head = self._head(request)
        lines = tuple(self._line(request, pick) for pick in request.picks)
        copy = replace(head, product_lines=lines)
        return WrittenCopy(copy, self.name, self.model, PROMPT_VERSION, 0, (), Parts(head, lines))

    def field(self, request: CopyRequest, name: str) -> str:
        """One text of the copy, `name` as in `guard.fields_of`; it passes the guard alone for this request."""
        text = dict(fields_of(self.write(request).copy)).get(name, "")
        if text and not check_text(name, text, request, language_is_sure=True):
            return text
        return dict(fields_of(plain_copy(request)))[name]

    def _head(self, request: CopyRequest) -> Copy:
        if request.siblings:
            # Siblings are in no key, so what was written beside some must not be found beside others.
            return _drafted_head(request, _TRIES_BESIDE_SIBLINGS)
        key = request.head_key()
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = _drafted_head(request, _TRIES)
        return head

    def _line(self, request: CopyRequest, pick: Pick) -> str:
        key = request.line_key(pick)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = LineDraft(request, pick, key).line()
        return line


def plain_copy(request: CopyRequest) -> Copy:
    """A copy that names no product and nobody; it passes the guard for every valid brief."""
    line = _plainest(request, "line", "product_lines[0]")
    # Newlines keep the marketer's phrases apart, so that two of them cannot join into a third thing.
    intro = [_plainest(request, "intro", "intro"), *request.brief.must_mention_in(request.language)]
    return Copy(
        subject=_plainest(request, "subject", "subject"),
        preheader=_plainest(request, "preheader", "preheader"),
        headline=_plainest(request, "headline", "headline"),
        intro="\n".join(intro),
        product_lines=tuple(line for _ in request.picks),
        call_to_action=button(request) or _plainest(request, "call_to_action", "call_to_action"),
    )


def _plainest(request: CopyRequest, field: str, place: str) -> str:
    """The first safe phrase that the brief does not forbid."""
    phrases = Phrasebook(request.language).safe(field)
    known = with_picks(request, request.picks[:1])
    fit = (phrase for phrase in phrases if not check_text(place, phrase, known, language_is_sure=True))
    return next(fit, phrases[0])


def _drafted_head(request: CopyRequest, tries: int) -> Copy:
    """A head that fits by itself and together with others: the first draft nearly always."""
    known, key = with_picks(request, request.picks[:1]), request.head_key()
    for number in range(tries):
        # The first draft passes nearly always, and if it does not the next one has the same words but for the bad.
        trusting, seed = number == 0, key if number < 2 else f"{key}/{number}"
        head = HeadDraft(request, seed, trusting).copy()
        if _stands(head, known) and (
            not _may_name_others(head, request) or head_fits(head, request, language_is_sure=True)
        ):
            return head
    return replace(plain_copy(request), product_lines=())


def _stands(head: Copy, known: CopyRequest) -> bool:
    """Whether a copy with this head passes the guard; the words of its line are nobody's fault."""
    line = Phrasebook(known.language).safe("line")[0]
    whole = replace(head, product_lines=tuple(line for _ in known.picks))
    verdicts = check(whole, known, language_is_sure=True)
    return all(verdict.field.startswith("product_lines") for verdict in verdicts)


def _may_name_others(head: Copy, request: CopyRequest) -> bool:
    """Whether the title of a product but the first is somewhere in the head; most heads are done with this."""
    if len(request.picks) < 2:
        return False
    said = fold("\n".join(text for _, text in fields_of(head)))
    return any(fold(pick.product.title) in said for pick in request.picks[1:])
