"""Orders as they are made, and what comes back of them, so that the next mail knows of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from apiflask import APIBlueprint
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from campaigns.audience.posted import Landed
from campaigns.audience.posted_orders import MOST_LINES, PostedLine, PostedOrder
from campaigns.audience.posted_returns import PostedReturn
from web.api.keys import ALWAYS, auth
from web.parts import runtime

MOST_ORDERS = 500

blueprint = APIBlueprint("orders", __name__, tag="Shop events")


class LineIn(BaseModel):
    """Some pieces of one product."""

    model_config = ConfigDict(extra="forbid")

    sku: str = Field(min_length=1, max_length=200)
    quantity: int = Field(default=1, ge=1, le=2**31 - 1)
    unit_price: Decimal | None = Field(default=None, ge=0, le=Decimal("9999999999.99"))


class OrderIn(BaseModel):
    """A whole order; `customer_id` is the customer's external id, as in imports."""

    model_config = ConfigDict(extra="forbid")

    order_id: str = Field(min_length=1, max_length=200)
    customer_id: str = Field(min_length=1, max_length=200)
    ordered_at: AwareDatetime
    lines: list[LineIn] = Field(min_length=1, max_length=MOST_LINES)


class OrdersIn(BaseModel):
    """Orders in any order."""

    model_config = ConfigDict(extra="forbid")

    orders: list[OrderIn] = Field(min_length=1, max_length=MOST_ORDERS)


class ProblemOut(BaseModel):
    """What was left out, by its place in the post, and why."""

    where: str
    reason: str


class OrdersOut(BaseModel):
    """What became of the lines; what `problems` name was left out, and the rest landed."""

    inserted: int
    updated: int
    unchanged: int
    problems: list[ProblemOut]


@blueprint.post("/orders")
@blueprint.auth_required(auth, roles=["write", "events"])
@blueprint.input(OrdersIn, arg_name="posted")
@blueprint.output(OrdersOut)
@blueprint.doc(responses=[400, 413, *ALWAYS])
def post_orders(posted: OrdersIn) -> dict[str, Any]:
    """Tell orders as they are made.

    `order_id` is what makes an order the same one: posted again it changes nothing, posted with other
    quantities or prices it is corrected. Unknown customers and products are named and left out; the rest lands.
    """
    landed = runtime().shop_events.orders([_order(order) for order in posted.orders])
    return {
        "inserted": landed.inserted,
        "updated": landed.updated,
        "unchanged": landed.unchanged,
        "problems": problems_of(landed),
    }


class ReturnIn(BaseModel):
    """Pieces of an order that came back; `id` is the shop's own number of the return."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, max_length=200)
    order_id: str = Field(min_length=1, max_length=200)
    sku: str = Field(min_length=1, max_length=200)
    quantity: int = Field(default=1, ge=1, le=2**31 - 1)
    returned_at: AwareDatetime


class ReturnsIn(BaseModel):
    """Returns in any order."""

    model_config = ConfigDict(extra="forbid")

    returns: list[ReturnIn] = Field(min_length=1, max_length=MOST_ORDERS)


@blueprint.post("/returns")
@blueprint.auth_required(auth, roles=["write", "events"])
@blueprint.input(ReturnsIn, arg_name="posted")
@blueprint.output(OrdersOut)
@blueprint.doc(responses=[400, 413, *ALWAYS])
def post_returns(posted: ReturnsIn) -> dict[str, Any]:
    """Tell what came back. It counts as bought no longer, and its price as no revenue.

    The same `id` again changes nothing. More than was bought, and what is not known, is named and left out.
    """
    told = [
        PostedReturn(one.id, one.order_id, one.sku, one.quantity, one.returned_at) for one in posted.returns
    ]
    landed = runtime().shop_events.returns(told)
    return {
        "inserted": landed.inserted,
        "updated": 0,
        "unchanged": landed.unchanged,
        "problems": problems_of(landed),
    }


def problems_of(landed: Landed) -> list[dict[str, str]]:
    """What was left out, ready for JSON."""
    return [{"where": problem.where, "reason": problem.reason} for problem in landed.problems]


def _order(order: OrderIn) -> PostedOrder:
    lines = [PostedLine(line.sku, line.quantity, line.unit_price) for line in order.lines]
    return PostedOrder(order.order_id, order.customer_id, order.ordered_at, lines)
