"""How hard a text is to read: LIX, which needs no dictionary and works in all languages of the copy.

Björnsson, C.-H., "Läsbarhet", Stockholm 1968: words per sentence plus the percentage of words of more than six
letters. Below 30 is what children read, 30 to 40 fiction, 40 to 50 newspapers, 50 to 60 reports, above 60 law.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LIMITS = {"easy": 40.0, "plain": 50.0}
"""The highest LIX of a level of `Voice.reading_level`: up to fiction, up to a newspaper."""
# The same content has longer words in these than in English: so much higher is the median of the offline writer's
# intros (20 in English, 26 in German, 28 in French and Spanish), which are translations of one another.
_ALLOWANCE = {"de": 6.0, "fr": 8.0, "es": 8.0}
# Of fewer words, one long one would decide.
FEWEST_WORDS = 20
_LONG = 6

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"[.!?…:;]+(?:\s|$)|\n+")


def limit(level: str, language: str) -> float:
    """The highest LIX for a reading level in a language; infinite for "any"."""
    return LIMITS[level] + _ALLOWANCE.get(language, 0.0) if level in LIMITS else float("inf")


def lix(texts: Iterable[str]) -> float:
    """The LIX of texts, each of which ends its last sentence; 0.0 if there are fewer than FEWEST_WORDS words."""
    words: list[str] = []
    sentences = 0
    for text in texts:
        for sentence in _SENTENCE_END.split(text):
            said = _WORD.findall(sentence)
            words += said
            sentences += bool(said)
    if len(words) < FEWEST_WORDS:
        return 0.0
    long_words = sum(len(word) > _LONG for word in words)
    return len(words) / sentences + 100 * long_words / len(words)
