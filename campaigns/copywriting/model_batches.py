"""Batches at a model server: OpenAI's Batch API, at half the price and within a day.

A file of requests is uploaded and a batch made of it; when it has ended, one file has the answers and another the
errors, in no order. The client itself, and what its errors mean, are those of `model_client`.

Limits of a file, 50,000 requests and 200 MB: the API reference of POST /v1/batches.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from tempfile import TemporaryFile
from typing import IO, Any

from campaigns.copywriting.answers import Answer
from campaigns.copywriting.asking import Question
from campaigns.copywriting.model_client import (
    CHAT,
    CallFailed,
    ModelClient,
    NotLikeThis,
    answer_of,
    no_for_good,
)
from campaigns.copywriting.written import SERVICE
from campaigns.core.errors import GiveUp, Rejected

MOST_REQUESTS = 50_000
LARGEST_FILE = 190_000_000  # what multipart adds must still fit into 200 MB
ENDED = ("completed", "failed", "expired", "cancelled")
_MARK = "tailormail"
_SECONDS = 600.0  # for a file on its way
_NO_SUCH_PLACE = (404, 405, 501)
_PAGE = 100


class NoBatches(GiveUp):
    """This server has no batches."""

    def __init__(self) -> None:
        super().__init__(
            f"{SERVICE}: this server has no batches, so copy is asked for when the campaign runs"
        )


@dataclass(frozen=True, slots=True)
class BatchState:
    """How a batch stands; `status` is the server's word, `mark` ours, by which it is found again."""

    number: str
    status: str
    mark: str = ""
    output_file: str = ""
    error_file: str = ""
    expires_at: datetime | None = None
    fault: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come; what came until then is in its files, also if it failed or expired."""
        return self.status in ENDED


@dataclass(slots=True)
class BatchFile:
    """A file of requests that is being filled: one line of JSON each, named by the key of its answer."""

    data: IO[bytes] = field(default_factory=TemporaryFile)
    keys: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, key: str, line: bytes) -> None:
        """Add a request."""
        self.data.write(line)
        self.keys.append(key)
        self.size += len(line)

    def has_room_for(self, line: bytes, most: int = MOST_REQUESTS, largest: int = LARGEST_FILE) -> bool:
        """Whether one more still fits."""
        return len(self.keys) < most and self.size + len(line) <= largest


def batch_line(key: str, client: ModelClient, question: Question) -> bytes:
    """One request of a file."""
    body = client.body(question, client.ways)
    told = {"custom_id": key, "method": "POST", "url": CHAT, "body": body}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"


def results(lines: Iterable[str], keys: Collection[str]) -> Iterator[tuple[str, Answer | None]]:
    """What a file of a batch holds, by key; None for a request without an answer (an error, or expired).

    Lines that nobody asked for, that come twice, or that cannot be read are passed over.
    """
    open_ = set(keys)
    for line in lines:
        try:
            told = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            continue
        key = told.get("custom_id") if isinstance(told, dict) else None
        if not isinstance(told, dict) or not isinstance(key, str) or key not in open_:
            continue
        open_.remove(key)
        yield key, _answer(told)


def _answer(told: dict[str, Any]) -> Answer | None:
    response = told.get("response")
    if told.get("error") or not isinstance(response, dict) or response.get("status_code") != 200:
        return None
    try:
        return replace(answer_of(response.get("body")), batch=True)
    except CallFailed:
        return None


class ModelBatches:
    """The batches of one server.

    All methods raise CallFailed where the server is away and Rejected where it says no; those that make something
    NoBatches where there are none at all.
    """

    def __init__(self, client: ModelClient) -> None:
        self._model = client

    def are_there(self) -> bool:
        """Whether this server has batches."""
        try:
            with self._asking_whether_there_are_any() as client:
                client.batches.list(limit=1)
        except NoBatches:
            return False
        return True

    def upload(self, file: BatchFile) -> str:
        """The server's name of the uploaded file."""
        file.data.seek(0)
        with self._asking_whether_there_are_any() as client:
            made = client.files.create(file=("copy.jsonl", file.data), purpose="batch")
        return _name_of(made)

    def create(self, input_file: str, mark: str) -> BatchState:
        """Make a batch of an uploaded file; `mark` is kept with it."""
        with self._asking_whether_there_are_any() as client:
            made = client.batches.create(
                input_file_id=input_file,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={_MARK: mark},
            )
        return _state(made)

    def look(self, number: str) -> BatchState:
        """How it stands."""
        with self._asking() as client:
            return _state(client.batches.retrieve(number))

    def cancel(self, number: str) -> BatchState:
        """Ask for no more answers; those that are there will be in its file."""
        with self._asking() as client:
            return _state(client.batches.cancel(number))

    def marked(self, mark: str, since: datetime) -> BatchState | None:
        """The batch with this mark, if the server has one that was made since then."""
        with self._asking() as client:
            for told in client.batches.list(limit=_PAGE):
                state = _state(told)
                if state.mark == mark:
                    return state
                if (getattr(told, "created_at", 0) or 0) < since.timestamp():
                    return None
        return None

    def lines(self, file: str) -> Iterator[str]:
        """The lines of a file, as they come."""
        with self._asking() as client, client.files.with_streaming_response.content(file) as response:
            yield from response.iter_lines()

    def forget(self, files: Iterable[str]) -> None:
        """Delete files at the server; one that is gone already is no error."""
        for file in files:
            try:
                with self._asking() as client:
                    client.files.delete(file)
            except Rejected as no:
                if getattr(no.__cause__, "status_code", 0) not in _NO_SUCH_PLACE:
                    raise

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        try:
            with self._model.errors_named():
                yield self._model.patient(_SECONDS)
        except NotLikeThis as refusal:
            raise no_for_good(refusal.error) from refusal.error

    @contextmanager
    def _asking_whether_there_are_any(self) -> Iterator[Any]:
        try:
            with self._asking() as client:
                yield client
        except Rejected as no:
            if getattr(no.__cause__, "status_code", 0) in _NO_SUCH_PLACE:
                raise NoBatches from no
            raise
        except CallFailed as failed:
            if getattr(failed.__cause__, "status_code", 0) in _NO_SUCH_PLACE:
                raise NoBatches from failed
            raise


def _state(told: object) -> BatchState:
    """What the server says of a batch, as far as it can be understood."""
    metadata = getattr(told, "metadata", None)
    expires = getattr(told, "expires_at", None)
    errors = getattr(getattr(told, "errors", None), "data", None) or []
    codes = [str(getattr(error, "code", "") or "") for error in errors]
    return BatchState(
        _name_of(told),
        str(getattr(told, "status", "")),
        str(metadata.get(_MARK, "")) if isinstance(metadata, dict) else "",
        str(getattr(told, "output_file_id", None) or ""),
        str(getattr(told, "error_file_id", None) or ""),
        datetime.fromtimestamp(expires, UTC) if isinstance(expires, int) else None,
        # Codes only: the messages may quote lines.
        ", ".join(sorted({code for code in codes if code}))[:200],
    )


def _name_of(told: object) -> str:
    name = getattr(told, "id", None)
    if not isinstance(name, str) or not name:
        raise CallFailed("the reply is no file and no batch")
    return name
