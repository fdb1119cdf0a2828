"""The offline writer: no model, no network, honest about being one, and never at a loss for a copy.

Phrases are chosen by the cell's key, so the same cell always gets the same words and neighbouring cells
get different ones. What it says about products comes from their own texts and tags.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from campaigns.copywriting.characters import clean, is_foreign_letter
from campaigns.copywriting.guard import check, check_text
from campaigns.copywriting.phrases import Phrasebook, in_slots
from campaigns.copywriting.request import PROMPT_VERSION, CopyRequest
from campaigns.copywriting.textrules import is_quotable
from campaigns.copywriting.written import WrittenCopy
from campaigns.models.values import Copy, Pick

_LONGEST_TITLE = 45
_LONGEST_CATEGORY = 40
_FIRST_SENTENCE = re.compile(r"(.{15,}?[.!?…])(?:\s|$)")
# Two of each would make a line of nothing but "and".
_MOST_TRAITS = {"weather": 2, "use": 1, "quality": 2}


class OfflineWriter:
    """Writes English, German, French and Spanish from phrases; never raises, always passes the guard."""

    name = "offline"
    model = ""

    def write(self, request: CopyRequest) -> WrittenCopy:
        """The copy for this cell, the same every time."""
        key = request.cell_key()
        copy = _Draft(request, key).copy()
        if check(copy, request):
            copy = plain_copy(request)
        return WrittenCopy(copy, self.name, self.model, PROMPT_VERSION, 0, (), key)


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
    """One copy in the making: per field the first phrase, in the cell's own order, that passes the guard."""

    def __init__(self, request: CopyRequest, key: str) -> None:
        self.request = request
        self.key = key
        self.book = Phrasebook(request.language)
        self.kind = request.stage if request.personal else "general"
        self.slots = self._common_slots()

    def copy(self) -> Copy:
        kind = "personal" if self.request.personal else "general"
        return Copy(
            subject=self._pick("subject", self.book.of("subject", self.kind)),
            preheader=self._pick("preheader", self._offers("preheader") or self.book.of("preheader", kind)),
            headline=self._pick("headline", self.book.of("headline", self.kind)),
            intro=self._intro(),
            product_lines=tuple(self._line(number, pick) for number, pick in enumerate(self.request.picks)),
            call_to_action=_button(self.request)
            or self._pick("call_to_action", self.book.of("call_to_action", "all")),
        )

    def _common_slots(self) -> dict[str, str]:
        picks, favourite = self.request.picks, self.request.favourite_category
        title = self._title(picks[0]) if picks else ""
        # A favourite that none of the picks belongs to is not promised.
        shown = any(pick.product.category == favourite for pick in picks)
        return {"category": self._category(favourite) if shown else "", "title": title}

    def _title(self, pick: Pick) -> str:
        title = pick.product.title
        return title if len(title) <= _LONGEST_TITLE and is_quotable(title, self.request.language) else ""

    def _category(self, category: str) -> str:
        known = self.book.word("category", category)
        return known or (category.strip() if _is_speakable(category) else "")

    def _turned(self, field: str, phrases: Iterable[str]) -> list[str]:
        """All phrases, beginning where this cell's key says."""
        listed = list(phrases)
        start = self._chance(field, len(listed))
        return listed[start:] + listed[:start]

    def _chance(self, what: str, sides: int) -> int:
        """A number below `sides` that this cell always throws for this question."""
        digest = hashlib.sha256(f"{self.key}/{what}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % max(sides, 1)

    def _pick(self, field: str, phrases: Iterable[str], slots: dict[str, str] | None = None) -> str:
        """The first phrase whose slots have values and that passes the guard, else the safe one."""
        return next(self._acceptable(field, phrases, slots), "") or self.book.safe(field)

    def _acceptable(
        self, field: str, phrases: Iterable[str], slots: dict[str, str] | None = None
    ) -> Iterator[str]:
        for phrase in self._turned(field, phrases):
            text = in_slots(phrase, self.slots if slots is None else slots)
            if text and not check_text(field, text, self.request):
                yield text

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
        # Favourite, season and reason together would be a speech; the cell's key leaves one out.
        if all(phrases for _, phrases in middle) and self.slots["category"]:
            del middle[self._chance("leave out", len(middle))]
        parts = [self._pick("intro", book.of("intro", self.kind))]
        for field, phrases in [*middle, ("offer", self._offers("offer"))]:
            parts.append(self._part(field, phrases))
        parts.extend(_as_sentence(mention) for mention in request.brief.must_mention_in(request.language))
        return " ".join(part for part in parts if part)

    def _reasons(self) -> tuple[str, ...]:
        picks = self.request.picks
        return self.book.of("reason", self.request.reason_kind(picks[0])) if picks else ()

    def _part(self, field: str, phrases: tuple[str, ...]) -> str:
        for phrase in self._turned(field, phrases):
            text = in_slots(phrase, self.slots)
            if text and not check_text("intro", text, self.request):
                return text
        return ""

    def _line(self, number: int, pick: Pick) -> str:
        field = f"product_lines[{number}]"
        told = self._told(pick, field)
        if told:
            return told
        traits = self._traits(pick)
        # From the line that tells most to the one that tells nothing.
        for kind in ("full", "good", "thin", "plain"):
            line = next(self._acceptable(field, self.book.of("line", kind), traits), "")
            if line:
                return line
        return self.book.safe("line")

    def _told(self, pick: Pick, field: str) -> str:
        """The first sentence of the product's own description, where that is in the copy's language."""
        if self.request.language != self.request.brief.catalogue_language:
            return ""
        sentence = _first_sentence(pick.product.description)
        return sentence if sentence and not check_text(field, sentence, self.request) else ""

    def _traits(self, pick: Pick) -> dict[str, str]:
        slots = {"title": self._title(pick), "category": self._category(pick.product.category)}
        for family, most in _MOST_TRAITS.items():
            words = [word for tag in pick.product.tags if (word := self.book.word(family, tag))]
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
