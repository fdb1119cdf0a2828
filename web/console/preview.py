"""A campaign's mail as any customer, at any place, in any weather."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from campaigns.audience.consent import Allowed, why_allowed
from campaigns.compose.content import reason_words
from campaigns.core.errors import BadInput, NotFound, TellThePerson
from campaigns.flows.copy_audit import CopyAudit, audit_of_send
from campaigns.flows.preview import Preview, shown_as
from campaigns.flows.viewing import Scene
from campaigns.models import Customer, Send
from campaigns.opentime.weather.weather import Condition
from web.console.mailview import picture_origins, read_mail
from web.console.samples import cities, sample_customers
from web.errors import answer_for
from web.parts import runtime
from web.security import policy_showing_mail

blueprint = Blueprint("preview", __name__)

WEATHERS = tuple(condition.value for condition in Condition)
REQUESTERS = (
    ("direct", "a mail program of their own"),
    ("gmail_open", "Gmail"),
    ("apple_mpp", "Apple Mail with protection"),
    ("yahoo", "Yahoo"),
    ("other_proxy", "another provider's proxy"),
    ("gmail_prefetch", "Gmail ahead of time (a machine)"),
    ("scanner", "a mail gateway (a machine)"),
)


_FIELDS = ("customer", "other", "place", "weather", "temperature", "wind", "moment", "requester")


@dataclass(frozen=True, slots=True)
class _Asked:
    customer: str
    place: str
    weather: str
    moment: str
    requester: str
    temperature: str
    wind: str


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
    campaign = runtime().campaigns.show(number)
    samples = sample_customers(runtime(), number)
    asked = _asked(samples[0].external_id if samples else "")
    mail, problem = _composed(number, asked)
    with runtime().db.transaction() as session:
        places = cities(session)
    html = render_template(
        "console/preview.html",
        campaign=campaign,
        samples=samples,
        asked=asked,
        weathers=WEATHERS,
        requesters=REQUESTERS,
        places=places,
        preview=mail,
        problem=problem.message if problem else "",
        mail=read_mail(mail.letter.message) if mail else None,
        picks=_reasons(mail) if mail else [],
        slots=_shown(mail) if mail else [],
        begun=_begun(number, mail.customer) if mail else None,
    )
    response = make_response(html, answer_for(problem).status if problem else 200)
    origins = picture_origins(mail.letter.rendered.html, runtime().settings.public_url) if mail else set()
    response.headers["Content-Security-Policy"] = policy_showing_mail(origins)
    return response


def _asked(usual: str) -> _Asked:
    fields = {name: request.args.get(name, "").strip()[:200] for name in _FIELDS}
    customer = fields["other"] or fields["customer"] or usual
    return _Asked(customer, **{name: fields[name] for name in _FIELDS if name not in ("customer", "other")})


def _composed(number: int, asked: _Asked) -> tuple[Preview | None, TellThePerson | None]:
    if not asked.customer:
        return None, NotFound("nobody is in this audience; give a customer's number")
    if "@" in asked.customer:
        # What stands in a web address is kept in histories and logs.
        return None, BadInput("give the customer's number, not the address", where="customer")
    try:
        scene = Scene.of(
            asked.place, asked.weather, asked.moment, asked.requester, asked.temperature, asked.wind
        )
        return runtime().viewing.preview(number, asked.customer, scene), None
    except TellThePerson as error:
        return None, error


def _reasons(mail: Preview) -> list[dict[str, str]]:
    return [
        {
            "title": pick.product.title,
            "price": view.price_text,
            "picture": pick.product.image_url,
            "why": reason_words(pick.reason, "en"),
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


def _shown(mail: Preview) -> list[dict[str, str]]:
    return [
        {"slot": name, "variant": shown_as(choice), "url": _here(mail.pictures[name].url)}
        for name, choice in mail.shown.items()
    ]


def _here(url: str) -> str:
    """A stored picture as this very server has it, whatever its public address is; a drawn one as it is."""
    return url if url.startswith("data:") else url_for("opens.hosted", name=url.rpartition("/")[2])
