"""A customer as they are known, and their rights: a copy of everything, and erasure.

Addresses travel in bodies and never in URLs, which end up in logs.
"""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from campaigns.core.errors import NotFound
from campaigns.flows.customers.customer_pages import PAGE, CustomerView
from web.api.asked import Asked, Number
from web.api.keys import ALWAYS, asked_by, auth
from web.parts import runtime

blueprint = APIBlueprint("customers", __name__, tag="Privacy")


class WhoIn(Asked):
    """Whose rights these are."""

    email: str = Field(min_length=3, max_length=320)


class Before(Asked):
    """A page of a list that goes backwards."""

    before: Number | None = None


class ExportOut(BaseModel):
    """Everything that is stored about the person; the README says what each part holds."""

    model_config = ConfigDict(extra="allow")

    profile: dict[str, Any]


class CustomerOut(BaseModel):
    """A customer: what they agreed to, and why they would get no marketing mail now (empty: they would)."""

    model_config = ConfigDict(extra="allow")

    customer: str
    consents: dict[str, bool]
    held_back: str


class MailsOut(BaseModel):
    """Mails, of the newest campaigns first; `next` is the `before` of the next page, null where there is none."""

    mails: list[dict[str, Any]]
    next: int | None


class ErasedOut(BaseModel):
    """That it is done."""

    erased: bool


@blueprint.post("/customers/export")
@blueprint.auth_required(auth, roles=["privacy"])
@blueprint.input(WhoIn, arg_name="who")
@blueprint.output(ExportOut)
@blueprint.doc(responses=[400, 404, *ALWAYS])
def export(who: WhoIn) -> dict[str, Any]:
    """Everything known about a customer (GDPR art. 15 and 20)."""
    return runtime().rights.export(who.email, asked_by())


@blueprint.post("/customers/erase")
@blueprint.auth_required(auth, roles=["privacy"])
@blueprint.input(WhoIn, arg_name="who")
@blueprint.output(ErasedOut)
@blueprint.doc(responses=[400, 404, *ALWAYS])
def erase(who: WhoIn) -> dict[str, Any]:
    """Remove a customer's personal data for good (GDPR art. 17); the address stays suppressed as a keyed hash."""
    runtime().rights.erase(who.email, asked_by())
    return {"erased": True}


@blueprint.post("/customers/find")
@blueprint.auth_required(auth, roles=["privacy"])
@blueprint.input(WhoIn, arg_name="who")
@blueprint.output(CustomerOut)
@blueprint.doc(responses=[400, 404, *ALWAYS])
def find(who: WhoIn) -> dict[str, Any]:
    """The customer of an address."""
    found = runtime().customer_pages.find(who.email)
    if found is None:
        raise NotFound("no customer has this address")
    return _plain(runtime().customer_pages.show(found))


@blueprint.get("/customers/<external_id>")
@blueprint.auth_required(auth, roles=["privacy"])
@blueprint.output(CustomerOut)
@blueprint.doc(responses=[404, *ALWAYS])
def show(external_id: str) -> dict[str, Any]:
    """A customer by the shop's own number: consents with their history, segments, and whether they may be mailed."""
    return _plain(runtime().customer_pages.show(external_id))


@blueprint.get("/customers/<external_id>/mails")
@blueprint.auth_required(auth, roles=["privacy"])
@blueprint.input(Before, location="query", arg_name="page")
@blueprint.output(MailsOut)
@blueprint.doc(responses=[404, *ALWAYS])
def mails(external_id: str, page: Before) -> dict[str, Any]:
    """What a customer was sent, or why not, with the picks of each mail; `before` is the number of a campaign."""
    found = runtime().customer_pages.sends(external_id, page.before)
    told = [
        {
            "campaign_id": one.campaign_id,
            "campaign": one.campaign,
            "status": one.status,
            "reason": one.reason,
            "at": one.at.isoformat(),
            "subject": one.subject,
            "happened": [
                {"event": name, "at": at.isoformat(), "machine": machine}
                for name, at, machine in one.happened
            ],
        }
        for one in found
    ]
    return {"mails": told, "next": found[-1].campaign_id if len(found) == PAGE else None}


def _plain(one: CustomerView) -> dict[str, Any]:
    return {
        "customer": one.external_id,
        "name": one.name,
        "address": one.address,
        "locale": one.locale,
        "timezone": one.timezone,
        "city": one.city,
        "country": one.country,
        "tags": list(one.tags),
        "consents": dict(one.granted),
        "held_back": one.reason,
        "segments": [{"id": number, "name": name} for number, name in one.segments],
        "history": [
            {
                "purpose": s.purpose,
                "action": s.action,
                "wording": s.wording,
                "source": s.source,
                "at": s.at.isoformat(),
            }
            for s in one.statements
        ],
    }
