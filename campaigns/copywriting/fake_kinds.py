"""Kinds of model servers, as behaviours of the scripted one: what each takes, refuses and ignores.

    ScriptedModelServer(KINDS["json_object"])

Each stands for servers that are in use; the README says which.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from campaigns.copywriting.fake_server import Behaviour, Reply, completion, failure, says


def takes_only_json_object(then: Behaviour) -> Behaviour:
    """Plain JSON mode: a schema is an error."""

    def reply(body: dict[str, Any]) -> Reply:
        if _form(body) == "json_schema":
            return _bad("This response_format type is unavailable now", "response_format")
        return then(body)

    return reply


def takes_no_form(then: Behaviour) -> Behaviour:
    """Any response_format is an error, and the answer has words around it."""

    def reply(body: dict[str, Any]) -> Reply:
        if "response_format" in body:
            return _bad("response_format is not supported by this model", None)
        return chatting(then)(body)

    return reply


def ignores_the_form(then: Behaviour) -> Behaviour:
    """Takes everything and answers as if nothing had been said of a form."""
    return chatting(then)


def wants_a_schema(then: Behaviour) -> Behaviour:
    """A schema or plain text, but no JSON mode."""

    def reply(body: dict[str, Any]) -> Reply:
        if _form(body) == "json_object":
            return _bad("'response_format.type' must be 'json_schema' or 'text'", None)
        return then(body)

    return reply


def refuses(*parameters: str, status: int = 400, says_which: bool = True) -> Behaviour:
    """An error for each call that has one of these parameters, which it names if it `says_which`."""
    honest = says()

    def reply(body: dict[str, Any]) -> Reply:
        for name in parameters:
            if name in body:
                return _bad(f"Unrecognized request argument: {name}", name, status, says_which)
        return honest(body)

    return reply


def chatting(then: Behaviour) -> Behaviour:
    """Says the same with thoughts before it, and a fence and good wishes around it."""

    def reply(body: dict[str, Any]) -> Reply:
        whole = then(body)
        told = json.loads(whole.body or b"{}")
        said = told["choices"][0]["message"]["content"]
        text = f'<think>{{"subject": "a draft"}}</think>Sure, here it is:\n```json\n{said}\n```\nEnjoy!'
        return completion(text)

    return reply


def counts_tokens_otherwise(usage: object) -> Behaviour:
    """Answers honestly with this `usage`; None for a server that does not count."""

    def reply(body: dict[str, Any]) -> Reply:
        told = json.loads(says()(body).body or b"{}")
        if usage is None:
            del told["usage"]
        else:
            told["usage"] = usage
        return Reply(body=json.dumps(told).encode())

    return reply


class Gate:
    """A behaviour that answers when it is opened: for tests of what happens meanwhile."""

    def __init__(self, then: Behaviour) -> None:
        self._then = then
        self._open = threading.Event()
        self._changed = threading.Condition()
        self._inside = 0
        self.most_inside = 0

    def __call__(self, body: dict[str, Any]) -> Reply:
        """Waits until `open` was called, at most half a minute."""
        with self._changed:
            self._inside += 1
            self.most_inside = max(self.most_inside, self._inside)
            self._changed.notify_all()
        self._open.wait(30)
        with self._changed:
            self._inside -= 1
        return self._then(body)

    def open_at(
        self, number: int, before: Callable[[], object] = lambda: None, seconds: float = 10.0
    ) -> None:
        """Wait until so many calls were inside at once, do what is to be done `before`, and open."""
        with self._changed:
            self._changed.wait_for(lambda: self.most_inside >= number, seconds)
        before()
        self.open()

    def open(self) -> None:
        """Let all go, and all who come."""
        self._open.set()


def _form(body: dict[str, Any]) -> str:
    return str(body.get("response_format", {}).get("type", ""))


def _bad(message: str, param: str | None, status: int = 400, says_which: bool = True) -> Reply:
    if says_which:
        return failure(status, "unsupported_parameter", message=message, param=param)
    return failure(status, "invalid_request_error", message="Bad Request")


KINDS: dict[str, Behaviour] = {
    "strict": says(),
    "json_object": takes_only_json_object(says()),
    "no_form": takes_no_form(says()),
    "ignores_the_form": ignores_the_form(says()),
    "wants_a_schema": wants_a_schema(says()),
    "refuses_store": refuses("store", status=422),
    "refuses_max_tokens": refuses("max_tokens"),
    "refuses_all_limits": refuses("max_tokens", "max_completion_tokens", "store"),
    "refuses_without_saying_what": refuses("store", says_which=False),
    "refuses_forms_without_saying_so": refuses("response_format", says_which=False),
}
