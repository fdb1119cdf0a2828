"""The page of one's own account: password, second factor, recovery codes, sessions elsewhere."""

from __future__ import annotations

import io
from typing import Any

import segno
from flask import Blueprint, Response, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from campaigns.core.errors import BadInput
from campaigns.flows.console.own_account import OLD_PASSWORD
from campaigns.flows.console.passwords import LONGEST_PASSWORD
from campaigns.flows.console.people import Person
from campaigns.models import Role
from web.console.access import requires
from web.console.password_fields import NewPasswordForm, blame
from web.console.users import SignedIn, person
from web.limits import NAME_LIMIT, SIGN_IN_LIMIT, forgive, limited, may
from web.parts import runtime

blueprint = Blueprint("account", __name__)

_ROLE_WORDS = {
    Role.VIEWER: "You see campaigns, reports and customers, and change nothing.",
    Role.AUTHOR: "You make segments, imports and campaigns, look at previews and send test mails.",
    Role.APPROVER: "You do what authors do, and approve, send and stop campaigns.",
    Role.ADMIN: "You do everything, and look after people, keys and settings.",
}


class OwnPasswordForm(FlaskForm):
    """The password of who is signed in, before something that must not be done at an unwatched screen."""

    old = PasswordField(
        "Your password",
        [InputRequired("Type your password."), Length(max=LONGEST_PASSWORD)],
        render_kw={"autocomplete": "current-password"},
    )


class ChangeForm(NewPasswordForm):
    """The old password, and a new one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.password.label.text = "New password"

    old = PasswordField(
        "Your password until now",
        [InputRequired("Type the password that you have now."), Length(max=LONGEST_PASSWORD)],
        render_kw={"autocomplete": "current-password"},
    )


class FirstCodeForm(FlaskForm):
    """A first code, which shows that the app knows the secret."""

    code = StringField(
        "The code that the app shows",
        [InputRequired("Type the six digits."), Length(max=20)],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric"},
    )


@blueprint.get("/account")
def account() -> ResponseReturnValue:
    """What one is here, and what one may change about it."""
    return _page()


@blueprint.post("/account/password")
@requires(Role.VIEWER)
@limited(SIGN_IN_LIMIT, "POST")
def change_password() -> ResponseReturnValue:
    """A new password; everywhere else one is signed out."""
    form = ChangeForm()
    if form.validate_on_submit() and _may_guess(form.old):
        try:
            mine = runtime().own_account.change_password(
                person().number, form.old.data or "", form.password.data or ""
            )
        except BadInput as error:
            blame(form.old if error.where == OLD_PASSWORD else form.password, error)
        else:
            return _done(mine, "Your password is changed. Everywhere else you are signed out.")
    return _page(changing=form), 400


@blueprint.post("/account/sessions/end")
@requires(Role.VIEWER)
def end_sessions() -> ResponseReturnValue:
    """Sign out everywhere else."""
    return _done(
        runtime().own_account.end_other_sessions(person().number), "Everywhere else you are signed out."
    )


@blueprint.route("/account/second-factor", methods=["GET", "POST"])
@requires(Role.VIEWER)
@limited(SIGN_IN_LIMIT, "POST")
def second_factor() -> ResponseReturnValue:
    """Set up an authenticator app: scan, type a first code, keep the recovery codes."""
    form = FirstCodeForm()
    if form.validate_on_submit():
        try:
            mine, codes = runtime().own_account.confirm(person().number, form.code.data or "")
        except BadInput as error:
            blame(form.code, error)
        else:
            login_user(SignedIn.of(mine))
            return render_template("console/recovery_codes.html", codes=codes, first=True)
    _, secret = runtime().own_account.enrolment(person().number)
    groups = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    owed = person().owes_second_factor(runtime().settings.require_totp)
    page = render_template("console/second_factor.html", form=form, secret=groups, owed=owed)
    return page, 400 if form.is_submitted() else 200


@blueprint.get("/account/second-factor.svg")
def qr_code() -> ResponseReturnValue:
    """The QR code that an authenticator app scans; black on white in dark mode too, or phones do not read it."""
    address, _ = runtime().own_account.enrolment(person().number)
    drawn = io.BytesIO()
    segno.make(address, error="m").save(drawn, kind="svg", scale=6, border=4, light="#ffffff", svgclass=None)
    response: Response = make_response(drawn.getvalue())
    response.mimetype = "image/svg+xml"
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/account/second-factor/remove")
@requires(Role.VIEWER)
@limited(SIGN_IN_LIMIT, "POST")
def remove_second_factor() -> ResponseReturnValue:
    """Sign in by the password alone again, or begin anew with another phone."""
    form = OwnPasswordForm(prefix="remove")
    if form.validate_on_submit() and _may_guess(form.old):
        try:
            mine = runtime().own_account.remove_second_factor(person().number, form.old.data or "")
        except BadInput as error:
            blame(form.old, error)
        else:
            return _done(mine, "Your second factor is removed.")
    return _page(removing=form), 400


@blueprint.post("/account/recovery-codes")
@requires(Role.VIEWER)
@limited(SIGN_IN_LIMIT, "POST")
def recovery_codes() -> ResponseReturnValue:
    """Ten new recovery codes, shown this once."""
    form = OwnPasswordForm(prefix="codes")
    if form.validate_on_submit() and _may_guess(form.old):
        try:
            codes = runtime().own_account.renew_recovery_codes(person().number, form.old.data or "")
        except BadInput as error:
            blame(form.old, error)
        else:
            return render_template("console/recovery_codes.html", codes=codes, first=False)
    return _page(renewing=form), 400


def _page(
    changing: ChangeForm | None = None,
    removing: OwnPasswordForm | None = None,
    renewing: OwnPasswordForm | None = None,
) -> str:
    return render_template(
        "console/account.html",
        mine=runtime().people.get(person().number),
        role_words=_ROLE_WORDS[person().role],
        changing=changing or ChangeForm(formdata=None),
        removing=removing or OwnPasswordForm(formdata=None, prefix="remove"),
        renewing=renewing or OwnPasswordForm(formdata=None, prefix="codes"),
        required=runtime().settings.require_totp,
    )


def _may_guess(field: PasswordField) -> bool:
    """Whoever sits at somebody's open screen guesses the password no faster than at the sign-in."""
    if may(NAME_LIMIT, "sign-in", person().name.casefold()):
        return True
    field.errors = ["Too many attempts. Wait five minutes, then try again."]
    return False


def _done(mine: Person, words: str) -> ResponseReturnValue:
    forgive(NAME_LIMIT, "sign-in", mine.name.casefold())
    login_user(SignedIn.of(mine))
    flash(words)
    return redirect(url_for("console.account.account"))
