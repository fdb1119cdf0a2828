"""How often somebody may ask. Counted in Redis for all processes together; by each for itself while Redis is away.

What is counted by is never kept readable: of a caller's address, and of whatever else, only a keyed hash.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import redis
from flask import Flask, Response, current_app, request
from flask.typing import RouteCallable
from flask_limiter import ApplicationLimit, Limiter
from limits import parse_many
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from campaigns.runtime import Runtime
from web.parts import caller_key, runtime

SIGN_IN_LIMIT = "10 per minute; 60 per hour"
NAME_LIMIT = "10 per 5 minutes; 100 per day"
CODE_LIMIT = "5 per minute; 20 per hour; 60 per day"
KEY_LIMIT = 600
"""Requests a minute of one key of the API, where it does not say otherwise."""
API_LIMIT = "6000 per minute"
WRONG_KEY_LIMIT = "30 per minute; 200 per hour"

_EXTENSION = "tailormail-limits"
_RULE = "tailormail_limit"
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class _Rule:
    limit: str
    methods: tuple[str, ...]


def limited(limit: str, *methods: str) -> Callable[[View], View]:
    """A view that one caller may ask so often, such as "10 per minute; 60 per hour"; more is answered by 429.

    Args:
        methods: the HTTP methods that are counted; all where none is named.
    """

    def mark(view: View) -> View:
        setattr(view, _RULE, _Rule(limit, methods))
        return view

    return mark


def may(limit: str, subject: str, *key: str) -> bool:
    """Count one more of `subject` for this key; False where the limit is used up.

    For what is not counted by caller: mails to one address, all that comes by one form. An answer that must
    not tell anybody the count is then the same in both cases.
    """
    kept: _Limits = current_app.extensions[_EXTENSION]
    return kept.take(limit, subject, *key)


def forgive(limit: str, subject: str, *key: str) -> None:
    """Begin to count from nothing again, for who has shown to be no guesser."""
    kept: _Limits = current_app.extensions[_EXTENSION]
    kept.forget(limit, subject, *key)


def install(app: Flask, parts: Runtime) -> None:
    """Limit the views of this app that are marked by `limited`; call it when all are registered."""
    kept = _Limits(app, parts, _caller)
    for endpoint, view in list(app.view_functions.items()):
        rule: _Rule | None = getattr(view, _RULE, None)
        if rule is not None:
            methods = list(rule.methods) or None
            wrapped = kept.limiter.limit(rule.limit, methods=methods)(view)
            app.view_functions[endpoint] = cast(RouteCallable, wrapped)


def limit_api(app: Flask, parts: Runtime) -> None:
    """Limit all of this app by the key that asks, and by the caller where there is none; and who brings wrong keys."""
    wrong = ApplicationLimit(WRONG_KEY_LIMIT, key_function=_caller, deduct_when=_was_wrong)
    _Limits(app, parts, _key_or_caller, [ApplicationLimit(API_LIMIT), wrong])


class _Limits:
    """The counters of one app."""

    def __init__(
        self,
        app: Flask,
        parts: Runtime,
        key: Callable[[], str],
        whole: list[str | Callable[[], str] | ApplicationLimit] | None = None,
    ) -> None:
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self.limiter = Limiter(
            key,
            app=app,
            application_limits=whole or [],
            storage_uri=parts.urls[1].replace("unix://", "redis+unix://", 1),
            storage_options={"socket_timeout": 1, "socket_connect_timeout": 1},
            # Redis being away must not open the door, nor shut it: each process counts for itself meanwhile.
            in_memory_fallback_enabled=True,
            key_prefix="tailormail-web",
        )
        app.extensions[_EXTENSION] = self

    def take(self, limit: str, subject: str, *key: str) -> bool:
        if not self.limiter.enabled:
            return True
        counted = (subject, hashed(*key))
        try:
            return all(self.limiter.limiter.hit(item, *counted) for item in parse_many(limit))
        except (redis.RedisError, OSError):
            return all(self._own.hit(item, *counted) for item in parse_many(limit))

    def forget(self, limit: str, subject: str, *key: str) -> None:
        if not self.limiter.enabled:
            return
        counted = (subject, hashed(*key))
        for item in parse_many(limit):
            self._own.clear(item, *counted)
            with suppress(redis.RedisError, OSError):
                self.limiter.limiter.clear(item, *counted)


def hashed(*key: str) -> str:
    """A keyed hash under which something personal may be counted."""
    secret = runtime().keyring.derived("limits")[0]
    return hmac.digest(secret, "\0".join(key).encode("utf-8", "replace"), "sha256").hex()[:32]


def _caller() -> str:
    return hashed("caller", caller_key())


def _key_or_caller() -> str:
    given = request.headers.get("Authorization", "")
    return hashed("key", given) if given else _caller()


def _was_wrong(response: Response) -> bool:
    return response.status_code == 401
