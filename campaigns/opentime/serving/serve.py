"""What was served: one picture of one slot of one send, and groups of such as they travel to the database."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

_FORMAT = 1
_LARGEST_ID = 2**63 - 1
_LARGEST_SLOT = 2**15 - 1
_LARGEST_COUNT = 2**31 - 1
# 1 January 2100: what is later is no time in milliseconds.
_LATEST_MS = 4_102_444_800_000


@dataclass(frozen=True, slots=True)
class Serve:
    """A picture that was served `n` times, last `at` (milliseconds since 1970).

    `requester` is a opentime.requester.Requester's name, `signal` what decided the place, `detail` what a
    drawn picture was drawn from. The pixel is the variant "pixel" of slot 255.
    """

    campaign_id: int
    send_id: int
    customer_id: int
    slot: int
    requester: str
    machine: bool
    at: int
    variant: str
    link: str = ""
    signal: str = ""
    weather: str = ""
    detail: dict[str, Any] | None = None
    n: int = 1


_CUSTOMER = [field.name for field in fields(Serve)].index("customer_id")
# All but the last, which is `n`.
_FIELDS = attrgetter(*[field.name for field in fields(Serve)][:-1])


class Shown(NamedTuple):
    """What a slot of a send showed last."""

    variant: str
    link: str
    detail: dict[str, Any] | None


class ServeGroup(NamedTuple):
    """Serves that travel together: `id` is the same wherever the group turns up again."""

    id: str
    body: bytes
    n: int
    """How many serves, counting repeated ones each time; 0 where that has not been looked up."""


class Malformed(ValueError):
    """What was read is no group of serves."""


def pack(served: Sequence[tuple[Serve, int]]) -> ServeGroup:
    """A new group of serves, each with how many times it happened (in place of its own `n`)."""
    rows = [(*_FIELDS(serve), n) for serve, n in served]
    return ServeGroup(uuid.uuid4().hex, _as_json({"v": _FORMAT, "serves": rows}), sum(n for _, n in served))


def unpack(body: bytes) -> tuple[list[Serve], int]:
    """The serves of a group that are fit for the database, and how many are not.

    Raises:
        Malformed: it is no group that this version understands.
    """
    try:
        raw = json.loads(body, parse_constant=_no_number)
        if raw["v"] != _FORMAT:
            raise Malformed("of another format")
        serves = [Serve(*row) for row in raw["serves"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Malformed(type(error).__name__) from None
    fit = [serve for serve in serves if _is_fit(serve)]
    return fit, len(serves) - len(fit)


def mentions(body: bytes, customer_ids: Collection[int]) -> bool:
    """Whether something in a group was served to one of these customers; of an unreadable one, whether it may be."""
    if not any(_number(customer_id).search(body) for customer_id in customer_ids):
        return False
    try:
        return without_customers(body, customer_ids) != body
    except Malformed:
        return True


def without_customers(body: bytes, customer_ids: Collection[int]) -> bytes | None:
    """The group without what was served to these customers, as it is where that is nothing; None where all of it is.

    Raises:
        Malformed: it is no group that this version understands.
    """
    try:
        raw = json.loads(body)
        serves = raw["serves"]
        kept = [row for row in serves if row[_CUSTOMER] not in customer_ids]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise Malformed(type(error).__name__) from None
    if len(kept) == len(serves):
        return body
    return _as_json({**raw, "serves": kept}) if kept else None


def group_id(text: str) -> uuid.UUID:
    """The number of a group.

    Raises:
        Malformed: it is none.
    """
    try:
        return uuid.UUID(hex=text)
    except ValueError:
        raise Malformed("no group's number") from None


def _is_fit(serve: Serve) -> bool:
    """Whether the database can keep it: everything of its kind and size."""
    numbers = (
        (serve.campaign_id, _LARGEST_ID),
        (serve.send_id, _LARGEST_ID),
        (serve.customer_id, _LARGEST_ID),
        (serve.slot, _LARGEST_SLOT),
        (serve.at, _LATEST_MS),
        (serve.n, _LARGEST_COUNT),
    )
    words = (serve.requester, serve.variant, serve.link, serve.signal, serve.weather)
    return (
        all(type(number) is int and 0 <= number <= most for number, most in numbers)
        and all(isinstance(word, str) for word in words)
        and type(serve.machine) is bool
        and isinstance(serve.detail, dict | None)
        and all(map(_can_be_kept, _texts([*words, serve.detail])))
    )


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _can_be_kept(text: str) -> bool:
    # PostgreSQL keeps neither zeros nor halves of surrogate pairs.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number in JSON")


@lru_cache(maxsize=1024)
def _number(number: int) -> re.Pattern[bytes]:
    return re.compile(rb"(?<!\d)%d(?!\d)" % number)


def _as_json(raw: object) -> bytes:
    return json.dumps(raw, separators=(",", ":"), default=str).encode()
