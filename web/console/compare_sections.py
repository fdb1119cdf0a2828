"""Campaigns beside one another: only rates that have the same base, and money of the same currency and windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.flows.describing.overviews import Compared
from campaigns.insight.charts.intervals import Estimate, intervals
from campaigns.insight.charts.lines import Series, lines
from campaigns.insight.charts.svg import Caption
from campaigns.insight.rates import Rate
from web.console.tables import Column, Section, Table, percent

_RATES = (
    ("opened", "Opened by people"),
    ("clicked", "Clicked by people"),
    ("clicked_of_opened", "Clicked, of those seen to open"),
    ("unsubscribed", "Unsubscribed"),
    ("complained", "Complained"),
    ("bounced", "Bounced"),
)


def trend_section(weeks: Sequence[Mapping[str, Any]]) -> Section:
    """Mails by week, and the shares of unsubscribes and complaints in them."""
    rows, shares = [], []
    for week in weeks:
        mailed = int(week["mailed"])
        # An unsubscribe may come in a week in which little is mailed: no share of more than all.
        pair = [
            Rate(min(int(week[name]), mailed), mailed).to_json() for name in ("unsubscribed", "complained")
        ]
        shares.append([rate["share"] for rate in pair])
        rows.append([week["week"], mailed, week["unsubscribed"], pair[0], week["complained"], pair[1]])
    labels = [str(week["week"]) for week in weeks]
    columns = (
        Column("Week from"), Column("Mails", "number"), Column("Unsubscribed", "number"), Column("Share of mails", "rate"),
        Column("Complained", "number"), Column("Share of mails ", "rate"),
    )  # fmt: skip
    total = sum(int(week["mailed"]) for week in weeks)
    volume = lines(
        Caption("volume", "Mails a week", f"{total:,} mails in {len(weeks)} weeks."),
        labels, [Series("Mails", [float(week["mailed"]) for week in weeks])], lambda x: f"{x:,.0f}",
    )  # fmt: skip
    trouble = lines(
        Caption(
            "trouble",
            "Unsubscribes and complaints, in per cent of mails",
            "By week; the table has the figures.",
        ),
        labels,
        [
            Series("Unsubscribed", [one[0] for one in shares]),
            Series("Complained", [one[1] for one in shares]),
        ],
        percent,
    )
    used = [row for row in rows if row[1] or row[2] or row[4]]
    return Section(
        "trend",
        f"The last {len(weeks)} weeks",
        (Table("volume", "Mails a week", (), (), volume), Table("trouble", "Unsubscribes and complaints", (), (), trouble), Table("trend", "", columns, used)),
        "Mailbox providers watch complaints: below 0.1 % is good, 0.3 % is too much.",
    )  # fmt: skip


def compare_sections(campaigns: Sequence[Compared]) -> list[Section]:
    """One section for each thing that may be compared, with every campaign in it."""
    return [
        _how_many(campaigns),
        *(_rate(campaigns, *each) for each in _RATES),
        _money(campaigns),
        _brought(campaigns),
    ]


def _how_many(campaigns: Sequence[Compared]) -> Section:
    columns = (
        Column("Campaign"),
        Column("Audience", "number"),
        Column("Held back", "number"),
        Column("Sent", "number"),
        Column("Measured", "number"),
        Column("First mail (UTC)"),
        Column("As of (UTC)"),
    )
    rows = [
        [
            one.name, one.report["totals"]["audience"], sum(one.report["totals"]["held_back"].values()), one.report["counts"]["mailed"],
            one.report["counts"]["measured"], (one.report["first_sent"] or "–")[:16].replace("T", " "), f"{one.made_at:%Y-%m-%d %H:%M}" if one.made_at else "–",
        ]
        for one in campaigns
    ]  # fmt: skip
    return Section("how-many", "How many", (Table("how-many", "", columns, rows),))


def _rate(campaigns: Sequence[Compared], name: str, title: str) -> Section:
    rates = [(one, one.report["rates"][name]) for one in campaigns]
    known = [(one, rate) for one, rate in rates if rate["share"] is not None]
    chart = ""
    if known:
        drawn = [
            Estimate(one.name, rate["share"], rate["low"], rate["high"], percent(rate["share"]))
            for one, rate in known
        ]
        told = "; ".join(f"{each.label}: {each.text}" for each in drawn)
        chart = intervals(
            Caption(f"c-{name.replace('_', '-')}", title, f"{told}. Lines are 95 % intervals."), drawn
        )
    columns = (
        Column("Campaign"),
        Column("Customers", "number"),
        Column("Of", "number"),
        Column("Share, and 95 % interval", "rate"),
    )
    rows = [[one.name, rate["n"], rate["of"], rate] for one, rate in rates]
    return Section(
        f"rate-{name.replace('_', '-')}",
        title,
        (Table(f"rate-{name.replace('_', '-')}", "", columns, rows, chart),),
    )


def _money(campaigns: Sequence[Compared]) -> Section:
    """The longest window that is over for all of them, in the currency that all of them have."""
    title = "Orders after the mail"
    currencies = {one.report["lift"]["currency"] for one in campaigns}
    if len(currencies) > 1:
        return Section(
            "orders",
            title,
            warning=f"They cannot be compared: revenue is in {', '.join(sorted(currencies))}.",
        )
    [currency] = currencies
    over = [
        window["days"] for place, window in enumerate(campaigns[0].report["revenue"])
        if all(one.report["revenue"][place]["complete"] for one in campaigns)
    ]  # fmt: skip
    if not over:
        return Section(
            "orders",
            title,
            warning="They cannot be compared yet: for one of them not even a day has passed since its last mail.",
        )
    days = over[-1]
    rows, drawn = [], []
    for one in campaigns:
        window = next(each for each in one.report["revenue"] if each["days"] == days)
        mailed = one.report["counts"]["mailed"]
        revenue = float(window["revenue"].get(currency, 0))
        rows.append(
            [
                one.name,
                window["orders"],
                window["conversion"],
                revenue,
                1000 * revenue / mailed if mailed else None,
            ]
        )
        rate = window["conversion"]
        if rate["share"] is not None:
            drawn.append(Estimate(one.name, rate["share"], rate["low"], rate["high"], percent(rate["share"])))
    told = "; ".join(f"{each.label}: {each.text}" for each in drawn)
    chart = intervals(Caption("c-orders", "Customers who ordered", f"{told}."), drawn) if drawn else ""
    columns = (
        Column("Campaign"),
        Column("Orders", "number"),
        Column("Customers who ordered", "rate"),
        Column("Revenue", "money", currency),
        Column("Revenue for 1,000 mails", "money", currency),
    )
    lead = f"Within {days} {'day' if days == 1 else 'days'} of the mail, the longest window that is over for all of them."
    warning = (
        "Campaigns went to different people at different times: these differences are no effect of the mail."
    )
    return Section("orders", title, (Table("orders", "", columns, rows, chart),), lead, warning)


def _brought(campaigns: Sequence[Compared]) -> Section:
    title = "What each brought beyond its holdout"
    known = [one for one in campaigns if one.report["lift"]["is_effect"]]
    if not known:
        return Section(
            "brought", title, warning="Not known: none of them has a holdout that is large enough."
        )
    rows, drawn = [], []
    for one in campaigns:
        lift = one.report["lift"]
        if not lift["is_effect"]:
            rows.append([one.name, f"not known: {lift['why']}", "–"])
            continue
        each = lift["per_customer"]
        words = f"{each['mean']:,.2f} ({each['low']:,.2f} to {each['high']:,.2f}) {lift['currency']}"
        rows.append([one.name, words, "complete" if lift["complete"] else "30 days are not over"])
        drawn.append(Estimate(one.name, each["mean"], each["low"], each["high"], f"{each['mean']:,.2f}"))
    chart = ""
    if len({one.report["lift"]["currency"] for one in known}) == 1:
        told = "; ".join(f"{each.label}: {each.text}" for each in drawn)
        chart = intervals(
            Caption("c-brought", "Revenue a customer beyond the holdout’s", f"{told}. The dashed line is 0."),
            drawn,
            0.0,
        )
    columns = (Column("Campaign"), Column("Revenue a customer, and 95 % interval"), Column("Time"))
    return Section("brought", title, (Table("brought", "", columns, rows, chart),))
