"""Verifying the consent ledger: every chain is computed again, and the first broken entry is named.

The database chains the entries (migration 0007). Here the same is computed without it, from what is stored:

    evidence_hash = SHA-256(evidence_salt || evidence)
    hash          = SHA-256(f(tag) f(previous_hash) f(customer_id) f(position) f(id) f(purpose) f(action)
                            f(wording_version) f(wording) f(source) f(at) f(recorded_at) f(evidence_hash))

f(x) is the length of x in bytes (4 bytes) and x; a text is UTF-8, a number 8 bytes, a moment its microseconds
since 1970 UTC as a number; numbers are big-endian. The first entry has position 1 and an empty previous_hash.

Who may switch the triggers off and rewrites a customer's whole chain, head and all, leaves a chain that is
whole in itself: against that, keep the fingerprint, or a backup, where that person cannot reach it.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

_TAG = b"tailormail consent entry 1"
_FETCHED_AT_ONCE = 2000
_ERASED, _ENTRY, _HEAD, _STATE = range(4)


def _micros(column: str) -> str:
    return f"case when isfinite({column}) then (extract(epoch from {column}) * 1000000)::bigint end"


# One statement, and so one moment, for all that must fit together; sorted by the server, which may use its disk.
_EVERYTHING = text(f"""
    select customer_id, {_ENTRY} as kind, position, id, purpose, action, wording_version, wording, source,
        {_micros("at")} as at, {_micros("recorded_at")} as recorded_at, evidence, evidence_salt, evidence_hash,
        previous_hash, hash
    from consent_entries
    union all
    select customer_id, {_HEAD}, position, null, null, null, null, null, null, null, null, null, null, null, null,
        hash
    from consent_heads
    union all
    select customer_id, {_STATE}, null, entry_id, purpose, case when granted then 'granted' else 'withdrawn' end,
        null, null, null, {_micros("at")}, null, null, null, null, null, null
    from consent_states
    union all
    select id, {_ERASED}, null, null, null, null, null, null, null, null, null, null, null, null, null, null
    from customers where erased_at is not null
    order by customer_id, kind, position, id
""")


@dataclass(frozen=True, slots=True)
class Break:
    """The first entry of a customer's chain that is not as it was written; no id where it is not there."""

    customer_id: int
    position: int
    entry_id: int | None
    what: str


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """`broken` counts customers; `first` is the break of the lowest of them.

    `fingerprint` is a SHA-256 in hexadecimal over (customer, position, hash) of all heads: it is the same as long
    as no entry is added, and a restored copy has that of its original.
    """

    entries: int
    customers: int
    fingerprint: str
    broken: int
    first: Break | None

    @property
    def whole(self) -> bool:
        """Whether every chain is as it was written."""
        return self.first is None


def verify(session: Session) -> LedgerReport:
    """Compute all chains anew, in bounded memory; takes about half a minute for a million entries."""
    found = session.connection().execute(_EVERYTHING, execution_options={"yield_per": _FETCHED_AT_ONCE})
    entries = customers = broken = 0
    first: Break | None = None
    heads = hashlib.sha256()
    for customer_id, rows in groupby(found, attrgetter("customer_id")):
        chain = _Chain(customer_id)
        for row in rows:
            chain.take(row)
        chain.end()
        if not chain.entries and chain.head is None and chain.broken is None:
            continue  # Erased, and never asked anything.
        entries += chain.entries
        customers += 1
        if chain.head is not None:
            heads.update(struct.pack(">qq", customer_id, chain.head.position) + _field(chain.head.hash))
        if chain.broken is not None:
            broken += 1
            first = first or chain.broken
    return LedgerReport(entries, customers, heads.hexdigest(), broken, first)


def entry_hash(entry: Any) -> bytes:
    """What the `hash` of an entry must be; `at` and `recorded_at` are microseconds."""
    fields = (
        _TAG, entry.previous_hash, entry.customer_id, entry.position, entry.id, entry.purpose, entry.action,
        entry.wording_version, entry.wording, entry.source, entry.at, entry.recorded_at, entry.evidence_hash,
    )  # fmt: skip
    return hashlib.sha256(b"".join(map(_field, fields))).digest()


def _field(value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        return struct.pack(">iq", 8, value)
    content = value.encode() if isinstance(value, str) else value
    return struct.pack(">i", len(content)) + content


@dataclass(slots=True)
class _Chain:
    """One customer's chain as it passes by: entries by position, then the head, then the states."""

    customer_id: int
    broken: Break | None = None
    entries: int = 0
    position: int = 0
    last: bytes = b""
    before_last: bytes = b""
    erased: bool = False
    head: Row[Any] | None = None
    newest: dict[str, tuple[int, int, int, str]] = field(default_factory=dict)
    """Of each purpose (at, entry id, position, action) of the entry that decides."""

    def take(self, row: Row[Any]) -> None:
        """The next row of this customer."""
        if row.kind == _ERASED:
            self.erased = True
        elif row.kind == _ENTRY:
            self.entries += 1
            self._entry(row)
        elif row.kind == _HEAD:
            self.head = row
            self._end_of_entries()
        else:
            self._state(row)

    def end(self) -> None:
        """All rows were taken: what should have been among them?"""
        if self.entries and self.head is None:
            self._break(
                self.position, None, "the chain has lost its head: whether more followed is not known"
            )
        for purpose, (_, entry_id, position, _) in self.newest.items():
            self._break(position, entry_id, f"it decides about {purpose}, and no state is kept of that")

    def _entry(self, row: Row[Any]) -> None:
        if self.broken is None:
            wrong = self._wrong_with(row)
            if wrong is not None:
                missing = row.position > self.position + 1
                self._break(
                    self.position + 1 if missing else row.position, None if missing else row.id, wrong
                )
        self.position, self.before_last, self.last = row.position, self.last, row.hash
        if row.at is not None:
            decides = (row.at, row.id, row.position, row.action)
            self.newest[row.purpose] = max(decides, self.newest.get(row.purpose, decides))

    def _wrong_with(self, row: Row[Any]) -> str | None:
        if row.position > self.position + 1:
            return "it is missing"
        if row.position <= self.position:
            return "forked: there is another entry at this position"
        if row.at is None or row.recorded_at is None or entry_hash(row) != row.hash:
            return "changed: its fields do not give its hash"
        if row.previous_hash != self.last:
            if row.previous_hash == self.before_last and self.position > 1:
                return f"forked: it follows the same entry as position {self.position}"
            return "out of order: it does not follow the entry before it"
        if row.evidence_salt or row.evidence:
            if hashlib.sha256(row.evidence_salt + row.evidence.encode()).digest() != row.evidence_hash:
                return "changed: its evidence is not the one that was recorded"
        elif not self.erased:
            return "changed: its evidence was taken away, and the customer was not erased"
        return None

    def _end_of_entries(self) -> None:
        assert self.head is not None
        known = self.head.position
        if known > self.position:
            self._break(self.position + 1, None, f"cut off: there were {known} entries")
        elif known < self.position:
            self._break(known + 1, None, f"added past the ledger: it has {known} entries")
        elif self.head.hash != self.last:
            self._break(known, None, "replaced: the chain ended in another entry")

    def _state(self, row: Row[Any]) -> None:
        at, entry_id, position, action = self.newest.pop(row.purpose, (None, None, self.position, None))
        if (at, entry_id, action) != (row.at, row.id, row.action):
            self._break(position, entry_id, f"the state of {row.purpose} is not derived from what decides it")

    def _break(self, position: int, entry_id: int | None, what: str) -> None:
        if self.broken is None:
            self.broken = Break(self.customer_id, position, entry_id, what)
