"""A customer, a brand and mails that the tests of this stage share."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from campaigns.compose.content import Brand, MailContent, PickView, SlotView, pick_view
from campaigns.compose.identity import message_id
from campaigns.compose.links import CLICK_PICK, CLICK_SLOT, LinkMaker, SendRef
from campaigns.compose.mime import Envelope, feedback_id
from campaigns.core.clock import FixedClock
from campaigns.core.tokens import Signer
from campaigns.models.values import Copy, Pick, ProductFacts, Reason

SIGNER = Signer([b"a key for tests only, 32 bytes.."])
LINKS = LinkMaker(SIGNER, "https://mail.fjellandfern.example/")
BRAND = Brand(
    "Fjell & Fern", "https://fjellandfern.example", "Fjell & Fern, Storgata 12, 9008 Tromsø, Norway"
)
CLOCK = FixedClock(datetime(2026, 10, 5, 8, 30, tzinfo=UTC))
TRACKED = SendRef(send_id=9001, campaign_id=7, customer_id=42, tracked=True)
UNTRACKED = SendRef(send_id=9001, campaign_id=7, customer_id=42, tracked=False)
HOSTILE = [
    "<b>",
    "O'Neil",
    "{{7*7}}",
    "李雷",
    "Søren",
    "{% raw %}",
    "{name}",
    '"><img src=x>',
    "</mj-text>",
    "&amp;",
    "{0.__class__}",
]


def product(number: int, title: str = "") -> ProductFacts:
    return ProductFacts(
        id=number,
        sku=f"sku-{number}",
        title=title or f"Rain Jacket {number}",
        description="",
        category="Jackets",
        brand="Fern",
        price=Decimal("129.50") + number,
        currency="EUR",
        url=f"https://fjellandfern.example/products/{number}",
        image_url=f"https://fjellandfern.example/pictures/{number}.jpg",
        stock=3,
        tags=(),
    )


def picks(count: int, ref: SendRef, title: str = "", language: str = "en") -> tuple[PickView, ...]:
    views = []
    for rank in range(count):
        pick = Pick(product(rank, title), rank, 1.0, Reason("because_you_bought", "Trail Boots", 5))
        link = LINKS.target(ref, CLICK_PICK, rank, pick.product.url)
        views.append(
            pick_view(pick, line=f"Line about product {rank}.", link=link, locale=language, language=language)
        )
    return tuple(views)


def content(
    count: int = 4,
    ref: SendRef = TRACKED,
    *,
    first_name: str = "Søren",
    language: str = "en",
    subject: str = "Rain ready",
    title: str = "",
) -> MailContent:
    alts = {"hero": "A jacket for the weather where you are", "offer": "Something for outdoors"}
    slots = {
        name: SlotView(
            url=LINKS.slot_picture(ref, number),
            link=LINKS.target(ref, CLICK_SLOT, number, f"https://fjellandfern.example/{name}"),
            alt=alt,
        )
        for number, (name, alt) in enumerate(alts.items())
    }
    return MailContent(
        copy=Copy(
            subject, "Dry all autumn.", "Out there", "The first storms are coming.", ("",) * count, "See more"
        ),
        picks=picks(count, ref, title, language),
        links=LINKS.links(ref, "https://fjellandfern.example/autumn"),
        brand=BRAND,
        slots=slots,
        first_name=first_name,
        language=language,
        consent_since=date(2025, 3, 4),
        open_pixel_url=LINKS.pixel(ref),
    )


def envelope(subject: str = "Rain ready", to_name: str = "Søren Å") -> Envelope:
    return Envelope(
        subject=subject,
        from_name="Fjell & Fern",
        from_address="hello@fjellandfern.example",
        to_name=to_name,
        to_address="soren@example.com",
        message_id=message_id(SIGNER, 7, 9001, "fjellandfern.example"),
        list_id="campaigns.fjellandfern.example",
        unsubscribe_url=LINKS.unsubscribe(TRACKED),
        unsubscribe_mailto="unsubscribe@fjellandfern.example",
        feedback_id=feedback_id(7, "Fjell & Fern"),
        reply_to="hello@fjellandfern.example",
    )
