"""Signing in and out, the second step for who has a second factor, and the one-time links."""

from __future__ import annotations

import time

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from campaigns.core.errors import BadInput, BadToken, Conflict
from campaigns.core.log import get_logger
from campaigns.flows.console.passwords import LONGEST_PASSWORD
from campaigns.flows.console.people import LONGEST_NAME, Person
from web.console.password_fields import NewPasswordForm, blame
from web.console.users import SignedIn
from web.limits import CODE_LIMIT, NAME_LIMIT, SIGN_IN_LIMIT, forgive, limited, may
from web.parts import runtime
from web.security import CONSOLE_PATH

log = get_logger(__name__)
blueprint = Blueprint("signin", __name__)

# Who gave the password and owes a code has so long for it.
_HALF_WAY_SECONDS = 600
_HALF_WAY = "half-way"


class LoginForm(FlaskForm):
    """Name and password."""

    name = StringField(
        "Name",
        [InputRequired("Type your name."), Length(max=LONGEST_NAME)],
        render_kw={"autocomplete": "username", "autocapitalize": "none"},
    )
    password = PasswordField(
        "Password",
        [InputRequired("Type your password."), Length(max=LONGEST_PASSWORD)],
        render_kw={"autocomplete": "current-password"},
    )


class CodeForm(FlaskForm):
    """A code of the app, or a recovery code."""

    code = StringField(
        "Code",
        [InputRequired("Type the code."), Length(max=40)],
        description="Six digits from your authenticator app, or one of your recovery codes.",
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"},
    )


class FirstForm(NewPasswordForm):
    """A name and a password to begin with."""

    name = StringField("Your name", [InputRequired("Choose a name.")], render_kw={"autocomplete": "username"})


@blueprint.route("/login", methods=["GET", "POST"])
@limited(SIGN_IN_LIMIT, "POST")
def login() -> ResponseReturnValue:
    """Ask for name and password."""
    onward = _inside(request.args.get("next", ""))
    if current_user.is_authenticated:
        return redirect(onward)
    form, status = LoginForm(), 200
    if form.validate_on_submit():
        name = form.name.data or ""
        # Counted before the password is looked at, so that many at once count as well; whoever is right
        # begins anew.
        if not may(NAME_LIMIT, "sign-in", name.casefold()):
            form.password.errors = ["Too many attempts for this name. Wait five minutes, then try again."]
            status = 429
        else:
            person = runtime().signing_in.person_by_password(name, form.password.data or "")
            if person is not None:
                forgive(NAME_LIMIT, "sign-in", name.casefold())
                return _go_on(person, onward)
            log.info("sign_in_refused")
            form.password.errors = ["This name and password do not belong together."]
            status = 401
    elif form.is_submitted():
        status = 401
    awaits_first = runtime().signing_in.awaits_first()
    return render_template("console/login.html", form=form, awaits_first=awaits_first), status


@blueprint.route("/login/code", methods=["GET", "POST"])
@limited(SIGN_IN_LIMIT, "POST")
def code() -> ResponseReturnValue:
    """Ask whoever gave the right password for a code as well."""
    half_way = session.get(_HALF_WAY)
    if not half_way or time.time() - half_way["at"] > _HALF_WAY_SECONDS:
        session.pop(_HALF_WAY, None)
        return redirect(url_for("console.signin.login"))
    form, status = CodeForm(), 200
    if form.validate_on_submit():
        number = str(half_way["number"])
        if not may(CODE_LIMIT, "code", number):
            form.code.errors = ["Too many wrong codes. Wait a while, then try again."]
            status = 429
        else:
            person = runtime().signing_in.person_by_code(
                half_way["number"], half_way["key"], form.code.data or ""
            )
            if person is not None:
                forgive(CODE_LIMIT, "code", number)
                onward = half_way["onward"]
                begin_session(person)
                if person.recovery_codes < 3 and not (form.code.data or "").strip().isdecimal():
                    flash(
                        f"{person.recovery_codes} recovery codes are left. Make new ones on your account page."
                    )
                return redirect(onward)
            form.code.errors = [
                "This code does not fit, or was used already. Try the next one that the app shows."
            ]
            status = 401
    elif form.is_submitted():
        status = 401
    return render_template("console/code.html", form=form), status


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
    runtime().signing_in.check_first(token)
    form = FirstForm()
    if form.validate_on_submit():
        name = form.name.data or ""
        try:
            person = runtime().signing_in.use_first(token, name, form.password.data or "")
        except Conflict as error:
            form.name.errors = [error.message]
        except BadInput as error:
            blame(form.name if error.where == "name" else form.password, error)
        else:
            begin_session(person)
            flash(f"Welcome, {person.name}. This is your console.")
            return redirect(url_for("console.campaigns.index"))
    return render_template("console/first.html", form=form), 400 if form.is_submitted() else 200


@blueprint.route("/welcome/<token>", methods=["GET", "POST"])
@limited(SIGN_IN_LIMIT, "POST")
def welcome(token: str) -> ResponseReturnValue:
    """Whoever was invited, or whose password was reset, chooses one; then the link is used up."""
    form = NewPasswordForm()
    try:
        person = runtime().people.of_link(token)
        if form.validate_on_submit():
            person = runtime().people.use_link(token, form.password.data or "")
            flash(f"Welcome, {person.name}. From now on you sign in with this password.")
            return _go_on(person, url_for("console.campaigns.index"))
    except BadToken:
        return render_template("console/link_ended.html"), 404
    except BadInput as error:
        blame(form.password, error)
    return render_template(
        "console/welcome.html", form=form, person=person
    ), 400 if form.is_submitted() else 200


def begin_session(person: Person) -> None:
    """Sign this person in here; nothing from before lives on in the session."""
    session.clear()
    session.permanent = True
    login_user(SignedIn.of(person))
    log.info("signed_in", person=person.number)


def _go_on(person: Person, onward: str) -> ResponseReturnValue:
    """To where this person wanted, by way of a code for who has a second factor."""
    if not person.second_factor:
        begin_session(person)
        return redirect(onward)
    session.clear()
    session[_HALF_WAY] = {
        "number": person.number,
        "key": person.key,
        "onward": onward,
        "at": int(time.time()),
    }
    return redirect(url_for("console.signin.code"))


def _inside(target: str) -> str:
    """Where to go after signing in: a page of the console, never somebody else's site."""
    if target.startswith(f"{CONSOLE_PATH}/") and "\\" not in target and target.isprintable():
        return target
    return url_for("console.campaigns.index")
