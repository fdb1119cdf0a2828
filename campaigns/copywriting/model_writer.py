"""The model writer: rounds of asking, judging and mending, until all texts of a copy pass the guard.

Every answer is kept the moment it arrives and before it is read, so that nobody pays for it twice. This is also
the one place that decides whether a call is tried again: neither the client nor a task does.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from campaigns.copywriting.answers import Answer, AnswersInMemory, AnswerStore
from campaigns.copywriting.asking import Question, expected_usage, first_question, repair_question
from campaigns.copywriting.drafting import Draft
from campaigns.copywriting.model_client import CallFailed, ModelClient
from campaigns.copywriting.pace import Pace
from campaigns.copywriting.request import PROMPT_VERSION, CopyRequest
from campaigns.copywriting.server_ways import ServerWays, Ways
from campaigns.copywriting.usage import Purse, Usage
from campaigns.copywriting.written import (
    NOTHING_KNOWN,
    OPEN_PURSE,
    SERVICE,
    CannotWrite,
    Verdict,
    WrittenCopy,
    never,
)
from campaigns.core.errors import Rejected, ServiceUnavailable

MOST_REPAIRS = 2
_CELL_CALLS = 4.0  # a cell may take as long as so many calls, not counting what it waits for its turn
_SECOND_TRIES = 1  # of a call that failed without the server asking to wait
_MOST_WAITS = 5  # for a server that asks to wait, where the purse has no patience
_LONGEST_WISH = 600.0  # a server that asks for more is away, as for a limit that holds until midnight
_LONGEST_BACKOFF = 30.0
_BACKOFF_SECONDS = 0.5


class _OverBudget(Exception):
    """The purse forbids the next call."""


class ModelWriter:
    """Writes with a language model over `chat.completions`.

    `base_url` None means OpenAI itself; `timeout` is in seconds for one call, and a cell may take four times that.
    `most` calls are made at once by all threads that share this object. `answers` keeps what was paid for,
    `ways` how the server wants to be asked.
    """

    name = "model"

    def __init__(
        self,
        base_url: str | None,
        api_key: str | None,
        model: str,
        timeout: float = 20.0,
        most: int = 1,
        answers: AnswerStore | None = None,
        ways: ServerWays | None = None,
        cell_seconds: float | None = None,
    ) -> None:
        self.model = model
        self.client = ModelClient(base_url, api_key, model, timeout, ways)
        self.answers: AnswerStore = answers or AnswersInMemory()
        self.pace = Pace(most)
        self._cell_seconds = cell_seconds or _CELL_CALLS * timeout

    def write(
        self,
        request: CopyRequest,
        purse: Purse = OPEN_PURSE,
        known: Mapping[str, str] = NOTHING_KNOWN,
        stopping: Callable[[], bool] = never,
    ) -> WrittenCopy:
        """A copy by the model that passes the guard, refused texts mended at most twice (see `PaidWriter`)."""
        draft = Draft(request, known)
        question = first_question(request, known)
        calls = _Calls(self, purse, stopping, self._cell_seconds)
        for repairs in range(MOST_REPAIRS + 1):
            try:
                answer, asked = calls.answer(question)
            except _OverBudget:
                draft.refuse(Verdict("budget", "", "the campaign's budget or time for copy is used up"))
                raise CannotWrite(
                    "no more calls", replace(draft.attempt(repairs), over_budget=True)
                ) from None
            except (ServiceUnavailable, Rejected) as away:
                # What is there already is not thrown away for an outage in the midst of mending it.
                ours = isinstance(away, ServiceUnavailable) and away.service != SERVICE
                if not repairs or ours:
                    raise
                draft.refuse(Verdict("outage", "", away.message))
                raise CannotWrite("the model is away", draft.attempt(repairs - 1)) from away
            form = draft.take(answer, question)
            if asked is not None and form:
                self.client.kept_to(form, asked)
            if draft.is_done:
                return self._written(draft, request, repairs)
            fields = draft.to_mend
            if answer.failure is not None or repairs == MOST_REPAIRS or not fields:
                break
            question = repair_question(question, answer.text, fields, draft.faults)
        raise CannotWrite(f"{self.model} gave no acceptable copy", draft.attempt(repairs))

    def _written(self, draft: Draft, request: CopyRequest, repairs: int) -> WrittenCopy:
        attempt = draft.attempt(repairs)
        return WrittenCopy(
            draft.copy(),
            self.name,
            self.model,
            PROMPT_VERSION,
            attempt.usage.tokens,
            attempt.verdicts,
            usage=attempt.usage,
            batched=attempt.batched,
            repairs=repairs,
        )


class _Calls:
    """The calls for one cell: answers kept from before, else asked for, within purse, pace and time."""

    def __init__(
        self, writer: ModelWriter, purse: Purse, stopping: Callable[[], bool], seconds: float
    ) -> None:
        self._writer = writer
        self._purse = purse
        self._stopping = stopping
        self._seconds = seconds
        """What is left for calls and for the time between two tries, not for waiting in line."""
        self._waited = 0.0
        """What the server asked to wait since the last call."""

    def answer(self, question: Question) -> tuple[Answer, Ways | None]:
        """The answer to a question, and how it was asked for if it was just now."""
        client, answers = self._writer.client, self._writer.answers
        key = question.key(client.server, client.model)
        kept = answers.find(key)
        if kept is not None:
            return kept, None
        failures = waits = 0
        while True:
            try:
                return self._paid(question, key)
            except CallFailed as failed:
                if not failed.again:
                    raise
                if failed.retry_after is None:
                    failures += 1
                    self._pause(failures, failed)
                else:
                    waits += 1
                    self._wait(waits, failed)

    def _pause(self, failures: int, failed: CallFailed) -> None:
        """Before another try of a call that failed; raises `failed` if there is to be none."""
        seconds = _backoff(failures)
        if failures > _SECOND_TRIES or seconds + self._writer.client.timeout > self._seconds:
            raise failed
        self._seconds -= seconds
        self._writer.pace.pause(seconds, self._stopping)

    def _wait(self, waits: int, failed: CallFailed) -> None:
        """Before another try of a call that the server wants later; for how long it said, the next turn waits."""
        patience = self._purse.patience()
        if patience <= 0:
            self._waited = failed.retry_after or 0.0
        if waits <= _MOST_WAITS:
            return
        seconds = _backoff(waits - _MOST_WAITS)
        if seconds > patience:
            raise failed
        self._writer.pace.pause(seconds, self._stopping)

    def _patience(self) -> float:
        """For how long a server is left alone that asks for it."""
        return max(self._seconds, min(self._purse.patience(), _LONGEST_WISH))

    def _paid(self, question: Question, key: str) -> tuple[Answer, Ways]:
        """One call, in its turn; its answer is kept before the purse hears of it, and before it is read."""
        pace, purse = self._writer.pace, self._purse
        with pace.turn(self._patience(), self._stopping) as began:
            if not purse.may_call():
                raise _OverBudget
            usage, asked_at = Usage(), time.monotonic()
            self._seconds -= self._waited
            self._waited = 0.0
            try:
                answer, ways = self._writer.client.ask(question)
                usage = answer.usage
                self._writer.answers.keep(key, answer)
                pace.went_well()
            except CallFailed as failed:
                # What it took nobody tells; a bound on tokens or money is to hold all the same.
                usage = expected_usage(question) if failed.reached else usage
                pace.pushed_back(began, failed.retry_after)
                raise
            finally:
                self._seconds -= time.monotonic() - asked_at
                purse.took(usage)
        return answer, ways


def _backoff(tries: int) -> float:
    """Seconds, at random within a span that doubles, so that many do not come back together."""
    return float(
        random.uniform(0.5, 1.0) * min(_BACKOFF_SECONDS * 2.0 ** min(tries - 1, 10), _LONGEST_BACKOFF)
    )
