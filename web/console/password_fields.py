"""Fields of forms in which somebody chooses a password, and what flows say about a field."""

from __future__ import annotations

from typing import ClassVar

from flask_wtf import FlaskForm
from wtforms import Field, PasswordField
from wtforms.validators import EqualTo, InputRequired

from campaigns.core.errors import BadInput
from campaigns.flows.console.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD


class NewPasswordForm(FlaskForm):
    """A password, twice."""

    _new: ClassVar[dict[str, object]] = {"autocomplete": "new-password", "maxlength": LONGEST_PASSWORD}
    password = PasswordField(
        "Password",
        [InputRequired("Choose a password.")],
        description=f"At least {SHORTEST_PASSWORD} characters; a few words in a row are fine.",
        render_kw=_new,
    )
    again = PasswordField(
        "The same again",
        [InputRequired("Type it once more."), EqualTo("password", "The two passwords are not the same.")],
        render_kw=_new,
    )


def blame(field: Field, error: BadInput) -> None:
    """Show what a flow said beside the field that it is about."""
    text = error.message.removeprefix(f"{error.where}: ")
    field.errors = [f"{text[:1].upper()}{text[1:].rstrip('.')}."]
