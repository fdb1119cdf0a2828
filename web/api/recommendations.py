"""Recommendations for a web site or an app: with a key from the shop's server, with a token from a customer's browser."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from apiflask import APIBlueprint, HTTPTokenAuth, abort
from flask import Response, request
from pydantic import Field

from campaigns.core.errors import BadToken
from campaigns.flows.shop.recommending import LONGEST_TOKEN, MOST, MOST_SKUS, Wish
from web.api.asked import Anything, Asked, CsvList
from web.api.keys import ALWAYS, auth
from web.limits import may
from web.parts import runtime

blueprint = APIBlueprint("recommendations", __name__, tag="Recommendations")

VISITOR_LIMIT = "120 per minute"

visitors = HTTPTokenAuth(
    scheme="Bearer",
    name="CustomerToken",
    description="A token made by POST /recommendations/tokens, for one customer's own browser.",
)


class WishIn(Asked):
    """How many, and what the page tells: skus in the `cart` and `viewed` ones, parted by commas; none of `without`."""

    n: int = Field(4, ge=1, le=MOST)
    cart: CsvList = Field(default_factory=list, max_length=MOST_SKUS)
    viewed: CsvList = Field(default_factory=list, max_length=MOST_SKUS)
    without: CsvList = Field(default_factory=list, max_length=MOST_SKUS)
    language: str = Field("en", pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*$")

    def wish(self) -> Wish:
        """As the flow takes it."""
        return Wish(self.n, self.cart, self.viewed, frozenset(self.without), self.language)


class WishOfShop(WishIn):
    """For the `customer` of an external id; `similar` to a sku; or, without both, for a visitor."""

    customer: str = Field("", max_length=200)
    similar: str = Field("", max_length=200)


class RecommendedOut(Anything):
    """A product with the reason why it is recommended, and that reason in words."""

    rank: int
    sku: str
    title: str
    reason: str
    why: str


class RecommendationsOut(Anything):
    """`basis` is profile, no_consent_to_profiling, unknown_customer, visitor or product; `personal` only the first."""

    basis: str
    personal: bool
    recommendations: list[RecommendedOut]


class TokenIn(Asked):
    """For whom, and for how long."""

    customer: str = Field(min_length=1, max_length=200)
    seconds: int = Field(3600, ge=1, le=int(LONGEST_TOKEN.total_seconds()))


class TokenOut(Anything):
    """The token, for the header `Authorization: Bearer ...` of the customer's browser."""

    token: str
    seconds: int


@blueprint.get("/recommendations")
@blueprint.auth_required(auth, roles=["recommend"])
@blueprint.input(WishOfShop, location="query", arg_name="asked")
@blueprint.output(RecommendationsOut)
@blueprint.doc(responses=[404, 409, *ALWAYS])
def recommendations(asked: WishOfShop) -> dict[str, Any]:
    """What to show a customer, a visitor, or beside a product.

    Who has not consented to profiling gets what goes with the page, or best-sellers: nothing of them is read.
    """
    flow, wish = runtime().recommending, asked.wish()
    if asked.similar:
        return flow.similar(asked.similar, wish)
    if asked.customer:
        return flow.for_customer(asked.customer, wish)
    return flow.for_visitor(wish)


@blueprint.post("/recommendations/tokens")
@blueprint.auth_required(auth, roles=["recommend"])
@blueprint.input(TokenIn, arg_name="asked")
@blueprint.output(TokenOut)
@blueprint.doc(responses=[400, 404, *ALWAYS])
def make_token(asked: TokenIn) -> dict[str, Any]:
    """A token with which one customer's browser may ask for a while. It grants recommendations and nothing else."""
    token = runtime().recommending.token(asked.customer, timedelta(seconds=asked.seconds))
    return {"token": token, "seconds": asked.seconds}


@visitors.verify_token
def _who(token: str) -> int | None:
    try:
        return runtime().recommending.who(token)
    except BadToken:
        return None


@blueprint.get("/recommendations/mine")
@blueprint.auth_required(visitors)
@blueprint.input(WishIn, location="query", arg_name="asked")
@blueprint.output(RecommendationsOut)
@blueprint.doc(responses=[404, 409, *ALWAYS])
def own_recommendations(asked: WishIn) -> dict[str, Any]:
    """What to show the customer whose token this is. Pages of TAILORMAIL_SHOP_ORIGINS may ask from the browser."""
    number = int(visitors.current_user or 0)
    if not may(VISITOR_LIMIT, "recommendations", str(number)):
        abort(429, "This token has asked too often; wait a minute", headers={"Retry-After": "60"})
    return runtime().recommending.for_number(number, asked.wish())


@blueprint.after_request
def _for_one_alone(response: Response) -> Response:
    """What is one customer's own is kept by no cache on the way, and shown to no other site's page."""
    response.headers["Cache-Control"] = "private, max-age=60" if request.method == "GET" else "no-store"
    response.headers["Vary"] = "Authorization, Origin"
    if request.path.endswith("/recommendations/mine"):
        origin = request.headers.get("Origin", "").lower()
        if origin and origin in runtime().settings.shop_origins.split(","):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Allow-Headers"] = "Authorization"
            response.headers["Access-Control-Allow-Methods"] = "GET"
            response.headers["Access-Control-Max-Age"] = "600"
    return response
