"""How an evaluation is shown to people: the verdict first, then the figures, within 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from campaigns.recommend.evaluation_tasks import OURS
from campaigns.recommend.evaluation_verdict import plain

# Title of each task, and its columns: the metric and its heading.
_RANKED = (("ndcg@10", "NDCG"), ("precision@10", "prec."), ("recall@10", "recall"), ("f1@10", "F1"))
_SPREAD = (("coverage", "cover."), ("tail_share", "tail"), ("gini", "Gini"), ("novelty", "novel"))
_TASKS = (
    ("discover", "New products, for customers known before", (*_RANKED, *_SPREAD)),
    ("buy_again", "Whatever they buy next, bought before or not", (*_RANKED, *_SPREAD)),
    (
        "cold_products",
        "Products without a purchase, among themselves",
        (*_RANKED, ("full_recall@10", "in all")),
    ),
    ("cold_customers", "Customers of whom nothing is known", (*_RANKED, *_SPREAD)),
)


def show_evaluation(found: Mapping[str, Any]) -> None:
    """Print what `evaluate` returned."""
    console = Console(highlight=False)
    for line in found["verdict"]["words"]:
        console.print(f"* {line}")
    console.print(
        f"\nSplit {found['split']}: learned from {found['lines_before']:,} order lines before "
        f"{found['cut'][:10]}, tested on {found['lines_after']:,} until {found['until'][:10]}; the first 10 of "
        "each list count, and a product that nobody bought before is no hit."
    )
    for name, title, columns in _TASKS:
        console.print()
        console.print(_table(title, found[name], columns))
    cold = found["cold_products"][OURS]
    console.print(
        f"Listing products without a purchase costs {_percent(cold['overall_loss'])} of NDCG overall."
    )
    if found["segments"]:
        console.print()
        console.print(_segments(found["segments"]))
    console.print(
        f"\nFit {found['fit_seconds']:.1f} s, tuned for {found['tune_seconds']:.1f} s; "
        f"{found['customers_per_second']:,.0f} customers/s; "
        f"{found['peak_mb']:.0f} MB at most, model {found['model_mb']:.1f} MB"
    )


def show_changes(told: Mapping[str, Any] | None) -> None:
    """Print what is other in a model's picks than in those of the model before."""
    if not told or told["before"] is None:
        return
    console = Console(highlight=False)
    console.print(
        f"\nSince the model before: {_percent(told['overlap'])} of the places in lists went to the same products; "
        f"{_percent(told['after']['coverage'])} of the catalogue is shown, {_percent(told['before']['coverage'])} before."
    )
    for kind, word in (("rises", "more"), ("falls", "less")):
        for each in told[kind]:
            console.print(
                f"  {word} often: {each['title']} ({each['sku']}), in {_percent(each['after'])} of lists, "
                f"{_percent(each['before'])} before",
                markup=False,
            )


def _table(title: str, rows: Mapping[str, Any], columns: tuple[tuple[str, str], ...]) -> Table:
    customers = rows[OURS]["customers"]
    table = _plain_table(f"{title} ({customers:,} customers)")
    table.add_column("")
    for _, heading in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("ours better by", justify="right", no_wrap=True)
    for name, row in rows.items():
        figures = [_figure(key, row[key]) for key, _ in columns]
        table.add_row(plain(name), *figures, _interval(row.get("ours_better_by")))
    return table


def _plain_table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=None, padding=(0, 1, 0, 0), pad_edge=False)


def _segments(rows: list[dict[str, Any]]) -> Table:
    table = _plain_table("Is anyone served worse? (new products)")
    for heading in ("", "", "customers", "NDCG", "against others", "over best-sellers", ""):
        table.add_column(heading, justify="left" if heading == "" else "right", no_wrap=True)
    for row in rows:
        worse = "worse than best-sellers" if row["worse_than_best_sellers"] else ""
        table.add_row(
            row["by"],
            row["group"],
            f"{row['customers']:,}",
            _figure("ndcg@10", row["ndcg@10"]),
            _interval(row["against_others"]),
            _interval(row["against_best_sellers"]),
            worse or ("behind" if row["served_worse"] else ""),
        )
    return table


def _figure(name: str, value: float) -> str:
    if name in ("coverage", "tail_share"):
        return _percent(value)
    return f"{value:.1f}" if name == "novelty" else f"{value:.2f}" if name == "gini" else f"{value:.4f}"[1:]


def _percent(share: float) -> str:
    return f"{share * 100:.0f}%" if abs(share) >= 0.1 else f"{share * 100:.1f}%"


def _interval(found: Mapping[str, float | None] | None) -> str:
    if not found:
        return ""
    if found["low"] is None or found["high"] is None:
        return "unknown"
    return f"{_signed(found['low'])} to {_signed(found['high'])}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("0.", ".", 1)
