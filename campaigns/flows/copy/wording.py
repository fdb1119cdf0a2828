"""Copy for sends: words kept in parts or as a whole, found again by what decides them, and put together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from campaigns.copywriting.arranging import arranged
from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.offline_writer import OfflineWriter
from campaigns.copywriting.request import OFFLINE, CopyRequest, PartKeys
from campaigns.copywriting.usage import Prices
from campaigns.copywriting.written import WrittenCopy
from campaigns.core.db import Database
from campaigns.core.remembering import Remembered, Tokens
from campaigns.flows.copy.copy_parts import new_parts
from campaigns.flows.copy.copystore import (
    Arranged,
    NewPart,
    Part,
    keep_arranged,
    keep_parts,
    parts_by_key,
    parts_by_number,
    put_together,
)
from campaigns.models.copy import line_ids
from campaigns.models.values import Copy, Pick

K = TypeVar("K", bound=Hashable)

_MOST_KEPT = 10_000


class Worded(NamedTuple):
    """The words of a mail, blanks unfilled, and where they are kept: `copy_id` numbers the head or the whole
    copy, `line_ids` one line per pick (0 where the copy itself holds it)."""

    copy_id: int
    copy: Copy
    line_ids: tuple[int, ...]


class _Source(NamedTuple):
    """Where missing words come from, and what stands for it in the keys."""

    model: str
    write: Callable[[CopyRequest], WrittenCopy]


class CopyShelf:
    """Copies: read from the database, written by the desk where missing, kept for all.

    Customers differ in how parts come together far more than in the parts, so that there are thousands of
    these for a million mails. A part never changes, and those once read are kept in memory. What the desk
    wrote that fits no other mail is kept as a whole. Safe to use from several threads.
    """

    def __init__(self, db: Database, desk: CopyDesk, prices: Prices | None = None) -> None:
        offline = OfflineWriter()
        self._db = db
        self._desk = desk
        self._prices = prices or Prices()
        self._wanted = _Source(desk.key_model, lambda request: desk.copy_for(request))
        self._offline = _Source(OFFLINE, offline.write)
        self._tokens = Tokens()
        self._keys: Remembered[Hashable, str] = Remembered(_MOST_KEPT)
        self._commons: Remembered[Hashable, Hashable] = Remembered(_MOST_KEPT)
        self._read: Remembered[str, Part] = Remembered(_MOST_KEPT)
        self._by_number: Remembered[int, Copy] = Remembered(_MOST_KEPT)
        self._rejected: frozenset[str] = frozenset()
        self._stand_ins: set[str] = set()

    @property
    def slow(self) -> bool:
        """Whether missing words come from a model that takes its time."""
        return self._desk.uses_model

    @property
    def model(self) -> str:
        """What stands for the wanted writer in keys."""
        return self._wanted.model

    def cell_of(self, request: CopyRequest) -> str:
        """The key of the cell that a mail with this request belongs to."""
        if request.granularity == "pick_set":
            return request.cell_key(self.model)
        return self._keys_of(request, self.model).head

    def copies_for(self, requests: Mapping[K, CopyRequest], write: bool = True) -> dict[K, Worded]:
        """The words for each key of `requests`.

        With `write` False, those of which nobody has written some part yet are left out.
        """
        return self._copies(requests, self._wanted, write)

    def offline_for(self, requests: Mapping[K, CopyRequest]) -> dict[K, Worded]:
        """The words of the offline writer for each of them, whoever else would be wanted."""
        return self._copies(requests, self._offline, write=True)

    def heed(self, rejected: frozenset[str]) -> None:
        """From now on no mail gets the words with these keys; where one is a line, the offline writer's stands in.

        Words of whole cells are looked after by who knows the cells (copy_cells.offline_among).
        """
        if rejected != self._rejected:
            for key in rejected:
                self._read.pop(key, None)
            self._rejected = rejected

    def parts_of(self, requests: Iterable[CopyRequest]) -> dict[str, Copy]:
        """What the wanted writer has written of their heads (or wholes) and lines, by key; by one query."""
        keys: set[str] = set()
        for request in requests:
            keys.add(self.cell_of(request))
            keys.update(self.lines_of(request))
        return {key: part.copy for key, part in self._known(keys).items()}

    def lines_of(self, request: CopyRequest) -> tuple[str, ...]:
        """The keys of its lines, in the order of its picks; none where the copy is kept as a whole."""
        return self._keys_of(request, self.model).lines

    def __contains__(self, key: object) -> bool:
        """Whether the part under this key is known here to exist."""
        return key in self._read

    def keep(self, new: Mapping[str, NewPart]) -> None:
        """Keep parts by their keys; where somebody was faster, theirs stay."""
        if new:
            with self._db.transaction() as session:
                kept = keep_parts(session, new)
            self._read.keep_all(kept)

    def remembered(
        self, sends: Mapping[int, tuple[int | None, Sequence[Sequence[Any]] | None]]
    ) -> dict[int, Copy]:
        """The words of sends again, from the number of each one's copy and its stored picks.

        Those of which a part does not exist any more are left out.
        """
        parts = {send: (copy_id or 0, *line_ids(picks)) for send, (copy_id, picks) in sends.items()}
        known = self._numbered({number for numbers in parts.values() for number in numbers if number})
        copies = {}
        for send, (head, *lines) in parts.items():
            if head in known and all(line in known for line in lines if line):
                told = [known[line] for line in lines if line]
                copies[send] = put_together(known[head], told) if told else known[head]
        return copies

    def _copies(self, requests: Mapping[K, CopyRequest], source: _Source, write: bool) -> dict[K, Worded]:
        done: dict[K, Worded] = {}
        rest: dict[K, tuple[CopyRequest, PartKeys]] = {}
        for send, request in requests.items():
            keys = self._keys_of(request, source.model)
            worded = _worded(keys, self._read)
            if worded is None:
                rest[send] = request, keys
            else:
                done[send] = worded
        if rest:
            if source.model != OFFLINE and self._stand_ins:
                self._stand_in(rest)
            done |= self._looked_up(rest, source, write)
        return done

    def _stand_in(self, rest: Mapping[K, tuple[CopyRequest, PartKeys]]) -> None:
        """Have those of the offline writer's lines that stand in for rejected ones."""
        self.offline_for(
            {
                send: request
                for send, (request, keys) in rest.items()
                if any(line in self._stand_ins and line not in self._read for line in keys.lines)
            }
        )

    def _looked_up(
        self, rest: Mapping[K, tuple[CopyRequest, PartKeys]], source: _Source, write: bool
    ) -> dict[K, Worded]:
        """The same for requests that memory alone does not answer."""
        # What the offline writer writes is never kept as a whole, so those keys need not be worked out.
        by_model = source.model != OFFLINE
        wholes = {s: PartKeys(r.cell_key(source.model)) for s, (r, _) in rest.items() if by_model}
        asked = {key for _, keys in rest.values() for key in _all_of(keys)}
        parts = self._known(asked | {whole.head for whole in wholes.values()})
        done: dict[K, Worded] = {}
        unwritten: dict[K, tuple[CopyRequest, PartKeys]] = {}
        turned: dict[K, tuple[CopyRequest, PartKeys]] = {}
        for send, (request, keys) in rest.items():
            whole = _worded(wholes[send], parts) if send in wholes else None
            if (worded := _worded(keys, parts)) is not None:
                done[send] = worded
            elif whole is None:
                unwritten[send] = request, keys
            elif request.granularity == "pick_set":
                turned[send] = request, keys
            else:
                done[send] = whole
        if turned:
            done |= self._arranged(turned, {s: parts[wholes[s].head] for s in turned})
        if write and unwritten:
            done |= self._write(unwritten, source)
        return done

    def _arranged(
        self, turned: Mapping[K, tuple[CopyRequest, PartKeys]], origins: Mapping[K, Part]
    ) -> dict[K, Worded]:
        """Words of pick sets in the order of these mails; each order is kept as a copy of its own."""
        new = {
            keys.head: Arranged(origins[send].number, arranged(origins[send].copy, request), request.facts())
            for send, (request, keys) in turned.items()
        }
        with self._db.transaction() as session:
            kept = keep_arranged(session, new)
        self._read.keep_all(kept)
        words = {send: _worded(keys, kept) for send, (_, keys) in turned.items()}
        return {send: found for send, found in words.items() if found is not None}

    def _write(self, unwritten: Mapping[K, tuple[CopyRequest, PartKeys]], source: _Source) -> dict[K, Worded]:
        """Have the missing parts written, and keep them."""
        new: dict[str, NewPart] = {}
        seen: set[PartKeys] = set()
        # The model may take long: no connection is held while it writes.
        for request, keys in unwritten.values():
            known = all(key in new or key in self._read for key in _all_of(keys))
            if keys not in seen and not known:
                seen.add(keys)
                asked = request.canonical() if request.granularity == "pick_set" else request
                # A stand-in is kept under keys of its own, so that the model is asked again another time.
                new_parts(source.write(asked), asked, self._prices, self._read, new)
        self.keep(new)
        requests = {send: request for send, (request, _) in unwritten.items()}
        found = self._copies(requests, source, write=False)
        missing = {send: request for send, request in requests.items() if send not in found}
        return found | self._copies(missing, self._offline, write=True) if missing else found

    def _keys_of(self, request: CopyRequest, model: str) -> PartKeys:
        """Where the words for a request are kept.

        The keys take long to work out, so they are found by what tells requests of this process apart.
        """
        if model != OFFLINE and not request.in_parts:
            return PartKeys(_key_in_order(request, model))
        token, picks = self._tokens.of, request.picks
        common: tuple[Any, ...] = (
            model, token(request.brief), request.language, request.stage, request.season, request.personal,
            request.variant, request.seed, request.detail,
        )  # fmt: skip
        shared = self._commons.get(common)  # thousands of keys begin with one of a few dozens of these
        if shared is None:
            self._commons[common] = shared = common
        finer = request.shown_favourite, request.favourites, request.engagement, request.style, request.place
        shown = [(token(pick.product), pick.reason.kind) for pick in picks]
        asked: Hashable = (shared, finer, len(picks), *shown[:1])
        head = self._keys.get(asked) or self._key(asked, request, model, None)
        lines = []
        for one, pick in zip(shown, picks, strict=True):
            asked = shared, one
            line = self._keys.get(asked) or self._key(asked, request, model, pick)
            if line in self._rejected:
                asked = (OFFLINE, *common[1:]), one
                line = self._keys.get(asked) or self._key(asked, request, OFFLINE, pick)
                self._stand_ins.add(line)
            lines.append(line)
        return PartKeys(head, tuple(lines))

    def _key(self, asked: Hashable, request: CopyRequest, model: str, pick: Pick | None) -> str:
        key = request.line_key(pick, model) if pick else request.head_key(model)
        self._keys[asked] = key
        return key

    def _known(self, keys: Collection[str]) -> dict[str, Part]:
        """The parts that exist, from memory and else by one query."""
        known = {key: kept for key in keys if (kept := self._read.get(key)) is not None}
        missing = [key for key in keys if key not in known]
        if missing:
            with self._db.transaction() as session:
                fresh = parts_by_key(session, missing)
            self._read.keep_all(fresh)
            known |= fresh
        return known

    def _numbered(self, numbers: Collection[int]) -> dict[int, Copy]:
        known = {number: copy for number in numbers if (copy := self._by_number.get(number)) is not None}
        missing = [number for number in numbers if number not in known]
        if missing:
            with self._db.transaction() as session:
                fresh = parts_by_number(session, missing)
            self._by_number.keep_all(fresh)
            known |= fresh
        return known


def _key_in_order(request: CopyRequest, model: str) -> str:
    """Where a whole copy is kept as it reads in this mail: of a pick set, each order has its own."""
    cell = request.cell_key(model)
    if request.granularity != "pick_set" or request.canonical() is request:
        return cell
    order = "\n".join([cell, *(pick.product.sku for pick in request.picks)])
    return hashlib.sha256(order.encode()).hexdigest()


def _all_of(keys: PartKeys) -> Iterator[str]:
    yield keys.head
    yield from keys.lines


def _worded(keys: PartKeys, parts: Mapping[str, Part]) -> Worded | None:
    """The words that are kept under these keys, None if some of them are not among `parts`."""
    head = parts.get(keys.head)
    if head is None:
        return None
    if not keys.lines:
        return Worded(head.number, head.copy, (0,) * len(head.copy.product_lines))
    lines = []
    for key in keys.lines:
        line = parts.get(key)
        if line is None:
            return None
        lines.append(line)
    copy = put_together(head.copy, [line.copy for line in lines])
    return Worded(head.number, copy, tuple([line.number for line in lines]))
