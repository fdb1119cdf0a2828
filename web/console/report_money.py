"""The sections of a report that are about money: what was ordered, what the mail brought, what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaigns.insight.charts.bars import Bar, bars
from campaigns.insight.charts.intervals import Estimate, intervals
from campaigns.insight.charts.svg import Caption
from web.console.tables import Column, Section, Table

# What they are called, and by how much they are multiplied to be shown.
_METRICS: Mapping[str, tuple[str, float]] = {
    "average_order_value": ("Average order value, {}", 1.0),
    "conversion": ("Conversion: bought at all, %", 100.0),
    "retention": ("Retention: bought again, %", 100.0),
    "lifetime_value": ("Lifetime value until then, {}", 1.0),
}


def money_sections(report: Mapping[str, Any]) -> list[Section]:
    """Revenue by window, lift, before and after, costs and returns."""
    return [_revenue(report), _lift(report["lift"]), _before_after(report["before_after"]), _costs(report)]


def _revenue(report: Mapping[str, Any]) -> Section:
    windows = report["revenue"]
    currencies = list(dict.fromkeys(name for window in windows for name in window["revenue"]))
    main = report["lift"]["currency"]
    if main in currencies:
        currencies.sort(key=lambda name: name != main)
    columns = (
        Column("Within"),
        Column("Orders", "number"),
        Column("Customers who ordered", "rate"),
        *(Column(f"Revenue {name}", "money") for name in currencies),
        Column("Orders after a click", "number"),
        Column("Window"),
    )
    rows = [
        [
            _days(window["days"]), window["orders"], window["conversion"],
            *(window["revenue"].get(name, "0") for name in currencies),
            window["after_click"]["orders"], "complete" if window["complete"] else "still open",
        ]
        for window in windows
    ]  # fmt: skip
    chart = ""
    if currencies:
        name = currencies[0]
        drawn = [Bar(_days(window["days"]), float(window["revenue"].get(name, 0)), f"{float(window['revenue'].get(name, 0)):,.2f} {name}", series=0 if window["complete"] else 1) for window in windows]  # fmt: skip
        told = "; ".join(f"{bar.label}: {bar.text}" for bar in drawn)
        chart = bars(
            Caption("revenue", "Revenue by window", f"{told}. Striped windows are still open."), drawn
        )
    lead = "Each order counts for one campaign at most: the one whose mail was the last before it (after a click: whose click)."
    warning = "What happened afterwards, not what happened because of it. Many of these orders would have come anyway."
    return Section(
        "revenue", "Orders after the mail", (Table("revenue", "", columns, rows, chart),), lead, warning
    )


def _lift(lift: Mapping[str, Any]) -> Section:
    title = "What the campaign brought"
    if "mailed" not in lift:
        return Section(
            "lift",
            title,
            warning=f"Not known: {lift['why']}. What happened after a mail is not an effect of it; a holdout that gets no mail makes it one.",
        )
    currency, mailed, held = lift["currency"], lift["mailed"], lift["holdout"]
    columns = (
        Column("Group"),
        Column("Customers", "number"),
        Column("Orders", "number"),
        Column("Bought", "rate"),
        Column("Revenue a customer", "estimate", currency),
    )
    rows = [
        [name, side["customers"], side["orders"], side["conversion"], side["revenue_per_customer"]]
        for name, side in (("Were to be mailed", mailed), ("Holdout, no mail", held))
    ]
    tables = [Table("lift-groups", "Both groups over the same time", columns, rows)]
    if not lift["is_effect"]:
        return Section("lift", title, tuple(tables), warning=f"Not an effect yet: {lift['why']}.")
    each, total = lift["per_customer"], lift["total"]
    points = {name: None if value is None else 100 * value for name, value in lift["conversion"].items()}
    rows = [
        [f"Revenue a customer, {currency}", each],
        [f"Revenue in all, {currency}", total],
        ["Customers who bought, points", points],
    ]
    drawn = [
        Estimate(
            f"Revenue in all, {currency}", total["mean"], total["low"], total["high"], f"{total['mean']:,.0f}"
        )
    ]
    told = f"{total['mean']:,.0f} {currency}, between {total['low']:,.0f} and {total['high']:,.0f}."
    chart = intervals(
        Caption("lift", "Revenue beyond the holdout’s", f"{told} The dashed line is 0: no difference."),
        drawn,
        0.0,
    )
    note = f"95 % intervals, by {lift['method']}."
    difference = (Column("What"), Column("Difference, and 95 % interval", "estimate"))
    tables.insert(0, Table("lift", "Beyond the holdout", difference, rows, chart, note))
    sure = "It is beyond chance." if lift["sure"] else "It is not beyond chance: the interval has 0 in it."
    open_ = "" if lift["complete"] else " The 30 days after the last mail are not over."
    lead = f"Customers were drawn for the holdout by chance, so the difference between the groups is the mail’s doing. {sure}{open_}"
    return Section("lift", title, tuple(tables), lead)


def _before_after(found: Mapping[str, Any]) -> Section:
    held = bool(found["holdout"])
    names = ["What", "Mailed: before", "Mailed: after", "Mailed: change"]
    if held:
        names += ["Holdout: before", "Holdout: after", "Holdout: change", "The mailed changed more by"]
    columns = tuple(Column(name, "estimate" if place else "text") for place, name in enumerate(names))
    rows, drawn = [], []
    for row in found["rows"]:
        words, factor = _METRICS[row["metric"]]
        words = words.format(found["currency"])
        sides = [_side(row[who], factor) for who in (("mailed", "holdout") if held else ("mailed",))]
        apart = _times(row["difference"] if held else row["mailed"]["change"], factor)
        rows.append([words, *(cell for side in sides for cell in side), *([apart] if held else [])])
        if factor != 1 and apart and apart["mean"] is not None:
            drawn.append(
                Estimate(words, apart["mean"], apart["low"], apart["high"], f"{apart['mean']:+.1f} points")
            )
    chart = ""
    if drawn:
        told = "; ".join(f"{one.label}: {one.text}" for one in drawn)
        what = "How much more the mailed changed than the holdout" if held else "How the mailed changed"
        chart = intervals(Caption("before-after", what, f"{told}. The dashed line is no change."), drawn, 0.0)
    lead = (
        f"{found['days']:g} days before the campaign began beside the {found['days']:g} days from its beginning; "
        f"{found['mailed']:,} mailed, {found['holdout']:,} in the holdout. Changes have 95 % intervals."
    )
    warning = (
        ""
        if held
        else "Without a holdout this is not an effect: seasons and other mails change these figures, too."
    )
    table = Table("before-after", "", columns, rows, chart)
    return Section("before-after", "Before and after", (table,) if rows else (), lead, warning)


def _side(side: Mapping[str, Any], factor: float) -> list[Any]:
    levels = [None if side[when] is None else factor * side[when] for when in ("before", "after")]
    return [*levels, _times(side["change"], factor)]


def _times(found: Mapping[str, Any] | None, factor: float) -> dict[str, Any] | None:
    if found is None:
        return None
    return {name: None if value is None else factor * value for name, value in found.items()}


def _costs(report: Mapping[str, Any]) -> Section:
    costs, returns = report["costs"], report["returns"]
    rows: list[list[Any]] = []
    for name, words in (("copy", "Words by a model"), ("sending", "Sending")):
        part = costs[name]
        rows.append(
            [
                words,
                "not known: no price is set"
                if part["amount"] is None
                else f"{part['amount']} {part['currency']}",
            ]
        )
    rows.append(
        [
            "In all",
            ", ".join(f"{amount} {currency}" for currency, amount in costs["total"].items())
            or "nothing that is known",
        ]
    )
    back: list[list[Any]] = []
    if returns["effect"]:
        back.append(["By the lift over the holdout", _percents(returns["effect"])])
    else:
        back.append(["By the lift over the holdout", f"not known: {returns['why'] or 'no holdout'}"])
    observed = (
        "not known" if returns["observed"] is None else f"{100 * returns['observed']:,.0f} % (not an effect)"
    )
    back.append(["By orders in the 7 days after the mail", observed])
    margin = (
        f" Of revenue {100 * returns['margin']:g} % are counted as margin."
        if returns["margin"] != 1
        else " All of the revenue is counted: no margin is set."
    )
    tables = (
        Table("costs", "What it cost", (Column("What"), Column("Cost")), rows),
        Table(
            "returns",
            "Return on investment",
            (Column("How it is worked out"), Column("Return")),
            back,
            note=f"(margin − cost) ÷ cost.{margin}",
        ),
    )
    return Section("costs", "Cost and return", tables)


def _percents(found: Mapping[str, float | None]) -> str:
    return "{} % ({} to {})".format(*(f"{100 * (found[name] or 0):,.0f}" for name in ("mean", "low", "high")))


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days} days"
