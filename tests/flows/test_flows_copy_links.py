"""Links and stock within the words of a mail: counted, told apart by customer, and the same by every way of writing."""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape

import pytest

from campaigns.compose.content import Brand
from campaigns.compose.links import CLICK_CALL_TO_ACTION, CLICK_PICK, LinkMaker, SendRef, read_link
from campaigns.compose.template import load_template
from campaigns.copywriting.brief import parse_brief
from campaigns.core.clock import FixedClock
from campaigns.core.tokens import Signer
from campaigns.delivery.terms import DeliveryTerms
from campaigns.flows.describing.plans import CampaignPlan
from campaigns.flows.sending.addressees import Addressee
from campaigns.flows.sending.letters import LetterFacts, Letters
from campaigns.models.values import UNKNOWN_STOCK, Copy, LinkedText, Pick, ProductFacts, Reason

BASE = "https://mail.test"
WORDS = Copy(
    "For you",
    "New",
    "Look",
    "See {link_2}.\nAll of it in {shop_link}!",
    ("{link_1}, {stock_1}.", "Plain."),
    "Go",
)


def a_pick(rank: int, stock: int = 12) -> Pick:
    url = f"https://shop.example/p/{rank}?a=1&b=2"
    title = f'Lamp "{rank}" & <Co>'
    product = ProductFacts(
        rank + 1, f"S{rank}", title, "", "Lamps", "", Decimal(9), "EUR", url, "", stock, ()
    )
    return Pick(product, rank, 1.0, Reason("best_seller"))


@pytest.fixture
def letters(signer: Signer) -> Letters:
    return Letters(LinkMaker(signer, BASE), signer, FixedClock(datetime(2026, 11, 2, tzinfo=UTC)), None)


@pytest.fixture
def plan() -> CampaignPlan:
    brief = parse_brief({"goal": "Sell lamps", "call_to_action_url": "https://shop.example/lamps"})
    return CampaignPlan(
        3, "Lamps", 2, "Lamps & More", "us@shop.example", "", Brand("Lamps & More", "https://shop.example", "Oslo"),
        brief, (), load_template("outdoor"), DeliveryTerms(),
    )  # fmt: skip


def facts(send: int, tracked: bool = True, copy: Copy = WORDS, stock: int = 12) -> LetterFacts:
    person = Addressee(send, f"a{send}@x.example", "Ana", "Ek", "en_GB", "", "NO", "", None, None, ())
    picks = (a_pick(0, stock), a_pick(1))
    return LetterFacts(SendRef(send, 3, send, tracked), person, picks, copy, "en", date(2026, 1, 1))


def anchors(html: str) -> Iterator[tuple[str, str]]:
    """(words, URL) of the links within words."""
    for url, words in re.findall(r'<a href="([^"]*)" style="color:inherit;">([^<]*)</a>', html):
        yield unescape(words), unescape(url)


def test_links_within_words_are_counted_and_lead_where_the_picks_do(
    letters: Letters, plan: CampaignPlan, signer: Signer
) -> None:
    rendered = letters.write(plan, facts(41)).rendered
    found = dict(anchors(rendered.html))
    assert list(found) == ['Lamp "1" & <Co>', "Lamps & More", 'Lamp "0" & <Co>']
    said = {words: read_link(signer, "click", url.rpartition("/")[2]) for words, url in found.items()}
    assert said == {
        'Lamp "1" & <Co>': (3, 41, CLICK_PICK, 1),
        'Lamp "0" & <Co>': (3, 41, CLICK_PICK, 0),
        "Lamps & More": (3, 41, CLICK_CALL_TO_ACTION, 0),
    }
    for words, url in found.items():
        assert f"{words}: <{url}>" in rendered.text
    assert "12 in stock" in rendered.html
    assert "12 in stock" in rendered.text


def test_who_is_not_tracked_gets_the_plain_addresses(letters: Letters, plan: CampaignPlan) -> None:
    found = dict(anchors(letters.write(plan, facts(41, tracked=False)).rendered.html))
    assert found == {
        'Lamp "1" & <Co>': "https://shop.example/p/1?a=1&b=2",
        'Lamp "0" & <Co>': "https://shop.example/p/0?a=1&b=2",
        "Lamps & More": "https://shop.example/lamps",
    }


def test_every_way_of_writing_says_the_same_and_to_each_their_own(
    letters: Letters, plan: CampaignPlan, signer: Signer
) -> None:
    for send in (41, 42, 43):
        content, _ = letters.prepare(plan, facts(send))
        assert isinstance(content.copy.intro, LinkedText)
        wire, filled = plan.template.render_for_wire(content), plan.template.fill_for_wire(content)
        assert wire == filled
        decoded = quopri.decodestring(filled.html.encode()).decode().replace("\r\n", "\n")
        urls = dict(anchors(decoded)).values()
        assert {read_link(signer, "click", url.rpartition("/")[2])[1] for url in urls} == {send}
        assert decoded.strip() == plan.template.render(content).html.strip()


def test_mails_without_links_share_what_they_shared_before(letters: Letters, plan: CampaignPlan) -> None:
    plain = replace(WORDS, intro="Look", product_lines=("Dry.", "Plain."))
    views = [letters.prepare(plan, facts(send, copy=plain))[0].picks[0] for send in (1, 2)]
    assert views[0].line is views[1].line
    assert type(views[0].line) is str


@pytest.mark.parametrize("stock", [0, UNKNOWN_STOCK])
def test_a_stock_that_is_not_known_any_more_is_not_spoken_of(
    letters: Letters, plan: CampaignPlan, stock: int
) -> None:
    rendered = letters.write(plan, facts(41, stock=stock)).rendered
    assert "in stock" not in rendered.html + rendered.text
    assert re.search(r"Lamp &#34;0&#34;[^<]*</a>\.|Lamp &quot;0&quot;[^<]*</a>\.", rendered.html)
