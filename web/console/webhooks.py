"""The pages of webhooks, for admins: endpoints, their secrets, and what became of the deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length

from campaigns.core.errors import BadInput, Refused
from campaigns.flows.webhooks.webhooks import PAGE
from campaigns.models import WEBHOOK_EVENTS, Role
from web.console.access import requires
from web.console.users import person
from web.parts import runtime

blueprint = Blueprint("webhooks", __name__)

EVENT_WORDS = {
    "mail.sent": "a mail of a campaign was taken by the mail server",
    "mail.failed": "a mail was refused for good, or given up",
    "mail.held_back": "a customer of the segment gets no mail, and why",
    "mail.uncertain": "nobody knows whether a mail went out",
    "mail.delivered": "the mailbox provider says that it arrived",
    "mail.deferred": "the mailbox provider says that it takes longer",
    "mail.bounced": "a mail came back",
    "mail.complained": "somebody called it spam",
    "mail.opened": "a picture of a mail was fetched; says whether by a machine",
    "mail.clicked": "a link was followed; says whether by a machine",
    "mail.unsubscribed": "somebody unsubscribed",
    "mail.converted": "an order followed",
    "message.sent": "a message of one of your programs was taken by the mail server",
    "message.failed": "such a message was refused for good, or given up",
    "message.held_back": "such a message was not sent: the address is suppressed",
    "message.uncertain": "nobody knows whether such a message went out",
    "campaign.changed": "a campaign was approved, started, paused, sent or cancelled",
    "import.done": "a file was imported",
    "experiment.decided": "an arm of an experiment was chosen",
}


class EndpointForm(FlaskForm):
    """An endpoint."""

    url = StringField(
        "Address",
        [InputRequired("Type an address."), Length(max=2000)],
        description="It must begin with https:// and be reachable from the internet.",
        render_kw={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"},
    )
    description = StringField(
        "What it is for", [Length(max=200)], description="A few words for your colleagues."
    )
    events = SelectMultipleField("What it is told", choices=list(WEBHOOK_EVENTS))


@blueprint.get("/webhooks")
@requires(Role.ADMIN)
def index() -> ResponseReturnValue:
    """All endpoints, and a form for a new one."""
    return _index(EndpointForm(formdata=None))


@blueprint.post("/webhooks")
@requires(Role.ADMIN)
def create() -> ResponseReturnValue:
    """Make an endpoint and show its secret, this once."""
    form = EndpointForm()
    if _fits(form):
        try:
            made = runtime().webhooks.create(
                form.url.data or "", form.events.data or [], person().name, form.description.data or ""
            )
        except (BadInput, Refused) as error:
            _blame(form, error)
        else:
            return _secret_page(made.number, made.secret, new=True)
    return _index(form), 400


@blueprint.get("/webhooks/<int:number>")
@requires(Role.ADMIN)
def show(number: int) -> ResponseReturnValue:
    """One endpoint: how it is doing, its last deliveries, and a form to change it."""
    endpoint = runtime().webhooks.show(number)
    return _show(number, EndpointForm(formdata=None, data=endpoint))


@blueprint.post("/webhooks/<int:number>")
@requires(Role.ADMIN)
def change(number: int) -> ResponseReturnValue:
    """Another address, other events."""
    form = EndpointForm()
    if _fits(form):
        try:
            runtime().webhooks.change(
                number,
                person().name,
                url=form.url.data,
                events=form.events.data,
                description=form.description.data or "",
            )
        except BadInput as error:
            _blame(form, error)
        else:
            flash("Changed.")
            return redirect(url_for("console.webhooks.show", number=number))
    return _show(number, form), 400


@blueprint.post("/webhooks/<int:number>/secret")
@requires(Role.ADMIN)
def rotate(number: int) -> ResponseReturnValue:
    """A new secret; for a day the old one signs as well."""
    return _secret_page(number, runtime().webhooks.rotate(number, person().name), new=False)


@blueprint.post("/webhooks/<int:number>/<any(test, on, off, remove):action>")
@requires(Role.ADMIN)
def act(number: int, action: str) -> ResponseReturnValue:
    """Test it, switch it on or off, remove it."""
    flow, by = runtime().webhooks, person().name
    if action == "test":
        flow.test(number, by)
        flash("A test is on its way; its answer appears below in a few seconds.")
    elif action == "remove":
        if request.form.get("meant") != "yes":
            raise Refused("removing a webhook ends it for good: tick the box to say that you mean it")
        flow.remove(number, by)
        flash("Removed. It is told nothing any more.")
        return redirect(url_for("console.webhooks.index"))
    else:
        flow.switch(number, action == "on", by)
        flash("It is told again." if action == "on" else "It is told nothing until you switch it on again.")
    return redirect(url_for("console.webhooks.show", number=number))


@blueprint.post("/webhooks/<int:number>/redeliver/<int:delivery>")
@requires(Role.ADMIN)
def redeliver(number: int, delivery: int) -> ResponseReturnValue:
    """Tell one delivery once more."""
    runtime().webhooks.redeliver(delivery, person().name)
    flash("It is told once more.")
    return redirect(url_for("console.webhooks.show", number=number))


def _fits(form: EndpointForm) -> bool:
    fits = form.validate_on_submit()
    if not form.events.data:
        form.events.errors = ["Tick at least one thing that it is told."]
        return False
    return bool(fits)


def _blame(form: EndpointForm, error: BadInput | Refused) -> None:
    said = error.message.partition(": ")[2] if isinstance(error, BadInput) and error.where else error.message
    field = form.description if getattr(error, "where", "") == "description" else form.url
    field.errors = [f"It {said}." if isinstance(error, BadInput) else f"{said[:1].upper()}{said[1:]}."]


def _index(form: EndpointForm) -> str:
    return render_template(
        "console/webhooks.html",
        endpoints=map(_shown, runtime().webhooks.list()),
        form=form,
        words=EVENT_WORDS,
    )


def _show(number: int, form: EndpointForm) -> str:
    before = request.args.get("before", type=int)
    rows = runtime().webhooks.deliveries(number, before)
    return render_template(
        "console/webhook.html",
        endpoint=_shown(runtime().webhooks.show(number)),
        deliveries=[_shown(row) for row in rows],
        older=rows[-1]["id"] if len(rows) == PAGE else None,
        form=form,
        words=EVENT_WORDS,
    )


def _secret_page(number: int, secret: str, new: bool) -> ResponseReturnValue:
    page = render_template("console/webhook_secret.html", number=number, secret=secret, new=new)
    response = make_response(page)
    response.headers["Cache-Control"] = "no-store"
    return response


def _shown(told: dict[str, Any]) -> dict[str, Any]:
    """With moments as the page's filters want them."""
    moments = {name for name in told if name.endswith(("_at", "_until", "_since"))}
    return {
        name: datetime.fromisoformat(value) if name in moments and value else value
        for name, value in told.items()
    }
