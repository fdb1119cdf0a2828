"""Who may reach which view: roles are checked here, on the server, whatever the page shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import current_app, request

from campaigns.core.errors import NotAllowed
from campaigns.models import Role
from web.console.users import person

_ROLE = "tailormail_role"
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_ARTICLES = {
    Role.VIEWER: "a viewer",
    Role.AUTHOR: "an author",
    Role.APPROVER: "an approver",
    Role.ADMIN: "an admin",
}

P = ParamSpec("P")
R = TypeVar("R")


def requires(role: Role) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A view that only people of this role or a higher one reach; others get 403, which names the role.

    A console view that changes something and has no such mark is left to admins (`refuse_unmarked`).
    """

    def mark(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            refuse_unless(role)
            return view(*args, **kwargs)

        setattr(guarded, _ROLE, role)
        return guarded

    return mark


def refuse_unless(role: Role) -> None:
    """For what only some of a view's requests need.

    Raises:
        NotAllowed: whoever is signed in has a lower role.
    """
    if not person().may(role):
        raise NotAllowed(f"this takes {_ARTICLES[role]}, and you are {_ARTICLES[person().role]}")


def refuse_unmarked() -> None:
    """Leave what changes something and says nothing of roles to admins: a mark that was forgotten opens no door.

    Raises:
        NotAllowed: whoever is signed in is no admin.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    if request.method not in _HARMLESS and not hasattr(view, _ROLE):
        refuse_unless(Role.ADMIN)
