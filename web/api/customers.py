"""A customer's rights, for programs that answer for them: a copy of everything, and erasure.

Addresses travel in bodies and never in URLs, which end up in logs.
"""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from web.api.keys import ALWAYS, asked_by, auth
from web.parts import runtime

blueprint = APIBlueprint("customers", __name__, tag="Privacy")


class WhoIn(BaseModel):
    """Whose rights these are."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(min_length=3, max_length=320)


class ExportOut(BaseModel):
    """Everything that is stored about the person; the README says what each part holds."""

    model_config = ConfigDict(extra="allow")

    profile: dict[str, Any]


class ErasedOut(BaseModel):
    """That it is done."""

    erased: bool


@blueprint.post("/customers/export")
@blueprint.auth_required(auth, roles=["privacy"])
@blueprint.input(WhoIn, arg_name="who")
@blueprint.output(ExportOut)
@blueprint.doc(responses=[400, 404, *ALWAYS])
def export(who: WhoIn) -> dict[str, Any]:
    """Everything known about a customer (GDPR art. 15 and 20)."""
    return runtime().rights.export(who.email, asked_by())


@blueprint.post("/customers/erase")
@blueprint.auth_required(auth, roles=["privacy"])
@blueprint.input(WhoIn, arg_name="who")
@blueprint.output(ErasedOut)
@blueprint.doc(responses=[400, 404, *ALWAYS])
def erase(who: WhoIn) -> dict[str, Any]:
    """Remove a customer's personal data for good (GDPR art. 17); the address stays suppressed as a keyed hash."""
    runtime().rights.erase(who.email, asked_by())
    return {"erased": True}
