"""From a cell of an import file to a checked value; each function raises ValueError with a reason.

A reason is shown to the person who imports, so it says what is expected. It never repeats an address:
reports are kept, and an address in one would survive the erasure of its owner.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from functools import cache, lru_cache
from zoneinfo import available_timezones

from babel import Locale, UnknownLocaleError
from email_validator import EmailNotValidError, validate_email

from campaigns.models.consent import ACTIONS, PURPOSES

LARGEST_INTEGER = 2**31 - 1
_SHOWN = 40
# Addresses that need no second look, in time that is linear in their length. All else (quoted or
# international forms, names that RFC 6761 reserves) is judged by email-validator, which is slow. `re.ASCII`:
# without it, letters such as the Kelvin sign count as an upper-case form of a plain one.
_PLAIN_ADDRESS = re.compile(
    r"(?=[^@]{1,64}@)[A-Za-z0-9_+'-]+(?:\.[A-Za-z0-9_+'-]+)*@(?:(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
    r"(?!(?:arpa|invalid|local|localhost|onion|test)$)[A-Za-z]{2,63}",
    re.ASCII | re.IGNORECASE,
)
_LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[_-]([A-Za-z]{4}))?(?:[_-]([A-Za-z]{2}|[0-9]{3}))?")
_WHOLE = re.compile(r"[0-9]{1,10}")
_DECIMAL = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,12})?")
_SEPARATORS = re.compile(r"[\s;|,]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def shown(cell: str) -> str:
    """The cell as an error message shows it: quoted, in one line, shortened."""
    line = " ".join(cell.split())
    return f'"{line}"' if len(line) <= _SHOWN else f'"{line[:_SHOWN]}..."'


@lru_cache(maxsize=1 << 15)
def one_line(cell: str) -> str:
    """Text without line breaks or outer blanks: names and titles end up in mail headers."""
    return " ".join(cell.split())


def text(cell: str) -> str:
    """Text that may have several lines."""
    return cell.strip()


@lru_cache(maxsize=1 << 15)
def reference(cell: str) -> str:
    """An identifier of the shop: not empty, at most 200 characters."""
    value = cell.strip()
    if not value:
        raise ValueError("is empty")
    if len(value) > 200:
        raise ValueError("is longer than 200 characters")
    return value


def needed_line(cell: str) -> str:
    """One line that may not be empty."""
    value = one_line(cell)
    if not value:
        raise ValueError("is empty")
    return value


def email(cell: str) -> str:
    """A deliverable form of address (RFC 5321); whether the domain exists is not asked.

    The domain may be an international one, which has a plain form (RFC 5890). What stands before the @ has
    none, and needs SMTPUTF8 (RFC 6531) of every server on the way: mails are not made for that.
    """
    address = cell.strip()
    if len(address) <= 254 and _PLAIN_ADDRESS.fullmatch(address):
        return address
    if not address:
        raise ValueError("is empty")
    if not address.rpartition("@")[0].isascii():
        raise ValueError(
            "has letters before the @ that not every mail server takes (SMTPUTF8); give an address of this "
            "customer that has only a-z, 0-9 and signs such as . + - there"
        )
    try:
        return validate_email(address, check_deliverability=False, allow_smtputf8=False).normalized
    except EmailNotValidError as error:
        raise ValueError(f"is not a mail address: {error}") from None


def address_or_domain(cell: str) -> str:
    """An address, `@` and a domain, or nothing."""
    value = cell.strip()
    return value if not value or value.startswith("@") else email(value)


@lru_cache(maxsize=1 << 12)
def locale(cell: str) -> str:
    """A locale such as `en_GB` or `zh-Hant-TW`, with underscores; the language must be a known one."""
    value = cell.strip()
    if not value:
        return ""
    parts = _LOCALE.fullmatch(value)
    try:
        if not parts:
            raise UnknownLocaleError(value)
        # The language alone is asked: people do live in places that no locale table pairs with it (en_CN).
        Locale.parse(parts[1].lower())
    except (UnknownLocaleError, ValueError):
        raise ValueError(f"{shown(cell)} is not a locale such as en_GB or pt_BR") from None
    language, script, region = parts[1].lower(), parts[2], parts[3]
    return "_".join(filter(None, (language, script and script.title(), region and region.upper())))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def timezone(cell: str) -> str:
    """An IANA time zone such as `Europe/Oslo`."""
    value = cell.strip()
    if value and value not in _zones():
        raise ValueError(f"{shown(cell)} is not a time zone such as Europe/Oslo")
    return value


@lru_cache(maxsize=1 << 12)
def _degrees(cell: str, limit: int) -> float | None:
    if not cell.strip():
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not -limit <= value <= limit:
        raise ValueError(f"{shown(cell)} is not a number of degrees between -{limit} and {limit}")
    # One decimal is some 11 km: enough for the weather, too coarse for a home. Zero has no sign.
    return round(value, 1) + 0.0


def latitude(cell: str) -> float | None:
    """Degrees north, rounded to one decimal."""
    return _degrees(cell, 90)


def longitude(cell: str) -> float | None:
    """Degrees east, rounded to one decimal."""
    return _degrees(cell, 180)


@lru_cache(maxsize=1 << 12)
def tags(cell: str) -> list[str]:
    """Words parted by blanks, `;`, `|` or `,`: each once, sorted, so that their order is no change."""
    return sorted({word for word in _SEPARATORS.split(cell) if word})


@lru_cache(maxsize=1 << 15)
def amount(cell: str) -> str | None:
    """What was paid: a decimal, rounded to cents by the database."""
    value = cell.strip()
    if not value:
        return None
    if not _DECIMAL.fullmatch(value) or len(value.partition(".")[0].lstrip("0")) > 9:
        raise ValueError(f"{shown(cell)} is not an amount such as 1234.50 (digits and one point)")
    return value


@lru_cache(maxsize=1 << 15)
def price(cell: str) -> str | None:
    """What a mail will state as the price: at most two decimals, because a rounded price is a wrong one."""
    value = amount(cell)
    if value and value.partition(".")[2].rstrip("0")[2:]:
        raise ValueError(f"{shown(cell)} has more than two decimals")
    return value


@lru_cache(maxsize=1 << 10)
def currency(cell: str) -> str:
    """Three letters (ISO 4217), upper case."""
    value = cell.strip().upper()
    if value and not (len(value) == 3 and value.isascii() and value.isalpha()):
        raise ValueError(f"{shown(cell)} is not a currency of three letters such as EUR")
    return value


def web_address(cell: str) -> str:
    """An absolute http(s) address."""
    value = cell.strip()
    if value and not value.lower().startswith(("https://", "http://")):
        raise ValueError(f"{shown(cell)} does not begin with https:// or http://")
    return _without_blanks(value)


def picture_address(cell: str) -> str:
    """An http(s) address, or a path beside the products file."""
    value = cell.strip()
    if _SCHEME.match(value):
        return web_address(value)
    return _without_blanks(value)


def _without_blanks(value: str) -> str:
    if len(value.split()) > 1:
        raise ValueError(f"{shown(value)} has blanks in it")
    return value


@lru_cache(maxsize=1 << 12)
def stock(cell: str) -> int | None:
    """Pieces, 0 or more; empty is unknown."""
    return _whole(cell, 0)


@lru_cache(maxsize=1 << 12)
def quantity(cell: str) -> int:
    """Pieces, 1 or more; empty is 1."""
    value = _whole(cell, 1)
    return 1 if value is None else value


def _whole(cell: str, least: int) -> int | None:
    value = cell.strip()
    if not value:
        return None
    if not _WHOLE.fullmatch(value) or not least <= int(value) <= LARGEST_INTEGER:
        raise ValueError(f"{shown(cell)} is not a whole number of at least {least}")
    return int(value)


@lru_cache(maxsize=1 << 15)
def moment(cell: str) -> str:
    """A moment in ISO 8601, as UTC; without a zone it is UTC already."""
    try:
        value = datetime.fromisoformat(cell.strip())
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(cell)} is not a date and time such as 2026-03-31T09:30:00Z") from None


def moment_or_none(cell: str) -> str | None:
    """The same, where it may be unknown."""
    return moment(cell) if cell.strip() else None


@lru_cache(maxsize=64)
def purpose(cell: str) -> str:
    """One of the four purposes."""
    return _one_of(cell, PURPOSES)


@lru_cache(maxsize=64)
def action(cell: str) -> str:
    """granted or withdrawn."""
    return _one_of(cell, ACTIONS)


def _one_of(cell: str, known: tuple[str, ...]) -> str:
    value = cell.strip().lower()
    if value not in known:
        raise ValueError(f"{shown(cell)} is not one of {', '.join(known)}")
    return value
