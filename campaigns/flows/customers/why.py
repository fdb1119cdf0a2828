"""Why somebody got a mail, in facts that a page puts into words.

The link may have been forwarded with the mail: nothing is told that the mail itself does not say already, but
when and to which words the customer agreed. No name, no address, no place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent import why_allowed
from campaigns.compose.content import language_of, one_line, reason_words
from campaigns.copywriting.brief import stored_brief
from campaigns.copywriting.languages import language_for
from campaigns.copywriting.placeholders import PlaceholderValues, UnfilledPlaceholder, fill
from campaigns.core.errors import BadInput
from campaigns.core.zones import zone_named
from campaigns.flows.copy.copystore import parts_by_number
from campaigns.flows.describing.arm_plans import given_subject
from campaigns.flows.opening.mailed import mailed
from campaigns.models import Campaign, Customer, Product, Send, SlotServe, WrittenCopyRow
from campaigns.models.copy import line_ids
from campaigns.models.values import GENERAL_REASONS, Copy, Reason
from campaigns.opentime.slots.slot_definition import DEFAULT, EXPIRED

_BY_OPENING = ("address", "apple_city")


@dataclass(frozen=True, slots=True)
class PickedFor:
    """A product of the mail and the reason that stood beside it, in the customer's language."""

    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known about one mail.

    `subject` is without the customer's name, and "" where it is not known. `personal` says that suggestions were
    agreed to, `own_reasons` that a pick is there because of what the customer bought or likes, `tracked` that opens and clicks are noted. `placed_by` is how the place
    was known that decided a picture: "home", "opening", or "" where no place did; `by_weather` says that it was
    the weather there. `agreed_on` and `wording` are of the consent that allowed the mail. `by_model` says whether a
    language model wrote any of its words, None where that is not known.
    """

    subject: str
    sent_on: date | None
    topic: str
    picks: tuple[PickedFor, ...]
    personal: bool
    own_reasons: bool
    tracked: bool
    placed_by: str
    by_weather: bool
    agreed_on: date | None
    wording: str
    by_model: bool | None


def explain(session: Session, campaign_id: int, customer_id: int, send_id: int) -> Explanation | None:
    """Why this mail came to this customer; None where it is no longer kept, or whose it was is gone."""
    send = mailed(session, campaign_id, send_id) if send_id else None
    if send is None or send.customer_id != customer_id or send.sent_at is None:
        return None
    customer = session.get(Customer, customer_id)
    campaign = session.get(Campaign, send.campaign_id)
    if customer is None or customer.erased_at is not None or campaign is None:
        return None
    placed_by, by_weather = _place(session, send)
    allowed = why_allowed(session, send.campaign_id, send.id)
    return Explanation(
        subject=_subject(session, send, campaign, customer),
        sent_on=_day(send.sent_at, customer),
        topic=campaign.topic,
        picks=picks_in_words(session, send.picks or [], language_of(customer.locale or "en")),
        personal=send.personal,
        own_reasons=any(row[1] not in GENERAL_REASONS for row in send.picks or []),
        tracked=send.tracked,
        placed_by=placed_by,
        by_weather=by_weather,
        agreed_on=_day(allowed.at, customer) if allowed else None,
        wording=allowed.wording if allowed else "",
        by_model=_by_model(session, send),
    )


def _day(moment: datetime, customer: Customer) -> date:
    """The day on the customer's calendar."""
    return moment.astimezone(zone_named(customer.timezone) or UTC).date()


def _subject(session: Session, send: Send, campaign: Campaign, customer: Customer) -> str:
    """The subject with its blanks filled but for the name; "" where one is left that cannot be filled."""
    copy = parts_by_number(session, [send.copy_id]).get(send.copy_id) if send.copy_id else None
    if copy is None:
        return ""
    try:
        brief = stored_brief(campaign.brief)
        language = language_for(customer.locale, brief.languages)
        values = PlaceholderValues(language, customer.locale or language, offer=brief.offer)
        subject = given_subject(campaign.experiment, send.arm, language) or copy.subject
        return one_line(fill(Copy(subject, "", "", "", (), ""), values).subject)
    except (UnfilledPlaceholder, BadInput):
        # A price of that day, or a name in the midst of the words.
        return ""


def _by_model(session: Session, send: Send) -> bool | None:
    numbers = [number for number in (send.copy_id, *line_ids(send.picks)) if number]
    writers = set(session.scalars(select(WrittenCopyRow.writer).where(WrittenCopyRow.id.in_(numbers))))
    return "model" in writers if writers else None


def picks_in_words(session: Session, stored: Sequence[Sequence[Any]], language: str) -> tuple[PickedFor, ...]:
    """The picks of a send in their order; a product that has been removed since is left out."""
    wanted = select(Product.id, Product.title).where(Product.id.in_([int(row[0]) for row in stored]))
    titles = {row.id: row.title for row in session.execute(wanted)}
    picks = []
    for product_id, kind, because_id, because, *_ in stored:
        if int(product_id) in titles:
            reason = Reason(str(kind), str(because), int(because_id))
            picks.append(PickedFor(one_line(titles[int(product_id)]), reason_words(reason, language)))
    return tuple(picks)


def _place(session: Session, send: Send) -> tuple[str, bool]:
    """How the place was known that decided a picture shown last, and whether it was by the weather there."""
    served = session.execute(
        select(SlotServe.signal, SlotServe.weather).where(
            SlotServe.campaign_id == send.campaign_id,
            SlotServe.send_id == send.id,
            SlotServe.signal.not_in(("", "none")),
            # Then no rule held: what was looked up decided nothing.
            SlotServe.variant.not_in((DEFAULT, EXPIRED)),
        )
    ).all()
    if not served:
        return "", False
    by_opening = any(signal in _BY_OPENING for signal, _ in served)
    by_weather = any(weather not in ("", "unknown") for _, weather in served)
    return "opening" if by_opening else "home", by_weather
