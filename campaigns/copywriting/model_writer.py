"""The model writer: the one file that talks to OpenAI, or to a server that speaks its protocol."""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import openai
from openai.types.chat import ChatCompletion

from campaigns.copywriting.answer import COPY_SCHEMA, UnreadableAnswer, read_answer
from campaigns.copywriting.guard import check
from campaigns.copywriting.prompt import Message, build_messages, with_repair
from campaigns.copywriting.request import PROMPT_VERSION, CopyRequest
from campaigns.copywriting.written import CannotWrite, Verdict, WrittenCopy
from campaigns.core.errors import Rejected, ServiceUnavailable
from campaigns.models.values import Copy

SERVICE = "language model"
OPENAI_URL = "https://api.openai.com/v1"
_DRAFTS = 2  # the first, and one repaired
_MOST_TOKENS = 4000
_LONGEST_CONNECT = 5.0
_DEFAULT_WAIT = 1.0
_RESPONSE_FORMAT: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "email_copy", "strict": True, "schema": COPY_SCHEMA},
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """`text` of one call, or the `failure` (a rule's name and message) for which there is none."""

    text: str
    tokens: int
    failure: tuple[str, str] | None = None


class ModelWriter:
    """Writes with a language model over `chat.completions` and a strict JSON schema.

    `base_url` None means OpenAI itself; `timeout` is in seconds, for each wait on the server.
    `max_retries` are the client's own and stay 0: the one retry here, after a 429, obeys Retry-After up
    to `longest_wait` seconds, and everything else is the desk's decision.
    """

    name = "model"

    def __init__(
        self,
        base_url: str | None,
        api_key: str | None,
        model: str,
        timeout: float = 20.0,
        max_retries: int = 0,
        longest_wait: float = 5.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.model = model
        self._base_url = base_url or OPENAI_URL
        # Servers at home want no key, but the client insists on one.
        self._api_key = api_key or "none"
        self._timeout = timeout
        self._max_retries = max_retries
        self._longest_wait = longest_wait
        self._sleep = sleep

    @cached_property
    def _client(self) -> openai.OpenAI:
        # Made at first use: a connection pool must not be inherited by a forked worker.
        return openai.OpenAI(
            base_url=self._base_url,
            api_key=self._api_key,
            timeout=openai.Timeout(self._timeout, connect=min(self._timeout, _LONGEST_CONNECT)),
            max_retries=self._max_retries,
        )

    def write(self, request: CopyRequest) -> WrittenCopy:
        """A copy by the model that passes the guard, repaired once if need be (see `CopyWriter.write`)."""
        messages = build_messages(request)
        refused: list[Verdict] = []
        tokens = 0
        for _ in range(_DRAFTS):
            answer = self._ask(messages)
            tokens += answer.tokens
            if answer.failure is not None:
                rule, message = answer.failure
                refused.append(Verdict(rule, "", message))
                break
            copy, verdicts = _judged(answer.text, request)
            if copy is not None and not verdicts:
                key = request.cell_key(self.model)
                return WrittenCopy(copy, self.name, self.model, PROMPT_VERSION, tokens, tuple(refused), key)
            refused.extend(verdicts)
            messages = with_repair(messages, answer.text, verdicts)
        raise CannotWrite(f"{self.model} gave no acceptable copy", tuple(refused), tokens)

    def _ask(self, messages: Sequence[Message]) -> _Answer:
        """One answer; a 429 is waited out once if the server asks for a short wait."""
        try:
            return self._call(messages)
        except ServiceUnavailable as busy:
            if busy.retry_after is None or busy.retry_after > self._longest_wait:
                raise
            self._sleep(busy.retry_after)
        return self._call(messages)

    def _call(self, messages: Sequence[Message]) -> _Answer:
        try:
            completion = self._client.chat.completions.create(
                model=self.model,
                messages=cast("Any", messages),
                response_format=cast("Any", _RESPONSE_FORMAT),
                max_completion_tokens=_MOST_TOKENS,
                store=False,
            )
        except openai.APIStatusError as error:
            raise _status_error(error) from error
        except openai.APITimeoutError as error:
            raise ServiceUnavailable(SERVICE, f"no answer within {self._timeout:g} s") from error
        except openai.OpenAIError as error:
            # Its text may quote the request; the kind of error says enough.
            raise ServiceUnavailable(SERVICE, type(error).__name__) from error
        except ValueError as error:
            raise ServiceUnavailable(SERVICE, "the reply is not JSON") from error
        return _answer_of(completion)


def _status_error(error: openai.APIStatusError) -> ServiceUnavailable | Rejected:
    """The server's text stays out: it may quote a part of the key."""
    status = error.status_code
    if status == 429:
        out_of_quota = error.code == "insufficient_quota"
        wait = None if out_of_quota else retry_after_seconds(error.response.headers.get("retry-after"))
        return ServiceUnavailable(SERVICE, "out of quota" if out_of_quota else "too many requests", wait)
    if status >= 500 or status in (408, 409):
        return ServiceUnavailable(SERVICE, f"HTTP {status}")
    return Rejected(f"{SERVICE}: HTTP {status} {error.code or ''}".rstrip())


def retry_after_seconds(header: str | None) -> float:
    """Retry-After (RFC 9110, 10.2.3: seconds or a date) in seconds, a second if absent or senseless."""
    if not header:
        return _DEFAULT_WAIT
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return _DEFAULT_WAIT
    return max(seconds, 0.0) if math.isfinite(seconds) else _DEFAULT_WAIT


def _answer_of(completion: object) -> _Answer:
    """What the reply holds. The client checks no types, so a stranger's server may have sent anything."""
    if not isinstance(completion, ChatCompletion) or not completion.choices:
        raise ServiceUnavailable(SERVICE, "the reply is not a chat completion")
    usage = getattr(completion.usage, "total_tokens", 0)
    tokens = usage if isinstance(usage, int) else 0
    choice = completion.choices[0]
    message = getattr(choice, "message", None)
    refusal, text = getattr(message, "refusal", None), getattr(message, "content", None)
    if refusal or choice.finish_reason == "content_filter":
        return _Answer("", tokens, ("refusal", "the model declined to write"))
    if choice.finish_reason == "length":
        return _Answer("", tokens, ("cut_off", "the answer was cut off"))
    return _Answer(text if isinstance(text, str) else "", tokens)


def _judged(text: str, request: CopyRequest) -> tuple[Copy | None, list[Verdict]]:
    try:
        copy = read_answer(text)
    except UnreadableAnswer as error:
        return None, [Verdict("schema", "", str(error))]
    return copy, check(copy, request)
