"""Sessions for the console alone, and the headers that every page carries."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

CONSOLE_PATH = "/console"

_BASE = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",  # Bootstrap draws its ticks and arrows as data: pictures.
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}


def policy(**changes: str) -> str:
    """A Content-Security-Policy: the strict one with some directives (`img_src=...`) changed."""
    directives = {**_BASE, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def policy_showing_mail(picture_origins: Iterable[str], scripts: bool = False) -> str:
    """For pages that show a mail in sandboxed frames: its inline styles, and pictures of these origins.

    A frame filled by `srcdoc` inherits this policy, so no script runs there even without the sandbox. With `scripts`
    the page has some of its own; then the mail brings a policy of its own along (`mailview.in_frame`).
    """
    pictures = " ".join(["'self'", "data:", *sorted({origin for origin in picture_origins if origin})])
    return policy(
        script_src="'self'" if scripts else "'none'",
        style_src="'self' 'unsafe-inline'",
        img_src=pictures,
        frame_src="'self'",
    )


def policy_of_a_mail() -> str:
    """For a mail shown as a page of its own: nothing but its styles and pictures."""
    return policy(
        script_src="'none'",
        style_src="'unsafe-inline'",
        img_src="'self' https: http: data:",
        connect_src="'none'",
    )


def add_security_headers(response: Response) -> Response:
    """Headers for whatever is answered; a view may have set a policy of its own."""
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    if response.mimetype == "text/html":
        headers.setdefault("Content-Security-Policy", policy())
        headers.setdefault("X-Frame-Options", "DENY")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        headers.setdefault("X-Robots-Tag", "noindex, nofollow")
        headers.setdefault("Cache-Control", "no-store")
    # Addresses of public pages carry tokens: they must not travel on as referrers.
    in_console = request.path.startswith(CONSOLE_PATH)
    headers.setdefault("Referrer-Policy", "same-origin" if in_console else "no-referrer")
    return response


class ConsoleSessions(SecureCookieSessionInterface):
    """Cookies under /console only; a recipient's request never reads or gets one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith(CONSOLE_PATH):
            return super().open_session(app, request)
        return self.session_class()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if request.path.startswith(CONSOLE_PATH):
            super().save_session(app, session, response)
