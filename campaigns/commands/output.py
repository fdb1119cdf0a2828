"""How commands print: JSON for scripts, tables for people, reasons on stderr."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from campaigns.core.errors import TailormailError

json_option = click.option("--json", "json_", is_flag=True, help="Print the result as JSON.")

_MOST_ENTRIES = 12


def as_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def refuse(error: TailormailError) -> int:
    """Print why it was refused; the exit status."""
    click.echo(f"tailormail: {error.message}", err=True)
    return 1


def show_pairs(title: str, pairs: Sequence[tuple[str, Any]]) -> None:
    """A table of names and values."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name.replace("_", " "), _words(value))
    Console().print(table)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table with a header."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*(_words(value) for value in row))
    Console().print(table)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_words(inner)}" for key, inner in value.items()) or "-"
    if isinstance(value, list):
        lines = [" ".join(_words(v) for v in x.values()) if isinstance(x, dict) else str(x) for x in value]
        more = len(lines) - _MOST_ENTRIES
        return "\n".join([*lines[:_MOST_ENTRIES], *([f"... and {more} more"] if more > 0 else [])]) or "-"
    return "-" if value in (None, "") else str(value)
