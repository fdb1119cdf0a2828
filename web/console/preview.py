"""A campaign's mail as any customer, through any mail program, at any place, in any weather."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from flask import Blueprint, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from campaigns.audience.consent import Allowed, why_allowed
from campaigns.compose.client_views import GMAIL_CLIPS_AT
from campaigns.compose.content import reason_words
from campaigns.core.errors import BadInput, NotFound, TellThePerson
from campaigns.flows.copy.copy_audit import CopyAudit, audit_of_send
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.previewing.preview import Preview, shown_as
from campaigns.flows.previewing.scenes import Scene, known_cities
from campaigns.models import Customer, Send
from campaigns.opentime.weather.weather import Condition
from web.console.header_words import header_words
from web.console.mail_clients import CLIENTS, LOOKS, LOOKS_WORDS, MailClient, client_named
from web.console.mailview import in_frame, picture_origins, read_mail
from web.console.samples import Sample, sample_customers
from web.errors import answer_for
from web.parts import runtime
from web.security import policy_showing_mail

blueprint = Blueprint("preview", __name__)

WEATHERS = tuple(condition.value for condition in Condition)
WEATHER_WORDS = {"unknown": "not known, or the weather service is away"}
_PART = "X-Preview-Part"
"""Sent by the page itself when it asks for another scene: only what has changed is answered then."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form says, as it was typed; `client` is a program of mail_clients.py."""

    customer: str = ""
    place: str = ""
    weather: str = ""
    temperature: str = ""
    wind: str = ""
    moment: str = ""
    client: str = ""
    looks: str = "light"
    arm: str = ""

    @classmethod
    def of_request(cls, usual: str) -> Asked:
        """From the address of this request; `usual` is the customer where none is named."""
        said = {one.name: request.args.get(one.name, "").strip()[:200] for one in fields(cls)}
        said["customer"] = request.args.get("other", "").strip()[:200] or said["customer"] or usual
        # Addresses of older pages name what fetches the pictures.
        said["client"] = client_named(said["client"] or request.args.get("requester", "")[:200]).key
        said["looks"] = said["looks"] if said["looks"] in dict(LOOKS) else "light"
        return cls(**said)

    @property
    def program(self) -> MailClient:
        """The mail program."""
        return client_named(self.client)

    def scene(self) -> Scene:
        """Where, when and by what it is opened.

        Raises:
            BadInput: a field cannot be read.
        """
        requester = self.program.requester
        return Scene.of(self.place, self.weather, self.moment, requester, self.temperature, self.wind)

    @property
    def arm_number(self) -> int | None:
        """The arm of the campaign's experiment; None: none."""
        return int(self.arm) if self.arm.isdecimal() and len(self.arm) < 3 else None

    def query(self, **changed: str) -> dict[str, str]:
        """The same as parts of an address, with these changed; what is usual is left out."""
        said = {one.name: getattr(self, one.name) for one in fields(self)} | changed
        return {name: value for name, value in said.items() if value and (name, value) != ("looks", "light")}


@dataclass(frozen=True, slots=True)
class _Begun:
    """A mail that was really begun; `sent_at` is None where it did not leave, or nobody knows.

    `words` tells how its words came about, None where they are no longer kept.
    """

    sent_at: datetime | None
    allowed: Allowed
    words: CopyAudit | None


@blueprint.get("/campaigns/<int:number>/preview")
def preview(number: int) -> ResponseReturnValue:
    """The form, and the mail it asks for; without a customer the first of the samples."""
    campaign = _head(number)
    samples = sample_customers(runtime(), number)
    asked = Asked.of_request(samples[0].external_id if samples else "")
    mail, problem = composed(number, asked)
    html = mail.letter.rendered.html if mail else ""
    origins = picture_origins(html, runtime().settings.public_url) if mail else set()
    context = {
        "campaign": campaign,
        "samples": samples,
        "asked": asked,
        "problem": problem.message if problem else "",
        "neighbours": _neighbours(asked, samples),
        "origins": " ".join(sorted(origins)),
        **(_shown(number, asked, mail, html) if mail else {"preview": None}),
    }
    if request.headers.get(_PART):
        shown = render_template("console/_preview_shown.html", **context)
    else:
        shown = render_template(
            "console/preview.html",
            weathers=WEATHERS,
            WEATHER_WORDS=WEATHER_WORDS,
            clients=CLIENTS,
            looks=LOOKS,
            places=_cities(),
            **context,
        )
    response = make_response(shown, answer_for(problem).status if problem else 200)
    response.headers["Content-Security-Policy"] = policy_showing_mail(origins, scripts=True)
    response.headers["Vary"] = _PART
    return response


def composed(number: int, asked: Asked) -> tuple[Preview | None, TellThePerson | None]:
    """The mail that was asked for, or what is wrong with what was typed."""
    if not asked.customer:
        return None, NotFound("nobody is in this audience; give a customer's number")
    if "@" in asked.customer:
        # What stands in a web address is kept in histories and logs.
        return None, BadInput("give the customer's number, not the address", where="customer")
    try:
        return runtime().viewing.preview(number, asked.customer, asked.scene(), asked.arm_number), None
    except TellThePerson as error:
        return None, error


def _head(number: int) -> dict[str, Any]:
    """What the page says of the campaign itself."""
    with runtime().db.transaction() as session:
        row = get_campaign(session, number)
        arms = [arm["name"] for arm in (row.experiment or {}).get("arms", ())]
        return {"id": row.id, "name": row.name, "status": row.status, "sender": row.sender, "arms": arms}


def _cities() -> list[str]:
    with runtime().db.transaction() as session:
        return known_cities(session)


def _neighbours(asked: Asked, samples: list[Sample]) -> dict[str, str]:
    """The samples before and after the one that is shown."""
    known = [sample.external_id for sample in samples]
    at = known.index(asked.customer) if asked.customer in known else None
    found = {}
    if at is not None and at > 0:
        found["before"] = known[at - 1]
    if known and (at is None or at + 1 < len(known)):
        found["after"] = known[0 if at is None else at + 1]
    return found


def _shown(number: int, asked: Asked, mail: Preview, html: str) -> dict[str, Any]:
    """What the page tells of a mail."""
    program = asked.program
    return {
        "preview": mail,
        "program": program,
        "frames": [
            {
                "words": LOOKS_WORDS[looks],
                "dark": looks != "light",
                "html": in_frame(program.page(html, looks)),
            }
            for looks in program.looks(asked.looks)
        ],
        "mail": read_mail(mail.letter.message),
        "header_words": header_words,
        "clips_at": GMAIL_CLIPS_AT,
        "picks": _reasons(mail),
        "slots": _slots(mail),
        "skies": _skies(mail, asked),
        "begun": _begun(number, mail.customer),
    }


def _reasons(mail: Preview) -> list[dict[str, Any]]:
    return [
        {
            "title": pick.product.title,
            "sku": pick.product.sku,
            "price": view.price_text,
            "picture": view.picture_url,
            "why": reason_words(pick.reason, "en"),
            "score": pick.score,
        }
        for pick, view in zip(mail.picks, mail.letter.content.picks, strict=True)
    ]


def _begun(number: int, external_id: str) -> _Begun | None:
    """This campaign's mail to this customer, once there is one, with the consent by which it was begun."""
    with runtime().db.transaction() as session:
        send = session.scalar(
            select(Send)
            .join(Customer, Customer.id == Send.customer_id)
            .where(
                Send.campaign_id == number, Customer.external_id == external_id, Send.intent_at.is_not(None)
            )
        )
        allowed = why_allowed(session, number, send.id) if send else None
        if send is None or allowed is None:
            return None
        return _Begun(send.sent_at, allowed, audit_of_send(session, number, send.id))


def _slots(mail: Preview) -> list[dict[str, str]]:
    return [
        {
            "slot": name,
            "variant": shown_as(choice),
            "url": _here(mail.pictures[name].url),
            "link": choice.link,
        }
        for name, choice in mail.shown.items()
    ]


def _skies(mail: Preview, asked: Asked) -> list[dict[str, Any]]:
    """Each slot in each weather: a stored picture small, one that would be drawn by its name."""
    return [
        {
            "slot": name,
            "skies": [
                {
                    "sky": sky,
                    "variant": shown_as(choice),
                    # Which ending it has does not matter here: it is served as what it is.
                    "picture": url_for("opens.hosted", name=f"{choice.picture}.png")
                    if choice.picture
                    else "",
                    "query": asked.query(weather=sky),
                    "here": sky == mail.weather,
                }
                for sky, choice in choices.items()
            ],
        }
        for name, choices in mail.skies.items()
        # One whose other rules decide shows the same under every sky.
        if len(set(map(shown_as, choices.values()))) > 1
    ]


def _here(url: str) -> str:
    """A stored picture as this very server has it, whatever its public address is; a drawn one as it is."""
    return url if url.startswith("data:") else url_for("opens.hosted", name=url.rpartition("/")[2])
