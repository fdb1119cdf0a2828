"""Topic and kind of a campaign: from its file to whoever looks at it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import and_, select

from campaigns.core.errors import BadInput
from campaigns.flows.describing.definition import check_campaign
from campaigns.flows.describing.plans import load_plan
from campaigns.models import ConsentState, Customer
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import Command

FRAME = {
    "name": "News",
    "template": "outdoor",
    "sender": "Fjell & Fern <hello@fjell.example>",
    "postal_address": "Storgata 12",
    "brief": {},
}


def described(sample: SampleFiles, head: str) -> Path:
    """The sample's campaign file beside the first one, with these lines before its own."""
    file = sample.campaign.with_name("kind.toml")
    file.write_text(f"{head}\n{sample.campaign.read_text(encoding='utf-8')}", encoding="utf-8")
    return file


def test_a_file_says_topic_and_kind_and_everybody_sees_them(
    shop: Runtime, sample: SampleFiles, command: Command
) -> None:
    file = described(sample, 'topic = "  Garden   news "\nkind = "repermission"')
    campaign_id = shop.campaigns.create_from_file(file)
    status, out, _ = command("campaign", "show", campaign_id, "--json")
    shown = json.loads(out)
    assert (status, shown["topic"], shown["kind"]) == (0, "Garden news", "repermission")
    assert shown["audience_now"]["planned"] == 0 and shown["audience_now"]["held_back"]["not_asked"] == 55
    with shop.db.transaction() as session:
        terms = load_plan(session, campaign_id).contact(None)
    assert (terms.topic, terms.asks_permission) == ("Garden news", True)


def test_without_a_word_it_is_marketing_about_nothing_in_particular() -> None:
    description = check_campaign(FRAME, "news.toml")
    assert (description.topic, description.kind) == ("", "marketing")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("topic", "x" * 61, "topic: String should have at most 60 characters"),
        ("topic", "two\nlines", "topic: must be one line of text"),
        ("kind", "newsletter", "kind: Input should be 'marketing' or 'repermission'"),
    ],
)
def test_a_wrong_topic_or_kind_is_named(field: str, value: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        check_campaign({**FRAME, field: value}, "news.toml")


def test_a_preview_says_why_the_customer_would_not_get_it(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = shop.campaigns.create_from_file(described(sample, 'kind = "repermission"'))
    with shop.db.transaction() as session:
        people = session.execute(
            select(Customer.external_id, ConsentState.granted)
            .outerjoin(
                ConsentState,
                and_(ConsentState.customer_id == Customer.id, ConsentState.purpose == "marketing"),
            )
            .order_by(Customer.id)
            .limit(12)
        ).all()
    expected = {True: "not_asked", False: "withdrawn", None: "never_asked"}
    assert len({granted for _, granted in people}) > 1
    for external_id, granted in people:
        assert shop.viewing.preview(campaign_id, external_id).held_back == expected[granted]
