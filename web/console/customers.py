"""Customers: searched by number or address, one by one, with everything that is known; export and erasure."""

from __future__ import annotations

import json
from datetime import datetime

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from campaigns.core.errors import BadInput
from campaigns.flows.customers.customer_pages import PAGE
from campaigns.models import Role
from web.console.access import requires
from web.console.users import person
from web.limits import limited
from web.parts import runtime

blueprint = Blueprint("customers", __name__, url_prefix="/customers")

SEARCH_LIMIT = "60 per minute"


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """The search."""
    return render_template("console/customers.html", who="", missed=False)


@blueprint.post("/")
@requires(Role.VIEWER)
@limited(SEARCH_LIMIT, "POST")
def search() -> ResponseReturnValue:
    """To the customer of this number or address. It comes by POST: an address belongs into nobody's history."""
    who = request.form.get("who", "").strip()
    found = runtime().customer_pages.find(who) if who else None
    if found is None:
        return render_template("console/customers.html", who=who, missed=bool(who)), 404 if who else 400
    return redirect(url_for("console.customers.show", external_id=found))


@blueprint.get("/<path:external_id>")
def show(external_id: str) -> ResponseReturnValue:
    """Everything about one customer."""
    return _page(external_id)


@blueprint.post("/<path:external_id>/address")
@requires(Role.AUTHOR)
def address(external_id: str) -> ResponseReturnValue:
    """The same with the address in the clear; that somebody looked is recorded."""
    return _page(external_id, runtime().customer_pages.address(external_id, person().name))


@blueprint.post("/<path:external_id>/export")
@requires(Role.ADMIN)
def export(external_id: str) -> ResponseReturnValue:
    """Everything that is kept, as a file for the person."""
    customer = runtime().customer_pages.show(external_id)
    told = runtime().rights.export_of(customer.number, person().name)
    answer = Response(json.dumps(told, ensure_ascii=False, indent=2), mimetype="application/json")
    # Not the shop's number: names of files end up in lists of downloads.
    answer.headers["Content-Disposition"] = f'attachment; filename="customer-{customer.number}.json"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/<path:external_id>/erase")
@requires(Role.ADMIN)
def erase(external_id: str) -> ResponseReturnValue:
    """Ask once more, and then remove the person for good."""
    customer = runtime().customer_pages.show(external_id)
    typed = request.form.get("typed")
    if typed is None or typed.strip() != customer.external_id:
        wrong = typed is not None
        page = render_template("console/customer_erase.html", customer=customer, wrong=wrong)
        return page, 400 if wrong else 200
    runtime().rights.erase_of(customer.number, person().name)
    flash("The customer is erased. Their address stays suppressed, so that no import brings them back.")
    return redirect(url_for("console.customers.index"))


def _page(external_id: str, shown: str = "") -> ResponseReturnValue:
    pages = runtime().customer_pages
    customer = pages.show(external_id)
    before = request.args.get("mails_below", type=int)
    sends = pages.sends(external_id, before)
    orders = pages.orders(external_id, _place(request.args.get("orders_after")))
    return render_template(
        "console/customer.html",
        customer=customer,
        shown_address=shown,
        sends=sends,
        more_sends=sends[-1].campaign_id if len(sends) == PAGE else None,
        first_sends=before is None,
        orders=orders,
        more_orders=f"{orders[-1].at.isoformat()}/{orders[-1].line}" if len(orders) == PAGE else None,
        first_orders=not request.args.get("orders_after"),
        may_look=person().may(Role.AUTHOR),
        is_admin=person().may(Role.ADMIN),
    )


def _place(text: str | None) -> tuple[datetime, int] | None:
    """Where in the orders a page begins; None at the beginning."""
    if not text:
        return None
    at, _, line = text.partition("/")
    try:
        moment, number = datetime.fromisoformat(at.replace(" ", "+")), int(line)
    except ValueError:
        raise BadInput("this page of orders is not there; begin at the first one", "orders_after") from None
    if moment.tzinfo is None:
        raise BadInput("this page of orders is not there; begin at the first one", "orders_after")
    return moment, number
