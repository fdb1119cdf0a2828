"""`tailormail import`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from campaigns.audience.import_columns import Kind
from campaigns.audience.importing import ImportResult
from campaigns.commands.output import as_json
from campaigns.commands.parts import connected

_MOST_ERRORS = 20


def run_import(
    kind: Kind, files: tuple[Path, ...], maps: dict[str, str], defaults: dict[str, str], json_: bool
) -> None:
    """Import the files in order and say what became of their rows.

    Raises:
        BadInput: a file cannot be read at all.
    """
    with connected() as runtime:
        results = runtime.importing.run(kind, files, maps, defaults)
    if json_:
        as_json([asdict(result) for result in results])
        return
    for path, result in zip(files, results, strict=True):
        _tell(path, result)


def _tell(path: Path, result: ImportResult) -> None:
    click.echo(
        f"{path.name}: {result.rows_read:,} rows read; {result.inserted:,} new, {result.updated:,} changed, "
        f"{result.unchanged:,} as before, {result.skipped:,} skipped"
    )
    if result.suppressed:
        click.echo(f"  {result.suppressed:,} of them are suppressed: they are kept, and never mailed")
    for remark in result.remarks[:1]:
        click.echo(
            f"  {result.remarked:,} worth mending, the first in line {remark.line}: {remark.reason}", err=True
        )
    for error in result.errors[:_MOST_ERRORS]:
        click.echo(f"  line {error.line}: {error.reason}", err=True)
    if result.skipped > _MOST_ERRORS:
        click.echo(f"  ... and {result.skipped - _MOST_ERRORS} more (--json has them)", err=True)
