"""What flows keep sealed about a person, opened for the person: notices, sign-ups, messages of providers."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session

from campaigns.audience.customers import address_of
from campaigns.audience.privacy_export import plain, rows_of
from campaigns.audience.privacy_rows import keys_of_sends
from campaigns.core.crypto import CannotDecrypt, KeyRing
from campaigns.flows.customers.signing_up import NAME_CONTEXT
from campaigns.flows.feedback.payload_store import payload_of
from campaigns.flows.messages.messages import CONTENT_CONTEXT
from campaigns.models import Customer, Message, Notice, ProviderPayload, Signup, SignupForm


def sealed_parts(session: Session, keyring: KeyRing, customer: Customer) -> dict[str, Any]:
    """{notices, messages, signups, provider_messages}, ready for JSON."""
    email = address_of(keyring, customer)
    hmacs = keyring.address_hmacs(email) if email else []
    return {
        "notices": _notices(session, customer.id, hmacs),
        "messages": _sent_messages(session, keyring, customer.id, hmacs),
        "signups": _signups(session, keyring, hmacs),
        "provider_messages": _messages(session, keyring, customer.id),
    }


def _notices(session: Session, own: int, hmacs: list[bytes]) -> list[dict[str, Any]]:
    """Without their links, which are keys to the same rights."""
    notice = Notice
    columns = (notice.kind, notice.language, notice.created_at, notice.outcome, notice.sent_at)
    mine = or_(notice.customer_id == own, notice.email_hmac.in_(hmacs))
    return rows_of(session, select(*columns).where(mine).order_by(notice.id))


def _sent_messages(session: Session, keyring: KeyRing, own: int, hmacs: list[bytes]) -> list[dict[str, Any]]:
    """What the shop's programs sent, as it was read."""
    mine = or_(Message.customer_id == own, Message.email_hmac.in_(hmacs))
    told = []
    for row in session.scalars(select(Message).where(mine).order_by(Message.id)):
        names = ("category", "template", "status", "reason", "created_at", "ended_at")
        subject = text = ""
        if row.content_cipher:
            subject, _, text = json.loads(keyring.decrypt(row.content_cipher, CONTENT_CONTEXT))
        told.append({**{name: plain(getattr(row, name)) for name in names}, "subject": subject, "text": text})
    return told


def _signups(session: Session, keyring: KeyRing, hmacs: list[bytes]) -> list[dict[str, Any]]:
    found = (
        select(Signup, SignupForm.name)
        .join(SignupForm, SignupForm.id == Signup.form_id)
        .where(Signup.email_hmac.in_(hmacs))
        .order_by(Signup.id)
    )
    told = []
    for signup, form in session.execute(found):
        names = (
            "language", "purposes", "favourites", "wording_version", "wording", "asked_at", "expires_at",
            "confirmed_at",
        )  # fmt: skip
        row = {name: plain(getattr(signup, name)) for name in names}
        cipher = signup.first_name_cipher
        told.append(
            {"form": form, "first_name": keyring.decrypt(cipher, NAME_CONTEXT) if cipher else "", **row}
        )
    return told


def _messages(session: Session, keyring: KeyRing, own: int) -> list[dict[str, Any]]:
    """What providers and mail servers wrote about the person's mails, as it came."""
    mails = tuple_(ProviderPayload.campaign_id, ProviderPayload.send_id).in_(keys_of_sends(session, own))
    found = session.scalars(
        select(ProviderPayload)
        .where(or_(ProviderPayload.customer_id == own, mails))
        .order_by(ProviderPayload.received_at, ProviderPayload.id)
    )
    return [
        {"provider": row.provider, "received_at": plain(row.received_at), "message": _opened(row, keyring)}
        for row in found
    ]


def _opened(row: ProviderPayload, keyring: KeyRing) -> str | None:
    try:
        return payload_of(row, keyring).decode("utf-8", "replace")
    except CannotDecrypt:
        return None
