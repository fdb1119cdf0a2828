"""Merging staged customers: addresses sealed before they touch the database, owners kept apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from campaigns.audience.import_columns import Field
from campaigns.audience.import_merge import Merged, Staged, assignments, columns_of, differs
from campaigns.audience.import_values import text
from campaigns.audience.suppressed_domains import domain_hmac
from campaigns.audience.suppression import ERASED, external_id_hmacs
from campaigns.core.crypto import KeyRing
from campaigns.models.customer import ADDRESS_CONTEXT

# What is staged instead of the address. `known_hmacs` are its HMACs under every key, `tombs` those of the
# external id: with both, a person who was erased is known again without being kept.
_SEALED = (
    Field("email_cipher", text, "bytea"),
    Field("email_hmac", text, "bytea"),
    Field("email_domain_hmac", text, "bytea"),
    Field("known_hmacs", text, "bytea[]"),
    Field("tombs", text, "bytea[]"),
)


def sealed_fields(fields: Sequence[Field]) -> tuple[Field, ...]:
    """The staged columns: all fields but the address, then what stands for it."""
    return (*(field for field in fields if field.name != "email"), *_SEALED)


def seal_addresses(
    rows: Iterator[list[Any]], fields: Sequence[Field], keyring: KeyRing
) -> Iterator[list[Any]]:
    """Replace the address of each row, so that not even a temporary table holds it readable."""
    names = [field.name for field in fields]
    email_at, external_at = names.index("email") + 1, names.index("external_id") + 1
    for row in rows:
        external_id = row[external_at]
        email = row.pop(email_at)
        hmacs = keyring.address_hmacs(email)
        row += (
            keyring.encrypt(email, ADDRESS_CONTEXT),
            hmacs[0],
            domain_hmac(keyring, email),
            _bytea_array(hmacs),
            _bytea_array(external_id_hmacs(keyring, external_id)),
        )
        yield row


def merge_customers(staged: Staged) -> Merged:
    """Insert or update customers by external id."""
    merged = Merged()
    _reject_erased(staged, merged)
    if "latitude" in staged.names or "longitude" in staged.names:
        _reject_half_places(staged, merged)
    staged.keep_last(merged, "external_id")
    _adopt_signups(staged)
    _reject_taken_addresses(staged, merged)
    _renew_suppressions(staged)
    _release_addresses(staged)
    names = [name for name in staged.names if name not in ("external_id", "email")]
    written = [*names, "email_cipher", "email_hmac", "email_domain_hmac"]
    # Encryption is randomised, so whether an address changed is told by its HMAC, under whichever key.
    changed = f"(c.email_hmac = any(s.known_hmacs)) is not true or {differs('c', 's', names)}"
    staged.upsert(
        merged,
        f"""
        insert into customers as t (external_id, {", ".join(written)}, created_at, updated_at)
        select s.external_id, {columns_of("s", written)}, :now, :now
        from {staged.table} s left join customers c on c.external_id = s.external_id
        where c.id is null or {changed}
        order by s.line
        on conflict (external_id) do update set {assignments(written)}, updated_at = excluded.updated_at
        """,
        "customers",
    )
    merged.suppressed = _count_suppressed(staged)
    return merged


def _hmacs(staged: Staged, column: str = "known_hmacs") -> str:
    """One row per staged row and key: a plain equality joins by hash, which `= any(array)` cannot."""
    return f"(select line, external_id, unnest({column}) as hmac from {staged.table})"


def _reject_erased(staged: Staged, merged: Merged) -> None:
    erased = "select h.line from {} h join suppressions p on p.address_hmac = h.hmac and p.reason = :erased"
    staged.reject(
        merged,
        "'is of a person who was erased at their own request; take the row out of the shop''s export'",
        f"""s.line in (
            {erased.format(_hmacs(staged))} union all {erased.format(_hmacs(staged, "tombs"))}
            union all select e.line from {staged.table} e
            join customers c on c.external_id = e.external_id where c.erased_at is not null
        )""",
        erased=ERASED,
    )


def _reject_half_places(staged: Staged, merged: Merged) -> None:
    both = {"latitude", "longitude"} <= set(staged.names)
    half = "(s.latitude is null) <> (s.longitude is null)"
    only = "s.latitude is not null" if "latitude" in staged.names else "s.longitude is not null"
    staged.reject(merged, "'latitude and longitude must be given together'", half if both else only)


def _adopt_signups(staged: Staged) -> None:
    """Who signed up by a form and is in the shop's books now is one person: the shop's id takes the place of ours.

    The id `signup-<number>` was given by flows/signing_up.py, when the address was confirmed.
    """
    staged.run(
        f"""
        update customers c set external_id = known.external_id
        from (
            select distinct on (h.hmac) h.hmac, h.external_id from {_hmacs(staged)} h order by h.hmac, h.line
        ) known
        where c.email_hmac = known.hmac and c.external_id ~ '^signup-[0-9]+$'
        and not exists (select from customers o where o.external_id = known.external_id)
        and not exists (select from {staged.table} own where own.external_id = c.external_id)
        """
    )


def _reject_taken_addresses(staged: Staged, merged: Merged) -> None:
    """One address, one customer. A row that is refused keeps its old address, hence the rounds."""
    while True:
        refused = staged.reject(
            merged,
            "'email belongs to another customer'",
            f"""s.line in (
                select h.line from {_hmacs(staged)} h
                join customers c on c.email_hmac = h.hmac and c.external_id <> h.external_id
                where not exists (
                    select from {staged.table} moving where moving.external_id = c.external_id
                    and c.email_hmac <> all(moving.known_hmacs)
                )
            )""",
        )
        refused += staged.reject(
            merged,
            "'email belongs to another customer, in an earlier row'",
            f"""s.line in (
                select line from (
                    select line, row_number() over (partition by email_hmac order by line) as n
                    from {staged.table}
                ) numbered where n > 1
            )""",
        )
        if not refused:
            return


def _release_addresses(staged: Staged) -> None:
    """Free addresses that change owner in this file (the index is checked row by row)."""
    staged.run(
        f"""
        update customers c set email_hmac = null
        from {staged.table} moving, {_hmacs(staged)} taker
        where moving.external_id = c.external_id and c.email_hmac <> all(moving.known_hmacs)
        and c.email_hmac = taker.hmac and taker.external_id <> c.external_id
        """
    )


def _renew_suppressions(staged: Staged) -> None:
    """After a change of keys: suppress known addresses also under the newest key, under which they land."""
    staged.run(
        f"""
        insert into suppressions (address_hmac, reason, source, at)
        select distinct on (s.email_hmac) s.email_hmac, p.reason, p.source, p.at
        from {staged.table} s
        cross join unnest(s.known_hmacs[2:]) as older(hmac)
        join suppressions p on p.address_hmac = older.hmac
        order by s.email_hmac, p.at
        on conflict (address_hmac) do nothing
        """
    )


def _count_suppressed(staged: Staged) -> int:
    """How many of those who landed, or were there, will never be mailed."""
    return staged.number(
        f"""
        select count(*) from {staged.table} s
        where exists (select from suppressions p where p.address_hmac = s.email_hmac)
        or exists (select from suppressed_domains d where d.domain_hmac = s.email_domain_hmac)
        """
    )


def _bytea_array(values: Sequence[bytes]) -> str:
    """An array literal; adapting lists of bytes one by one costs more than everything else in a row."""
    return "{" + ",".join(f'"\\\\x{value.hex()}"' for value in values) + "}"
