"""Webhooks: endpoints that are told what happens, and what became of the deliveries."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from pydantic import Field

from web.api.asked import NUMBER, Anything, Asked, Page
from web.api.keys import ALWAYS, asked_by, auth
from web.api.repeatable import repeatable
from web.parts import runtime

blueprint = APIBlueprint("webhooks", __name__, tag="Webhooks")


class EndpointIn(Asked):
    """Where to tell, and what."""

    url: str = Field(min_length=1, max_length=2000)
    events: list[str] = Field(min_length=1, max_length=50)
    description: str = Field("", max_length=200)


class EndpointChange(Asked):
    """What is given is changed, the rest stays; `on` switches it on or off."""

    url: str | None = Field(None, max_length=2000)
    events: list[str] | None = Field(None, min_length=1, max_length=50)
    description: str | None = Field(None, max_length=200)
    on: bool | None = None


class EndpointOut(Anything):
    """An endpoint; `off_because` says why it is not told."""

    id: int
    url: str
    events: list[str]
    on: bool
    off_because: str


class EndpointsOut(Anything):
    """All of them."""

    webhooks: list[EndpointOut]


class SecretOut(Anything):
    """An endpoint's number and secret, which is shown this once."""

    id: int
    secret: str


class DeliveryOut(Anything):
    """A delivery: `status` is waiting, delivered or given_up."""

    id: int
    status: str
    attempts: int


class DeliveriesOut(Anything):
    """Deliveries, newest first; `next` is the `before` of the next page, null where there is none."""

    deliveries: list[DeliveryOut]
    next: int | None


class NumberOut(Anything):
    """The number of a delivery."""

    delivery: int


@blueprint.get("/webhooks")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.output(EndpointsOut)
@blueprint.doc(responses=[*ALWAYS])
def endpoints() -> dict[str, Any]:
    """All endpoints."""
    return {"webhooks": runtime().webhooks.list()}


@blueprint.post("/webhooks")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.input(EndpointIn, arg_name="wanted")
@blueprint.output(SecretOut, status_code=201)
@blueprint.doc(responses=[400, 409, *ALWAYS])
@repeatable(201)
def create(wanted: EndpointIn) -> dict[str, Any]:
    """Tell an address of events from now on; the secret is shown this once."""
    made = runtime().webhooks.create(wanted.url, wanted.events, asked_by(), wanted.description)
    return {"id": made.number, "secret": made.secret}


@blueprint.get(f"/webhooks/<{NUMBER}:number>")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.output(EndpointOut)
@blueprint.doc(responses=[404, *ALWAYS])
def show(number: int) -> dict[str, Any]:
    """One endpoint."""
    return runtime().webhooks.show(number)


@blueprint.patch(f"/webhooks/<{NUMBER}:number>")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.input(EndpointChange, arg_name="change")
@blueprint.output(EndpointOut)
@blueprint.doc(responses=[400, 404, *ALWAYS])
def change(number: int, change: EndpointChange) -> dict[str, Any]:
    """Another address, other events, on or off."""
    flow = runtime().webhooks
    flow.change(number, asked_by(), url=change.url, events=change.events, description=change.description)
    if change.on is not None:
        flow.switch(number, change.on, asked_by())
    return flow.show(number)


@blueprint.delete(f"/webhooks/<{NUMBER}:number>")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.output({}, status_code=204)
@blueprint.doc(responses=[404, *ALWAYS])
def remove(number: int) -> str:
    """Never tell it again."""
    runtime().webhooks.remove(number, asked_by())
    return ""


@blueprint.post(f"/webhooks/<{NUMBER}:number>/secret")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.output(SecretOut)
@blueprint.doc(responses=[404, *ALWAYS])
@repeatable()
def rotate(number: int) -> dict[str, Any]:
    """A new secret, shown this once; for a day the old one signs as well."""
    return {"id": number, "secret": runtime().webhooks.rotate(number, asked_by())}


@blueprint.post(f"/webhooks/<{NUMBER}:number>/test")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.output(NumberOut, status_code=202)
@blueprint.doc(responses=[404, 409, *ALWAYS])
@repeatable(202)
def test(number: int) -> dict[str, Any]:
    """Send it a delivery of the type `test`."""
    return {"delivery": runtime().webhooks.test(number, asked_by())}


@blueprint.get(f"/webhooks/<{NUMBER}:number>/deliveries")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.input(Page, location="query", arg_name="page")
@blueprint.output(DeliveriesOut)
@blueprint.doc(responses=[404, *ALWAYS])
def deliveries(number: int, page: Page) -> dict[str, Any]:
    """Its last deliveries, with what was answered; kept for 30 days."""
    rows = runtime().webhooks.deliveries(number, page.before, page.size)
    return {"deliveries": rows, "next": rows[-1]["id"] if len(rows) == page.size else None}


@blueprint.post(f"/webhooks/deliveries/<{NUMBER}:delivery>/redeliver")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.output(NumberOut, status_code=202)
@blueprint.doc(responses=[404, 409, *ALWAYS])
def redeliver(delivery: int) -> tuple[dict[str, Any], int]:
    """Tell it once more."""
    runtime().webhooks.redeliver(delivery, asked_by())
    return {"delivery": delivery}, 202
