"""An experiment's figures as tables and charts, for the page and for CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaigns.insight.charts.intervals import Estimate, intervals
from campaigns.insight.charts.svg import Caption
from campaigns.insight.experiment_decision import percent as likely
from campaigns.insight.experiment_decision import points
from web.console.tables import Column, Table, percent

FACTOR_WORDS: Mapping[str, str] = {
    "none": "nothing: only a holdout",
    "subject": "the subject",
    "copy": "who writes the words",
    "template": "the template",
    "picks": "how products are picked",
    "slot": "the picture of a slot",
    "time": "the hour of sending",
}
GOAL_WORDS: Mapping[str, str] = {"clicks": "clicks", "orders": "orders"}


def tables_of(shown: Mapping[str, Any]) -> dict[str, Table]:
    """By key: what is known of each arm, the difference to the first one, what mails brought, and the waves."""
    goal = "ordered" if shown["goal"] == "orders" else "clicked"
    base = "mature" if shown["goal"] == "orders" else "measured"
    arms = shown["arms"]
    known = [arm for arm in arms if arm["rate"] is not None and arm[base]]
    return {
        "arms": _arms(shown, base, goal, known),
        "differences": _differences(known),
        "counts": _counts(arms),
        "revenue": _revenue(shown, arms),
        "waves": _waves(shown),
    }


def value_words(factor: str, value: Any) -> str:
    """What an arm does, on one line."""
    if not value:
        return "as the campaign says"
    if factor == "subject" and isinstance(value, Mapping):
        return "; ".join(f"{language}: {line}" for language, line in value.items())
    if factor == "copy":
        return {"model": "a language model writes", "offline": "the offline writer"}.get(value, str(value))
    if factor == "slot":
        rules = len(value.get("rules", ()))
        return f"slot {value['name']}, " + (
            f"{rules} rules of its own" if rules else "always the same picture"
        )
    if factor == "picks":
        told = ["best-sellers for everybody"] if value.get("strategy") == "best_sellers" else []
        return "; ".join(
            [*told, *(f"{k.replace('_', ' ')} {v}" for k, v in value.items() if k != "strategy")]
        )
    if factor == "time":
        return f"at {value} on the customer’s clock"
    return str(value)


def _arms(shown: Mapping[str, Any], base: str, goal: str, known: list[Any]) -> Table:
    rows = [
        (
            arm["name"], arm[base], arm[goal],
            {"n": arm[goal], "of": arm[base], "share": arm["rate"], "low": arm["low"], "high": arm["high"]},
            likely(arm["best"]), f"{points(arm['loss'])} points",
        )
        for arm in known
    ]  # fmt: skip
    chart = ""
    if known:
        caption = Caption(
            "rates",
            f"Share of {shown['goal']} by arm",
            "; ".join(
                f"{a['name']} {percent(a['rate'])}, {percent(a['low'])} to {percent(a['high'])}"
                for a in known
            ),
        )
        chart = intervals(caption, [_estimate(a, "rate", "low", "high") for a in known])
    return Table(
        "arms",
        f"Share of {shown['goal']}",
        (
            Column("Arm"),
            Column("Mails counted", "number"),
            Column("Clicked" if goal == "clicked" else "Ordered", "number"),
            Column("Share (95 %)", "rate"),
            Column("Likely the best"),
            Column("Could lose"),
        ),
        rows,
        chart,
        note="Intervals hold the true share with 95 % probability. “Could lose”: what choosing it costs on average, "
        "in percentage points, if another arm is better.",
    )


def _differences(known: list[Any]) -> Table:
    rows = [
        (arm["name"], {"mean": arm["diff"], "low": arm["diff_low"], "high": arm["diff_high"]})
        for arm in known[1:]
    ]
    chart = ""
    if rows:
        first = known[0]["name"]
        words = (f"{a['name']} {a['diff'] * 100:+.2f} points" for a in known[1:])
        caption = Caption("differences", f"Difference to {first}", "; ".join(words))
        chart = intervals(caption, [_estimate(a, "diff", "diff_low", "diff_high") for a in known[1:]], 0.0)
    title = f"Difference to {known[0]['name']}" if known else "Differences"
    return Table(
        "differences", title, (Column("Arm"), Column("Points (95 %)", "percent_estimate")), rows, chart
    )


def _estimate(arm: Mapping[str, Any], value: str, low: str, high: str) -> Estimate:
    told = f"{arm[value] * 100:+.2f} points" if value == "diff" else percent(arm[value])
    return Estimate(arm["name"], arm[value], arm[low], arm[high], told)


def _counts(arms: list[Any]) -> Table:
    names = ("told", "sent", "failed", "mature", "opened", "clicked", "ordered", "unsubscribed", "complained")
    columns = (
        "In the arm",
        "Sent",
        "Failed",
        "Old enough",
        "Opened",
        "Clicked",
        "Ordered",
        "Unsubscribed",
        "Complained",
    )
    return Table(
        "counts",
        "All that was counted",
        (Column("Arm"), *(Column(name, "number") for name in columns)),
        [(arm["name"], *(arm[name] for name in names)) for arm in arms],
        note="Customers. Opened, clicked and ordered: people, within the window after their mail.",
    )


def _revenue(shown: Mapping[str, Any], arms: list[Any]) -> Table:
    found = [arm for arm in arms if arm["revenue_per_mail"] and arm["mature"]]
    heavy = [arm["name"] for arm in found if arm["revenue_per_mail"]["heavy"]]
    note = "The interval takes the mean for normal; a few large orders make it too narrow."
    if heavy:
        note = f"One order is more than a fifth of the revenue of {', '.join(heavy)}: do not decide by it."
    return Table(
        "revenue",
        "Revenue a mail",
        (
            Column("Arm"),
            Column("Revenue", "number", shown["currency"]),
            Column("A mail (95 %)", "money", shown["currency"]),
        ),
        [
            (
                arm["name"],
                arm["revenue"],
                {name: arm["revenue_per_mail"][name] for name in ("mean", "low", "high")},
            )
            for arm in found
            if shown["currency"]
        ],
        note=note,
    )


def _waves(shown: Mapping[str, Any]) -> Table:
    names = [arm["name"] for arm in shown["arms"]]
    return Table(
        "waves",
        "Waves",
        (Column("Wave"), Column("Opened"), Column("By"), Column("Audience", "share"), *(Column(n, "share") for n in names)),
        [
            (
                f"{wave['number'] + 1}", wave["opened_at"][:16].replace("T", " "), wave["opened_by"],
                wave["ends"] - wave["starts"], *wave["shares"],
            )
            for wave in shown["waves"]
        ],
        note="Who is told their arm in a wave stays in it. Shares are those that held when the wave was opened.",
    )  # fmt: skip
