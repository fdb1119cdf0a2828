from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from sqlalchemy import select, update

from campaigns.compose.link_probe import KnownLinks, LinkReport, LinkState
from campaigns.compose.spam_judge import KnownVerdicts
from campaigns.core.errors import Refused, ServiceUnavailable
from campaigns.models import Campaign, ConsentState, Customer
from campaigns.models.picture import Picture
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import Command


@pytest.fixture
def draft(shop: Runtime, sample: SampleFiles) -> int:
    return shop.campaigns.create_from_file(sample.campaign)


def codes(shop: Runtime, draft: int, severity: str = "error") -> list[str]:
    return [finding.code for finding in shop.preflight.run(draft).findings if finding.severity == severity]


def test_the_sample_campaign_is_fit_and_tried_for_all_kinds_of_people(shop: Runtime, draft: int) -> None:
    report = shop.preflight.run(draft)
    assert report.of("error") == ()
    labels = " | ".join(report.samples)
    for kind in (
        "the longest name", "without profiling", "without open_tracking", "a long name", "a right-to-left name",
        "a name with emoji", "no name", "no picks", "no consent but to mail",
    ):  # fmt: skip
        assert kind in labels
    for language in ("en", "de", "fr", "es"):
        assert f"in {language}" in labels and f"a customer who reads {language}" in labels
    assert shop.preflight.run(draft) == report, "the same audience is tried with the same people"
    # The shop of the sample has a name that no server has: nobody is asked, and nothing is refused for it.
    [unchecked] = [finding for finding in report.of("warning") if finding.code == "link-not-checked"]
    assert "fjellandfern.example" in unchecked.message and "reserved for examples" in unchecked.message


def test_no_name_and_no_address_is_told(shop: Runtime, draft: int) -> None:
    with shop.db.transaction() as session:
        session.execute(update(Customer).values(first_name="Wilhelmina", last_name="Xanthopoulos-Quirke"))
    told = json.dumps(shop.preflight.run(draft).as_json(), ensure_ascii=False)
    assert "Wilhelmina" not in told and "Xanthopoulos" not in told and "@" not in told


def test_who_has_no_address_gets_no_mail_and_is_not_tried(shop: Runtime, draft: int) -> None:
    granted = select(ConsentState.customer_id).where(
        ConsentState.purpose == "marketing", ConsentState.granted
    )
    with shop.db.transaction() as session:
        number = session.scalars(granted.order_by(ConsentState.customer_id)).first()
        gone = {
            "email_cipher": None,
            "email_hmac": None,
            "last_name": "The longest of all names by far and away",
        }
        session.execute(update(Customer).where(Customer.id == number).values(gone))
    report = shop.preflight.run(draft)
    assert report.of("error") == () and "the longest name" in " ".join(report.samples)


def test_errors_forbid_approval_and_are_all_listed(shop: Runtime, draft: int) -> None:
    with shop.db.transaction() as session:
        session.execute(update(Campaign).where(Campaign.id == draft).values(postal_address=" "))
        session.execute(update(Picture).values(height=Picture.height + 1))
    with pytest.raises(Refused) as refused:
        shop.campaigns.approve(draft, "anna")
    assert "no-postal-address" in refused.value.message and "picture-size" in refused.value.message
    assert shop.campaigns.status(draft) == "draft"


def test_what_was_approved_before_is_not_tried_again(shop: Runtime, draft: int) -> None:
    shop.campaigns.approve(draft, "anna")
    with shop.db.transaction() as session:
        session.execute(update(Campaign).where(Campaign.id == draft).values(postal_address=" "))
    shop.campaigns.approve(draft, "anna")
    assert shop.campaigns.status(draft) == "approved"


def test_dead_links_forbid_approval_and_unknown_ones_do_not(shop: Runtime, draft: int) -> None:
    target = "https://fjellandfern.example/autumn"
    shop.link_probe = KnownLinks({target: LinkReport(LinkState.UNKNOWN, "no answer in time")})
    assert codes(shop, draft) == []
    del shop.__dict__["preflight"]
    shop.link_probe = KnownLinks({target: LinkReport(LinkState.DEAD, "it answers 404")})
    with pytest.raises(Refused, match=r"dead-link: https://fjellandfern\.example/autumn .* 404"):
        shop.campaigns.approve(draft, "anna")


def test_every_link_of_a_mail_is_asked_for_and_none_of_ones_own(shop: Runtime, draft: int) -> None:
    asked: list[str] = []

    class Listening(KnownLinks):
        def look(self, urls: Iterable[str]) -> dict[str, LinkReport]:
            asked.extend(urls)
            return super().look(asked)

    shop.link_probe = Listening()
    shop.preflight.run(draft)
    assert len(asked) == len(set(asked))
    assert "https://fjellandfern.example/p/JKT-06" in asked, "the link of a picture that only snow brings"
    assert not [url for url in asked if url.startswith("http://mail.test")]
    assert any("/p/" in url for url in asked)


@pytest.mark.parametrize(("points", "error", "warning"), [(1.9, 0, 0), (2.0, 0, 1), (5.0, 1, 0)])
def test_points_of_spam(shop: Runtime, draft: int, points: float, error: int, warning: int) -> None:
    shop.spam_judge = KnownVerdicts({b"List-Unsubscribe": ("LIKE_SPAM", points)})
    report = shop.preflight.run(draft)
    spam = [finding for finding in report.findings if finding.code == "spam-score"]
    assert [f.severity for f in spam] == ["error"] * error + ["warning"] * warning
    assert all("LIKE_SPAM" in finding.message for finding in spam)
    assert all(finding.samples == report.samples for finding in spam)


def test_a_judge_that_is_away_is_a_warning(shop: Runtime, draft: int) -> None:
    class Away:
        def judge(self, messages: object) -> list[object]:
            raise ServiceUnavailable("SpamAssassin", "no verdict within 60 seconds")

    shop.spam_judge = Away()  # type: ignore[assignment]
    assert "spam-not-judged" in codes(shop, draft, "warning") and codes(shop, draft) == []


def test_a_picture_that_is_gone(shop: Runtime, draft: int) -> None:
    with shop.db.transaction() as session:
        session.query(Picture).delete()
    assert set(codes(shop, draft)) == {"picture-missing"}


def test_a_mail_that_cannot_be_written(shop: Runtime, draft: int) -> None:
    with shop.db.transaction() as session:
        session.execute(update(Campaign).where(Campaign.id == draft).values(sender="Fjell <no address>"))
    assert set(codes(shop, draft)) == {"cannot-be-written"}


def test_the_command(shop: Runtime, draft: int, command: Command) -> None:
    status, out, err = command("campaign", "preflight", draft, "--json")
    assert status == 0, err
    report = json.loads(out)
    assert report["fit"] is True and report["id"] == draft
    assert {"severity", "code", "message", "samples"} == set(report["findings"][0])
    with shop.db.transaction() as session:
        session.execute(update(Campaign).where(Campaign.id == draft).values(postal_address=" "))
    status, out, _ = command("campaign", "preflight", draft)
    assert status == 1
    assert "no-postal-address: The postal address is missing" in out and "mails tried: 1 error" in out
    status, _, err = command("campaign", "preflight", 999_999)
    assert status == 1 and "there is no campaign 999999" in err


def test_a_link_into_ones_own_network_is_refused(shop: Runtime, draft: int) -> None:
    """Recipients cannot follow it, and it is never asked for."""
    with shop.db.transaction() as session:
        campaign = session.get_one(Campaign, draft)
        campaign.brief = {**campaign.brief, "call_to_action_url": "http://127.0.0.1:1/"}
    assert {"dead-link", "ip-link"} <= set(codes(shop, draft))


def test_products_whose_picture_is_no_address_are_named_and_shown_without(shop: Runtime, draft: int) -> None:
    """The sample's own file names its pictures by paths, which no mail can fetch."""
    [finding] = [f for f in shop.preflight.run(draft).of("warning") if f.code == "product-picture-no-address"]
    assert "-" in finding.message and "https://" in finding.message
