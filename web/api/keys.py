"""Who asks: a key in `Authorization: Bearer tm_...`, what it may do, and how often."""

from __future__ import annotations

from apiflask import HTTPError, HTTPTokenAuth

from campaigns.flows.console.api_keys import KeyHolder
from campaigns.flows.console.audit import API
from web.limits import KEY_LIMIT, may
from web.parts import runtime

SCHEME = "ApiKey"

ALWAYS = (401, 403, 429, 503)
"""What every way may answer: no key, one that may not, too often, a part of the system is away."""

auth = HTTPTokenAuth(
    scheme="Bearer",
    name=SCHEME,
    description=(
        "A key made in the console or by `tailormail api-key create`. Its scopes are read, write, privacy, send, "
        "recommend, events and admin."
    ),
)


@auth.verify_token
def _holder(token: str) -> KeyHolder | None:
    holder = runtime().api_keys.holder(token)
    if holder is not None and not may(f"{holder.per_minute or KEY_LIMIT} per minute", "api-key", holder.name):
        raise HTTPError(429, "This key has asked too often; wait a minute", headers={"Retry-After": "60"})
    return holder


@auth.get_user_roles
def _scopes(holder: KeyHolder) -> list[str]:
    return sorted(holder.scopes)


def asked_by() -> str:
    """Who is asking, for the audit log, the campaign's history and the ledger's source."""
    return f"{API}{key_name()}"


def key_name() -> str:
    """The name of the key that asks."""
    holder = auth.current_user
    return holder.name if holder else ""
