"""What the README shows of slots is read as it stands there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from opentime_samples import picture

from campaigns.opentime.slots.card_words import FEW
from campaigns.opentime.slots.condition_kinds import KINDS as CONDITIONS
from campaigns.opentime.slots.conditions import Conditions
from campaigns.opentime.slots.slot_kind_fields import kind_keys
from campaigns.opentime.slots.slot_kinds import KINDS, WITHIN_KM, NearestShop
from campaigns.opentime.slots.slots import parse_slots

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
RULES = README.split("### Slot rules\n")[1].split("\n### ")[0]
DRAWN = README.split("### Pictures drawn at open\n")[1].split("\n## ")[0]
FILES = {name: text.encode() for name, text in re.findall(r"^```\w+ (\S+)\n(.*?)^```$", DRAWN, re.M | re.S)}


def test_every_condition_has_its_row_and_every_example_is_read() -> None:
    rows = re.findall(r"^\| (`.+?) \|", RULES, re.M)
    examples = [example for row in rows for example in re.findall(r"`([^`]+)`", row)]
    read = [Conditions.parse(tomllib.loads(example), example) for example in examples]
    assert {key for conditions in read for key, _ in conditions.wanted} == set(CONDITIONS)


@pytest.mark.parametrize("example", re.findall(r"^when = .+$", RULES, re.M))
def test_every_example_of_a_rule_is_read(example: str) -> None:
    Conditions.parse(tomllib.loads(example)["when"], "when")


def test_every_kind_has_its_row_and_its_example() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| ?(.*?) ?\|$", DRAWN, re.M))
    assert {kind: tuple(re.findall(r"`(\w+)`", own)) for kind, own in rows.items()} == {
        kind: kind_keys(kind) for kind in KINDS
    }
    files = {**FILES, "card.png": picture(600, 300), "over.png": picture(600, 300)}
    slots, _ = parse_slots(tomllib.loads(FILES["drawn.toml"].decode())["slots"], files.__getitem__)
    assert [slot.kind for slot in slots] == list(KINDS[1:])
    shops = slots[-1].content
    assert isinstance(shops, NearestShop) and len(shops.shops) == 2


def test_the_figures_are_right() -> None:
    assert f"optional; {WITHIN_KM:g} if you do not say" in DRAWN
    assert FEW == 5 and "Of the last five pieces" in DRAWN
