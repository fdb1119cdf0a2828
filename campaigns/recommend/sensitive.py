"""Products that a mail never shows and never mentions, and that count for nobody's taste.

What somebody bought for their health, their faith or their bedroom is nobody's business, not even in a mail to
themselves that others may see (compare GDPR, article 9). Such products are known by words of their category and
tags alone: titles are full of harmless "wine red" and "bible paper".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from campaigns.models.values import ProductFacts
from campaigns.recommend.sensitive_words import TOPIC_WORDS

_UNLIKE_ASCII = str.maketrans(
    {"ø": "o", "ß": "ss", "æ": "ae", "œ": "oe", "đ": "d", "ł": "l", "_": " ", "-": " "}
)


@dataclass(frozen=True)
class Sensitive:
    """Which topics and further words are sensitive in a shop.

    `topics` are keys of TOPIC_WORDS; `words` are more of the same, where a star at the end stands for any ending;
    `harmless` are whole names of categories that are not sensitive, whatever word they contain.
    """

    topics: frozenset[str] = frozenset(TOPIC_WORDS)
    words: frozenset[str] = frozenset()
    harmless: frozenset[str] = field(default_factory=frozenset)

    def holds(self, product: ProductFacts) -> bool:
        """Whether the product is sensitive."""
        return self.says(product.category) or any(self.says(tag) for tag in product.tags)

    def says(self, name: str) -> bool:
        """Whether a category or tag of this name makes a product sensitive."""
        known = self._said.get(name)
        if known is None:
            plain = plain_words(name)
            known = bool(plain) and plain not in self._harmless and self._pattern.search(plain) is not None
            self._said[name] = known
        return known

    @cached_property
    def _said(self) -> dict[str, bool]:
        """What was asked before: a shop has few categories and tags, and asks them of each product again and again."""
        return {}

    @cached_property
    def _harmless(self) -> frozenset[str]:
        return frozenset(plain_words(name) for name in self.harmless)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        wanted = {word for topic in self.topics for word in TOPIC_WORDS[topic]} | self.words
        return _any_of(wanted)


def plain_words(text: str) -> str:
    """Lower case, without accents, hyphens as spaces: how names and words are compared."""
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_UNLIKE_ASCII))
    return " ".join("".join(sign for sign in folded if not unicodedata.combining(sign)).split())


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    phrases = []
    for word in sorted(words):
        parts = [
            re.escape(part.rstrip("*")) + (r"\w*" if part.endswith("*") else "")
            for part in plain_words(word).split()
        ]
        if parts and any(part != r"\w*" for part in parts):
            phrases.append(r"\s".join(parts))
    # Without any word nothing is sensitive.
    return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)" if phrases else r"(?!)")
