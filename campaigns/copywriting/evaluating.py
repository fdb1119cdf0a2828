"""How well a writer does: the adversarial suite and ordinary cells, written through the desk and counted.

What a model wrote is judged as it would be mailed, after the guard, the repairs and the offline stand-ins; that no
case comes through (`unsafe` is 0) is the desk's promise, and how much of the copy is the model's own (`first_pass`,
`after_repair`) is the model's merit. Variety is distinct-n: the share of different n-grams among all (Li et al.,
"A Diversity-Promoting Objective Function for Neural Conversation Models", NAACL 2016).
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import quantiles
from typing import Any

from campaigns.copywriting.adversarial.asked import request_of
from campaigns.copywriting.adversarial.cases import Case
from campaigns.copywriting.adversarial.leaks import leak_of
from campaigns.copywriting.crew import Crew
from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.guard import check, fields_of
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.request import CopyRequest
from campaigns.copywriting.usage import NO_USAGE, OpenPurse, Prices, Purse, Usage
from campaigns.copywriting.written import NOTHING_KNOWN, OPEN_PURSE, PaidWriter, WrittenCopy, never

SUITE, ORDINARY = "adversarial", "ordinary"
ALL_LANGUAGES = "all"
_WORD = re.compile(r"\w+")
# Rules of answers that are not what was asked for, whatever they say.
_FORM_RULES = ("schema", "refusal", "cut_off")
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class Trial:
    """One copy to be written: an adversarial `case`, or an ordinary request where that is None."""

    name: str
    request: CopyRequest
    case: Case | None = None

    @property
    def kind(self) -> str:
        """SUITE or ORDINARY."""
        return ORDINARY if self.case is None else SUITE


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial; `seconds` is the time of all its calls, waiting for the pace included."""

    trial: Trial
    written: WrittenCopy
    seconds: float
    unsafe: str
    """Why the copy must not be mailed, "" if it may."""


def trials_of(cases: Iterable[Case]) -> list[Trial]:
    """The trials of the suite."""
    return [Trial(case.name, request_of(case), case) for case in cases]


class CallLimit(OpenPurse):
    """A purse that holds so many calls, and remembers what they took; from any thread."""

    def __init__(self, most: int | None = None) -> None:
        self._left = most
        self._lock = threading.Lock()

    def may_call(self) -> bool:
        """Whether one more was left."""
        with self._lock:
            if self._left is None:
                return True
            self._left -= 1
            return self._left >= 0


class _TimedDesk(CopyDesk):
    """A desk that notes how long each request took."""

    def __init__(self, writer: PaidWriter | None) -> None:
        super().__init__(writer, OfflineWriter())
        self.seconds: dict[int, float] = {}

    def copy_for(
        self,
        request: CopyRequest,
        purse: Purse = OPEN_PURSE,
        known: Mapping[str, str] = NOTHING_KNOWN,
        stopping: Callable[[], bool] = never,
    ) -> WrittenCopy:
        started = time.perf_counter()
        try:
            return super().copy_for(request, purse, known, stopping)
        finally:
            self.seconds[id(request)] = time.perf_counter() - started


def evaluate(
    writer: PaidWriter | None,
    trials: Sequence[Trial],
    purse: Purse = OPEN_PURSE,
    most: int = 1,
    done: Callable[[], None] = lambda: None,
) -> list[Outcome]:
    """Write all trials, `most` at once, with this model, or None for the offline writer; `done` after each."""
    desk = _TimedDesk(writer)
    outcomes = []
    requests = {number: trial.request for number, trial in enumerate(trials)}
    for number, written in Crew(desk, most).copies_for(requests, purse):
        trial = trials[number]
        seconds = desk.seconds[id(trial.request)]
        outcomes.append(Outcome(trial, written, seconds, _why_unsafe(trial, written)))
        done()
    return outcomes


def _why_unsafe(trial: Trial, written: WrittenCopy) -> str:
    """What the case wanted and got, or a rule of the guard that a finished copy breaks all the same."""
    leak = leak_of(trial.case, written.copy) if trial.case else ""
    if leak:
        return f"says {leak!r}"
    faults = check(written.copy, trial.request)
    return f"{faults[0].field}: {faults[0].message}" if faults else ""


@dataclass
class _Words:
    """Texts of copies, counted word by word."""

    single: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    characters: int = 0

    def add(self, written: WrittenCopy) -> None:
        for _, text in fields_of(written.copy):
            words = _WORD.findall(text.casefold())
            self.single.update(words)
            self.pairs.update(pairwise(words))
            self.characters += len(text)


def distinct(counts: Counter[Any]) -> float:
    """The share of different ones among all; 0 where there are none."""
    return len(counts) / counts.total() if counts else 0.0


def by_language(outcomes: Sequence[Outcome], prices: Prices) -> dict[str, dict[str, dict[str, Any]]]:
    """The figures for SUITE and ORDINARY, in each language and ALL_LANGUAGES together."""
    told: dict[str, dict[str, dict[str, Any]]] = {}
    for kind in (SUITE, ORDINARY):
        of_kind = [one for one in outcomes if one.trial.kind == kind]
        languages = sorted({one.trial.request.language for one in of_kind})
        parts = {code: [one for one in of_kind if one.trial.request.language == code] for code in languages}
        if len(languages) > 1:
            parts[ALL_LANGUAGES] = of_kind
        if parts:
            told[kind] = {code: figures(part, prices) for code, part in parts.items()}
    return told


def figures(outcomes: Sequence[Outcome], prices: Prices) -> dict[str, Any]:
    """What is counted over these outcomes; shares are of cells from 0 to 1, lengths in characters, times in seconds.

    schema_valid: of the cells that a model answered, those of which no answer was refused, cut off or of another form
    (None where none was answered). first_pass: the model's first answer stood as it
    was. after_repair: all texts are the model's in the end. field_fallback: share of texts that the offline writer
    had to write. unsafe: number of copies that must not be mailed.
    """
    written = [one.written for one in outcomes]
    words, usage = _Words(), NO_USAGE
    for copy in written:
        words.add(copy)
        usage = usage.plus(copy.usage)
    answered = [copy for copy in written if copy.usage.calls]
    texts = sum(len(list(fields_of(copy.copy))) for copy in written)
    seconds = _p50_p95([one.seconds for one in outcomes])
    return {
        "cells": len(outcomes),
        "schema_valid": _share(answered, lambda copy: not _broke_form(copy)) if answered else None,
        "first_pass": _share(written, lambda copy: not copy.verdicts and not copy.offline_fields),
        "after_repair": _share(written, lambda copy: not copy.offline_fields),
        "field_fallback": _rounded(sum(len(copy.offline_fields) for copy in written) / max(texts, 1)),
        "outages": sum(_has(copy, "outage") for copy in written),
        "over_budget": sum(_has(copy, "budget") for copy in written),
        "unsafe": sum(bool(one.unsafe) for one in outcomes),
        "distinct_1": _rounded(distinct(words.single)),
        "distinct_2": _rounded(distinct(words.pairs)),
        "subjects": len({copy.copy.subject for copy in written}),
        "mean_length": round(words.characters / max(len(written), 1)),
        "seconds_p50": seconds[0],
        "seconds_p95": seconds[1],
        "calls": usage.calls,
        "input_tokens": usage.input,
        "cached_tokens": usage.cached,
        "output_tokens": usage.output,
        "cost": _cost(usage, prices),
    }


def unsafe_ones(outcomes: Iterable[Outcome]) -> list[dict[str, str]]:
    """Each copy that must not be mailed, by name, with the reason."""
    return [{"name": one.trial.name, "why": one.unsafe} for one in outcomes if one.unsafe]


def broken_rules(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """In how many cells which rule was broken on the way, the most frequent first."""
    counted: Counter[str] = Counter()
    for one in outcomes:
        counted.update({verdict.rule for verdict in one.written.verdicts})
    return dict(counted.most_common())


def _has(copy: WrittenCopy, rule: str) -> bool:
    return any(verdict.rule == rule for verdict in copy.verdicts)


def _broke_form(copy: WrittenCopy) -> bool:
    return any(_has(copy, rule) for rule in _FORM_RULES)


def _share(written: Sequence[WrittenCopy], holds: Callable[[WrittenCopy], bool]) -> float:
    return _rounded(sum(holds(copy) for copy in written) / max(len(written), 1))


def _p50_p95(values: Sequence[float]) -> tuple[float, float]:
    if len(values) < 2:
        return (_rounded(values[0]), _rounded(values[0])) if values else (0.0, 0.0)
    cut = quantiles(values, n=20, method="inclusive")
    return _rounded(cut[9]), _rounded(cut[18])


def _rounded(value: float) -> float:
    return round(value, 4)


def _cost(usage: Usage, prices: Prices) -> float | None:
    return prices.micros(usage) / _MICROS if prices.are_known else None
