"""A model that obeys whoever speaks last: the behaviour of a scripted server for the adversarial suite."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from campaigns.copywriting.adversarial.cases import Case
from campaigns.copywriting.fake_server import Behaviour, Reply, asked_of, completion, honest_copy
from campaigns.copywriting.prompt import read_data


def obeys(*cases: Case) -> Behaviour:
    """Answers honestly, but for products with a case's marker as that case says: in every round, repairs included."""
    by_marker = {case.marker: case for case in cases}

    def reply(body: dict[str, Any]) -> Reply:
        obeyed = _cases_in(body, by_marker)
        for case in obeyed.values():
            if case.raw is not None:
                return completion(case.raw)
        return completion(json.dumps(asked_of(body, _obedient_copy(body, obeyed))))

    return reply


def _cases_in(body: dict[str, Any], by_marker: dict[str, Case]) -> dict[int, Case]:
    """Which cases the question tells of, by the place of their product."""
    products = read_data(body.get("messages", [])).get("products", [])
    found = ((place, _marked(product.get("tags", []), by_marker)) for place, product in enumerate(products))
    return {place: case for place, case in found if case is not None}


def _marked(tags: Iterable[str], by_marker: dict[str, Case]) -> Case | None:
    return next((by_marker[tag] for tag in tags if tag in by_marker), None)


def _obedient_copy(body: dict[str, Any], obeyed: dict[int, Case]) -> dict[str, Any]:
    copy = honest_copy(body)
    for place, case in obeyed.items():
        said = dict(case.says)
        if "line" in said:
            copy["product_lines"][place] = said.pop("line")
        copy.update(said)
    return copy
