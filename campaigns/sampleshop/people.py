"""Who shops at Fjell & Fern: customers in 25 cities, each with a taste that only their orders reveal."""

from __future__ import annotations

import random
import tomllib
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any

DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.example")
BRANDS = ("Fjell & Fern", "Nordvarde", "Regnby", "Tussock")
HOMELESS_SHARE = 0.01  # customers whose town the shop does not know
NEWCOMER_SHARE = 0.12  # customers who never bought
OLDEST_JOIN_DAYS = 1000
ASCII_SPELLING = {"ø": "o", "æ": "ae", "ß": "ss", "ð": "d", "þ": "th", "ı": "i"}
NICKNAMES = ("trailhead", "northwind", "cairn", "birchbark", "tidepool", "switchback", "snowline", "heather")


@dataclass(frozen=True, slots=True)
class City:
    """A city with its coordinates in degrees, its IANA time zone and the sample's weather (`sky`)."""

    name: str
    country: str
    latitude: float
    longitude: float
    timezone: str
    locales: tuple[str, ...]
    names: str
    share: int
    sky: str
    climate: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer. `home` is where they really live; `place_known` whether the shop knows it.

    `taste`, `favourite_brand` and `newcomer` are hidden: no file says them, only the orders show them.
    """

    external_id: str
    email: str
    first_name: str
    last_name: str
    locale: str
    home: City
    place_known: bool
    joined: date
    taste: str
    favourite_brand: str
    newcomer: bool


@dataclass(frozen=True, slots=True)
class Taste:
    """What somebody likes: `core` tags draw strongly, `near` tags a little; `share` is relative."""

    name: str
    core: frozenset[str]
    near: frozenset[str]
    share: int


TASTES = (
    Taste("alpinist", frozenset({"alpine"}), frozenset({"snow", "cold"}), 18),
    Taste("city rain", frozenset({"city"}), frozenset({"rain", "travel"}), 24),
    Taste("trail runner", frozenset({"run"}), frozenset({"light"}), 20),
    Taste("camper", frozenset({"camp"}), frozenset({"hike"}), 22),
    Taste("angler", frozenset({"fish"}), frozenset({"rain", "waterproof"}), 12),
)


def read_toml(name: str) -> dict[str, Any]:
    """The parsed data file `places/<name>`."""
    text = resources.files(__package__).joinpath("places", name).read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def cities() -> tuple[City, ...]:
    """The cities, in the order of the file."""
    return tuple(
        City(**{**row, "locales": tuple(row["locales"]), "climate": tuple(row["climate"])})
        for row in read_toml("cities.toml")["cities"]
    )


@cache
def hostile_names() -> tuple[tuple[str, str], ...]:
    """First and last names that break naive code."""
    return tuple((first, last) for first, last in read_toml("hostile-names.toml")["names"])


def make_customers(seed: int, count: int, today: date) -> list[Customer]:
    """`count` customers who joined before `today`; the same for the same arguments.

    Every hostile name occurs once as soon as there are enough customers to carry them.
    """
    rng = random.Random(f"people/{seed}")
    pools = read_toml("names.toml")
    homes = rng.choices(cities(), weights=[city.share for city in cities()], k=count)
    tastes = rng.choices(TASTES, weights=[taste.share for taste in TASTES], k=count)
    hostile = _hostile_positions(count)
    taken: set[str] = set()
    customers = []
    for number, (home, taste) in enumerate(zip(homes, tastes, strict=True)):
        pool = pools[home.names]
        first, last = hostile.get(number) or (rng.choice(pool["first"]), rng.choice(pool["last"]))
        newcomer = rng.random() < NEWCOMER_SHARE
        oldest = 120 if newcomer else OLDEST_JOIN_DAYS
        customers.append(
            Customer(
                external_id=f"C{number + 1:06d}",
                email=_address(rng, first, last, taken),
                first_name=first,
                last_name=last,
                locale=rng.choice(home.locales),
                home=home,
                place_known=rng.random() >= HOMELESS_SHARE,
                joined=today - timedelta(days=rng.randint(3, oldest)),
                taste=taste.name,
                favourite_brand=rng.choice(BRANDS),
                newcomer=newcomer,
            )
        )
    return customers


def _hostile_positions(count: int) -> dict[int, tuple[str, str]]:
    """The hostile names spread evenly, so that any page or batch meets some."""
    step = max(1, count // len(hostile_names()))
    return {index * step: name for index, name in enumerate(hostile_names()) if index * step < count}


def _address(rng: random.Random, first: str, last: str, taken: set[str]) -> str:
    """A valid address at a domain that can never exist (RFC 2606), unlike all others even in lower case."""
    parts = [part for part in (_plain(first), _plain(last)) if part]
    local = ".".join(parts)[:40].strip(".'-") or rng.choice(NICKNAMES)
    if rng.random() < 0.03:
        local = local.title()
    domain = rng.choice(DOMAINS)
    address = f"{local}@{domain}"
    while address.lower() in taken:
        separator = "+trail" if rng.random() < 0.05 else ""
        address = f"{local}{separator}{rng.randint(2, 99999)}@{domain}"
    taken.add(address.lower())
    return address


def _plain(name: str) -> str:
    """`name` as people spell it in an address: ASCII letters and hyphens.

    Apostrophes are allowed there, and SpamAssassin counts them against whoever writes to one.
    """
    swapped = "".join(ASCII_SPELLING.get(letter, letter) for letter in name.lower())
    letters = unicodedata.normalize("NFKD", swapped).encode("ascii", "ignore").decode()
    return "".join(letter for letter in letters if letter.isalpha() or letter == "-").strip("-")
