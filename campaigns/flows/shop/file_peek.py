"""The beginning of a file that somebody sent, and what is wrong with it in their words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from campaigns.audience.import_columns import FIELDS
from campaigns.audience.import_rows import open_csv
from campaigns.core.errors import BadInput

ROWS_SHOWN = 5
_LONGEST_CELL = 80


@dataclass(frozen=True, slots=True)
class Peek:
    """The beginning of a file: its columns and some rows, long cells cut."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def peek_into(path: Path, name: str) -> Peek:
    """The columns and first rows of a file.

    Raises:
        BadInput: it cannot be read; names the file by `name`.
    """
    try:
        with open_csv(path) as file:
            rows = file.first_rows(ROWS_SHOWN)
            return Peek(tuple(file.header), tuple(tuple(_cut(cell) for cell in row) for row in rows))
    except BadInput as error:
        # The name on this disk is ours, and tells nobody anything.
        raise BadInput(problem_words(error), name) from None


def _cut(cell: str) -> str:
    cell = "".join(letter if letter.isprintable() else " " for letter in cell)
    return cell if len(cell) <= _LONGEST_CELL else f"{cell[:_LONGEST_CELL]}…"


def problem_words(error: BadInput) -> str:
    """What is wrong, without the command line's ways to mend it."""
    words = error.message.removeprefix(f"{error.where}: ")
    return words.split(". Name the column (--map")[0].split("; the header has")[0]


def fields_of(kind: str) -> tuple[tuple[str, bool], ...]:
    """(name, whether it is needed) of the fields of a kind of file."""
    return tuple((field.name, field.required) for field in FIELDS[kind])
