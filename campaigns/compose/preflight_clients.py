"""Features of a mail that a major mail program lacks, by the table in data/client_support.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from campaigns.compose.preflight_finding import Finding, Severity
from campaigns.compose.preflight_page import Page
from campaigns.compose.preflight_styles import blocks_of, declarations_of


@dataclass(frozen=True)
class Feature:
    """One row of the table: how it is found, who lacks it (`lacking`, by key; `clients`, in words), and what they
    show instead.
    """

    name: str
    severity: Severity
    clients: tuple[str, ...]
    lacking: frozenset[str]
    instead: str
    css: frozenset[str]
    at_rules: tuple[re.Pattern[str], ...]
    selectors: tuple[re.Pattern[str], ...]
    elements: frozenset[str]
    attributes: frozenset[str]
    sources: frozenset[str]
    value: re.Pattern[str] | None

    @property
    def finding(self) -> Finding:
        """What is said of a mail that uses it."""
        who = ", ".join(self.clients)
        return Finding(
            self.severity,
            "client-lacks",
            f"{self.name[0].upper()}{self.name[1:]}: not in {who}; {self.instead}.",
        )

    def fits(self, value: str) -> bool:
        """Whether this value of its property or attribute, in lower case, is one that is lacked."""
        return self.value is None or self.value.fullmatch(value) is not None

    def used_by(self, uses: _Uses) -> bool:
        """Whether a page uses it."""
        return (
            any(name in self.css and self.fits(value) for name, value in uses.declarations)
            or any(rule.search(prelude) for rule in self.at_rules for prelude in uses.at_rules)
            or any(part.search(prelude) for part in self.selectors for prelude in uses.selectors)
            or bool(self.elements & uses.elements)
            or any(name in self.attributes and self.fits(value) for name, value in uses.attributes)
            or bool(self.sources & uses.sources)
        )


@dataclass
class _Uses:
    """What a page uses, gathered once."""

    declarations: set[tuple[str, str]]
    at_rules: set[str]
    selectors: set[str]
    elements: set[str]
    attributes: set[tuple[str, str]]
    sources: set[str]


def client_findings(page: Page) -> Iterator[Finding]:
    """One finding for each feature of the page that some program lacks."""
    uses = _uses_of(page)
    yield from (feature.finding for feature in features() if feature.used_by(uses))


@lru_cache(maxsize=1)
def features() -> tuple[Feature, ...]:
    """The table."""
    text = resources.files("campaigns.compose").joinpath("data", "client_support.toml").read_text("utf-8")
    table = tomllib.loads(text)
    return tuple(_feature(row, table["clients"]) for row in table["feature"])


def _feature(row: dict[str, Any], clients: dict[str, str]) -> Feature:
    return Feature(
        name=row["name"],
        severity=row["severity"],
        clients=tuple(clients[client] for client in row["lacking"]),
        lacking=frozenset(row["lacking"]),
        instead=row["instead"],
        css=frozenset(row.get("css", ())),
        at_rules=tuple(re.compile(rule) for rule in row.get("at_rule", ())),
        selectors=tuple(re.compile(part) for part in row.get("selector", ())),
        elements=frozenset(row.get("element", ())),
        attributes=frozenset(row.get("attribute", ())),
        sources=frozenset(row.get("source", ())),
        value=re.compile(row["value"], re.DOTALL) if "value" in row else None,
    )


def _uses_of(page: Page) -> _Uses:
    uses = _Uses(set(), set(), set(), set(), set(), set())
    for element in page.elements:
        uses.elements.add(element.tag)
        uses.attributes.update((name, value.strip().lower()) for name, value in element.attributes.items())
        uses.declarations.update(_pairs(element.style))
    for picture in page.pictures:
        path = re.split(r"[?#]", picture.attributes.get("src", ""), maxsplit=1)[0]
        uses.sources.add(path.rpartition(".")[2].lower())
    _gather(page.styles, uses)
    return uses


def _gather(styles: str, uses: _Uses) -> None:
    for prelude, block in blocks_of(styles):
        if prelude.startswith("@"):
            uses.at_rules.add(prelude)
            _gather(block, uses)
        else:
            uses.selectors.add(prelude)
            uses.declarations.update(_pairs(block))


def _pairs(style: str) -> Iterator[tuple[str, str]]:
    return ((name, value.lower()) for name, (value, _) in declarations_of(style).items())
