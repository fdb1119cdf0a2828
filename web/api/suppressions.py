"""Addresses and domains that are never mailed."""

from __future__ import annotations

from typing import Any, Literal

from apiflask import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from campaigns.flows.customers.suppressing import as_plain
from web.api.keys import ALWAYS, asked_by, auth
from web.parts import runtime

blueprint = APIBlueprint("suppressions", __name__, tag="Suppressions")


class WhatIn(BaseModel):
    """An address, or @ and a domain."""

    model_config = ConfigDict(extra="forbid")

    what: str = Field(min_length=2, max_length=320)


class SuppressIn(WhatIn):
    """What to suppress, and why."""

    reason: Literal["unsubscribed", "bounced", "complained", "manual"] = "manual"


class SuppressedOut(BaseModel):
    """`new` is false where it was suppressed before."""

    new: bool
    customers: int


class EntryOut(BaseModel):
    """One entry; `domain` is empty for a single address."""

    domain: str
    reason: str
    source: str
    at: str


class EntriesOut(BaseModel):
    """Why it is not mailed; none where nothing is against it."""

    entries: list[EntryOut]


@blueprint.post("/suppressions")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.input(SuppressIn, arg_name="wanted")
@blueprint.output(SuppressedOut)
@blueprint.doc(responses=[400, *ALWAYS])
def suppress(wanted: SuppressIn) -> dict[str, Any]:
    """Never mail this address, or any address of this domain, again."""
    done = runtime().suppressing.add(wanted.what, wanted.reason, asked_by(), by=asked_by())
    return {"new": done.new, "customers": done.customers}


@blueprint.post("/suppressions/check")
@blueprint.auth_required(auth, roles=["privacy"])
@blueprint.input(WhatIn, arg_name="asked")
@blueprint.output(EntriesOut)
@blueprint.doc(responses=[400, *ALWAYS])
def check(asked: WhatIn) -> dict[str, Any]:
    """Whether, and why, this address or domain is not mailed."""
    return {"entries": [as_plain(entry) for entry in runtime().suppressing.check(asked.what)]}


@blueprint.post("/suppressions/lift")
@blueprint.auth_required(auth, roles=["privacy"])
@blueprint.input(WhatIn, arg_name="asked")
@blueprint.output(EntriesOut)
@blueprint.doc(responses=[400, *ALWAYS])
def lift(asked: WhatIn) -> dict[str, Any]:
    """Mail it again; returns what was lifted. Consent is another matter: a withdrawal still holds."""
    return {
        "entries": [
            as_plain(entry) for entry in runtime().suppressing.lift(asked.what, asked_by(), by=asked_by())
        ]
    }
