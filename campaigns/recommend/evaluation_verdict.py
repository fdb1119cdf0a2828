"""What an evaluation means, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaigns.recommend.evaluation_tasks import OURS
from campaigns.recommend.learning import BEST_SELLERS, LEAST_TESTED
from campaigns.recommend.metrics import DEPTH

_NDCG = f"ndcg@{DEPTH}"


def verdict(found: Mapping[str, Any]) -> dict[str, Any]:
    """`enough` (data for personal picks), `method` (what the training would use) and `words`.

    Args:
        found: the other parts of an evaluation's result.
    """
    tested = found["discover"][OURS]["customers"]
    above = _beaten(found["discover"])
    enough = (
        found["model"]["method"] != BEST_SELLERS and tested >= LEAST_TESTED and above.get("best_sellers") == 1
    )
    words = [_on_data(found, enough), *_on_methods(found["discover"], above)]
    words += _on_fitting(found["fitting"]) + _on_segments(found["segments"])
    return {"enough": enough, "method": found["model"]["method"], "words": words}


def _beaten(rows: Mapping[str, Any]) -> dict[str, int]:
    """By baseline: 1 where ours is better beyond chance, -1 where it is worse, else 0."""
    outcome = {}
    for name, row in rows.items():
        if name != OURS:
            low, high = row["ours_better_by"]["low"], row["ours_better_by"]["high"]
            outcome[name] = 1 if low is not None and low > 0 else -1 if high is not None and high < 0 else 0
    return outcome


def _on_data(found: Mapping[str, Any], enough: bool) -> str:
    tested = found["discover"][OURS]["customers"]
    if enough:
        return f"The data suffice: personal picks beat best-sellers beyond chance on {tested} customers."
    if found["model"]["method"] == BEST_SELLERS:
        return f"The data do not suffice, and best-sellers are picked: {found['model']['why']}."
    if tested < LEAST_TESTED:
        return (
            f"The data do not suffice for a verdict: {tested} customers could be tested, "
            f"and at least {LEAST_TESTED} are needed."
        )
    return f"The data do not suffice: on {tested} customers personal picks do not beat best-sellers beyond chance."


def _on_methods(rows: Mapping[str, Any], above: Mapping[str, int]) -> list[str]:
    ours = rows[OURS][_NDCG]
    words = []
    better = [name for name, outcome in above.items() if outcome == 1]
    alike = [name for name, outcome in above.items() if outcome == 0]
    worse = [name for name, outcome in above.items() if outcome == -1]
    best = max(above, key=lambda name: float(rows[name][_NDCG]))
    if rows[best][_NDCG] > 0:
        words.append(
            f"New products: NDCG@{DEPTH} {ours:.4f}, {ours / rows[best][_NDCG]:.2f} times that of the best "
            f"baseline ({plain(best)}, {rows[best][_NDCG]:.4f})."
        )
    if better and not alike and not worse:
        words.append("Ours is better than every baseline beyond chance.")
    if alike:
        words.append(f"No difference beyond chance to {_listed(alike)}.")
    if worse:
        words.append(f"Ours is worse beyond chance than {_listed(worse)}.")
    return words


def _on_fitting(fit: Mapping[str, Any] | None) -> list[str]:
    if fit is None:
        return []
    figures = f"NDCG@{DEPTH} {fit['train_ndcg@10']:.4f} on orders learned from, {fit['validation_ndcg@10']:.4f} on others"
    if fit["under_fitted"]:
        return [f"Under-fitted: what was learned does not beat best-sellers ({figures})."]
    if fit["over_fitted"]:
        return [f"Over-fitted: it remembers more than it understands ({figures})."]
    return [f"Neither over- nor under-fitted ({figures})."]


def _on_segments(rows: list[dict[str, Any]]) -> list[str]:
    words = []
    harmed = [f"{row['by']} {row['group']}" for row in rows if row["worse_than_best_sellers"]]
    behind = [f"{row['by']} {row['group']}" for row in rows if row["served_worse"]]
    if harmed:
        words.append(f"Best-sellers would serve these better: {', '.join(harmed)}.")
    if behind:
        words.append(f"Served worse than the others beyond chance: {', '.join(behind)}.")
    if rows and not harmed and not behind:
        words.append(
            "No country, language, tenure or number of orders is served worse than the others beyond chance."
        )
    return words


def _listed(names: list[str]) -> str:
    return ", ".join(plain(name) for name in names)


def plain(name: str) -> str:
    """A method's name for people."""
    special = {"tfidf": "TF-IDF", "bm25": "BM25", "ials": "iALS", "ease": "EASE"}
    return special.get(name, name.replace("_", " "))
