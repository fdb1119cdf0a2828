"""Parts of offline copy in the making: which phrases may be said here, and how they come together."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from campaigns.copywriting.characters import is_foreign_letter
from campaigns.copywriting.guard import check_text
from campaigns.copywriting.instructions import gives_orders
from campaigns.copywriting.phrases import Phrasebook, domain_of, in_slots, wordings_of
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.splitting import with_picks
from campaigns.copywriting.textrules import is_quotable
from campaigns.core.characters import clean
from campaigns.models.values import Copy, Pick

_LINE = "product_lines[0]"
_LONGEST_TITLE = 45
_LONGEST_CATEGORY = 40
# A category of more words than this is a sentence.
_MOST_WORDS = 5
_SENTENCE = re.compile(r"(.{15,}?[.!?…])(?:\s|$)")
_MOST_READ = 600
_SHORT_LINE = 110
# Two of each would make a line of nothing but "and".
_MOST_TRAITS = {"weather": 2, "use": 1, "quality": 2}
_STYLE_FAMILIES = ("quality", "use", "weather")
# So many ways of saying a phrase are tried before the next phrase is.
_MOST_WORDINGS = 3
# How many sentences stand between the opening of an intro and its offer.
_ROOM = {"short": 1, "": 2, "full": 4}
_CLOSES_ONE_IN = 3


def button(request: CopyRequest) -> str:
    """The marketer's own words for the button, "" where there are none."""
    return request.brief.call_to_action_in(request.language)


class _Draft:
    """A part in the making: per field the first phrase, in the part's own order, that passes the guard.

    `request` has just those picks that the part may know of. A draft that is `trusting` leaves the guard to
    whoever gets it: nearly all pass, and then each text is looked at once.
    """

    def __init__(self, request: CopyRequest, key: str, pick: Pick | None, trusting: bool = False) -> None:
        self.request = request
        self._trusting = trusting
        self.key = key
        self.book = Phrasebook(request.language)
        self.domain = domain_of(pick.product.category, pick.product.tags) if pick else ""

    def turned(self, what: str, listed: Sequence[str]) -> Sequence[str]:
        """All of these, beginning where this part's key says."""
        start = self.chance(what, len(listed))
        return (*listed[start:], *listed[:start])

    def chance(self, what: str, sides: int) -> int:
        """A number below `sides` that this part always throws for this question."""
        if sides < 2:
            return 0
        digest = hashlib.sha256(f"{self.key}/{what}".encode()).digest()
        return int.from_bytes(digest[:4], "big") % sides

    def passes(self, place: str, text: str) -> bool:
        """Whether the guard has nothing against a text, as far as this draft asks it."""
        return self._trusting or self._is_fit(place, text)

    def _is_fit(self, place: str, text: str) -> bool:
        # All that is not quoted from the shop is from the tables of the request's language.
        return not check_text(place, text, self.request, language_is_sure=True)

    def acceptable(
        self, field: str, phrases: Sequence[str], slots: dict[str, str], place: str = ""
    ) -> Iterator[str]:
        """The phrases whose slots have values and that pass the guard at their `place` (or `field`)."""
        for phrase in self.turned(field, phrases):
            if not in_slots(phrase, slots):
                continue
            for wording in self.turned(phrase, wordings_of(phrase))[:_MOST_WORDINGS]:
                text = in_slots(wording, slots)
                if self.passes(place or field, text):
                    yield text

    def first(self, field: str, phrases: Sequence[str], slots: dict[str, str], place: str = "") -> str:
        """The first of the acceptable, "" if there is none."""
        return next(self.acceptable(field, phrases, slots, place), "")

    def title(self, pick: Pick) -> str:
        """The product's title where it may be said."""
        title = pick.product.title
        sayable = len(title) <= _LONGEST_TITLE and is_quotable(title, self.request.language)
        return title if sayable and not gives_orders(title) else ""

    def category(self, category: str) -> str:
        """A category in the language of the copy, or as the shop calls it where those are plain words."""
        known = self.book.word("category", category) if len(category) <= _LONGEST_CATEGORY else ""
        return known or (category.strip() if _is_speakable(category) else "")


class HeadDraft(_Draft):
    """All of a mail but its lines; of the picks it knows the first."""

    def __init__(self, request: CopyRequest, key: str, trusting: bool = False) -> None:
        first = request.picks[0] if request.picks else None
        super().__init__(with_picks(request, request.picks[:1]), key, first, trusting)
        self.kind = request.stage if request.personal else "general"
        self.slots = {
            "category": self.category(request.shown_favourite),
            "other": self._other_favourite(request),
            "title": self.title(first) if first else "",
            "range": self.category(first.product.category) if first else "",
            "style": self._style(),
            "place": request.place.strip() if _is_speakable(request.place) else "",
        }

    def copy(self) -> Copy:
        """The head, which may still lack room for all that it has to mention."""
        kind = "personal" if self.request.personal else "general"
        preheaders = self._offers("preheader") or self.book.of("preheader", kind)
        return Copy(
            subject=self._pick("subject", self.book.of("subject", self.kind, self.domain)),
            preheader=self._pick("preheader", preheaders),
            headline=self._pick("headline", self.book.of("headline", self.kind, self.domain)),
            intro=self._intro(),
            product_lines=(),
            call_to_action=button(self.request)
            or self._pick("call_to_action", self.book.of("call_to_action", "all", self.domain)),
        )

    def _other_favourite(self, request: CopyRequest) -> str:
        others = (self.category(name) for name in request.favourites)
        return next((name for name in others if name), "") if request.shown_favourite else ""

    def _style(self) -> str:
        style = self.request.style
        words = (self.book.word(family, style) for family in _STYLE_FAMILIES) if style else iter(())
        return next((word for word in words if word), "")

    def _pick(self, field: str, phrases: Sequence[str], place: str = "") -> str:
        """The first phrase that may stand, else a safe one."""
        return self.first(field, phrases, self.slots, place) or self._safe(field)

    def _safe(self, field: str) -> str:
        phrases = self.book.safe(field)
        return next((text for text in phrases if self._is_fit(field, text)), phrases[0])

    def _offers(self, field: str) -> tuple[str, ...]:
        """The phrases of `field` that state the facts that this brief's offer has, or most of them."""
        offer = self.request.brief.offer
        if offer is None:
            return ()
        stated = {
            "amount": offer.amount_percent is not None or getattr(offer, "amount", None) is not None,
            "code": bool(offer.code),
            "starts": getattr(offer, "starts", None) is not None,
            "ends": offer.ends is not None,
        }
        facts = [name for name, given in stated.items() if given]
        exact = self.book.of(field, "_".join(facts))
        return exact or self.book.of(field, "_".join(name for name in facts if name in ("amount", "code")))

    def _intro(self) -> str:
        """Opening by stage, then what tailors it, then the offer and what must be mentioned.

        The longest that the brief has room for.
        """
        request, book = self.request, self.book
        mentions = [_as_sentence(mention) for mention in request.brief.must_mention_in(request.language)]
        offer = self._said("offer", self._offers("offer"))
        opening = self._pick("intro", book.of("intro", self.kind))
        middle, closing = self._middle(), self._closing()
        for parts in (
            [opening, *middle, offer, *mentions, closing],
            [opening, *middle[:1], offer, *mentions],
            [opening, offer, *mentions],
            [self._safe("intro"), offer, *mentions],
        ):
            text = " ".join(part for part in parts if part)
            if self.passes("intro", text):
                return text
        return " ".join([self._safe("intro"), *mentions])

    def _said(self, what: str, phrases: Sequence[str]) -> str:
        return self.first(what, phrases, self.slots, "intro") if phrases else ""

    def _middle(self) -> list[str]:
        """What of the customer and the season shows: all of it would be a speech, so chance leaves some out."""
        book, picks = self.book, self.request.picks
        favourite = book.of("favourite", "more" if self.slots["other"] else "all")
        reason = book.of("reason", self.request.reason_kind(picks[0])) if picks else ()
        said = [
            self._said("favourite", favourite),
            self._said("reason", reason),
            self._said("style", book.of("style", "all")),
            self._said("place", book.of("place", "all")),
            self._said("season", book.of("season", self.request.season, self.domain)),
        ]
        parts = [part for part in said if part]
        while len(parts) > _ROOM[self._detail]:
            del parts[self.chance(f"leave out {len(parts)}", len(parts))]
        return parts

    def _closing(self) -> str:
        detail = self._detail
        closes = detail == "full" or (not detail and self.chance("closes", _CLOSES_ONE_IN) == 0)
        return self._said("closing", self.book.of("closing", "all")) if closes else ""

    @property
    def _detail(self) -> str:
        """Who rarely opens a mail is told less, unless they are known to want it all."""
        return self.request.detail or ("short" if self.request.engagement == "quiet" else "")


class LineDraft(_Draft):
    """The line of one product; it knows no other, and not where it will stand."""

    def __init__(self, request: CopyRequest, pick: Pick, key: str) -> None:
        super().__init__(with_picks(request, (pick,)), key, pick)
        self.pick = pick

    def line(self) -> str:
        """From its description if that can be quoted, else from what its tags tell."""
        told = self._told()
        if told:
            return told
        traits = self._traits()
        # From the line that tells most to the one that tells nothing.
        for kind in ("full", "good", "thin", "plain"):
            line = self.first("line", self.book.of("line", kind, self.domain), traits, _LINE)
            if line:
                return line
        safe = self.book.safe("line")
        return next((text for text in safe if self._is_fit(_LINE, text)), safe[0])

    def _told(self) -> str:
        """The product's own description, as much of it as is wanted, where it is in the copy's language."""
        if self.request.language != self.request.brief.catalogue_language:
            return ""
        sentences = _sentences(self.pick.product.description)
        detail = self.request.detail
        if detail == "full" and len(sentences) > 1 and self._is_quotable(two := " ".join(sentences[:2])):
            return two
        first = sentences[0] if sentences else ""
        if detail == "short" and len(first) > _SHORT_LINE:
            return ""
        return first if self._is_quotable(first) else ""

    def _is_quotable(self, text: str) -> bool:
        # A description knows no placeholders; what looks like one would be filled in with something else.
        sayable = bool(text) and "{" not in text and not gives_orders(text)
        return sayable and not check_text(_LINE, text, self.request)

    def _traits(self) -> dict[str, str]:
        product = self.pick.product
        slots = {"title": self.title(self.pick), "category": self.category(product.category)}
        tags = [tag for tag in product.tags if len(tag) <= _LONGEST_CATEGORY]
        for family, most in _MOST_TRAITS.items():
            words = [word for tag in tags if (word := self.book.word(family, tag))]
            slots[family] = self.book.joined(words[:most])
        return slots


@lru_cache(maxsize=4096)
def _sentences(description: str) -> tuple[str, ...]:
    return tuple(_SENTENCE.findall(clean(description, _MOST_READ))[:2])


def _is_speakable(category: str) -> bool:
    """Plain words, a few: letters, spaces, hyphens, apostrophes and ampersands, and no order to anybody."""
    text = category.strip()
    if not 3 <= len(text) <= _LONGEST_CATEGORY or text.count(" ") >= _MOST_WORDS:
        return False
    plain = all((c.isalpha() and not is_foreign_letter(c)) or c in " -'&" for c in text)
    return plain and not gives_orders(text)


def _as_sentence(text: str) -> str:
    return text if text[-1] in ".!?…" else f"{text}."
