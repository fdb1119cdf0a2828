"""The pages of people, for admins: invite, change roles, switch off and on, help who is locked out."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user
from flask_wtf import FlaskForm
from wtforms import RadioField, StringField
from wtforms.validators import InputRequired

from campaigns.core.errors import BadInput, Conflict
from campaigns.flows.console.people import People
from campaigns.models import Role
from web.console.access import requires
from web.console.password_fields import blame
from web.console.users import SignedIn, person
from web.parts import runtime

blueprint = Blueprint("people", __name__)

ROLE_WORDS = {
    Role.VIEWER: "sees campaigns, reports and customers, and changes nothing",
    Role.AUTHOR: "makes segments, imports and campaigns, previews and test mails",
    Role.APPROVER: "does that, and approves, sends and stops campaigns",
    Role.ADMIN: "does everything, and looks after people, keys and settings",
}
Act = Callable[[People, int, str], object]
# What is done, and what is said afterwards.
_ACTIONS: dict[str, tuple[Act, str]] = {
    "off": (
        lambda people, number, by: people.switch(number, False, by),
        "{} is switched off and signed out.",
    ),
    "on": (lambda people, number, by: people.switch(number, True, by), "{} is switched on again."),
    "sign-out": (lambda people, number, by: people.end_sessions(number, by), "{} is signed out everywhere."),
    "remove-second-factor": (
        lambda people, number, by: people.remove_second_factor(number, by),
        "The second factor of {} is removed.",
    ),
}


class InviteForm(FlaskForm):
    """Somebody new."""

    name = StringField(
        "Name",
        [InputRequired("Type a name.")],
        description="With which the person signs in, and which stands in the audit log.",
        render_kw={"autocomplete": "off"},
    )
    role = RadioField("Role", choices=[role.value for role in Role], default=Role.AUTHOR.value)


class RoleForm(FlaskForm):
    """Another role."""

    role = RadioField("Role", choices=[role.value for role in Role])


@blueprint.get("/people")
@requires(Role.ADMIN)
def index() -> ResponseReturnValue:
    """Everybody, and a form to invite somebody."""
    return _index(InviteForm())


@blueprint.post("/people")
@requires(Role.ADMIN)
def invite() -> ResponseReturnValue:
    """Make an account and show its one-time link, this once."""
    form = InviteForm()
    if form.validate_on_submit():
        try:
            number, link = runtime().people.invite(
                (form.name.data or "").strip(), Role(form.role.data), person().name
            )
        except Conflict as error:
            form.name.errors = [f"{error.message[:1].upper()}{error.message[1:]}."]
        except BadInput as error:
            blame(form.name, error)
        else:
            return _link_page(number, link)
    return _index(form), 400


@blueprint.get("/people/<int:number>")
@requires(Role.ADMIN)
def show(number: int) -> ResponseReturnValue:
    """One of them."""
    whom = runtime().people.get(number)
    form = RoleForm(role=whom.role.value)
    return render_template("console/person.html", whom=whom, form=form, role_words=ROLE_WORDS)


@blueprint.post("/people/<int:number>/role")
@requires(Role.ADMIN)
def change_role(number: int) -> ResponseReturnValue:
    """Give another role."""
    form = RoleForm()
    if not form.validate_on_submit():
        raise BadInput(f"must be one of {', '.join(Role)}", where="role")
    runtime().people.change_role(number, Role(form.role.data), person().name)
    whom = runtime().people.get(number)
    flash(f"{whom.name} is {whom.role.value} now.")
    # Who has given up the role of an admin may not see this page any more.
    if whom.number == person().number:
        return redirect(url_for("console.account.account"))
    return redirect(url_for("console.people.show", number=number))


@blueprint.post("/people/<int:number>/reset")
@requires(Role.ADMIN)
def reset(number: int) -> ResponseReturnValue:
    """End the password and show a link with which a new one is chosen, this once."""
    return _link_page(number, runtime().people.reset(number, person().name))


@blueprint.post("/people/<int:number>/withdraw")
@requires(Role.ADMIN)
def withdraw(number: int) -> ResponseReturnValue:
    """Let the one-time link open nothing more."""
    name = runtime().people.get(number).name
    if runtime().people.withdraw_link(number, person().name):
        flash(f"The link of {name} opens nothing any more.")
        return redirect(url_for("console.people.show", number=number))
    flash(f"The invitation of {name} is withdrawn.")
    return redirect(url_for("console.people.index"))


@blueprint.post("/people/<int:number>/<any(off, on, 'sign-out', 'remove-second-factor'):action>")
@requires(Role.ADMIN)
def act(number: int, action: str) -> ResponseReturnValue:
    """Switch off or on, sign out everywhere, remove the second factor."""
    run, done = _ACTIONS[action]
    run(runtime().people, number, person().name)
    whom = runtime().people.get(number)
    if whom.number == person().number and not whom.off:
        login_user(SignedIn.of(whom))  # "everywhere" means everywhere else, for oneself
    flash(done.format(whom.name))
    return redirect(url_for("console.people.show", number=number))


def _index(form: InviteForm) -> str:
    return render_template(
        "console/people.html", people=runtime().people.list(), form=form, role_words=ROLE_WORDS
    )


def _link_page(number: int, link: str) -> str:
    return render_template("console/person_link.html", whom=runtime().people.get(number), link=link)
