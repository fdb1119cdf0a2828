"""The delivery terms of a campaign file."""

from __future__ import annotations

import tomllib
from datetime import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import BadInput
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.describing.definition import CampaignFile, check_campaign

FRAME = """
name = "Spring"
template = "outdoor"
sender = "Fjell & Fern <hello@shop.example>"
postal_address = "Storgata 12"
[brief]
[delivery]
"""


def campaign(delivery: str) -> CampaignFile:
    return check_campaign(tomllib.loads(FRAME + delivery), where="spring.toml")


def test_all_that_can_be_said() -> None:
    terms = campaign(
        'per_second = 20\nweight = 3\nurgent = true\nlocal_time = "09:00"\nquiet_hours = ["21:00", "08:00"]'
    ).delivery
    assert terms == DeliveryTerms(
        per_second=20.0, weight=3, urgent=True, local_time=time(9), quiet_hours=(time(21), time(8))
    )
    stored = terms.as_json()
    assert stored == {
        "per_second": 20.0,
        "weight": 3,
        "urgent": True,
        "local_time": "09:00",
        "quiet_hours": ["21:00", "08:00"],
    }
    assert DeliveryTerms.from_json(stored) == terms


def test_toml_times_will_do_as_well() -> None:
    assert campaign("local_time = 09:30:00").delivery.local_time == time(9, 30)


def test_nothing_said_is_nothing_stored() -> None:
    terms = campaign("").delivery
    assert (terms.as_json(), terms.weight, terms.quiet("UTC")) == ({}, 1, None)
    assert DeliveryTerms.from_json({}) == terms


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("per_second = 0", "delivery.per_second: Input should be greater than 0"),
        ("per_second = inf", "delivery.per_second: Input should be"),
        ('per_second = "fast"', "delivery.per_second: must be a number of mails a second"),
        ("per_second = true", "delivery.per_second: must be a number"),
        ("weight = 101", "delivery.weight: Input should be less than or equal to 100"),
        ("weight = 1.5", "delivery.weight"),
        ('urgent = "yes"', "delivery.urgent"),
        ('local_time = "9"', 'delivery.local_time: must be a time in hours and minutes, such as "09:00"'),
        ('local_time = "24:00"', "delivery.local_time: must be a time"),
        ("local_time = 09:00:30", "delivery.local_time: must be a time"),
        ('quiet_hours = ["21:00"]', 'delivery.quiet_hours: must be two times, such as ["21:00", "08:00"]'),
        ('quiet_hours = ["21:00", "21:00"]', "delivery.quiet_hours: must begin and end at different times"),
        ('quiet_hours = "night"', "delivery.quiet_hours: must be two times"),
        (
            'local_time = "22:00"\nquiet_hours = ["21:00", "08:00"]',
            "delivery: local_time 22:00 lies in the quiet hours 21:00 to 08:00",
        ),
        ("pace = 3", "delivery.pace: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_named(line: str, said: str) -> None:
    with pytest.raises(BadInput) as raised:
        campaign(line)
    assert raised.value.message.startswith(f"spring.toml: {said}")


MINUTES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
TERMS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "per_second": st.floats(0.001, 1e6),
        "weight": st.integers(1, 100),
        "urgent": st.booleans(),
        "quiet_hours": st.tuples(MINUTES, MINUTES).filter(lambda hours: hours[0] != hours[1]),
    },
)


@given(TERMS)
def test_what_is_stored_is_read_again(values: dict[str, Any]) -> None:
    terms = DeliveryTerms(**values)
    assert DeliveryTerms.from_json(terms.as_json()) == terms
