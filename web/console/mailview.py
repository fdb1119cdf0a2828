"""A mail on a console page: in sandboxed frames, with pictures that count as nobody's open."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from flask import url_for
from sqlalchemy.orm import Session

from campaigns.audience.consent import Allowed, why_allowed
from campaigns.compose.identity import parse_message_id
from campaigns.compose.links import PIXEL_SLOT, read_open
from campaigns.core.errors import BadToken
from campaigns.flows.opening.mailed import campaign_of
from campaigns.models import Campaign, SlotServe
from campaigns.opentime.slots.slots import SlotDefinition
from campaigns.runtime import Runtime
from web.parts import origin_of

_PICTURE = re.compile(r"""<img\b[^>]*?\bsrc=["'](https?://[^"'/]+)""", re.IGNORECASE)
_NO_SCRIPTS = """<meta http-equiv="Content-Security-Policy" content="script-src 'none'; object-src 'none'">"""
_NOTHING = "data:image/gif;base64,R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw=="


@dataclass(frozen=True, slots=True)
class ReadMail:
    """A message taken apart for reading."""

    subject: str
    headers: tuple[tuple[str, str], ...]
    html: str
    text: str
    sender: str = ""
    signed: bool = False


def read_mail(message: bytes) -> ReadMail:
    """Headers in their order, decoded, and both parts."""
    mail = message_from_bytes(message, policy=policy.default)
    return ReadMail(
        subject=str(mail.get("Subject", "")),
        headers=tuple((name, str(value)) for name, value in mail.items()),
        html=_body(mail, "html"),
        text=_body(mail, "plain"),
        sender=str(mail.get("From", "")),
        signed="DKIM-Signature" in mail,
    )


def allowed_by(runtime: Runtime, message_id: str) -> Allowed | None:
    """The consent by which this mail was allowed; None for a mail of no campaign, or one that is forgotten."""
    try:
        campaign_id, send_id = parse_message_id(runtime.signer, message_id)
    except BadToken:
        return None
    with runtime.db.transaction() as session:
        return why_allowed(session, campaign_id, send_id)


def picture_origins(html: str, *more: str) -> set[str]:
    """Where the pictures of a mail come from, for the page's content policy."""
    return {origin_of(url) for url in (*_PICTURE.findall(html), *more)}


def in_frame(html: str) -> str:
    """The mail with a policy of its own that lets no script run, whatever the page around it allows."""
    head = re.search(r"<head[^>]*>", html, re.IGNORECASE)
    at = head.end() if head else 0
    return html[:at] + _NO_SCRIPTS + html[at:]


def without_opens(runtime: Runtime, html: str) -> str:
    """The mail with its open-time pictures replaced by the ones last shown, or the neutral ones.

    A marketer who looks at a captured mail is not the customer opening it.
    """
    pattern = re.compile(re.escape(runtime.settings.public_url) + r"/o/([A-Za-z0-9_-]+)\.(?:png|jpg|gif)")
    with runtime.db.transaction() as session:
        shown = {token: _still(session, runtime, token) for token in _tokens(pattern, html)}
    return pattern.sub(lambda found: shown[found[1]], html)


def _tokens(pattern: re.Pattern[str], html: str) -> Iterable[str]:
    return {found[1] for found in pattern.finditer(html)}


def _still(session: Session, runtime: Runtime, token: str) -> str:
    """The address of the stored picture that stands for this token."""
    variant_name = ""
    try:
        campaign_id, send_id, number, *_ = read_open(runtime.signer, token)
        campaign_id = campaign_of(session, campaign_id, send_id)
        served = session.get(SlotServe, (campaign_id, send_id, number)) if number != PIXEL_SLOT else None
        variant_name = served.variant if served else ""
    except BadToken:
        try:
            campaign_id, number = runtime.signer.verify("open-anon", token)
        except BadToken:
            return _NOTHING
    campaign = session.get(Campaign, campaign_id)
    if campaign is None or number >= len(campaign.slots):
        return _NOTHING
    slot = SlotDefinition.from_json(campaign.slots[number])
    variant = slot.variant(variant_name) or slot.default
    return url_for("opens.hosted", name=f"{variant.picture}.{slot.extension}")


def _body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    if part is None:
        return ""
    return cast(str, part.get_content())
