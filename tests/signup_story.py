"""A sign-up form for tests, and somebody who fills it in."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select

from campaigns.delivery.capture import list_captured
from campaigns.flows.customers.signup_form import SignupFormFile, check_form
from campaigns.models import Signup
from campaigns.runtime import Runtime
from web.public.words import purposes_in

BRAND = "Fjell & Fern"
SENDER = f"{BRAND} <hello@fjellandfern.example>"


def a_form(name: str = "news", **changes: Any) -> SignupFormFile:
    """A form in two languages with three purposes and no favourites."""
    raw: dict[str, Any] = {
        "name": name,
        "sender": SENDER,
        "postal_address": "Fjell & Fern, Storgata 12, 9008 Tromsø, Norway",
        "privacy_url": "https://fjellandfern.example/privacy",
        "purposes": ["marketing", "profiling", "open_tracking"],
        "asks_name": True,
        "words": {
            "en": {"title": "Letters from the fells", "intro": "Twice a month.", "button": "Sign me up"},
            "de": {"title": "Post aus den Bergen", "intro": "Zweimal im Monat.", "button": "Anmelden"},
        },
        **changes,
    }
    return check_form(raw, "test")


def make_form(runtime: Runtime, name: str = "news", **changes: Any) -> str:
    """The same, kept; returns its path."""
    runtime.signup_forms.save(a_form(name, **changes), purposes_in)
    return f"/s/{name}"


def filled(runtime: Runtime, name: str = "news", **changes: Any) -> dict[str, Any]:
    """What a browser posts when somebody fills in the form in English."""
    version = runtime.signup_forms.get(name).said("en").version
    return {
        "email": "astrid@newcomers.example",
        "version": version,
        "lang": "en",
        "purpose": ["marketing"],
        **changes,
    }


def mails_to(runtime: Runtime, address: str) -> list[EmailMessage]:
    """Send what waits; the captured mails to this address, newest first."""
    runtime.notices.work()
    found = [
        mail for mail in list_captured(runtime.settings.captured_mail, 10_000) if address in mail.recipient
    ]
    return [message_from_bytes(mail.path.read_bytes(), policy=policy.default) for mail in found]


def link_in(mail: EmailMessage) -> str:
    """The path of the button's link."""
    body = mail.get_body(("plain",))
    assert body is not None
    found = re.search(r"https?://[^/\s]+(/s/\S+)", body.get_content())
    assert found is not None
    return found[1]


def sign_up(runtime: Runtime, client: FlaskClient, name: str = "news", **changes: Any) -> str:
    """Ask, get the mail, and return the path that confirms."""
    data = filled(runtime, name, **changes)
    assert client.post(f"/s/{name}", data=data).status_code == 200
    return link_in(mails_to(runtime, data["email"])[0])


def waiting(runtime: Runtime) -> int:
    """How many requests are kept."""
    with runtime.db.transaction() as session:
        return session.scalar(select(func.count()).select_from(Signup)) or 0
