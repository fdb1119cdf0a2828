"""Tables of claiming words, and how they are found in a text.

A table is written in this notation, to be matched against `characters.fold(text)` (lower case, without accents,
so "Dernière chance" is looked for as "derniere chance" and "fünfzig" as "funfzig"):

- a pattern is a regular expression that begins and ends with a whole word;
- a `*` at its beginning or end stands for any letters there ("rabatt*" finds "Rabatte", "*prozent*" anything);
- a space stands for a space, a hyphen, a line break or nothing ("last chance" finds "last-chance"
  and "LastChance");
- a pattern that begins with `~` is a regular expression as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

_GAP = r"[ \n*·~-]{0,2}"
_WIDE_GAP = r"[\n*·~\-\x20]{1,2}"
_AFTER_ANY_WORD = re.compile(r"(\\w[+*]) ")
_LOOKS = re.compile(r"\(\?<?[!=]")
_LOOKS_BACK = re.compile(r"\(\?<[!=]")
_ANY_BEGINNING = r"\w\w?"


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One kind of claim.

    `words` are looked for in texts of every language, because a model may mix them; they are kept by language only
    for those who read the table. `own` are looked for in texts of their own language alone, because in another they
    mean something harmless. `message` says what is wrong, with {} for the words found. `in_titles` tells that the
    title of a product may hold such words, which are then the shop's name for a thing and no claim.
    """

    rule: str
    message: str
    words: Mapping[str, Sequence[str]]
    own: Mapping[str, Sequence[str]] = field(default_factory=dict)
    in_titles: bool = False

    def common(self) -> tuple[str, ...]:
        """All that is looked for in texts of every language."""
        return tuple(pattern for patterns in self.words.values() for pattern in patterns)

    def everything(self) -> tuple[str, ...]:
        """All that is looked for in texts of any language."""
        return (*self.common(), *(pattern for patterns in self.own.values() for pattern in patterns))


class Finder:
    """Finds the first of many patterns in a folded text.

    A pattern is tried only at the beginning of words with its own first letters: a text of ten words asks for a
    few of some hundred patterns, where one long expression would try them all at each word.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        by_key: dict[str, list[str]] = {}
        anywhere = []
        for pattern in patterns:
            if pattern.startswith("~"):
                anywhere.append(pattern[1:])
                continue
            end = r"\w*" if pattern.endswith("*") else r"(?!\w)"
            pattern = pattern.removesuffix(r"\w*").rstrip("*")
            if pattern.startswith("*"):
                anywhere.append(_spaced(pattern[1:]) + end)
                continue
            for one in _beginnings(pattern):
                by_key.setdefault(_key(one), []).append(_spaced(one) + end)
        self._by_key = by_key
        self._beginning = re.compile(rf"\b(?:{_beginning_with(by_key)})") if by_key else None
        self._compiled: dict[str, re.Pattern[str]] = {}
        self._anywhere = re.compile("|".join(anywhere)) if anywhere else None

    def compile(self) -> None:
        """Compile all that is otherwise compiled when a word first asks for it."""
        for key in self._by_key:
            self._of(key)

    def first(self, folded: str) -> str:
        """The words of a pattern found in the text, "" if there are none."""
        by_key = self._by_key
        for word in self._beginning.finditer(folded) if self._beginning else ():
            start, letters = word.start(), word[0]
            for key in (letters, letters[0], ""):
                if key in by_key and (found := self._of(key).match(folded, start)):
                    return found[0].strip()
        found = self._anywhere.search(folded) if self._anywhere else None
        return found[0].strip() if found else ""

    def _of(self, key: str) -> re.Pattern[str]:
        # Compiled when a word first asks for it: all of them together take half a second.
        pattern = self._compiled.get(key)
        if pattern is None:
            pattern = self._compiled[key] = re.compile("|".join(self._by_key[key]))
        return pattern


def _beginning_with(keys: Iterable[str]) -> str:
    """A pattern for the first two letters of words, or their one, that passes over most that begin with no key."""
    seconds: dict[str, set[str]] = {}
    for key in keys:
        if not key:
            return _ANY_BEGINNING
        seconds.setdefault(key[0], set()).add(key[1:])
    return "|".join(
        re.escape(first) + (r"\w?" if "" in after else f"[{re.escape(''.join(sorted(after)))}]")
        for first, after in sorted(seconds.items())
    )


def _beginnings(pattern: str) -> Iterator[str]:
    """The pattern once for each of the alternatives in brackets with which it begins."""
    look = _LOOKS_BACK.match(pattern)
    if look:
        end = _closing(pattern, 0)
        yield from (pattern[:end] + rest for rest in _beginnings(pattern[end:]))
    elif not pattern.startswith("(?:"):
        yield pattern
    else:
        end = _closing(pattern, 0)
        rest = pattern[end:]
        for alternative in _alternatives(pattern[3 : end - 1]):
            yield from _beginnings(alternative + rest.removeprefix("?"))
        if rest.startswith("?"):
            yield from _beginnings(rest[1:].removeprefix(" "))


def _alternatives(inside: str) -> Iterator[str]:
    depth = start = 0
    for index, sign in enumerate(inside):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "|" and not depth:
            yield inside[start:index]
            start = index + 1
    yield inside[start:]


def _key(pattern: str) -> str:
    """The letters with which all that it finds begins: two, one or none."""
    while _LOOKS_BACK.match(pattern):
        pattern = pattern[_closing(pattern, 0) :]
    for length in (2, 1):
        letters = pattern[:length]
        if (
            len(letters) == length
            and letters.isalnum()
            and pattern[length : length + 1] not in ("?", "*", "{")
        ):
            return letters
    return ""


def _spaced(pattern: str) -> str:
    """With gaps for spaces; what is looked for around a pattern needs only a space or hyphen."""
    kept, position = [], 0
    for found in _LOOKS.finditer(pattern):
        if found.start() < position:
            continue
        end = _closing(pattern, found.start())
        kept += [_gapped(pattern[position : found.start()]), _looked(pattern[found.start() : end])]
        position = end
    return "".join([*kept, _gapped(pattern[position:])])


def _looked(pattern: str) -> str:
    # What is behind must have one length.
    return pattern.replace(" ", "[ -]" if _LOOKS_BACK.match(pattern) else "[ -]?")


def _gapped(pattern: str) -> str:
    # Between any word and the next there has to be something, or a word could be cut in all ways there are.
    return _AFTER_ANY_WORD.sub(lambda found: found[1] + _WIDE_GAP, pattern).replace(" ", _GAP)


def _closing(pattern: str, start: int) -> int:
    depth = 0
    for index in range(start, len(pattern)):
        depth += {"(": 1, ")": -1}.get(pattern[index], 0)
        if depth == 0:
            return index + 1
    raise ValueError(f"a bracket is left open in {pattern!r}")


def first_claim(family: Family, folded: str, language: str) -> str:
    """The words in `folded` that make a claim of this family, or ""."""
    common, own = finders_of(family)
    return common.first(folded) or (own[language].first(folded) if language in own else "")


@cache
def finders_of(family: Family) -> tuple[Finder, dict[str, Finder]]:
    """What finds its claims: in texts of every language, and by language what only its own texts are searched for."""
    return Finder(family.common()), {language: Finder(words) for language, words in family.own.items()}
