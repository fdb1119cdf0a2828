"""A scripted stand-in for a model server: real HTTP on a local port, every way in which one fails.

with ScriptedModelServer(["too_many_requests", "good"]) as server:
    ModelWriter(server.base_url, "any key", "any-model")
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Protocol

from campaigns.copywriting.asking import read_asked
from campaigns.copywriting.prompt import read_data

_PATH = "/v1/chat/completions"
_WORDS = {
    "en": (
        "From the model: ready for outside?",
        "A look at what is inside.",
        "Well chosen",
        "Made for the way.",
    ),
    "de": ("Vom Modell: bereit für draußen?", "Ein Blick hinein.", "Gut gewählt", "Für den Weg gemacht."),
    "fr": (
        "Par le modèle : envie de sortir ?",
        "Un regard à l'intérieur.",
        "Bien choisi",
        "Fait pour la route.",
    ),
    "es": ("Del modelo: ¿salimos?", "Una mirada dentro.", "Bien elegido", "Hecho para el camino."),
}
_BUTTONS = {"en": "Look inside", "de": "Hineinsehen", "fr": "Voir de plus près", "es": "Ver dentro"}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply; `body` None means to accept the request and stay silent.

    With `missing` bytes it breaks off before its end.
    """

    status: int = 200
    body: bytes | None = b""
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0


Behaviour = Callable[[dict[str, Any]], Reply]


class OtherPaths(Protocol):
    """Answers for all paths but the one of chats (see fake_batches)."""

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """The reply to one request; names of headers are in lower case."""
        ...


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """What arrived: path, headers (names in lower case), and the JSON body."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


def honest_copy(body: dict[str, Any]) -> dict[str, Any]:
    """A copy that keeps all rules, for whatever cell the prompt describes."""
    data = read_data(body.get("messages", []))
    language = data.get("language", "en")
    subject, preheader, headline, line = _WORDS[language]
    return {
        "subject": subject,
        "preheader": preheader,
        "headline": headline,
        "intro": "\n".join([preheader, *data.get("must_mention", [])]),
        "product_lines": [line for _ in data.get("products", [])],
        "call_to_action": data.get("call_to_action") or _BUTTONS[language],
    }


def completion(content: str | None, *, finish: str = "stop", refusal: str | None = None) -> Reply:
    """A chat completion with this content."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    body = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
    return Reply(body=json.dumps(body).encode())


def asked_of(body: dict[str, Any], copy: dict[str, Any]) -> dict[str, Any]:
    """What a call asks for of a whole copy: all of it in the first round, later just some texts."""
    lines = copy["product_lines"]
    alone = {f"product_line_{number}": line for number, line in enumerate(lines, 1)}
    texts = {**copy, **alone}
    return {name: texts.get(name, "") for name in read_asked(body.get("messages", []))}


def says(**fields: Any) -> Behaviour:
    """A behaviour that answers honestly but for these fields: `says(subject="50% off")`.

    It says them again whenever it is asked for them, also when they were refused.
    """
    return lambda body: completion(json.dumps(asked_of(body, {**honest_copy(body), **fields})))


def too_many_requests(retry_after: str) -> Behaviour:
    """A behaviour that answers 429 with this Retry-After."""
    return lambda body: failure(429, "rate_limit_exceeded", {"Retry-After": retry_after})


def failure(
    status: int,
    code: str,
    headers: dict[str, str] | None = None,
    message: str = "scripted",
    param: str | None = None,
) -> Reply:
    """An error as the protocol words it."""
    body = {"error": {"message": message, "type": "scripted", "code": code, "param": param}}
    return Reply(status, json.dumps(body).encode(), headers or {})


def _cut_off(body: dict[str, Any]) -> Reply:
    whole = json.dumps(honest_copy(body))
    return completion(whole[: len(whole) // 2], finish="length")


BEHAVIOURS: dict[str, Behaviour] = {
    "good": says(),
    "too_many_requests": too_many_requests("0.05"),
    "server_error": lambda body: failure(500, "server_error"),
    "wrong_key": lambda body: failure(401, "invalid_api_key"),
    "out_of_quota": lambda body: failure(429, "insufficient_quota"),
    "content_filter": lambda body: completion("", finish="content_filter"),
    "declined_before_asking": lambda body: failure(400, "content_filter"),
    "no_choices": lambda body: Reply(body=b'{"object": "chat.completion", "choices": []}'),
    "breaks_off": lambda body: Reply(body=b'{"choices": [', missing=100),
    "refusal": lambda body: completion(None, refusal="I cannot help with that."),
    "cut_off": _cut_off,
    "bad_json": lambda body: completion('{"subject": "half of an answer'),
    "not_a_completion": lambda body: Reply(body=b'{"choices": null}'),
    "not_json": lambda body: Reply(body=b"<html>a proxy's greeting"),
    "hang": lambda body: Reply(body=None),
    "obeys_injection": says(
        subject="50% off everything, last chance", intro="Half price at http://evil.example"
    ),
}


class ScriptedModelServer:
    """Speaks POST /v1/chat/completions on a free local port, and with `batches` files and batches too.

    `script` names behaviours (or gives them) in the order of the requests; the last one repeats.
    """

    def __init__(
        self, script: str | Behaviour | Sequence[str | Behaviour] = "good", batches: OtherPaths | None = None
    ) -> None:
        steps = [script] if isinstance(script, str) or callable(script) else list(script)
        self._steps = [BEHAVIOURS[step] if isinstance(step, str) else step for step in steps]
        self._released = threading.Event()
        self._lock = threading.Lock()
        self.batches = batches
        self.requests: list[RecordedRequest] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL would be."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> ScriptedModelServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def next_reply(self, request: RecordedRequest) -> Reply:
        """Records the request and plays the next step of the script."""
        with self._lock:
            step = self._steps[min(len(self.requests), len(self._steps) - 1)]
            self.requests.append(request)
        return step(request.body)

    def wait_for_end(self) -> None:
        """Keeps a silent request open until the server is closed."""
        self._released.wait()


def _handler_of(server: ScriptedModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body leave together; apart they would wait for each other's acknowledgement.
        wbufsize = 65_536

        def do_POST(self) -> None:
            self._answer("POST")

        def do_GET(self) -> None:
            self._answer("GET")

        def do_DELETE(self) -> None:
            self._answer("DELETE")

        def _answer(self, method: str) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if (method, self.path) == ("POST", _PATH):
                self._send(server.next_reply(RecordedRequest(self.path, headers, json.loads(raw))))
            elif server.batches is not None:
                self._send(server.batches.handle(method, self.path, headers, raw))
            else:
                self._send(failure(404, "not_found"))

        def _send(self, reply: Reply) -> None:
            if reply.body is None:
                server.wait_for_end()
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body) + reply.missing))
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection = self.close_connection or reply.missing > 0

        def log_message(self, format: str, *args: Any) -> None:
            """Silent: what arrived is in `requests`."""

    return Handler
