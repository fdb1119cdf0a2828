"""What is kept of the recommender's models as sections of tables and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from campaigns.flows.reports.model_judging import Judged
from campaigns.insight.charts.bars import Bar, bars
from campaigns.insight.charts.intervals import Estimate, intervals
from campaigns.insight.charts.lines import Series, lines
from campaigns.insight.charts.svg import Caption
from campaigns.recommend.evaluation_verdict import plain
from web.console.tables import Column, Section, Table, percent, significant

_OURS = "ours"
_BEST = "best_sellers"
_RANKED = (("ndcg@10", "NDCG"), ("precision@10", "Precision"), ("recall@10", "Recall"), ("f1@10", "F1"))
_KINDS = {"country": "Country", "language": "Language", "tenure": "Customer for", "orders": "Orders before"}


def recommender_sections(judged: Sequence[Judged]) -> list[Section]:
    """All sections; `judged` are the newest models first."""
    tested = [one for one in judged if one.evaluation]
    if not tested:
        return []
    newest = tested[0]
    assert newest.evaluation is not None
    return [
        _quality(newest.evaluation),
        _over_time(tested[::-1]),
        _catalogue(tested[::-1]),
        _served(newest.evaluation["segments"]),
        _changed(newest),
    ]


def _quality(found: Mapping[str, Any]) -> Section:
    columns = (
        Column("Method"),
        *(Column(words, "estimate") for _, words in _RANKED),
        Column("Ours is better by (NDCG)", "estimate"),
    )
    tables = []
    for key, title in (
        ("discover", "Products that are new to the customer"),
        ("buy_again", "Whatever they buy next"),
    ):
        # JSON in the database has no order of its own.
        ranked = sorted(found[key].items(), key=lambda pair: (pair[0] != _OURS, -pair[1]["ndcg@10"]))
        rows = [
            [_method(name), *(row[metric] for metric, _ in _RANKED), row.get("ours_better_by")]
            for name, row in ranked
        ]
        customers = found[key][_OURS]["customers"]
        drawn = [Bar(_method(name), row["ndcg@10"], significant(row["ndcg@10"]), row["interval"]["low"], row["interval"]["high"], 0 if name == _OURS else 1) for name, row in ranked]  # fmt: skip
        told = "; ".join(f"{bar.label}: {bar.text}" for bar in drawn)
        chart = bars(
            Caption(
                f"quality-{key.replace('_', '-')}",
                f"NDCG of the first ten: {title.lower()}",
                f"{told}. Lines are 95 % intervals.",
            ),
            drawn,
        )
        note = f"{customers:,} customers were tested, the first ten of each list count."
        tables.append(Table(f"quality-{key.replace('_', '-')}", title, columns, rows, chart, note))
    lead = (
        f"Learned from the orders before {found['cut'][:10]}, then asked to foretell those until {found['until'][:10]}, "
        "beside what a shop would otherwise install. All of it is offline: what people would have bought anyway."
    )
    return Section("quality", "How well it foretells what is bought", tuple(tables), lead)


def _over_time(tested: Sequence[Judged]) -> Section:
    labels = [f"{one.trained_at:%Y-%m-%d}" for one in tested]
    rows, values = [], []
    for one in tested:
        ours, best = _ours(one), (one.evaluation or {})["discover"][_BEST]
        values.append((ours["ndcg@10"], best["ndcg@10"]))
        rows.append(
            [
                f"{one.trained_at:%Y-%m-%d %H:%M}",
                one.model_id,
                *(ours[metric] for metric, _ in _RANKED),
                best["ndcg@10"],
            ]
        )
    series = [
        Series("This recommender", [pair[0] for pair in values]),
        Series("Best-sellers", [pair[1] for pair in values]),
    ]
    told = f"{len(tested)} models; the newest has {significant(values[-1][0])}, best-sellers {significant(values[-1][1])}."
    chart = lines(Caption("ndcg", "NDCG by model", told), labels, series, significant)
    columns = (
        Column("Trained (UTC)"),
        Column("Model", "number"),
        *(Column(words, "estimate") for _, words in _RANKED),
        Column("NDCG of best-sellers", "estimate"),
    )
    return Section(
        "over-time",
        "Model by model",
        (Table("over-time", "", columns, rows, chart),),
        "On products that are new to the customer. Each model was tested on the last 30 days before it was trained, so the test changes as well.",
    )


def _catalogue(tested: Sequence[Judged]) -> Section:
    labels = [f"{one.trained_at:%Y-%m-%d}" for one in tested]
    rows, coverage, head, novelty = [], [], [], []
    for one in tested:
        ours, best = _ours(one), (one.evaluation or {})["discover"][_BEST]
        coverage.append(ours["coverage"])
        head.append(1 - ours["tail_share"])
        novelty.append(ours["novelty"])
        rows.append(
            [
                f"{one.trained_at:%Y-%m-%d %H:%M}",
                one.model_id,
                ours["coverage"],
                1 - ours["tail_share"],
                1 - best["tail_share"],
                ours["gini"],
                ours["novelty"],
                best["novelty"],
            ]
        )
    told = f"The newest shows {percent(coverage[-1])} of the catalogue; {percent(head[-1])} of its picks are from the fifth that sells best."
    chart = lines(
        Caption("spread", "Share of the catalogue, and of picks among the best-selling fifth", told),
        labels, [Series("Catalogue shown", coverage), Series("Picks among the best-selling fifth", head)], percent,
    )  # fmt: skip
    surprise = lines(
        Caption("novelty", "Novelty in bits", f"The newest: {significant(novelty[-1])} bits."),
        labels,
        [Series("Novelty", novelty)],
        significant,
    )
    columns = (
        Column("Trained (UTC)"), Column("Model", "number"), Column("Catalogue shown", "share"), Column("Picks among the best-selling fifth", "share"),
        Column("the same, best-sellers", "share"), Column("Gini", "estimate"), Column("Novelty, bits", "estimate"), Column("the same, best-sellers", "estimate"),
    )  # fmt: skip
    tables = (
        Table("catalogue", "Coverage and popularity", columns, rows, chart),
        Table(
            "novelty",
            "Novelty",
            (Column("Trained (UTC)"), Column("Novelty, bits", "estimate")),
            [[row[0], row[6]] for row in rows],
            surprise,
        ),
    )
    lead = "Coverage: products that are in anybody’s ten. Popularity bias: how much goes to what sells anyway. Gini: 0 if all products are shown alike, 1 if one has all. Novelty: how surprising a pick is, in bits."
    return Section("catalogue", "What of the catalogue is shown", tables, lead)


def _served(segments: Sequence[Mapping[str, Any]]) -> Section:
    title = "Is anybody served worse?"
    if not segments:
        return Section(
            "served",
            title,
            warning="Too few customers could be tested to compare groups: it takes 30 in each.",
        )
    rows, drawn = [], []
    for row in segments:
        name = f"{_KINDS.get(row['by'], row['by'])}: {row['group']}"
        figures = (row[key] for key in ("customers", "ndcg@10", "against_others", "against_best_sellers"))
        rows.append([name, *figures, _verdict_on(row)])
        apart = row["against_others"]
        drawn.append(Estimate(name, apart["mean"], apart["low"], apart["high"], f"{apart['mean']:+.3f}"))
    told = "; ".join(f"{each.label}: {each.text}" for each in drawn)
    chart = intervals(
        Caption(
            "served",
            "NDCG of each group less that of all others",
            f"{told}. The dashed line is no difference.",
        ),
        drawn,
        0.0,
    )
    columns = (
        Column("Group"),
        Column("Customers", "number"),
        Column("NDCG", "estimate"),
        Column("Against the others", "estimate"),
        Column("Against best-sellers", "estimate"),
        Column("Verdict"),
    )
    behind = [row[0] for row in rows if row[5].startswith(("best", "behind"))]
    lead = (
        f"Served worse beyond chance: {', '.join(behind)}."
        if behind
        else "No group is served worse beyond chance."
    )
    return Section(
        "served",
        title,
        (
            Table(
                "served",
                "",
                columns,
                rows,
                chart,
                "Groups of fewer than 30 tested customers are put together. The more groups, the wider the intervals (Bonferroni).",
            ),
        ),
        lead,
    )


def _verdict_on(row: Mapping[str, Any]) -> str:
    if row["worse_than_best_sellers"]:
        return "best-sellers would serve them better"
    return "behind the others" if row["served_worse"] else "no difference beyond chance, or ahead"


def _changed(one: Judged) -> Section:
    title = "What changed since the model before"
    told = one.changes
    if told is None or told["before"] is None:
        return Section("changed", title, warning="There is no model before it that is still kept.")
    before, after = told["before"], told["after"]
    spread = [
        ["Catalogue shown", before["coverage"], after["coverage"]],
        ["Picks among the best-selling fifth", before["head_share"], after["head_share"]],
    ]
    tables = [
        Table(
            "spread-change",
            "How picks are spread",
            (Column("What"), Column("Before", "share"), Column("Now", "share")),
            spread,
        )
    ]
    for key, words in (("rises", "Products that rise"), ("falls", "Products that fall")):
        rows = [[f"{each['title']} ({each['sku']})", each["before"], each["after"]] for each in told[key]]
        if rows:
            tables.append(
                Table(
                    key,
                    words,
                    (Column("Product"), Column("In lists before", "share"), Column("In lists now", "share")),
                    rows,
                )
            )
    same = percent(told["overlap"])
    lead = f"Lists of both for the same {told['customers']:,} customers: {same} of the places went to the same products."
    return Section("changed", title, tuple(tables), lead)


def _ours(one: Judged) -> Mapping[str, Any]:
    assert one.evaluation is not None
    found: Mapping[str, Any] = one.evaluation["discover"][_OURS]
    return found


def _method(name: str) -> str:
    if name == _OURS:
        return "This recommender"
    words = plain(name)
    return words[:1].upper() + words[1:] if words == name.replace("_", " ") else words
