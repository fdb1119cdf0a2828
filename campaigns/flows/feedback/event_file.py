"""Providers' events from a file: one JSON object a line, as an export or a small script of one's own writes it.

    {"message_id": "<12.345.c0de@mail.example>", "event": "bounced", "at": "2026-11-21T09:00:00+01:00",
     "reply": "550 5.1.1 no such user", "id": "the provider's own number", "permanent": true}

The first three are required; `campaign` and `send` may stand instead of `message_id`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.core.errors import BadInput, BadToken, NotFound
from campaigns.flows.sending.reconciling import Reconciling


@dataclass
class EventFileResult:
    """How many lines were taken in, what uncertain sends became, and what was passed over.

    `strangers` are events of mails that are not ours, `gone` those of sends that are no longer kept; `errors`
    are (line number, what is wrong with it).
    """

    taken_in: int = 0
    moved: Counter[str] = field(default_factory=Counter)
    strangers: int = 0
    gone: int = 0
    errors: list[tuple[int, str]] = field(default_factory=list)


def hear_file(reconciling: Reconciling, lines: Iterable[str]) -> EventFileResult:
    """Take in the events line by line; the same file again changes nothing."""
    result = EventFileResult()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            moved = reconciling.heard(**_event_of(line))
        except BadToken:
            result.strangers += 1
        except NotFound:
            result.gone += 1
        except BadInput as error:
            result.errors.append((number, error.message))
        else:
            result.taken_in += 1
            if moved is not None:
                result.moved[moved.value] += 1
    return result


def _event_of(line: str) -> dict[str, Any]:
    """The arguments of `Reconciling.heard`."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise BadInput("is no JSON") from None
    if not isinstance(row, dict):
        raise BadInput("must be an object with message_id, event and at")
    return {
        "reference": _reference(row),
        "name": str(row.get("event") or ""),
        "at": _moment(row.get("at")),
        "reply": str(row.get("reply") or ""),
        "event_id": str(row.get("id") or ""),
        "permanent": row.get("permanent") is not False,
    }


def _reference(row: dict[str, Any]) -> str | tuple[int, int]:
    campaign, send = row.get("campaign"), row.get("send")
    if _is_number(campaign) and _is_number(send):
        return campaign, send  # type: ignore[return-value]
    if isinstance(row.get("message_id"), str):
        return str(row["message_id"])
    raise BadInput("give the Message-ID, or the numbers of campaign and send", where="message_id")


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**18


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise BadInput("must look like 2026-12-01T09:00:00+01:00", where="at") from None
    return moment
