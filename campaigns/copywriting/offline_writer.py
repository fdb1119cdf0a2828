"""The offline writer: no model, no network, honest about being one, and never at a loss for a copy.

It writes heads and lines apart, so that each fits above and beside any other. Phrases are chosen by the key
of the part, so the same part always gets the same words and neighbouring ones get different ones. What it
says about products comes from their own texts and tags.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache

from campaigns.copywriting.characters import clean, is_foreign_letter
from campaigns.copywriting.guard import check_text
from campaigns.copywriting.phrases import Phrasebook, in_slots
from campaigns.copywriting.request import PROMPT_VERSION, CopyRequest
from campaigns.copywriting.splitting import head_fits, with_picks
from campaigns.copywriting.textrules import is_quotable
from campaigns.copywriting.written import Parts, WrittenCopy
from campaigns.core.remembering import Remembered
from campaigns.models.values import Copy, Pick

_MOST_KEPT = 8192
_LINE = "product_lines[0]"
_LONGEST_TITLE = 45
_LONGEST_CATEGORY = 40
_FIRST_SENTENCE = re.compile(r"(.{15,}?[.!?…])(?:\s|$)")
# Two of each would make a line of nothing but "and".
_MOST_TRAITS = {"weather": 2, "use": 1, "quality": 2}


class OfflineWriter:
    """Writes English, German, French and Spanish from phrases; never raises, always passes the guard.

    What it wrote last is remembered, because mails differ mostly in how parts come together.
    """

    name = "offline"
    model = ""

    def __init__(self) -> None:
        self._heads: Remembered[str, Copy] = Remembered(_MOST_KEPT)
        self._lines: Remembered[str, str] = Remembered(_MOST_KEPT)

    def write(self, request: CopyRequest) -> WrittenCopy:
        """The copy for this request, the same every time, with its parts."""
        head = self._head(request)
        lines = tuple(self._line(request, pick) for pick in request.picks)
        copy = replace(head, product_lines=lines)
        key = request.cell_key()
        return WrittenCopy(copy, self.name, self.model, PROMPT_VERSION, 0, (), key, Parts(head, lines))

    def _head(self, request: CopyRequest) -> Copy:
        key = request.head_key()
        head = self._heads.get(key)
        if head is None:
            head = _HeadDraft(request, key).copy()
            if not head_fits(head, with_picks(request, request.picks[:1])):
                head = replace(plain_copy(request), product_lines=())
            self._heads[key] = head
        return head

    def _line(self, request: CopyRequest, pick: Pick) -> str:
        key = request.line_key(pick)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _LineDraft(request, pick, key).line()
        return line


def plain_copy(request: CopyRequest) -> Copy:
    """A copy that names no product and nobody; it passes the guard for every valid brief."""
    book = Phrasebook(request.language)
    # Newlines keep the marketer's phrases apart, so that two of them cannot join into a third thing.
    intro = "\n".join([book.safe("intro"), *request.brief.must_mention_in(request.language)])
    return Copy(
        subject=book.safe("subject"),
        preheader=book.safe("preheader"),
        headline=book.safe("headline"),
        intro=intro,
        product_lines=tuple(book.safe("line") for _ in request.picks),
        call_to_action=_button(request) or book.safe("call_to_action"),
    )


def _button(request: CopyRequest) -> str:
    return request.brief.call_to_action_in(request.language)


class _Draft:
    """A part in the making: per field the first phrase, in the part's own order, that passes the guard.

    `request` has just those picks that the part may know of.
    """

    def __init__(self, request: CopyRequest, key: str) -> None:
        self.request = request
        self.key = key
        self.book = Phrasebook(request.language)

    def turned(self, field: str, phrases: Iterable[str]) -> list[str]:
        """All phrases, beginning where this part's key says."""
        listed = list(phrases)
        start = self.chance(field, len(listed))
        return listed[start:] + listed[:start]

    def chance(self, what: str, sides: int) -> int:
        """A number below `sides` that this part always throws for this question."""
        digest = hashlib.sha256(f"{self.key}/{what}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % max(sides, 1)

    def acceptable(
        self, field: str, phrases: Iterable[str], slots: dict[str, str], place: str = ""
    ) -> Iterator[str]:
        """The phrases whose slots have values and that pass the guard at their `place` (or `field`)."""
        for phrase in self.turned(field, phrases):
            text = in_slots(phrase, slots)
            if text and not check_text(place or field, text, self.request):
                yield text

    def title(self, pick: Pick) -> str:
        title = pick.product.title
        return title if len(title) <= _LONGEST_TITLE and is_quotable(title, self.request.language) else ""

    def category(self, category: str) -> str:
        known = self.book.word("category", category)
        return known or (category.strip() if _is_speakable(category) else "")


class _HeadDraft(_Draft):
    """All of a mail but its lines; of the picks it knows the first."""

    def __init__(self, request: CopyRequest, key: str) -> None:
        super().__init__(with_picks(request, request.picks[:1]), key)
        self.kind = request.stage if request.personal else "general"
        self.slots = {
            "category": self.category(request.shown_favourite),
            "title": self.title(request.picks[0]) if request.picks else "",
        }

    def copy(self) -> Copy:
        """The head, which may still lack room for all that it has to mention."""
        kind = "personal" if self.request.personal else "general"
        return Copy(
            subject=self._pick("subject", self.book.of("subject", self.kind)),
            preheader=self._pick("preheader", self._offers("preheader") or self.book.of("preheader", kind)),
            headline=self._pick("headline", self.book.of("headline", self.kind)),
            intro=self._intro(),
            product_lines=(),
            call_to_action=_button(self.request)
            or self._pick("call_to_action", self.book.of("call_to_action", "all")),
        )

    def _pick(self, field: str, phrases: Iterable[str]) -> str:
        """The first phrase that may stand, else the safe one."""
        return next(self.acceptable(field, phrases, self.slots), "") or self.book.safe(field)

    def _offers(self, field: str) -> tuple[str, ...]:
        """The phrases of `field` that state just the facts that this brief's offer has."""
        offer = self.request.brief.offer
        if offer is None:
            return ()
        stated = {"amount": offer.amount_percent is not None, "code": offer.code, "ends": offer.ends}
        facts = [name for name, given in stated.items() if given]
        exact = self.book.of(field, "_".join(facts))
        return exact or self.book.of(field, "_".join(name for name in facts if name != "ends"))

    def _intro(self) -> str:
        """Opening by stage, then what tailors it, then the offer and what must be mentioned."""
        request, book = self.request, self.book
        middle = [
            ("favourite", book.of("favourite", "all")),
            ("reason", self._reasons()),
            ("season", book.of("season", request.season)),
        ]
        # Favourite, season and reason together would be a speech; the part's key leaves one out.
        if all(phrases for _, phrases in middle) and self.slots["category"]:
            del middle[self.chance("leave out", len(middle))]
        parts = [self._pick("intro", book.of("intro", self.kind))]
        for field, phrases in [*middle, ("offer", self._offers("offer"))]:
            parts.append(next(self.acceptable(field, phrases, self.slots, "intro"), ""))
        parts.extend(_as_sentence(mention) for mention in request.brief.must_mention_in(request.language))
        return " ".join(part for part in parts if part)

    def _reasons(self) -> tuple[str, ...]:
        picks = self.request.picks
        return self.book.of("reason", self.request.reason_kind(picks[0])) if picks else ()


class _LineDraft(_Draft):
    """The line of one product; it knows no other, and not where it will stand."""

    def __init__(self, request: CopyRequest, pick: Pick, key: str) -> None:
        super().__init__(with_picks(request, (pick,)), key)
        self.pick = pick

    def line(self) -> str:
        """From its description if that can be quoted, else from what its tags tell."""
        told = self._told()
        if told:
            return told
        traits = self._traits()
        # From the line that tells most to the one that tells nothing.
        for kind in ("full", "good", "thin", "plain"):
            line = next(self.acceptable("line", self.book.of("line", kind), traits, _LINE), "")
            if line:
                return line
        return self.book.safe("line")

    def _told(self) -> str:
        """The first sentence of the product's own description, where that is in the copy's language."""
        if self.request.language != self.request.brief.catalogue_language:
            return ""
        sentence = _first_sentence(self.pick.product.description)
        # A description knows no placeholders; what looks like one would be filled in with something else.
        quotable = sentence and "{" not in sentence and not check_text(_LINE, sentence, self.request)
        return sentence if quotable else ""

    def _traits(self) -> dict[str, str]:
        product = self.pick.product
        slots = {"title": self.title(self.pick), "category": self.category(product.category)}
        for family, most in _MOST_TRAITS.items():
            words = [word for tag in product.tags if (word := self.book.word(family, tag))]
            slots[family] = self.book.joined(words[:most])
        return slots


@lru_cache(maxsize=4096)
def _first_sentence(description: str) -> str:
    found = _FIRST_SENTENCE.match(clean(description, 600))
    return found.group(1) if found else ""


def _is_speakable(category: str) -> bool:
    """Plain words: letters, spaces, hyphens, apostrophes and ampersands."""
    text = category.strip()
    return 3 <= len(text) <= _LONGEST_CATEGORY and all(
        (c.isalpha() and not is_foreign_letter(c)) or c in " -'&" for c in text
    )


def _as_sentence(text: str) -> str:
    return text if text[-1] in ".!?…" else f"{text}."
