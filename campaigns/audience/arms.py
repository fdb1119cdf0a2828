"""Who is in which arm of an experiment: worked out from a key and the customer's number, the same for everybody who asks.

No state, no order, no clock: a batch that is repeated, another worker and a restart find the same arm. One SHA-256
gives three numbers that have nothing to do with one another (bytes 0-5: the arm, 6-11: the holdout, 12-17: the place
in the order in which waves are opened). The campaign's number is in the key, so that a copy of an experiment sorts
customers anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    LargeBinary,
    SmallInteger,
    Text,
    case,
    cast,
    func,
    literal,
    null,
)
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import UserDefinedType

Column = ColumnElement[int] | InstrumentedAttribute[int]

HOLDOUT = -1
"""The arm of those who get no mail, so that it can be told what mails bring."""
HOLDOUT_REASON = "holdout"
"""Why a send of theirs is held back."""
WAITING = datetime(9999, 1, 1, tzinfo=UTC)
"""When a send is due that has no arm yet: the wave that tells it its arm tells it the time, too."""

_BYTES = 6
_WHOLE = 1 << (8 * _BYTES)
_ARM, _HELD, _PLACE = range(3)


@dataclass(frozen=True, slots=True)
class Shares:
    """How the customers of one wave come to their arms.

    `key` is the experiment's own (`lot_key`). `arms` are the shares of the arms, which add up to 1. `holdout` is the
    share that gets no mail. Only those whose place in the order lies from `start` to below `end` (parts of 1) are in it.
    `times` are the local times (HH:MM) of arms that differ in it; "" for those that go as the campaign says.
    """

    key: str
    arms: tuple[float, ...]
    holdout: float = 0.0
    start: float = 0.0
    end: float = 1.0
    times: tuple[str, ...] = ()

    def arm_of(self, customer_id: int) -> int | None:
        """The arm of this customer, HOLDOUT, or None where they are in no arm (yet)."""
        arm, held, place = units(self.key, customer_id)
        if held < _part(self.holdout):
            return HOLDOUT
        if not self.arms or not _part(self.start) <= place < _part(self.end):
            return None
        return sum(arm >= bound for bound in _bounds(self.arms))

    def arm(self, customer_id: Column) -> ColumnElement[Any]:
        """The same in SQL, for the customer's number in this column."""
        digest = func.sha256(
            func.convert_to(literal(f"{self.key}/", Text) + cast(customer_id, Text), "UTF8"),
            type_=LargeBinary,
        )
        drawn = func.width_bucket(
            _unit(digest, _ARM), cast(list(_bounds(self.arms)), ARRAY(BigInteger)), type_=SmallInteger
        )
        outside: list[tuple[ColumnElement[bool], Any]] = []
        if self.holdout:
            outside.append((_unit(digest, _HELD) < _part(self.holdout), literal(HOLDOUT, SmallInteger)))
        if not self.arms:
            return case(*outside, else_=cast(null(), SmallInteger)) if outside else cast(null(), SmallInteger)
        place = _unit(digest, _PLACE)
        if self.start > 0:
            outside.append((place < _part(self.start), cast(null(), SmallInteger)))
        if self.end < 1:
            outside.append((place >= _part(self.end), cast(null(), SmallInteger)))
        if len(self.arms) == 1:
            drawn = literal(0, SmallInteger)  # type: ignore[assignment]
        return case(*outside, else_=cast(drawn, SmallInteger)) if outside else cast(drawn, SmallInteger)

    def wave(self, customer_id: Column, ends: Sequence[float]) -> ColumnElement[Any]:
        """In SQL, the number of the wave, from 0, that a customer was told their arm in; `ends` are where waves end."""
        digest = func.sha256(
            func.convert_to(literal(f"{self.key}/", Text) + cast(customer_id, Text), "UTF8"),
            type_=LargeBinary,
        )
        inner = [_part(end) for end in ends[:-1]]
        if not inner:
            return literal(0)
        return func.width_bucket(_unit(digest, _PLACE), cast(inner, ARRAY(BigInteger)))


def lot_key(seed: str, campaign_id: int) -> str:
    """What the customers of a campaign's experiment are sorted by."""
    return f"{seed}/{campaign_id}"


def units(key: str, customer_id: int) -> tuple[int, int, int]:
    """The three numbers of a customer: for the arm, the holdout and the place, each below 2**48."""
    digest = hashlib.sha256(f"{key}/{customer_id}".encode()).digest()
    arm, held, place = (
        int.from_bytes(digest[at * _BYTES : (at + 1) * _BYTES], "big") for at in (_ARM, _HELD, _PLACE)
    )
    return arm, held, place


class _Bits48(UserDefinedType[Any]):
    """48 bits as PostgreSQL casts them to a number."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in SQL."""
        return "bit(48)"


def _unit(digest: ColumnElement[Any], which: int) -> ColumnElement[int]:
    """One of the three numbers, in SQL; `units` does the same."""
    part = func.substring(digest, which * _BYTES + 1, _BYTES)
    return cast(cast(literal("x", Text) + func.encode(part, "hex"), _Bits48()), BigInteger)


def _part(share: float) -> int:
    return round(share * _WHOLE)


def _bounds(shares: Sequence[float]) -> tuple[int, ...]:
    """Where one arm ends and the next one begins, in the order of the arms."""
    total = sum(shares)
    return tuple(_part(end / total) for end in list(accumulate(shares))[:-1])
