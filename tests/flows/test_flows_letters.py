"""Mails drafted many at a time are those that are written one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from campaigns.compose.dkim import DkimSigner
from campaigns.compose.links import LinkMaker, SendRef
from campaigns.core.clock import FixedClock
from campaigns.flows.copy.copy_facts import copy_request
from campaigns.flows.describing.plans import CampaignPlan, load_plan
from campaigns.flows.sending.addressees import load_addressees
from campaigns.flows.sending.letters import LetterFacts, Letters
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles

CLOCK = FixedClock(datetime(2026, 11, 2, 9, 30, tzinfo=UTC))


@pytest.fixture
def plan(shop: Runtime, sample: SampleFiles) -> CampaignPlan:
    campaign_id = shop.campaigns.create_from_file(sample.campaign)
    with shop.db.transaction() as session:
        return load_plan(session, campaign_id)


@pytest.fixture
def letters(shop: Runtime) -> Letters:
    """Signed, and with a clock that stands still: the same mail is always the same bytes."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    links = LinkMaker(shop.signer, "https://mail.example", CLOCK)
    return Letters(links, shop.signer, CLOCK, DkimSigner(key, "s", "shop.example", CLOCK), "bounces.example")


def facts_of(shop: Runtime, plan: CampaignPlan) -> list[LetterFacts]:
    """What the mails to all customers are made of; every other one is tracked, every third has no name."""
    customers = range(1, 81)
    histories, picks = shop.picker.pick(dict.fromkeys(customers, True), plan.picks)
    with shop.db.transaction() as session:
        people = load_addressees(session, shop.keyring, list(customers))
    requests = {
        customer: copy_request(
            plan, person, histories[customer], picks[customer], shop.picker.catalogue, CLOCK.now()
        )
        for customer, person in people.items()
    }
    copies = shop.shelf.copies_for(requests)
    return [
        LetterFacts(
            ref=SendRef(1000 + customer, plan.id, customer, tracked=customer % 2 == 0),
            addressee=people[customer] if customer % 3 else replace(people[customer], first_name=""),
            picks=request.picks,
            copy=copies[customer][1],
            language=request.language,
            consent_since=CLOCK.now().date() if customer % 5 else None,
        )
        for customer, request in requests.items()
    ]


def test_drafts_are_what_is_written_one_by_one(shop: Runtime, plan: CampaignPlan, letters: Letters) -> None:
    facts = facts_of(shop, plan)
    assert len({one.language for one in facts}) > 1
    for _ in range(2):  # the second time from what was remembered
        drafts = letters.drafts(plan, facts)
        assert len(drafts) == len(facts) > 50
        for one, draft in zip(facts, drafts, strict=True):
            written = letters.write(plan, one)
            assert not isinstance(draft, Exception)
            assert draft.message() == written.message
            assert (draft.message_id, draft.return_path) == (written.message_id, written.return_path)


def test_a_mail_that_cannot_be_made_is_alone_with_its_error(
    shop: Runtime, plan: CampaignPlan, letters: Letters
) -> None:
    first, second, third = facts_of(shop, plan)[:3]
    broken = replace(second, addressee=replace(second.addressee, email="no address"))
    drafts = letters.drafts(plan, [first, broken, third])
    assert [isinstance(draft, Exception) for draft in drafts] == [False, True, False]


def test_a_product_without_an_address_leads_where_the_button_does(
    shop: Runtime, plan: CampaignPlan, letters: Letters
) -> None:
    facts = next(facts for facts in facts_of(shop, plan) if not facts.ref.tracked and facts.picks)
    first, *others = facts.picks
    nowhere = replace(first, product=replace(first.product, url=""))
    letter = letters.write(plan, replace(facts, picks=(nowhere, *others)))
    assert [pick.link for pick in letter.content.picks] == [
        plan.brief.call_to_action_url, *(pick.product.url for pick in others)
    ]  # fmt: skip
