"""The client of a model server: the one file that talks to OpenAI, or to a server that speaks its protocol.

One call each, no second tries (those are the writer's decision), except to find out how the server wants to be
asked: what it refuses is left out from then on, and remembered (see `server_ways`).

OpenAI's own server takes `max_completion_tokens`, and its newer models nothing else; Ollama, LM Studio and older
vLLM and llama.cpp know `max_tokens` alone and would write without end otherwise.
"""

from __future__ import annotations

import email.utils
import json
import math
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from campaigns.copywriting.answer import schema_of, shape_of
from campaigns.copywriting.answers import Answer
from campaigns.copywriting.asking import Question
from campaigns.copywriting.prompt import Message
from campaigns.copywriting.server_ways import LOOSEST, STRICTEST, ServerWays, Ways, WaysInMemory
from campaigns.copywriting.usage import Usage
from campaigns.copywriting.written import SERVICE
from campaigns.core.errors import Rejected, ServiceUnavailable

if TYPE_CHECKING:
    # It takes most of a second to import, and most processes never ask a model.
    import openai

OPENAI_URL = "https://api.openai.com/v1"
CHAT = "/v1/chat/completions"
_MOST_TOKENS = 4000
_LONGEST_CONNECT = 5.0
_LARGEST_REPLY = 4_000_000
_DEFAULT_WAIT = 1.0
_CACHE_KEY = "tailormail-copy"
# What a call can do without, in the order in which it is left out when a server does not say what it dislikes.
_SPARE = ("reasoning_effort", "prompt_cache_key", "store")
_LIMITS = ("max_completion_tokens", "max_tokens")
_FORM_WORDS = re.compile(
    r"response_?format|json_?schema|json_?object|structured|grammar|schema", re.IGNORECASE
)
_DECLINES = ("content_filter", "content_policy_violation", "invalid_prompt")
_QUOTED = 4000
# A model of good will may miss the form once; a server that takes no notice of it misses it every time.
_MISSES_IN_A_ROW = 3
_TOKEN_CHARACTERS = 4  # of a token, roughly, where the server does not count


class CallFailed(ServiceUnavailable):
    """A call without an answer. `again` tells whether a second try makes sense, `reached` whether the server may
    have worked, and charged, for it."""

    def __init__(
        self, why: str, retry_after: float | None = None, again: bool = True, reached: bool = False
    ) -> None:
        super().__init__(SERVICE, why, retry_after)
        self.again = again
        self.reached = reached


class NotLikeThis(Exception):
    """HTTP 400 or 422: something in a call is not understood; `param` and `text` may say what."""

    def __init__(self, error: openai.APIStatusError) -> None:
        super().__init__()
        self.error = error
        self.param = str(getattr(error, "param", None) or "")
        self.text = error.response.text[:_QUOTED]


class ModelClient:
    """Asks one model of one server.

    `base_url` None means OpenAI itself; `timeout` is in seconds, for a whole call. Safe between threads.
    """

    def __init__(
        self,
        base_url: str | None,
        api_key: str | None,
        model: str,
        timeout: float = 20.0,
        ways: ServerWays | None = None,
    ) -> None:
        self.model = model
        self.timeout = timeout
        self._base_url = (base_url or OPENAI_URL).rstrip("/")
        # Servers at home want no key, but the client insists on one.
        self._api_key = api_key or "none"
        self._remembered = ways or WaysInMemory()
        self._misses = 0
        self._counting = threading.Lock()

    @property
    def server(self) -> str:
        """The server's address, without a password that may stand in it."""
        parts = urlsplit(self._base_url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def is_openai(self) -> bool:
        """Whether this is OpenAI's own server, which takes all that its protocol has."""
        host = urlsplit(self._base_url).hostname or ""
        return host == "api.openai.com" or host.endswith(".api.openai.com")

    @cached_property
    def _client(self) -> openai.OpenAI:
        # Made at first use: a connection pool must not be inherited by a forked worker.
        import openai

        return openai.OpenAI(
            base_url=self._base_url,
            api_key=self._api_key,
            timeout=openai.Timeout(self.timeout, connect=min(self.timeout, _LONGEST_CONNECT)),
            max_retries=0,
        )

    @property
    def ways(self) -> Ways:
        """How this server wants to be asked, as far as it is known."""
        return self._remembered.find(self.server, self.model) or Ways()

    def kept_to(self, form: str, asked: Ways) -> None:
        """Tell to which form an answer kept that was `asked` for so: if several in a row kept to a looser one, less
        is asked for. Never of OpenAI's own server: it keeps to a schema that it has taken."""
        # One step at a time, and not again for each of many answers to what was asked before this was known.
        if self.is_openai or self.ways.answers_as != asked.answers_as:
            return
        with self._counting:
            self._misses = self._misses + 1 if asked.is_stricter_than(form) else 0
            if self._misses < _MISSES_IN_A_ROW:
                return
            self._misses = 0
        self._remembered.keep(self.server, self.model, self.ways.looser())

    def body(self, question: Question, ways: Ways) -> dict[str, Any]:
        """The JSON of a call."""
        body: dict[str, Any] = {"model": self.model, "messages": _messages(question, ways)}
        if ways.answers_as == STRICTEST:
            schema = {"name": "email_copy", "strict": True, "schema": schema_of(question.asked)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif ways.answers_as != LOOSEST:
            body["response_format"] = {"type": ways.answers_as}
        limits = _LIMITS if self.is_openai else _LIMITS[::-1]
        if limit := next((name for name in limits if name not in ways.refuses), None):
            body[limit] = _MOST_TOKENS
        spare: dict[str, Any] = {"store": False}
        if self.is_openai:
            spare |= {"prompt_cache_key": _CACHE_KEY, "reasoning_effort": "low"}
        return body | {name: value for name, value in spare.items() if name not in ways.refuses}

    def ask(self, question: Question) -> tuple[Answer, Ways]:
        """One answer, and how it was asked for.

        Raises:
            CallFailed: no answer, too late, too many requests, or something that is no answer.
            Rejected: the server says no for good (key, model name, malformed request).
        """
        known = ways = self.ways
        while True:
            body = self.body(question, ways)
            try:
                answer = self._answered(body)
            except NotLikeThis as refusal:
                looser = _without_what_it_refuses(ways, body, refusal)
                if looser is None:
                    raise no_for_good(refusal.error) from refusal.error
                ways = looser
                continue
            if ways != known:
                self._remembered.keep(self.server, self.model, ways)
            return answer, ways

    def _answered(self, body: Mapping[str, Any]) -> Answer:
        client = self._client  # before the time runs: made first, it imports for a while
        until = time.monotonic() + self.timeout
        try:
            with (
                self.errors_named(),
                client.chat.completions.with_streaming_response.create(**cast("Any", body)) as response,
            ):
                raw = self._whole(response.iter_bytes(), until)
        except NotLikeThis as refusal:
            if refusal.error.code in _DECLINES:
                return _declined()
            raise
        try:
            return answer_of(json.loads(raw), sum(len(message["content"]) for message in body["messages"]))
        except (ValueError, RecursionError) as error:
            raise CallFailed("the reply is not JSON") from error

    def _whole(self, chunks: Iterator[bytes], until: float) -> bytes:
        """All of a reply; a server that gives it by drops does not get more time for that."""
        kept = bytearray()
        for chunk in chunks:
            kept += chunk
            if time.monotonic() > until:
                raise CallFailed(f"no whole answer within {self.timeout:g} s", reached=True)
            if len(kept) > _LARGEST_REPLY:
                raise CallFailed("the reply has no end", again=False, reached=True)
        return bytes(kept)

    def patient(self, seconds: float) -> openai.OpenAI:
        """The library's client, with time for whole files."""
        return self._client.with_options(timeout=seconds)

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        """The client's errors as ours. Their texts stay out: they may quote the request, or a part of the key."""
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            raise _status_error(error) from error
        except openai.APITimeoutError as error:
            raise CallFailed(f"no answer within {self.timeout:g} s", reached=True) from error
        except openai.OpenAIError as error:
            raise CallFailed(type(error).__name__) from error
        except Exception as error:
            # While a reply is being read the HTTP library's errors come as they are.
            if not type(error).__module__.startswith("http"):
                raise
            late = "Timeout" in type(error).__name__
            why = f"no whole answer within {self.timeout:g} s" if late else "the reply broke off"
            raise CallFailed(why, reached=True) from error


def _messages(question: Question, ways: Ways) -> list[Message]:
    if ways.answers_as == STRICTEST:
        return list(question.messages)
    *before, last = question.messages
    content = f"{last['content']}\n{shape_of(question.asked, question.lines)}"
    return [*before, {**last, "content": content}]


def _without_what_it_refuses(ways: Ways, body: Mapping[str, Any], refusal: NotLikeThis) -> Ways | None:
    """The ways to try next; None if there is nothing that could be left out."""
    sent = [name for name in (*_SPARE, *_LIMITS) if name in body]
    named = next((name for name in sent if refusal.param.split(".")[0] == name), None)
    named = named or next((n for n in sent if re.search(rf"\b{n}\b", refusal.text)), None)
    if named:
        return ways.without(named)
    if "response_format" in body and _FORM_WORDS.search(f"{refusal.param} {refusal.text}"):
        return ways.looser()
    if spare := [name for name in sent if name in _SPARE]:
        return Ways(ways.answers_as, ways.refuses | set(spare))
    return ways.looser() if "response_format" in body else None


def _status_error(error: openai.APIStatusError) -> Exception:
    status, headers = error.status_code, error.response.headers
    if status in (400, 422):
        return NotLikeThis(error)
    if status == 429:
        if error.code == "insufficient_quota":
            return CallFailed("out of quota", again=False)
        return CallFailed("too many requests", retry_after_seconds(*_wait_headers(headers)))
    if status >= 500 or status in (408, 409, 425):
        asked = "retry-after" in headers or "retry-after-ms" in headers
        return CallFailed(f"HTTP {status}", retry_after_seconds(*_wait_headers(headers)) if asked else None)
    return no_for_good(error)


def no_for_good(error: openai.APIStatusError) -> Rejected:
    """The error without its text, which may quote the request."""
    return Rejected(f"{SERVICE}: HTTP {error.status_code} {error.code or ''}".rstrip())


def _wait_headers(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    return headers.get("retry-after"), headers.get("retry-after-ms")


def retry_after_seconds(header: str | None, milliseconds: str | None = None) -> float:
    """Retry-After (RFC 9110, 10.2.3: seconds or a date) in seconds, a second if absent or senseless.

    `milliseconds` is the header retry-after-ms that OpenAI and Azure send besides, and is more exact.
    """
    try:
        seconds = float(milliseconds or "") / 1000
    except ValueError:
        seconds = _seconds(header or "")
    return max(seconds, 0.0) if math.isfinite(seconds) else _DEFAULT_WAIT


def _seconds(header: str) -> float:
    try:
        return float(header)
    except ValueError:
        pass
    try:
        return email.utils.parsedate_to_datetime(header).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return _DEFAULT_WAIT


def answer_of(reply: object, asked: int = 0) -> Answer:
    """What a chat completion holds. Nothing of it is taken for granted: a stranger's server sends anything.

    `asked` is how many characters were asked, for servers that do not count tokens.

    Raises:
        CallFailed: it is no chat completion.
    """
    choices = reply.get("choices") if isinstance(reply, dict) else None
    if not isinstance(choices, list):
        raise CallFailed("the reply is not a chat completion")
    choice = choices[0] if choices and isinstance(choices[0], dict) else {}
    told = choice.get("message")
    message: Mapping[str, Any] = told if isinstance(told, dict) else {}
    text = _storable(_text_of(message.get("content")))
    usage = _usage_of(cast("dict[str, Any]", reply).get("usage"), asked, len(text))
    finish = choice.get("finish_reason")
    if message.get("refusal") or finish == "content_filter":
        return Answer("", usage, ("refusal", "the model declined to write"))
    if finish == "length":
        return Answer("", usage, ("cut_off", "the answer was cut off"))
    if not choices:
        return Answer("", usage, ("empty", "the model gave no answer"))
    return Answer(text, usage)


def _text_of(content: object) -> str:
    """Most servers send a text, some a list of parts."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _storable(text: str) -> str:
    """Without what no database takes: NUL, and halves of characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _usage_of(told: object, asked_characters: int, answered: int) -> Usage:
    """The tokens, guessed from the characters where the server does not count, so that a budget still ends."""
    if not isinstance(told, dict):
        return Usage(1, asked_characters // _TOKEN_CHARACTERS, 0, answered // _TOKEN_CHARACTERS)
    details = told.get("prompt_tokens_details")
    # DeepSeek tells what was cached under a name of its own.
    cached = (
        details.get("cached_tokens") if isinstance(details, dict) else told.get("prompt_cache_hit_tokens")
    )
    asked = _count(told.get("prompt_tokens"))
    return Usage(1, asked, min(_count(cached), asked), _count(told.get("completion_tokens")))


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _declined() -> Answer:
    return Answer("", Usage(1), ("refusal", "the server declined to ask the model"))
