"""Segments: kept, counted, looked into, and asked why somebody is in or out."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from pydantic import Field

from campaigns.flows.customers.segment_counts import SampleCustomer, SegmentCount
from campaigns.flows.customers.segments import SegmentView
from web.api.asked import NUMBER, Anything, Asked, Number
from web.api.keys import ALWAYS, asked_by, auth
from web.api.repeatable import repeatable
from web.parts import runtime

blueprint = APIBlueprint("segments", __name__, tag="Segments")


class RulesIn(Asked):
    """Rules, as in a campaign file."""

    rules: dict[str, Any]


class SegmentIn(RulesIn):
    """A name and rules."""

    name: str = Field(min_length=1, max_length=200)


class SegmentChange(SegmentIn):
    """The same, with the `revision` that they are a change of."""

    revision: Number


class WhyIn(RulesIn):
    """Rules, and the external id of a customer."""

    customer: str = Field(min_length=1, max_length=200)


class SegmentOut(Anything):
    """A segment; `revision` goes along with a change."""

    id: int
    name: str
    rules: dict[str, Any]
    revision: int


class SegmentsOut(Anything):
    """Segments by name."""

    segments: list[SegmentOut]


class CountOut(Anything):
    """`n` customers, between `low` and `high` at 95 % where it is not `exact`."""

    n: int
    low: int
    high: int
    exact: bool


class LookOut(Anything):
    """Who fits, who of these would be mailed, who not and why, and a few of them.

    `waiting`: a worker is counting one by one; ask again in a moment.
    """

    fits: CountOut
    planned: CountOut
    held_back: dict[str, CountOut]
    waiting: bool


class WhyOut(Anything):
    """Each rule answered for one customer, and why they would be held back (empty: they would not)."""

    customer: str


class Archived(Asked):
    """Those that were put away, in place of those that are offered."""

    archived: bool = False


@blueprint.get("/segments")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.input(Archived, location="query", arg_name="asked")
@blueprint.output(SegmentsOut)
@blueprint.doc(responses=[*ALWAYS])
def segments(asked: Archived) -> dict[str, Any]:
    """All kept segments."""
    return {"segments": [_plain(one) for one in runtime().segments.list(asked.archived)]}


@blueprint.post("/segments")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.input(SegmentIn, arg_name="wanted")
@blueprint.output(SegmentOut, status_code=201)
@blueprint.doc(responses=[400, 409, *ALWAYS])
@repeatable(201)
def create(wanted: SegmentIn) -> dict[str, Any]:
    """Keep rules under a name."""
    flow = runtime().segments
    return _plain(flow.get(flow.create(wanted.name, wanted.rules, asked_by())))


@blueprint.get(f"/segments/<{NUMBER}:number>")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(SegmentOut)
@blueprint.doc(responses=[404, *ALWAYS])
def show(number: int) -> dict[str, Any]:
    """One segment."""
    return _plain(runtime().segments.get(number))


@blueprint.put(f"/segments/<{NUMBER}:number>")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.input(SegmentChange, arg_name="change")
@blueprint.output(SegmentOut)
@blueprint.doc(responses=[400, 404, 409, *ALWAYS])
def change(number: int, change: SegmentChange) -> dict[str, Any]:
    """Another name or other rules; refused where somebody changed it since `revision`."""
    flow = runtime().segments
    flow.change(number, change.revision, change.name, change.rules, asked_by())
    return _plain(flow.get(number))


@blueprint.post(f"/segments/<{NUMBER}:number>/archive")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output(SegmentOut)
@blueprint.doc(responses=[404, *ALWAYS])
def archive(number: int) -> dict[str, Any]:
    """Offer it for nothing new."""
    runtime().segments.archive(number, asked_by())
    return _plain(runtime().segments.get(number))


@blueprint.post(f"/segments/<{NUMBER}:number>/restore")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output(SegmentOut)
@blueprint.doc(responses=[404, *ALWAYS])
def restore(number: int) -> dict[str, Any]:
    """Offer it again."""
    runtime().segments.restore(number, asked_by())
    return _plain(runtime().segments.get(number))


@blueprint.post("/segments/look")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.input(RulesIn, arg_name="asked")
@blueprint.output(LookOut)
@blueprint.doc(responses=[400, *ALWAYS])
def look(asked: RulesIn) -> dict[str, Any]:
    """How many customers rules hold for, who would be held back and why, and a few of them with masked addresses.

    An estimate at once, which says how near it is; the exact number when a worker has counted.
    """
    seen = runtime().segment_counts.look(asked.rules)
    return {
        "fits": _count(seen.fits),
        "planned": _count(seen.planned),
        "held_back": {reason: _count(count) for reason, count in seen.held_back.items()},
        "samples": [_sample(one) for one in seen.samples],
        "waiting": seen.waiting,
        "failed": seen.failed,
    }


@blueprint.post("/segments/why")
@blueprint.auth_required(auth, roles=["privacy"])
@blueprint.input(WhyIn, arg_name="asked")
@blueprint.output(WhyOut)
@blueprint.doc(responses=[400, 404, *ALWAYS])
def why(asked: WhyIn) -> dict[str, Any]:
    """Why a customer is in or out, rule by rule."""
    answer = runtime().segments.why(asked.rules, asked.customer)
    told = answer.why
    return {
        "customer": answer.external_id,
        "inside": told.inside,
        "held_back": told.reason,
        "rules": [{"rule": dict(one.rule), "depth": one.depth, "holds": one.holds} for one in told.answers],
    }


def _plain(segment: SegmentView) -> dict[str, Any]:
    return {
        "id": segment.number,
        "name": segment.name,
        "rules": dict(segment.rules),
        "revision": segment.revision,
        "created_by": segment.created_by,
        "changed_by": segment.changed_by,
        "changed_at": segment.changed_at.isoformat(),
        "archived_at": segment.archived_at.isoformat() if segment.archived_at else None,
        "campaigns": [{"id": number, "name": name} for number, name in segment.campaigns],
    }


def _count(count: SegmentCount) -> dict[str, Any]:
    return {
        "n": count.n, "low": count.low, "high": count.high, "exact": count.exact, "at": count.at.isoformat(),
    }  # fmt: skip


def _sample(one: SampleCustomer) -> dict[str, Any]:
    return {
        "customer": one.external_id,
        "address": one.address,
        "place": one.place,
        "locale": one.locale,
        "held_back": one.reason,
    }
