"""`/s/<form>`: signing up, and `/s/<form>/<token>`: confirming it.

These pages have no session, so there is nothing for a CSRF token to protect: whoever makes somebody's browser send
this form achieves no more than by sending it himself, one mail that asks. Only the POST of the confirming page counts.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, make_response, render_template, request

from campaigns.core.crypto import normalise_address
from campaigns.flows.customers.signing_up import SignupRequest
from campaigns.flows.customers.signup_form import Said, SignupForm
from web.limits import limited, may
from web.parts import origin_of, runtime
from web.public.signup_words import NAMES, signup_words

blueprint = Blueprint("signup", __name__)

LARGEST_BODY = 20_000
CALLER_LIMIT = "10 per minute; 60 per hour"
ADDRESS_LIMIT = "3 per hour; 6 per day"
FORM_LIMIT = "120 per minute; 2000 per hour"
TRAP = "website"
"""A field that people do not see; what fills it in is a program."""


@blueprint.get("/s/<name>")
def ask(name: str) -> Response:
    """The form."""
    form = runtime().signing_up.form(name)
    return _form_page(form, form.said(_language(form)))


@blueprint.post("/s/<name>")
@limited(CALLER_LIMIT, "POST")
def take(name: str) -> Response:
    """Take a request. The answer is the same for every address that could be one."""
    request.max_content_length = LARGEST_BODY
    flow = runtime().signing_up
    form = flow.form(name)
    wanted = _posted()
    said = form.wordings.get(wanted.version) or form.said(_language(form))
    if not request.form.get(TRAP):
        problems = flow.problems(form, wanted)
        if not _from_a_page_of(form):
            problems = (*problems, "origin")
        if problems:
            return _form_page(form, form.said(said.language), wanted, problems)
        if not may(FORM_LIMIT, "signup-form", name):
            abort(429)
        may_mail = may(ADDRESS_LIMIT, "signup-address", normalise_address(wanted.email))
        flow.ask(name, wanted, may_mail)
    return _page("sent", form, said, hours=form.file.confirm_hours)


@blueprint.get("/s/<name>/<token>")
def confirm(name: str, token: str) -> Response:
    """One button: link scanners follow every link and must not confirm for anybody."""
    asked = runtime().signing_up.asked(name, token)
    if asked is None:
        return _expired(name)
    return _page("confirm", asked.form, asked.said, purposes=asked.purposes)


@blueprint.post("/s/<name>/<token>")
def confirmed(name: str, token: str) -> Response:
    """Make it count, again and again with the same answer."""
    welcome = runtime().signing_up.confirm(name, token)
    if welcome is None:
        return _expired(name)
    asked = welcome.asked
    return _page("welcome", asked.form, asked.said, purposes=asked.purposes, preferences=welcome.preferences)


def _posted() -> SignupRequest:
    form = request.form
    liked = [("category", value) for value in form.getlist("category")]
    liked += [("product", value) for value in form.getlist("product")]
    return SignupRequest(
        email=form.get("email", "").strip(),
        version=form.get("version", ""),
        purposes=frozenset(form.getlist("purpose")),
        favourites=liked,
        first_name=form.get("first_name", "").strip(),
    )


def _from_a_page_of(form: SignupForm) -> bool:
    """Whether the browser says that this was sent from our own page or from a site where the form is embedded.

    Who says nothing is believed: old browsers, and pages that send no referrer, as our own.
    """
    origin = request.headers.get("Origin", "null")
    if origin == "null":
        return bool(form.file.sites) or request.headers.get("Sec-Fetch-Site", "none") != "cross-site"
    own = (origin_of(runtime().settings.public_url), origin_of(request.host_url))
    return origin in own or origin in form.file.sites


def _language(form: SignupForm) -> str:
    wanted = request.values.get("lang", "")
    if wanted not in form.languages:
        wanted = request.accept_languages.best_match(form.languages) or ""
    return form.language_for(wanted)


def _form_page(
    form: SignupForm, said: Said, filled: SignupRequest | None = None, problems: tuple[str, ...] = ()
) -> Response:
    page = _page("form", form, said, filled=filled, problems=problems, trap=TRAP, names=NAMES)
    page.status_code = 400 if problems else 200
    return page


def _expired(name: str) -> Response:
    form = runtime().signup_forms.get(name)
    return _page("expired", form, form.said(_language(form)))


def _page(page: str, form: SignupForm, said: Said, **values: object) -> Response:
    html = render_template(
        f"public/signup_{page}.html",
        form=form,
        said=said,
        language=said.language,
        words=signup_words(said.language),
        **values,
    )
    return make_response(html)
