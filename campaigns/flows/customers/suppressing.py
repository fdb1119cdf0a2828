"""Suppression as an operator handles it: single addresses and domains, and lists that come and go as files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from campaigns.audience.import_values import email as checked_address
from campaigns.audience.suppressed_domains import (
    all_domains,
    checked_domain,
    customers_of,
    fill_in,
    lift_domain,
    suppress_domain,
)
from campaigns.audience.suppression import ERASED, REASONS, SuppressedBy, lift, suppress, suppressed_by
from campaigns.audience.suppression_lists import ListResult, export_list, import_list, renew_for_customers
from campaigns.core.clock import Clock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput
from campaigns.core.log import get_logger
from campaigns.flows.console.audit import CLI, record
from campaigns.models import Suppression

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Suppressed:
    """What adding did: `new` is False where it was suppressed before; `customers` whom it concerns."""

    new: bool
    customers: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Suppressed entries of addresses by reason, and every suppressed domain.

    Addresses are counted by their HMACs: one that was suppressed while two keys were in force counts twice.
    """

    addresses: dict[str, int]
    domains: list[SuppressedBy]


class Suppressing:
    """Suppresses addresses and domains, and lifts that again. `@example.com` is a domain."""

    def __init__(self, db: Database, clock: Clock, keyring: KeyRing) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring

    def add(
        self,
        what: str,
        reason: str = "manual",
        source: str = "command",
        at: datetime | None = None,
        by: str = CLI,
    ) -> Suppressed:
        """Never mail this address, or any address of this domain, again.

        Raises:
            BadInput: it is neither, or the reason is not one that somebody can give: who wants to be erased
                is erased, and not only suppressed.
        """
        if reason not in REASONS or reason == ERASED:
            known = ", ".join(one for one in REASONS if one != ERASED)
            raise BadInput(f"must be one of {known}; to erase a person: tailormail customer erase", "reason")
        moment = at or self._clock.now()
        if what.strip().startswith("@"):
            return self._add_domain(checked_domain(what), reason, source, moment, by)
        address = _address(what)
        with self._db.transaction() as session:
            known_before = bool(suppressed_by(session, self._keyring, address))
            suppress(session, self._keyring, address, reason, source, moment)
            # Whose address it is stays untold: the log outlives an erasure.
            record(session, self._clock.now(), by, "address.suppressed", detail={"reason": reason})
        log.info("address_suppressed", reason=reason, source=source, new=not known_before)
        return Suppressed(not known_before, 1)

    def lift(self, what: str, source: str = "command", by: str = CLI) -> tuple[SuppressedBy, ...]:
        """Mail this address or domain again, whatever the reason was; returns what was lifted.

        An address whose domain is suppressed stays so. Consent is another matter: a withdrawal still holds.

        Raises:
            BadInput: it is neither an address nor a domain.
        """
        with self._db.transaction() as session:
            if what.strip().startswith("@"):
                domain = checked_domain(what)
                entry = lift_domain(session, domain, source)
                record(session, self._clock.now(), by, "domain.lifted", f"domain {domain}")
                return (SuppressedBy(domain, *entry),) if entry else ()
            lifted = lift(session, self._keyring, _address(what), source, REASONS)
            record(session, self._clock.now(), by, "address.lifted", detail={"found": len(lifted)})
            return lifted

    def check(self, what: str) -> list[SuppressedBy]:
        """Why this address or domain is not mailed; an empty list where nothing is against it.

        Raises:
            BadInput: it is neither an address nor a domain.
        """
        with self._db.transaction() as session:
            if what.strip().startswith("@"):
                domain = checked_domain(what)
                return [SuppressedBy(*row) for row in all_domains(session) if row[0] == domain]
            return suppressed_by(session, self._keyring, _address(what))

    def overview(self) -> Overview:
        """How many addresses are suppressed, why, and which domains."""
        with self._db.transaction() as session:
            counts = session.execute(
                select(Suppression.reason, func.count())
                .group_by(Suppression.reason)
                .order_by(Suppression.reason)
            )
            domains = [SuppressedBy(*row) for row in all_domains(session)]
            return Overview({row[0]: row[1] for row in counts}, domains)

    def import_list(
        self,
        path: Path,
        mapping: Mapping[str, str] | None = None,
        defaults: Mapping[str, str] | None = None,
        by: str = CLI,
    ) -> ListResult:
        """Suppress what a CSV file names (audience/suppression_lists.py); one transaction.

        Raises:
            BadInput: the file cannot be read at all.
        """
        with self._db.transaction() as session:
            result = import_list(
                session, self._keyring, path, dict(mapping or {}), dict(defaults or {}), self._clock.now()
            )
            told = {"rows": result.rows_read, "added": result.added, "skipped": result.skipped}
            record(session, self._clock.now(), by, "suppressions.imported", detail=told)
        self.fill_in()
        if result.older_keys and result.added:
            self._renew()
        log.info("suppressions_imported", rows=result.rows_read, added=result.added, skipped=result.skipped)
        return result

    def export_list(self, path: Path, by: str = CLI) -> int:
        """Write all entries into a CSV file that only its owner may read; returns how many.

        Raises:
            BadInput: the file cannot be written.
        """
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with (
                open(draft, "w", encoding="utf-8", newline="", opener=_private) as file,
                self._db.transaction() as session,
            ):
                number = export_list(session, file)
                record(session, self._clock.now(), by, "suppressions.exported", detail={"entries": number})
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise BadInput(f"cannot be written: {error.strerror or error}", str(path)) from None
        return number

    def fill_in(self) -> int:
        """Give customers of an older schema the HMAC of their domain, if any domain is suppressed; how many.

        Cheap where nothing is left to do, and whoever was killed in the middle goes on with the next call.
        """
        made = 0
        while True:
            with self._db.transaction() as session:
                if not all_domains(session):
                    return made
                some = fill_in(session, self._keyring)
            made += some
            if not some:
                return made

    def _add_domain(self, domain: str, reason: str, source: str, at: datetime, by: str) -> Suppressed:
        with self._db.transaction() as session:
            new = suppress_domain(session, self._keyring, domain, reason, source, at)
            record(
                session, self._clock.now(), by, "domain.suppressed", f"domain {domain}", {"reason": reason}
            )
        self.fill_in()
        with self._db.transaction() as session:
            number = customers_of(session, self._keyring, domain)
        log.info("domain_suppressed", domain=domain, reason=reason, source=source, new=new, customers=number)
        return Suppressed(new, number)

    def _renew(self) -> None:
        after: int | None = 0
        while after is not None:
            with self._db.transaction() as session:
                after = renew_for_customers(session, self._keyring, after)


def as_plain(entry: SuppressedBy) -> dict[str, str]:
    """An entry ready for JSON."""
    return {
        "domain": entry.domain,
        "reason": entry.reason,
        "source": entry.source,
        "at": entry.at.isoformat(),
    }


def _address(given: str) -> str:
    try:
        return checked_address(given)
    except ValueError as error:
        raise BadInput(f"{error}; an address, or @ and a domain, is wanted", "address") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
