"""Suppression lists as files: taken in from elsewhere, and written out to move to another installation.

A row names an `address`, a `domain`, or an `address_hmac` as our own export writes it: 72 hexadecimal digits, of
which the first eight are the fingerprint of the key. Such a row means something only where that key is known.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns.audience.import_columns import ColumnPlan, plan_columns
from campaigns.audience.import_rows import KEPT_ERRORS, CsvFile, ErrorList, RowError, open_csv
from campaigns.audience.suppressed_domains import all_domains, checked_domain, suppress_domain
from campaigns.audience.suppression import ERASED, REASONS
from campaigns.core.crypto import CannotDecrypt, KeyRing
from campaigns.core.db import raw_cursor
from campaigns.core.errors import BadInput
from campaigns.models import Suppression
from campaigns.models.customer import ADDRESS_CONTEXT

COLUMNS = ("address_hmac", "domain", "reason", "source", "at")
_WHAT = ("address", "domain", "address_hmac")
_HMAC = re.compile(r"[0-9a-f]{72}")
_FINGERPRINT_BYTES = 4
_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class ListResult:
    """What a list did: `added` addresses and domains are new, `known` ones were suppressed already.

    `older_keys`: some rows are of a key that is not the newest; see `Suppressing.import_list`.
    """

    rows_read: int
    added: int
    known: int
    skipped: int
    errors: list[RowError]
    older_keys: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    hmacs: list[bytes]
    domain: str
    reason: str
    source: str
    at: datetime | str


def import_list(
    session: Session,
    keyring: KeyRing,
    path: Path,
    mapping: Mapping[str, str],
    defaults: Mapping[str, str],
    now: datetime,
) -> ListResult:
    """Suppress what a CSV or CSV.gz file names; a bad row is noted and skipped, the same file again changes nothing.

    Columns: one or more of `address` (or `@domain`), `domain`, `address_hmac`; perhaps `reason` (manual), `source`
    (import), `at` (now). `mapping` and `defaults` as in `import_file`. Entries that are there stay as they are, except
    that `erased` replaces every other reason.

    Raises:
        BadInput: the file as a whole cannot be read. Nothing of it has landed.
    """
    path = Path(path)
    errors = ErrorList()
    with open_csv(path) as file, session.begin_nested():
        plan = plan_columns("suppressions", file.header, mapping, defaults, file.where)
        if not {field.name for field in plan.fields} & set(_WHAT):
            raise BadInput(
                f"needs a column address, domain or address_hmac; the header has {', '.join(file.header)}. "
                "Name the column (--map address=COLUMN)",
                file.where,
            )
        reader = _Reader(keyring, now)
        domains = _stage(session, reader.rows(file, plan, errors))
        added, known = _merge(session)
        for row in domains:
            fresh = suppress_domain(session, keyring, row.domain, row.reason, row.source, _moment(row.at))
            added, known = added + fresh, known + (not fresh)
    session.expire_all()
    return ListResult(
        rows_read=file.rows_read,
        added=added,
        known=known,
        skipped=errors.count,
        errors=sorted(errors.kept)[:KEPT_ERRORS],
        older_keys=reader.older_keys,
    )


def export_list(session: Session, file: TextIO) -> int:
    """Write all entries as CSV, domains first; returns how many rows. No address can be read from it."""
    write = csv.writer(file, lineterminator="\n")
    write.writerow(COLUMNS)
    number = 0
    for domain, reason, source, at in all_domains(session):
        write.writerow(("", domain, reason, source, at.isoformat()))
        number += 1
    entry = Suppression
    found = select(entry.address_hmac, entry.reason, entry.source, entry.at).order_by(entry.id)
    for value, reason, source, at in session.execute(found.execution_options(yield_per=_AT_ONCE)):
        write.writerow((bytes(value).hex(), "", reason, source, at.isoformat()))
        number += 1
    return number


def renew_for_customers(session: Session, keyring: KeyRing, after: int, most: int = 2000) -> int | None:
    """Customers whose address is kept under another key than their suppression: suppress them under theirs as well.

    For entries of older keys that came from elsewhere. Looks at so many customers with a number above `after`, and
    returns the last number; None at the end.
    """
    rows = session.execute(
        text(
            "select id, email_cipher, email_hmac from customers where id > :after and email_cipher is not null"
            " and email_hmac is not null order by id limit :most"
        ),
        {"after": after, "most": most},
    ).all()
    known = [[bytes(row.email_hmac), *_others(keyring, row)] for row in rows]
    pairs = [(own, other) for own, *others in known for other in others]
    if pairs:
        session.execute(
            text(
                "insert into suppressions (address_hmac, reason, source, at)"
                " select distinct on (k.own) k.own, p.reason, p.source, p.at"
                " from unnest(cast(:own as bytea[]), cast(:other as bytea[])) as k(own, other)"
                " join suppressions p on p.address_hmac = k.other order by k.own, p.at"
                " on conflict (address_hmac) do nothing"
            ),
            {"own": [own for own, _ in pairs], "other": [other for _, other in pairs]},
        )
    return int(rows[-1].id) if rows else None


def _others(keyring: KeyRing, row: Any) -> list[bytes]:
    try:
        address = keyring.decrypt(row.email_cipher, ADDRESS_CONTEXT)
    except CannotDecrypt:
        return []
    return [one for one in keyring.address_hmacs(address) if one != bytes(row.email_hmac)]


class _Reader:
    """From cells to rows that say what is suppressed and why."""

    def __init__(self, keyring: KeyRing, now: datetime) -> None:
        self.older_keys = False
        self._keyring = keyring
        self._now = now
        self._fingerprints = [one[:_FINGERPRINT_BYTES] for one in keyring.address_hmacs("")]

    def rows(self, file: CsvFile, plan: ColumnPlan, errors: ErrorList) -> Iterator[_Row]:
        names = [field.name for field in plan.fields]
        for line, *values in file.values(plan, errors):
            try:
                yield self._row(dict(zip(names, values, strict=True)))
            except ValueError as error:
                errors.add(line, str(error))

    def _row(self, cells: dict[str, Any]) -> _Row:
        given = [name for name in _WHAT if cells.get(name)]
        if len(given) != 1:
            raise ValueError("must have exactly one of address, domain and address_hmac")
        reason = cells.get("reason") or "manual"
        if reason not in REASONS:
            raise ValueError(f"reason must be one of {', '.join(REASONS)}")
        about = (reason, cells.get("source") or "import", cells.get("at") or self._now)
        what = cells[given[0]]
        if given[0] == "address_hmac":
            return _Row([self._hmac(what.lower())], "", *about)
        if given[0] == "domain" or what.startswith("@"):
            if reason == ERASED:
                raise ValueError("a domain cannot be erased; give it another reason, such as manual")
            return _Row([], _domain(what), *about)
        return _Row(self._keyring.address_hmacs(what), "", *about)

    def _hmac(self, given: str) -> bytes:
        if not _HMAC.fullmatch(given):
            raise ValueError("address_hmac must be 72 hexadecimal digits, as in the export of Tailormail")
        value = bytes.fromhex(given)
        if value[:_FINGERPRINT_BYTES] not in self._fingerprints:
            raise ValueError(
                "address_hmac was made with a secret that is not in TAILORMAIL_SECRET_KEY; append that secret there"
            )
        self.older_keys |= value[:_FINGERPRINT_BYTES] != self._fingerprints[0]
        return value


def _domain(given: str) -> str:
    try:
        return checked_domain(given)
    except BadInput as error:
        raise ValueError(f"domain {error.message}") from None


def _moment(at: datetime | str) -> datetime:
    return at if isinstance(at, datetime) else datetime.fromisoformat(at)


def _stage(session: Session, rows: Iterator[_Row]) -> list[_Row]:
    """COPY the HMACs into a temporary table; returns the rows of domains, which are few."""
    session.execute(text("drop table if exists pg_temp.staged_suppressions"))
    session.execute(
        text(
            "create temporary table staged_suppressions (number bigint, first boolean, hmac bytea,"
            " reason text, source text, at timestamptz) on commit drop"
        )
    )
    domains: dict[str, _Row] = {}
    with raw_cursor(session) as cursor, cursor.copy("copy staged_suppressions from stdin") as copy:
        for number, row in enumerate(rows):
            if row.domain:
                domains.setdefault(row.domain, row)
            for place, value in enumerate(row.hmacs):
                copy.write_row((number, place == 0, value, row.reason, row.source, row.at))
    return list(domains.values())


def _merge(session: Session) -> tuple[int, int]:
    """(new, known) addresses. Counted by their newest HMAC, for one address has as many as there are keys."""
    session.execute(text("analyze staged_suppressions"))
    known = session.scalar(
        text(
            "select count(distinct hmac) from staged_suppressions s where first and exists"
            " (select from suppressions p where p.address_hmac = s.hmac)"
        )
    )
    everyone = session.scalar(text("select count(distinct hmac) from staged_suppressions where first"))
    session.execute(
        text(
            """
            insert into suppressions as t (address_hmac, reason, source, at)
            select distinct on (hmac) hmac, reason, source, at from staged_suppressions
            order by hmac, reason <> :erased, at, number
            on conflict (address_hmac) do update
                set reason = excluded.reason, source = excluded.source, at = excluded.at
                where excluded.reason = :erased and t.reason <> :erased
            """
        ),
        {"erased": ERASED},
    )
    session.execute(text("drop table staged_suppressions"))
    return int(everyone or 0) - int(known or 0), int(known or 0)
