"""Copy for sends: what the writer is told, and the words kept in parts and put together for each customer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from campaigns.copywriting.desk import CopyDesk
from campaigns.copywriting.languages import language_for
from campaigns.copywriting.request import CopyRequest, PartKeys
from campaigns.copywriting.splitting import split
from campaigns.copywriting.written import WrittenCopy
from campaigns.core.db import Database
from campaigns.core.remembering import Remembered, Tokens
from campaigns.flows.addressees import Addressee
from campaigns.flows.copystore import NewPart, Part, keep_parts, parts_by_key, parts_by_number, put_together
from campaigns.flows.plans import CampaignPlan
from campaigns.models.copy import line_ids
from campaigns.models.values import Copy, Pick, ProductFacts
from campaigns.recommend.recommender import History

_MOST_KEPT = 20_000
_LAPSED_AFTER_DAYS = 180
_LOYAL_FROM_PURCHASES = 8
_SEASONS = ("winter", "winter", "spring", "spring", "spring", "summer", "summer", "summer",
            "autumn", "autumn", "autumn", "winter")  # fmt: skip


def copy_request(
    plan: CampaignPlan,
    addressee: Addressee,
    history: History,
    picks: Sequence[Pick],
    catalogue: dict[int, ProductFacts],
    now: datetime,
) -> CopyRequest:
    """What the writer is told about this mail: nothing that names the person."""
    return CopyRequest(
        brief=plan.brief,
        language=copy_language(plan, addressee.locale),
        stage=_stage(history) if history.personal else "active",
        favourite_category=_favourite_category(history, catalogue) if history.personal else "",
        picks=tuple(picks),
        season=_season(now, addressee.latitude),
        personal=history.personal,
    )


def copy_language(plan: CampaignPlan, locale: str) -> str:
    """The language of a mail: the customer's if the brief has it, else the brief's first."""
    return language_for(locale, plan.brief.languages)


def _stage(history: History) -> str:
    if not len(history.products):
        return "newcomer"
    if history.days_ago.min() > _LAPSED_AFTER_DAYS:
        return "lapsing"
    return "loyal" if len(history.products) >= _LOYAL_FROM_PURCHASES else "active"


def _favourite_category(history: History, catalogue: dict[int, ProductFacts]) -> str:
    bought = Counter(catalogue[p].category for p in history.products.tolist() if p in catalogue)
    return min(bought, key=lambda category: (-bought[category], category)) if bought else ""


def _season(now: datetime, latitude: float | None) -> str:
    southern = latitude is not None and latitude < 0
    return _SEASONS[(now.month - 1 + (6 if southern else 0)) % 12]


class Worded(NamedTuple):
    """The words of a mail, blanks unfilled, and where they are kept: `copy_id` numbers the head or the whole
    copy, `line_ids` one line per pick (0 where the copy itself holds it)."""

    copy_id: int
    copy: Copy
    line_ids: tuple[int, ...]


class CopyShelf:
    """Heads and lines of copies: read from the database, written by the desk where missing, kept for all.

    Customers differ in how parts come together far more than in the parts, so that there are thousands of
    these for a million mails. A part never changes, and those once read are kept in memory. What the desk
    wrote that fits no other mail is kept as a whole. Safe to use from several threads.
    """

    def __init__(self, db: Database, desk: CopyDesk) -> None:
        self._db = db
        self._desk = desk
        self._tokens = Tokens()
        self._keys: Remembered[Hashable, str] = Remembered(_MOST_KEPT)
        self._read: Remembered[str, Part] = Remembered(_MOST_KEPT)
        self._by_number: Remembered[int, Copy] = Remembered(_MOST_KEPT)

    @property
    def slow(self) -> bool:
        """Whether missing words come from a model that takes its time."""
        return self._desk.uses_model

    def copies_for(self, requests: Mapping[int, CopyRequest], write: bool = True) -> dict[int, Worded]:
        """The words for each key of `requests`.

        With `write` False, those of which nobody has written some part yet are left out.
        """
        done: dict[int, Worded] = {}
        rest: dict[int, tuple[CopyRequest, PartKeys]] = {}
        for send, request in requests.items():
            keys = self._keys_of(request)
            worded = _worded(keys, self._read)
            if worded is None:
                rest[send] = request, keys
            else:
                done[send] = worded
        if rest:
            done |= self._looked_up(rest, write)
        return done

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

    def _looked_up(self, rest: Mapping[int, tuple[CopyRequest, PartKeys]], write: bool) -> dict[int, Worded]:
        """The same for requests that memory alone does not answer."""
        # What the offline writer writes is never kept as a whole, so those keys need not be worked out.
        wholes = {s: PartKeys(self._desk.cell_key(r)) for s, (r, _) in rest.items() if self.slow}
        asked = {key for _, keys in rest.values() for key in _all_of(keys)}
        parts = self._known(asked | {whole.head for whole in wholes.values()})
        done: dict[int, Worded] = {}
        unwritten: dict[PartKeys, CopyRequest] = {}
        for send, (request, keys) in rest.items():
            worded = _worded(keys, parts) or (_worded(wholes[send], parts) if send in wholes else None)
            if worded is None:
                unwritten[keys] = request
            else:
                done[send] = worded
        if write and unwritten:
            written = self._write(unwritten, parts)
            done |= {send: written[keys] for send, (_, keys) in rest.items() if send not in done}
        return done

    def _write(
        self, unwritten: Mapping[PartKeys, CopyRequest], parts: dict[str, Part]
    ) -> dict[PartKeys, Worded]:
        """Have the missing parts written, and keep them; the words by the keys of `unwritten`."""
        new: dict[str, NewPart] = {}
        found: dict[PartKeys, PartKeys] = {}
        # The model may take long: no connection is held while it writes.
        for wanted, request in unwritten.items():
            found[wanted] = wanted
            if not all(key in parts or key in new for key in _all_of(wanted)):
                written = self._desk.copy_for(request)
                # A stand-in is kept under keys of its own, so that the model is asked again another time.
                keys = wanted if self._is_wanted(written) else request.part_keys(written.key_model)
                found[wanted] = _lay_out(written, request, keys, parts, new)
        if new:
            with self._db.transaction() as session:
                kept = keep_parts(session, new)
            self._read.keep_all(kept)
            parts = parts | kept
        return {wanted: worded for wanted, keys in found.items() if (worded := _worded(keys, parts))}

    def _is_wanted(self, written: WrittenCopy) -> bool:
        return written.key_model == self._desk.key_model

    def _keys_of(self, request: CopyRequest) -> PartKeys:
        """Where the wanted words for a request are kept.

        The keys take long to work out, so they are found by what tells requests of this process apart.
        """
        token, picks = self._tokens.of, request.picks
        common = token(request.brief), request.language, request.stage, request.season, request.personal
        shown = [(token(pick.product), pick.reason.kind) for pick in picks]
        asked: Hashable = (common, request.shown_favourite, len(picks), *shown[:1])
        head = self._keys.get(asked) or self._key(asked, request, None)
        lines = []
        for one, pick in zip(shown, picks, strict=True):
            asked = common, one
            lines.append(self._keys.get(asked) or self._key(asked, request, pick))
        return PartKeys(head, tuple(lines))

    def _key(self, asked: Hashable, request: CopyRequest, pick: Pick | None) -> str:
        model = self._desk.key_model
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


def _lay_out(
    written: WrittenCopy,
    request: CopyRequest,
    keys: PartKeys,
    known: Collection[str],
    new: dict[str, NewPart],
) -> PartKeys:
    """Add to `new` what of a copy is not kept yet, by `keys`; returns under which it then stands together."""
    parts = written.parts or split(written.copy, request)
    laid: dict[str, Copy] = {keys.head: parts.head} if parts.head is not None else {}
    laid |= {
        key: Copy("", "", "", "", (line,), "")
        for key, line in zip(keys.lines, parts.lines, strict=True)
        if line is not None
    }
    if not parts.are_all:
        keys = PartKeys(written.cell_key)
        laid[keys.head] = written.copy
    tokens, verdicts = written.tokens, written.verdicts
    for key, copy in laid.items():
        if key not in known and key not in new:
            new[key] = NewPart(copy, written.writer, written.model, written.prompt_version, verdicts, tokens)
            # What the writing took is told once, with the first part that it brought.
            tokens, verdicts = 0, ()
    return keys
