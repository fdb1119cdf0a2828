"""The Flask app: extensions, pages, errors and headers put together."""

from __future__ import annotations

from flask import Flask, redirect, url_for
from flask_bootstrap import Bootstrap5
from flask_login import LoginManager
from flask_wtf import CSRFProtect

from campaigns.models import Role
from campaigns.runtime import Runtime
from web import api, console, errors, hooks, limits, public
from web.console.campaign_tabs import tabs_of
from web.console.navigation import MAIN, PERSONAL, entries_for_person
from web.console.users import load_user, person
from web.console.wording import install_filters
from web.measuring import Measures
from web.parts import EXTENSION
from web.public.health import MEASURES
from web.public.opens import PicturesFirst
from web.security import CONSOLE_PATH, ConsoleSessions, add_security_headers
from web.tracing import begin_trace, end_trace
from web.uploading import admit_uploads

LARGEST_BODY = 1_000_000


def create_app(runtime: Runtime) -> Flask:
    """The web part on these parts. `runtime` must be started; it is the caller's to close."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=runtime.keyring.derived("web-session")[0],
        # Sessions made before the newest secret stay valid while the older one is still listed.
        SECRET_KEY_FALLBACKS=runtime.keyring.derived("web-session")[1:],
        SESSION_COOKIE_NAME="tailormail",
        SESSION_COOKIE_PATH=CONSOLE_PATH,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=runtime.settings.public_url.startswith("https:"),
        PERMANENT_SESSION_LIFETIME=12 * 3600,
        WTF_CSRF_TIME_LIMIT=None,  # As long as the session: pages stay open for hours.
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        BOOTSTRAP_SERVE_LOCAL=True,
    )
    app.session_interface = ConsoleSessions()
    app.extensions[EXTENSION] = runtime
    app.add_template_global(person, "person")
    app.add_template_global(lambda: not runtime.settings.smtp_url, "capturing")
    app.jinja_env.globals.update(Role=Role, main_menu=MAIN, personal_menu=PERSONAL, campaign_tabs_of=tabs_of)
    app.add_template_global(entries_for_person, "entries_for_person")
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    install_filters(app)
    measures = Measures(runtime)
    app.extensions[MEASURES] = measures
    app.before_request(begin_trace)
    app.before_request(admit_uploads)
    measures.install(app)
    app.after_request(end_trace)
    app.after_request(add_security_headers)
    _install_pages(app, runtime)
    errors.install(app)
    api.install(app, runtime, measures)
    # The outermost, because it is asked most.
    app.wsgi_app = PicturesFirst(app.wsgi_app, lambda: runtime.opening, measures)  # type: ignore[method-assign]
    return app


def _install_pages(app: Flask, runtime: Runtime) -> None:
    Bootstrap5(app)
    csrf = CSRFProtect(app)
    logins = LoginManager()
    # Without its context processor: that would ask the database on every page, also on the one that says
    # that the database is away.
    logins.init_app(app, add_context_processor=False)
    logins.login_view = "console.signin.login"
    logins.login_message = None
    logins.user_loader(load_user)
    for blueprint in (*public.BLUEPRINTS, *hooks.BLUEPRINTS):
        # These pages have no session to protect; the signed token is the authority (RFC 8058 asks for it).
        csrf.exempt(blueprint)
        app.register_blueprint(blueprint)
    app.register_blueprint(console.blueprint)
    app.add_url_rule("/", "home", lambda: redirect(url_for("console.campaigns.index")))
    limits.install(app, runtime)
