"""`python -m benchmarks`: measure everything once, in about a minute."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from benchmarks import copywriting, importing, letters, opening, recommending, sending
from benchmarks.bench import Bench, bench
from benchmarks.measuring import Figure
from campaigns.commands.output import as_json, show_table
from campaigns.core.log import configure_logging

# In this order: each one leaves behind what the next ones work on.
SUBJECTS: tuple[tuple[str, Callable[[Bench], dict[str, Figure]]], ...] = (
    ("importing", importing.figures),
    ("training and picking", recommending.figures),
    ("writing copy", copywriting.figures),
    ("writing letters", letters.figures),
    ("sending", sending.figures),
    ("opening", opening.figures),
)


@click.command()
@click.option(
    "--customers", default=4000, type=click.IntRange(100), show_default=True, help="Size of the shop."
)
@click.option("--json", "json_", is_flag=True, help="One JSON object instead of a table.")
def main(customers: int, json_: bool) -> None:
    """Measure this machine on a sample shop, with embedded servers in a folder of its own."""
    began = time.perf_counter()
    configure_logging("ERROR", False)
    figures: dict[str, Figure] = {}
    click.echo("  making the sample shop ...", err=True)
    with bench(customers) as shop:
        for name, measure_all in SUBJECTS:
            click.echo(f"  {name} ...", err=True)
            figures |= measure_all(shop)
    if json_:
        as_json(_as_object(customers, time.perf_counter() - began, figures))
    else:
        show_table(
            ("", "measured", "its floor", "took times the floor"), [_row(*item) for item in figures.items()]
        )


def _as_object(customers: int, seconds: float, figures: dict[str, Figure]) -> dict[str, Any]:
    return {
        "customers": customers,
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "seconds": round(seconds, 1),
        "figures": {name: asdict(figure) for name, figure in figures.items()},
    }


def _row(name: str, figure: Figure) -> tuple[str, str, str, str]:
    floor = f"{figure.floor_is}: {figure.floor:,}" if figure.floor else ""
    return name.replace("_", " "), f"{figure.value:,} {figure.unit}", floor, f"{figure.times_floor or ''}"


if __name__ == "__main__":
    main()
