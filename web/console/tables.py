"""Tables that are shown on a page, printed, and handed out as CSV: one description for all three."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal["text", "number", "rate", "money", "estimate", "share", "percent_estimate"]
"""text; number; rate: {n, of, share, low, high}; money and estimate: {mean, low, high} or a number; share: a part of 1."""

_BOUNDS = ("mean", "low", "high")
_RATE = ("n", "of", "share", "low", "high")
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
FEW = "fewer than 5"


@dataclass(frozen=True, slots=True)
class Column:
    """`unit` is written behind figures: a currency, say."""

    name: str
    kind: Kind = "text"
    unit: str = ""

    @property
    def is_number(self) -> bool:
        """Whether it is set to the right."""
        return self.kind != "text"


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` in the order of the columns. `chart` is an SVG of the same figures, "" where there is none.

    `note` stands above it; `marks` name rows for scripts and tests.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    chart: str = ""
    note: str = ""
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Tables on one subject; `lead` says what they tell, `warning` what they do not. `link` is (address, words)."""

    key: str
    title: str
    tables: tuple[Table, ...] = ()
    lead: str = ""
    warning: str = ""
    link: tuple[str, str] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


def shown(column: Column, value: Any) -> str:
    """A cell as people read it."""
    if value is None:
        return "–"
    unit = f" {column.unit}" if column.unit else ""
    match column.kind:
        case "number":
            return f"{value:,}" if isinstance(value, int | float) else str(value)
        case "share":
            return percent(value)
        case "rate":
            return _rate_words(value)
        case "money":
            return _bounded(value, lambda x: f"{float(x):,.2f}") + unit
        case "estimate":
            return _bounded(value, significant) + unit
        case "percent_estimate":
            return _bounded(value, lambda x: f"{100 * float(x):+.2f}") + " points"
    return str(value)


def percent(share: float | None) -> str:
    """`12.3 %`, with more digits where it is small; a dash of nothing."""
    if share is None:
        return "–"
    return f"{percent_figure(share)} %"


def percent_figure(share: float) -> str:
    """The same without its sign."""
    value = 100 * share
    return f"{value:.1f}" if abs(value) >= 1 or not value else f"{value:.2f}"


def significant(value: Any) -> str:
    """A figure of which four digits matter."""
    number = float(value)
    if abs(number) >= 1000:
        return f"{number:,.0f}"
    return f"{number:.4g}" if abs(number) >= 0.001 or not number else f"{number:.5f}"


def _rate_words(rate: Mapping[str, Any]) -> str:
    if rate.get("share") is None:
        return "–"
    return f"{percent(rate['share'])} ({percent_figure(rate['low'])} to {percent_figure(rate['high'])})"


def _bounded(value: Any, words: Any) -> str:
    if not isinstance(value, Mapping):
        return str(words(value))
    if value.get("mean") is None:
        return "–"
    if value.get("low") is None:
        return f"{words(value['mean'])} (unsure)"
    return f"{words(value['mean'])} ({words(value['low'])} to {words(value['high'])})"


def as_csv(table: Table) -> str:
    """The table with a header; rates and estimates in a column for each of their numbers, text safe for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([safe(name) for column in table.columns for name in _csv_names(column)])
    for row in table.rows:
        writer.writerow(
            [
                cell
                for column, value in zip(table.columns, row, strict=True)
                for cell in _csv_cells(column, value)
            ]
        )
    return out.getvalue()


def as_zip(tables: Iterable[Table], at: datetime) -> bytes:
    """All tables as CSV files in one archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in tables:
            entry = zipfile.ZipInfo(f"{table.key}.csv", at.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, as_csv(table))
    return out.getvalue()


def safe(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula begins with an apostrophe; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _csv_names(column: Column) -> list[str]:
    name = f"{column.name} ({column.unit})" if column.unit else column.name
    if column.kind == "rate":
        return [f"{name}: {part}" for part in _RATE]
    if column.kind in ("estimate", "money", "percent_estimate"):
        return [name, f"{name}: low", f"{name}: high"]
    return [name]


def _csv_cells(column: Column, value: Any) -> list[Any]:
    if column.kind == "rate":
        return [(value or {}).get(part) for part in _RATE]
    if column.kind in ("estimate", "money", "percent_estimate"):
        if isinstance(value, Mapping):
            return [value.get(part) for part in _BOUNDS]
        return [_number(value), None, None]
    return [value if column.kind == "number" and not isinstance(value, str) else safe(value)]


def _number(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return safe(value)
