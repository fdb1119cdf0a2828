"""A sign-up form as plain HTML for the shop's own pages: no script, no style, posted to the hosted page."""

from __future__ import annotations

from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from campaigns.flows.customers.signup_form import SignupForm
from web.public.signup import TRAP
from web.public.signup_words import signup_words


def embedded_form(form: SignupForm, language: str, public_url: str) -> str:
    """The form in this language, or in one that it speaks; complete HTML for the middle of a page."""
    said = form.said(language)
    return (
        _jinja()
        .get_template("public/signup_embed.html")
        .render(
            form=form,
            said=said,
            words=signup_words(said.language),
            action=f"{public_url}/s/{form.name}",
            trap=TRAP,
            filled=None,
            problems=(),
        )
    )


@lru_cache(maxsize=1)
def _jinja() -> Environment:
    return Environment(
        loader=PackageLoader("web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
