"""The batches of the scripted model server: files, batches, and every way in which one ends.

batches = ScriptedBatches()
with ScriptedModelServer(batches=batches) as server:
    ...                       # somebody uploads a file and makes a batch of it
    batches.work()            # and here it is done
"""

from __future__ import annotations

import email
import email.policy
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from campaigns.copywriting.fake_server import Behaviour, Reply, failure, says

Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]
"""What to do with the lines of a result before they are written: leave out, double, reorder."""


class ScriptedBatches:
    """Files and batches in memory, made by requests; a batch goes on when a test says `work`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.uploads = 0
        self.refused_creates: list[Reply] = []
        """Replies to give to the next attempts to make a batch, instead of making one."""

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """The reply to a request for one of the paths of files and batches."""
        parts = path.split("?")[0].strip("/").split("/")[1:]
        with self._lock:
            match [method, *parts]:
                case ["POST", "files"]:
                    return self._upload(headers, body)
                case ["GET", "files", name, "content"] if name in self.files:
                    return Reply(body=self.files[name], headers={"Content-Type": "application/octet-stream"})
                case ["DELETE", "files", name] if self.files.pop(name, None) is not None:
                    return _json({"id": name, "object": "file", "deleted": True})
                case ["POST", "batches"]:
                    return self._create(json.loads(body))
                case ["GET", "batches"]:
                    newest = list(self.batches.values())[::-1]
                    return _json({"object": "list", "data": newest, "has_more": False})
                case ["GET", "batches", name] if name in self.batches:
                    return _json(self.batches[name])
                case ["POST", "batches", name, "cancel"] if name in self.batches:
                    self.batches[name]["status"] = "cancelling"
                    return _json(self.batches[name])
        return failure(404, "not_found")

    def work(
        self,
        answers: Behaviour | None = None,
        status: str = "completed",
        done: int | None = None,
        change: Change = lambda lines: lines,
    ) -> None:
        """End all open batches with this status: the first `done` requests (None: all) are answered, the others
        are in the error file."""
        with self._lock:
            for batch in self.batches.values():
                if batch["status"] in ("validating", "in_progress", "cancelling"):
                    self._end(batch, answers or says(), status, done, change)

    def requests_of(self, batch: dict[str, Any]) -> list[dict[str, Any]]:
        """The requests that a batch was made of."""
        return [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]

    def _end(
        self, batch: dict[str, Any], answers: Behaviour, status: str, done: int | None, change: Change
    ) -> None:
        requests = self.requests_of(batch)
        count = len(requests) if done is None else done
        good = [_line(told, answers(told["body"])) for told in requests[:count]]
        bad = [
            {"custom_id": told["custom_id"], "response": None, "error": {"code": f"batch_{status}"}}
            for told in requests[count:]
        ]
        batch["status"] = status
        for name, lines in (("output_file_id", change(good)), ("error_file_id", bad)):
            if lines:
                batch[name] = f"{name}-{batch['id']}"
                self.files[batch[name]] = b"\n".join(json.dumps(line).encode() for line in lines) + b"\n"

    def _upload(self, headers: dict[str, str], body: bytes) -> Reply:
        head = f"Content-Type: {headers['content-type']}\r\n\r\n".encode()
        parts = email.message_from_bytes(head + body, policy=email.policy.HTTP)
        fields = {part.get_param("name", header="content-disposition"): part for part in parts.iter_parts()}
        if fields["purpose"].get_content().strip() != "batch":
            return failure(400, "invalid_purpose")
        self.uploads += 1
        name = f"file-{self.uploads}"
        self.files[name] = bytes(fields["file"].get_payload(decode=True))
        return _json({"id": name, "object": "file", "purpose": "batch", "bytes": len(self.files[name])})

    def _create(self, asked: dict[str, Any]) -> Reply:
        if self.refused_creates:
            return self.refused_creates.pop(0)
        if asked["input_file_id"] not in self.files:
            return failure(400, "no_such_file")
        now = int(time.time())
        batch = {
            "id": f"batch-{len(self.batches) + 1}",
            "object": "batch",
            "status": "validating",
            "created_at": now,
            "expires_at": now + 24 * 3600,
            **{name: asked[name] for name in ("input_file_id", "endpoint", "completion_window", "metadata")},
        }
        self.batches[batch["id"]] = batch
        return _json(batch)


def _line(told: dict[str, Any], reply: Reply) -> dict[str, Any]:
    response = {"status_code": reply.status, "request_id": "r", "body": json.loads(reply.body or b"{}")}
    return {"id": "line", "custom_id": told["custom_id"], "response": response, "error": None}


def _json(told: dict[str, Any]) -> Reply:
    return Reply(body=json.dumps(told).encode())
