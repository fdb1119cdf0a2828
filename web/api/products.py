"""Products: looked up, and changed the moment that a price or a stock changes."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from apiflask import APIBlueprint
from pydantic import Field

from campaigns.audience.posted_products import FIELDS, PostedProduct, ProductResult
from web.api.asked import Anything, Asked
from web.api.keys import ALWAYS, auth
from web.parts import runtime

MOST_PRODUCTS = 1000

blueprint = APIBlueprint("products", __name__, tag="Products")

Word = Annotated[str, Field(max_length=200)]


class ProductChange(Asked):
    """What is given is changed, the rest stays; a new product needs a title. Stock and price may be null: unknown."""

    title: str | None = Field(None, min_length=1, max_length=500)
    description: str | None = Field(None, max_length=20_000)
    category: str | None = Field(None, max_length=200)
    brand: str | None = Field(None, max_length=200)
    price: Decimal | None = Field(None, ge=0, le=Decimal("999999999.99"))
    currency: str | None = Field(None, pattern=r"^[A-Za-z]{3}$|^$")
    url: str | None = Field(None, max_length=2000)
    image_url: str | None = Field(None, max_length=2000)
    stock: int | None = Field(None, ge=0, le=2**31 - 1)
    tags: list[Word] | None = Field(None, max_length=50)

    def posted(self, sku: str) -> PostedProduct:
        """As the flow takes it: only what was given."""
        given = {name: getattr(self, name) for name in FIELDS if name in self.model_fields_set}
        return PostedProduct(sku, given)


class ProductIn(ProductChange):
    """A product by its sku."""

    sku: str = Field(min_length=1, max_length=200)


class ProductsIn(Asked):
    """Products in any order."""

    products: list[ProductIn] = Field(min_length=1, max_length=MOST_PRODUCTS)


class ProductResultOut(Anything):
    """`result` is inserted, updated, unchanged or refused; `reason` says why."""

    sku: str
    result: str
    reason: str


class ProductsOut(Anything):
    """One result for each product, in the order of the post."""

    results: list[ProductResultOut]


class ProductOut(Anything):
    """A product as it is now."""

    sku: str
    title: str


class FoundOut(Anything):
    """Products that were found; `next` is the sku after which the next page begins, null where there is none."""

    products: list[ProductOut]
    next: str | None


class ProductQuery(Asked):
    """`search` is a part of the title, or a sku; `after` is what the last page gave as `next`."""

    search: str = Field("", max_length=200)
    after: str = Field("", max_length=200)
    size: int = Field(50, ge=1, le=200)


@blueprint.get("/products")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.input(ProductQuery, location="query", arg_name="asked")
@blueprint.output(FoundOut)
@blueprint.doc(responses=[*ALWAYS])
def products(asked: ProductQuery) -> dict[str, Any]:
    """Products by sku."""
    found, after = runtime().product_search.page(asked.search, asked.after, asked.size)
    return {"products": found, "next": after}


@blueprint.get("/products/<sku>")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(ProductOut)
@blueprint.doc(responses=[404, *ALWAYS])
def product(sku: str) -> dict[str, Any]:
    """One product."""
    return runtime().product_search.show(sku)


@blueprint.put("/products/<sku>")
@blueprint.auth_required(auth, roles=["write", "events"])
@blueprint.input(ProductChange, arg_name="change")
@blueprint.output(ProductResultOut)
@blueprint.doc(responses=[400, *ALWAYS])
def put_product(sku: str, change: ProductChange) -> dict[str, Any]:
    """Insert or change a product; what is not given stays. It counts for the very next mail and picture."""
    (result,) = runtime().shop_events.products([change.posted(sku)])
    return _plain(result)


@blueprint.post("/products")
@blueprint.auth_required(auth, roles=["write", "events"])
@blueprint.input(ProductsIn, arg_name="posted")
@blueprint.output(ProductsOut)
@blueprint.doc(responses=[400, 413, *ALWAYS])
def post_products(posted: ProductsIn) -> dict[str, Any]:
    """Insert or change up to 1,000 products, such as a new stock; one result for each, and what is wrong stops no other."""
    results = runtime().shop_events.products([one.posted(one.sku) for one in posted.products])
    return {"results": [_plain(one) for one in results]}


def _plain(result: ProductResult) -> dict[str, Any]:
    return {"sku": result.sku, "result": result.result, "reason": result.reason}
