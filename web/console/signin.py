"""Signing in and out, and the first person's one-time link."""

from __future__ import annotations

from typing import ClassVar

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length, Regexp

from campaigns.core.errors import Conflict
from campaigns.core.log import get_logger
from web.console.users import SignedIn, authenticate, awaits_first, check_first, use_first
from web.limits import SIGN_IN_LIMIT, limited
from web.parts import runtime
from web.security import CONSOLE_PATH

log = get_logger(__name__)
blueprint = Blueprint("signin", __name__)

SHORTEST_PASSWORD = 10
# Longer ones would only be work for the hash.
LONGEST_PASSWORD = 200


class LoginForm(FlaskForm):
    """Name and password."""

    name = StringField("Name", [InputRequired(), Length(max=80)], render_kw={"autocomplete": "username"})
    password = PasswordField(
        "Password",
        [InputRequired(), Length(max=LONGEST_PASSWORD)],
        render_kw={"autocomplete": "current-password"},
    )


class FirstForm(FlaskForm):
    """A name and a password to begin with."""

    _new: ClassVar[dict[str, str]] = {"autocomplete": "new-password"}
    name = StringField(
        "Your name",
        [
            InputRequired(),
            Length(min=2, max=80),
            Regexp(r"\S.*\S\Z", message="No spaces at the beginning or end, please."),
        ],
        render_kw={"autocomplete": "username"},
    )
    password = PasswordField(
        "Password",
        [InputRequired(), Length(SHORTEST_PASSWORD, LONGEST_PASSWORD)],
        description=f"At least {SHORTEST_PASSWORD} characters; a few words in a row are fine.",
        render_kw=_new,
    )
    again = PasswordField(
        "The same again",
        [InputRequired(), EqualTo("password", "The two passwords are not the same.")],
        render_kw=_new,
    )


@blueprint.route("/login", methods=["GET", "POST"])
@limited(SIGN_IN_LIMIT, "POST")
def login() -> ResponseReturnValue:
    """Ask for name and password."""
    onward = _inside(request.args.get("next", ""))
    if current_user.is_authenticated:
        return redirect(onward)
    form = LoginForm()
    if form.validate_on_submit():
        user = authenticate(runtime(), form.name.data or "", form.password.data or "")
        if user is not None:
            _begin_session(user)
            return redirect(onward)
        log.info("sign_in_refused")
        form.password.errors = ["This name and password do not belong together."]
    page = render_template("console/login.html", form=form, awaits_first=awaits_first(runtime()))
    return page, 401 if form.is_submitted() else 200


@blueprint.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session."""
    logout_user()
    session.clear()
    return redirect(url_for("console.signin.login"))


@blueprint.route("/first/<token>", methods=["GET", "POST"])
@limited(SIGN_IN_LIMIT, "POST")
def first(token: str) -> ResponseReturnValue:
    """The first person chooses a name and a password; then the link is used up."""
    check_first(runtime(), token)
    form = FirstForm()
    if form.validate_on_submit():
        try:
            user = use_first(runtime(), token, form.name.data or "", form.password.data or "")
        except Conflict as error:
            form.name.errors = [error.message]
        else:
            _begin_session(user)
            flash(f"Welcome, {user.name}. This is your console.")
            return redirect(url_for("console.campaigns.index"))
    return render_template("console/first.html", form=form), 400 if form.is_submitted() else 200


def _begin_session(user: SignedIn) -> None:
    # Nothing from before the sign-in may live on in the session.
    session.clear()
    session.permanent = True
    login_user(user)
    log.info("signed_in", person=user.number)


def _inside(target: str) -> str:
    """Where to go after signing in: a page of the console, never somebody else's site."""
    if target.startswith(f"{CONSOLE_PATH}/") and "\\" not in target and target.isprintable():
        return target
    return url_for("console.campaigns.index")
