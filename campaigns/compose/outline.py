"""Templates filled without being run: what all mails of one shape share is traced once, with holes for the values.

Running a compiled template took 0.2 to 0.5 ms a mail, most of it for 200 steps of the sandbox that come out the same
each time. A shape is the number of picks, the names of the slots, and of every value whether there is one: that
is all that the statements of a traced template can ask (see holes.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import Template

from campaigns.compose.content import MailContent
from campaigns.compose.holes import MARK, Hole, Holes
from campaigns.compose.quoted import quoted_word
from campaigns.compose.sandbox import LARGEST_OUTPUT, rendered
from campaigns.core.remembering import Remembered

_COPY = ("subject", "preheader", "headline", "intro", "call_to_action")
_LINKS = ("call_to_action", "unsubscribe", "preferences", "view")
_PICK = ("title", "price_text", "picture_url", "line", "reason_text", "personal", "link")
_SLOT = ("alt", "url", "link")
_SINGLE = ("subject", "first_name", "consent_since", "personal", "open_pixel_url", "with_pixel")
# Nothing in such URLs is escaped in HTML or coded in quoted-printable; those that carry our tokens are all so.
_PLAIN_URLS = re.compile(r"(?:https?://[A-Za-z0-9:/._~-]+ )*")
# An outline is as large as its mail.
_MOST_SHAPES = 50

Encode = Callable[[Any], str]


class Outlines:
    """The outlines of one template in one language and for one brand.

    Args:
        html, text: compiled for the wire (compiling.py).
        shared: what all these mails have in common, by the name that the template knows it by.
        words: the fixed words, in order; None for those that are another customer's in each mail.
    """

    def __init__(
        self, html: Template, text: Template, shared: Mapping[str, Any], words: Mapping[str, str | None]
    ) -> None:
        self._html = html
        self._text = text
        self._shared = shared
        self._words = words
        self._known: Remembered[object, Outline | None] = Remembered(_MOST_SHAPES)

    def filled(
        self, content: MailContent, name: str, subject: str, phrases: Sequence[str]
    ) -> tuple[str, str] | None:
        """The HTML and the text for this mail; None where the template has to be run for it.

        `phrases` are the words that are its own, in the order of `words`.
        """
        values = _values(content, name, subject, phrases)
        shape = len(content.picks), *content.slots, *map(bool, values)
        if shape in self._known:
            outline = self._known.get(shape)
        else:
            outline = self._known[shape] = self._traced(content, values)
        if outline is None:
            return None
        html, text = outline.filled(values)
        return None if max(len(html), len(text)) > LARGEST_OUTPUT else (html, text)

    def _traced(self, content: MailContent, values: Sequence[object]) -> Outline | None:
        try:
            stand_in = _stand_in(content, values, self._shared, self._words)
            html, text = rendered(self._html, stand_in), rendered(self._text, stand_in)
        except Exception:
            # What is wrong with it, or only beyond tracing, is told by running it with the real values.
            return None
        return Outline(
            _Form(html, self._html.environment.finalize or str),
            _Form(text, self._text.environment.finalize or str),
            _link_numbers(content, len(values)),
        )


class Outline:
    """The two parts of all mails of one shape."""

    def __init__(self, html: _Form, text: _Form, links: frozenset[int]) -> None:
        self._html = html
        self._text = text
        self._links = tuple(links & {*html.numbers, *text.numbers})

    def filled(self, values: Sequence[Any]) -> tuple[str, str]:
        """Both parts with these values."""
        links = {n: quoted_word(values[n]) for n in self._links} if self._has_plain_links(values) else {}
        return self._html.filled(values, links), self._text.filled(values, links)

    def _has_plain_links(self, values: Sequence[Any]) -> bool:
        # All in one go: a customer has a dozen.
        given = "".join([f"{values[n]} " for n in self._links])
        return _PLAIN_URLS.fullmatch(given) is not None and given.count(" ") == len(self._links)


class _Form:
    """One part: static text, and the numbers of the values between."""

    def __init__(self, traced: str, encode: Encode) -> None:
        self._pieces = MARK.split(traced)
        self.numbers = [int(number) for number in self._pieces[1::2]]
        self._encode = encode

    def filled(self, values: Sequence[Any], links: Mapping[int, str]) -> str:
        encode, pieces = self._encode, self._pieces.copy()
        pieces[1::2] = [links[n] if n in links else encode(values[n]) for n in self.numbers]
        return "".join(pieces)


def _values(content: MailContent, name: str, subject: str, phrases: Sequence[str]) -> list[Any]:
    """All that may differ between two mails of one shape, in the order of `_stand_in`."""
    copy, links = content.copy, content.links
    values = [
        copy.subject, copy.preheader, copy.headline, copy.intro, copy.call_to_action,
        links.call_to_action, links.unsubscribe, links.preferences, links.view,
        subject, name, content.consent_since, content.personal, content.open_pixel_url, content.with_pixel,
        *phrases,
    ]  # fmt: skip
    for pick in content.picks:
        values += (
            pick.title, pick.price_text, pick.picture_url, pick.line, pick.reason_text, pick.personal, pick.link,
        )  # fmt: skip
    for slot in content.slots.values():
        values += (slot.alt, slot.url, slot.link)
    return values


def _stand_in(
    content: MailContent, values: Sequence[object], shared: Mapping[str, Any], words: Mapping[str, str | None]
) -> dict[str, Any]:
    """What the template is given when it is traced: like a mail's, with a hole in place of each value."""
    holes = iter([Hole(number, value) for number, value in enumerate(values)])

    def take(names: Sequence[str]) -> dict[str, Hole]:
        return {name: next(holes) for name in names}

    copy, links, single = Holes(take(_COPY)), Holes(take(_LINKS)), take(_SINGLE)
    phrases = {key: next(holes) if words[key] is None else words[key] for key in words}
    picks = tuple(Holes(take(_PICK)) for _ in content.picks)
    slots = {name: Holes(take(_SLOT)) for name in content.slots}
    return {
        **shared,
        **single,
        **arranged(picks),
        "copy": copy,
        "links": links,
        "words": phrases,
        "slots": slots or content.slots,
    }


def arranged(picks: tuple[Any, ...]) -> dict[str, Any]:
    """The picks as templates know them: with an odd number the first leads alone, so that no row has a hole."""
    odd = len(picks) % 2
    rest = picks[odd:]
    return {
        "picks": picks,
        "leading": picks[:odd],
        "rows": [rest[at : at + 2] for at in range(0, len(rest), 2)],
    }


def _link_numbers(content: MailContent, count: int) -> frozenset[int]:
    """Which of so many values are links."""
    first = len(_COPY)
    numbers = {*range(first, first + len(_LINKS)), first + len(_LINKS) + _SINGLE.index("open_pixel_url")}
    slots = count - len(_SLOT) * len(content.slots)
    picks = slots - len(_PICK) * len(content.picks)
    numbers |= {at + _PICK.index("link") for at in range(picks, slots, len(_PICK))}
    for at in range(slots, count, len(_SLOT)):
        numbers |= {at + 1, at + 2}
    return frozenset(numbers)
