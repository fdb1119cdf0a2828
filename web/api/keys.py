"""Who asks: a key in `Authorization: Bearer tm_...`, and what it may do."""

from __future__ import annotations

from apiflask import HTTPTokenAuth

from campaigns.flows.api_keys import KeyHolder
from web.parts import runtime

SCHEME = "ApiKey"

ALWAYS = (403, 429, 503)
"""What every way may answer: the key may not, too often, a part of the system is away."""

auth = HTTPTokenAuth(
    scheme="Bearer",
    name=SCHEME,
    description="A key made by `tailormail api-key create`; its scopes are read, write and privacy.",
)


@auth.verify_token
def _holder(token: str) -> KeyHolder | None:
    return runtime().api_keys.holder(token)


@auth.get_user_roles
def _scopes(holder: KeyHolder) -> list[str]:
    return sorted(holder.scopes)


def asked_by() -> str:
    """Who is asking, for the campaign's history and the ledger's source."""
    holder = auth.current_user
    return f"api:{holder.name}" if holder else "api"
