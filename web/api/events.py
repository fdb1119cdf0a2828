"""Views and carts as they happen, so that the next mail knows of them."""

from __future__ import annotations

from typing import Any, Literal

from apiflask import APIBlueprint
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from campaigns.audience.posted_signals import PostedSignal
from web.api.keys import ALWAYS, auth
from web.api.orders import ProblemOut, problems_of
from web.parts import runtime

MOST_EVENTS = 1000

blueprint = APIBlueprint("events", __name__, tag="Shop events")


class EventIn(BaseModel):
    """One thing that a customer did; `customer_id` is their external id, `id` the shop's own number of it."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, max_length=200)
    kind: Literal["view", "cart", "uncart"]
    customer_id: str = Field(min_length=1, max_length=200)
    sku: str = Field(min_length=1, max_length=200)
    at: AwareDatetime


class EventsIn(BaseModel):
    """Events in any order."""

    model_config = ConfigDict(extra="forbid")

    events: list[EventIn] = Field(min_length=1, max_length=MOST_EVENTS)


class EventsOut(BaseModel):
    """What became of them.

    `not_kept` were not written down, because their customers do not consent to profiling; what `problems`
    name was left out, and the rest landed.
    """

    inserted: int
    unchanged: int
    not_kept: int
    problems: list[ProblemOut]


@blueprint.post("/events")
@blueprint.auth_required(auth, roles=["write", "events"])
@blueprint.input(EventsIn, arg_name="posted")
@blueprint.output(EventsOut)
@blueprint.doc(responses=[400, 413, *ALWAYS])
def post_events(posted: EventsIn) -> dict[str, Any]:
    """Tell that customers looked at products (view), put them into the cart (cart) or took them out (uncart).

    The same `id` again changes nothing. An order takes what it holds out of the cart by itself.
    """
    told = [PostedSignal(one.id, one.kind, one.customer_id, one.sku, one.at) for one in posted.events]
    landed = runtime().shop_events.signals(told)
    return {
        "inserted": landed.inserted,
        "unchanged": landed.unchanged,
        "not_kept": landed.unwanted,
        "problems": problems_of(landed),
    }
