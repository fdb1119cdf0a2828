"""A kept report as sections of tables and charts: how many, by whom, where they clicked, and who they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.insight.charts.bars import Bar, bars
from campaigns.insight.charts.lines import Series, lines
from campaigns.insight.charts.svg import Caption
from web.console.report_money import money_sections
from web.console.tables import FEW, Column, Section, Table, percent
from web.console.wording import WEATHER_SIGNS, held_back_words, plain_words, signal_words

_N = Column("Number", "number")
_MEASURED = "Rates of opens and clicks are of those who agreed to be measured when the mail was sent."
_RATES = (
    ("opened", "Opened by people"),
    ("opened_any", "Opened by people or machines"),
    ("clicked", "Clicked by people"),
    ("clicked_any", "Clicked by people or machines"),
    ("clicked_of_opened", "Clicked, of those seen to open"),
    ("unsubscribed", "Unsubscribed"),
    ("complained", "Complained"),
    ("bounced", "Bounced"),
)
_GROUPS = (
    ("copy", "By the words they got", "Words"),
    ("country", "By country", "Country"),
    ("language", "By language", "Language"),
    ("loyalty", "By orders before the campaign", "Orders before"),
)
REQUESTERS: Mapping[str, str] = {
    "direct": "the reader’s own program",
    "gmail_open": "Gmail",
    "gmail_prefetch": "Gmail, before anybody looks",
    "apple_mpp": "Apple Mail with protection",
    "yahoo": "Yahoo",
    "other_proxy": "another mail service",
    "scanner": "a security gateway",
    "unknown": "not known",
}


def report_sections(report: Mapping[str, Any], heat: str = "") -> list[Section]:
    """All sections of the page; `heat` is the address of the heat map."""
    sections = [
        _funnel(report),
        _responses(report),
        _days(report),
        _clicks(report, heat),
        _pictures(report),
        _groups(report),
    ]
    if report["arms"]:
        sections.append(_arms(report))
    sections += money_sections(report)
    sections.append(_reasons(report["totals"]))
    return sections


def funnel_section(rows: Sequence[tuple[str, int, int, str]], note: str = "") -> Section:
    """The funnel alone: (step, number, of how many, what to know) from the top."""
    columns = (Column("Step"), _N, Column("Share", "share"), Column("Of"))
    table = [
        [name, n, n / whole if whole else None, f"{whole:,} {base}".strip() if whole else ""]
        for name, n, whole, base in rows
    ]
    top = max((n for _, n, _, _ in rows), default=0)
    chart = bars(
        Caption("funnel", "From audience to order", _told((name, f"{n:,}") for name, n, _, _ in rows)),
        [Bar(name, n, f"{n:,}") for name, n, _, _ in rows],
        top,
        "funnel",
    )
    marks = tuple(name.lower() for name, _, _, _ in rows)
    return Section(
        "funnel", "From audience to order", (Table("funnel", "", columns, table, chart, note, marks),)
    )


def totals_sections(totals: Mapping[str, Any]) -> list[Section]:
    """Where only the totals of a campaign are left, from before reports were kept whole."""
    audience, sent = totals["audience"], totals["sent"]
    rows = [
        ("Audience", audience, audience, ""),
        ("Held back", sum(totals["held_back"].values()), audience, "in the audience"),
        ("Sent", sent, audience, "in the audience"),
        ("Opened", totals["opens_human"], sent, "sent"),
        ("Clicked", totals["clicks_human"], sent, "sent"),
        ("Unsubscribed", totals["unsubscribes"], sent, "sent"),
    ]
    return [funnel_section(rows), _reasons(totals)]


def _funnel(report: Mapping[str, Any]) -> Section:
    totals, rates = report["totals"], report["rates"]
    week = next(window for window in report["revenue"] if window["days"] == 7)
    mailed, measured = report["counts"]["mailed"], report["counts"]["measured"]
    rows = [
        ("Audience", totals["audience"], totals["audience"], ""),
        ("Held back", sum(totals["held_back"].values()), totals["audience"], "in the audience"),
        ("Sent", totals["sent"], totals["audience"], "in the audience"),
        ("Opened", rates["opened"]["n"], measured, "measured"),
        ("Clicked", rates["clicked"]["n"], measured, "measured"),
        ("Ordered", week["conversion"]["n"], mailed, "mailed"),
        ("Unsubscribed", rates["unsubscribed"]["n"], mailed, "mailed"),
    ]
    note = f"{_MEASURED} “Ordered” are customers who bought within 7 days: an observation, not yet an effect."
    if totals["planned"]:
        note = f"{totals['planned']:,} mails are still to come. {note}"
    return funnel_section(rows, note)


def _responses(report: Mapping[str, Any]) -> Section:
    rates = report["rates"]
    rows = [[words, rates[name]["n"], rates[name]["of"], rates[name]] for name, words in _RATES]
    drawn = [
        Bar(words, rates[name]["share"], percent(rates[name]["share"]), rates[name]["low"], rates[name]["high"],
            1 if name.endswith("_any") else 0)
        for name, words in _RATES[:4] if rates[name]["share"] is not None
    ]  # fmt: skip
    chart = ""
    if drawn:
        told = _told((bar.label, bar.text) for bar in drawn)
        chart = bars(Caption("rates", "Opens and clicks", f"{told} Lines are 95 % intervals."), drawn)
    columns = (
        Column("What"),
        Column("Customers", "number"),
        Column("Of", "number"),
        Column("Share, and 95 % interval", "rate"),
    )
    tables = [Table("rates", "", columns, rows, chart)]
    if report["requesters"]:
        asked = [
            [
                REQUESTERS.get(row["name"], plain_words(row["name"])),
                "a machine" if row["machine"] else "a person",
                row["mails"] or FEW,
            ]
            for row in report["requesters"]
        ]
        tables.append(
            Table(
                "requesters",
                "What fetched the pictures",
                (Column("Program"), Column("Counts as"), Column("Mails", "number")),
                asked,
            )
        )
    lead = f"{_MEASURED} Machines open and click as well: they are counted apart and decide nothing."
    return Section("responses", "Opens, clicks, complaints", tuple(tables), lead)


def _days(report: Mapping[str, Any]) -> Section:
    days = report["days"]
    names = (
        ("mailed", "Mails"),
        ("opened", "Opened by people"),
        ("clicked", "Clicked by people"),
        ("unsubscribed", "Unsubscribed"),
        ("complained", "Complained"),
    )
    rows = [[day["day"], *(day[name] for name, _ in names)] for day in days]
    chart = ""
    if len(days) > 1:
        series = [Series(words, [day[name] for day in days]) for name, words in names[1:4]]
        top = max(days, key=lambda day: day["opened"])
        told = (
            f"{len(days)} days from {days[0]['day']}; most people opened on {top['day']} ({top['opened']:,})."
        )
        chart = lines(
            Caption("days", "What people did, by day", told),
            [day["day"] for day in days],
            series,
            lambda x: f"{x:,.0f}",
        )
    columns = (Column("Day (UTC)"), *(Column(words, "number") for _, words in names))
    return Section("days", "Day by day", (Table("days", "", columns, rows, chart),))


def _clicks(report: Mapping[str, Any], heat: str) -> Section:
    places = report["clicks"]
    rows = [[_capital(row["name"]), row["rate"]["n"], row["rate"], row["machines"]] for row in places]
    drawn = [
        Bar(
            _capital(row["name"]),
            row["rate"]["share"] or 0.0,
            percent(row["rate"]["share"]),
            row["rate"]["low"],
            row["rate"]["high"],
        )
        for row in places[:12]
    ]
    chart = (
        bars(Caption("places", "Where people clicked", _told((bar.label, bar.text) for bar in drawn)), drawn)
        if drawn
        else ""
    )
    columns = (
        Column("Link"),
        Column("People", "number"),
        Column("Of those measured", "rate"),
        Column("Only machines", "number"),
    )
    product_rows = [
        [row["name"], _few(row["shown"]), (row["rate"] or {}).get("n"), row["rate"]]
        for row in report["products"]
    ]
    products = (
        Column("Product"),
        Column("Mails with it", "number"),
        Column("Clicked", "number"),
        Column("Share", "rate"),
    )
    tables = [Table("places", "By link of the mail", columns, rows, chart)]
    if product_rows:
        note = "Picks that people clicked, of the measured mails that showed them. The 50 with most clicks."
        tables.append(Table("products", "By product", products, product_rows, note=note))
    link = (heat, "Heat map over the mail") if heat and places else None
    lead = "Each customer counts once for each link."
    return Section("clicks", "Where people clicked", tuple(tables), lead, link=link)


def _pictures(report: Mapping[str, Any]) -> Section:
    columns = (
        Column("Slot"),
        Column("Picture last shown"),
        Column("Mails", "number"),
        Column("Clicked", "number"),
        Column("Share", "rate"),
    )
    rows = [
        [row["slot"], row["name"], _few(row["shown"]), (row["rate"] or {}).get("n"), row["rate"]]
        for row in report["pictures"]
    ]
    drawn = [
        Bar(f"{row['slot']}: {row['name']}", row["rate"]["share"] or 0.0, percent(row["rate"]["share"]), row["rate"]["low"], row["rate"]["high"])
        for row in report["pictures"][:12] if row["rate"]
    ]  # fmt: skip
    chart = (
        bars(
            Caption("pictures", "Clicks by picture shown", _told((bar.label, bar.text) for bar in drawn)),
            drawn,
        )
        if drawn
        else ""
    )
    note = "Which picture is shown depends on place and weather, so these shares compare places as well as pictures."
    tables = [Table("pictures", "By picture shown", columns, rows, chart, note)]
    tables.append(
        _mails(
            "signals",
            "What decided the place",
            "Signal",
            [(signal_words(row["name"]), row["customers"]) for row in report["signals"]],
        )
    )
    sky = [
        (f"{WEATHER_SIGNS.get(row['name'], '')} {row['name']}".strip(), row["customers"])
        for row in report["weather"]
    ]
    tables.append(_mails("weather", "Weather where the mail was opened", "Weather", sky))
    return Section("pictures", "Pictures, places and weather", tuple(table for table in tables if table.rows))


def _mails(key: str, title: str, head: str, counted: Sequence[tuple[str, int | None]]) -> Table:
    whole = sum(n or 0 for _, n in counted)
    rows = [[_capital(name), _few(n), n / whole if n and whole else None] for name, n in counted]
    drawn = [Bar(_capital(name), n, percent(n / whole)) for name, n in counted if n]
    chart = bars(Caption(key, title, _told((bar.label, bar.text) for bar in drawn)), drawn) if drawn else ""
    return Table(key, title, (Column(head), Column("Mails", "number"), Column("Share", "share")), rows, chart)


_GROUP_COLUMNS = (
    Column("Mails", "number"), Column("Opened", "rate"), Column("Clicked", "rate"), Column("Unsubscribed", "rate"), Column("Complained", "rate"),
)  # fmt: skip
_GROUP_RATES = ("opened", "clicked", "unsubscribed", "complained")


def _groups(report: Mapping[str, Any]) -> Section:
    tables = [
        Table(
            f"by-{key}",
            title,
            (Column(head), *_GROUP_COLUMNS),
            [_group_row(row) for row in report["groups"][key]],
        )
        for key, title, head in _GROUPS
        if report["groups"][key]
    ]
    lead = (
        "Groups differ in more than one thing: a difference between two of them is no effect of the mail. "
        "Groups of fewer than 5 customers are put together."
    )
    return Section("groups", "Who they were", tuple(tables), lead)


def _group_row(row: Mapping[str, Any]) -> list[Any]:
    return [
        str(row["name"]),
        _few(row["mailed"]),
        *(row["rates"].get(name) for name in _GROUP_RATES),
    ]


def _arms(report: Mapping[str, Any]) -> Section:
    rows = [
        [
            *_group_row(row),
            row["week"]["orders"],
            ", ".join(f"{amount} {currency}" for currency, amount in row["week"]["revenue"].items()) or "–",
        ]
        for row in report["arms"]
    ]
    drawn = [
        Bar(row["name"], row["rates"]["clicked"]["share"], percent(row["rates"]["clicked"]["share"]), row["rates"]["clicked"]["low"], row["rates"]["clicked"]["high"])
        for row in report["arms"] if row["rates"]["clicked"]["share"] is not None
    ]  # fmt: skip
    chart = (
        bars(Caption("arms", "Clicks by arm", _told((bar.label, bar.text) for bar in drawn)), drawn)
        if drawn
        else ""
    )
    columns = (Column("Arm"), *_GROUP_COLUMNS, Column("Orders in 7 days", "number"), Column("Their value"))
    lead = (
        "Which arm is the better one is told on the page Experiment: the highest rate alone decides nothing."
    )
    return Section("arms", "Arms of the experiment", (Table("arms", "", columns, rows, chart),), lead)


def _reasons(totals: Mapping[str, Any]) -> Section:
    parts = (
        ("held-back", "Held back, and why", "held_back", held_back_words),
        ("failed", "Failed, and why", "failed_by_reason", plain_words),
        ("writers", "Who wrote the words", "copy_writers", plain_words),
    )
    tables = []
    for key, title, name, words in parts:
        counted = totals[name]
        whole = sum(counted.values())
        rows = [
            [_capital(words(reason)), n, n / whole if whole else None]
            for reason, n in sorted(counted.items(), key=lambda pair: -pair[1])
        ]
        if rows:
            tables.append(
                Table(
                    key,
                    title,
                    (Column("Reason" if key != "writers" else "Writer"), _N, Column("Share", "share")),
                    rows,
                )
            )
    return Section("reasons", "What became of the rest", tuple(tables))


def _told(pairs: Any) -> str:
    """The figures of a chart in words, for those who do not see it."""
    return "; ".join(f"{name}: {figure}" for name, figure in pairs) + "."


def _few(n: int | None) -> Any:
    return FEW if n is None else n


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
