"""Before a campaign goes out: previews, test mails, preflight. And while it is out: experiments, comparisons."""

from __future__ import annotations

from typing import Annotated, Any

from apiflask import APIBlueprint
from pydantic import AwareDatetime, Field

from campaigns.core.errors import BadInput
from campaigns.flows.previewing.scenes import Scene
from web.api.asked import NUMBER, Anything, Asked, CsvList
from web.api.keys import ALWAYS, asked_by, auth
from web.api.repeatable import repeatable
from web.parts import runtime

blueprint = APIBlueprint("trying", __name__, tag="Campaigns")

ONE = f"/campaigns/<{NUMBER}:campaign_id>"


class SceneIn(Asked):
    """For whom, and where, when and by what it is opened; what is left out is as it would be now."""

    customer: str = Field(min_length=1, max_length=200)
    place: str = Field("", max_length=200)
    weather: str = Field("", max_length=40)
    requester: str = Field("", max_length=40)
    at: AwareDatetime | None = None
    temperature_c: float | None = Field(None, ge=-90, le=60)
    wind_kmh: float | None = Field(None, ge=0, le=410)
    arm: int | None = Field(None, ge=0, le=100)

    def scene(self) -> Scene:
        """As the flow takes it."""
        return Scene(self.place, self.weather, self.at, self.requester, self.temperature_c, self.wind_kmh)


class PreviewOut(Anything):
    """The mail, and what explains it."""

    subject: str
    html: str
    text: str


class TestIn(SceneIn):
    """The same, and the addresses of up to ten people of the team."""

    addresses: list[Annotated[str, Field(max_length=320)]] = Field(min_length=1, max_length=10)


class TestOut(Anything):
    """The numbers of the test mails."""

    test_mails: list[int]


class TestsOut(Anything):
    """Test mails, newest first."""

    test_mails: list[dict[str, Any]]


class PreflightOut(Anything):
    """`fit`: it may be approved. `fresh`: the campaign says what it said then. `waiting`: a worker is at it."""

    fit: bool
    fresh: bool
    waiting: bool


class ArmIn(Asked):
    """An arm by its number from 0, or its name."""

    arm: Annotated[int, Field(ge=0, le=100)] | Annotated[str, Field(min_length=1, max_length=200)]


class DecidedOut(Anything):
    """How many customers who still wait get the chosen arm."""

    mails: int


class CompareQuery(Asked):
    """The numbers of two to five campaigns, parted by commas."""

    campaigns: CsvList


class ComparedOut(Anything):
    """Their reports, in the order given."""

    campaigns: list[dict[str, Any]]


@blueprint.get(f"{ONE}/preview")
@blueprint.auth_required(auth, roles=[["read", "privacy"]])
@blueprint.input(SceneIn, location="query", arg_name="asked")
@blueprint.output(PreviewOut)
@blueprint.doc(responses=[400, 404, 409, *ALWAYS])
def preview(campaign_id: int, asked: SceneIn) -> dict[str, Any]:
    """The mail of one customer, with its picks and reasons, pictures and words. It takes both scopes, read and privacy."""
    if "@" in asked.customer:
        # What stands in a web address is kept in histories and logs.
        raise BadInput("give the customer's number, not the address", where="customer")
    seen = runtime().viewing.preview(campaign_id, asked.customer, asked.scene(), asked.arm)
    mail = seen.letter.rendered
    return {**seen.explained(), "html": mail.html, "text": mail.text}


@blueprint.get(f"{ONE}/test-mails")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(TestsOut)
@blueprint.doc(responses=[404, *ALWAYS])
def test_mails(campaign_id: int) -> dict[str, Any]:
    """The last test mails, without their addresses."""
    return {
        "test_mails": [
            {
                "id": one.id,
                "state": one.state,
                "answer": one.answer,
                "asked_by": one.asked_by,
                "asked_at": one.asked_at.isoformat(),
                "ended_at": one.ended_at.isoformat() if one.ended_at else None,
            }
            for one in runtime().test_mails.listed(campaign_id)
        ]
    }


@blueprint.post(f"{ONE}/test-mails")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.input(TestIn, arg_name="asked")
@blueprint.output(TestOut, status_code=202)
@blueprint.doc(responses=[400, 404, 409, *ALWAYS])
@repeatable(202)
def send_test_mails(campaign_id: int, asked: TestIn) -> dict[str, Any]:
    """Send the mail of one customer to people of the team."""
    numbers = runtime().test_mails.ask(
        campaign_id, asked.customer, asked.addresses, asked_by(), asked.scene(), asked.arm
    )
    return {"test_mails": numbers}


@blueprint.get(f"{ONE}/preflight")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(PreflightOut)
@blueprint.doc(responses=[404, *ALWAYS])
def preflight(campaign_id: int) -> dict[str, Any]:
    """What the last preflight found."""
    return _preflight(campaign_id)


@blueprint.post(f"{ONE}/preflight")
@blueprint.auth_required(auth, roles=["write"])
@blueprint.output(PreflightOut, status_code=202)
@blueprint.doc(responses=[404, 409, *ALWAYS])
@repeatable(202)
def ask_preflight(campaign_id: int) -> dict[str, Any]:
    """Have a worker run a preflight."""
    runtime().preflights.ask(campaign_id, asked_by())
    return _preflight(campaign_id)


@blueprint.get(f"{ONE}/experiment")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.output(Anything)
@blueprint.doc(responses=[404, *ALWAYS])
def experiment(campaign_id: int) -> dict[str, Any]:
    """The arms, how each of them does, and what can be said of them by now."""
    return runtime().experiments.show(campaign_id)


@blueprint.post(f"{ONE}/experiment/decide")
@blueprint.auth_required(auth, roles=["send"])
@blueprint.input(ArmIn, arg_name="chosen")
@blueprint.output(DecidedOut)
@blueprint.doc(responses=[404, 409, *ALWAYS])
@repeatable()
def decide(campaign_id: int, chosen: ArmIn) -> dict[str, Any]:
    """Choose an arm; whoever still waits gets it."""
    return {"mails": runtime().experiments.decide(campaign_id, chosen.arm, asked_by())}


@blueprint.get("/reports/compare")
@blueprint.auth_required(auth, roles=["read"])
@blueprint.input(CompareQuery, location="query", arg_name="asked")
@blueprint.output(ComparedOut)
@blueprint.doc(responses=[400, 404, *ALWAYS])
def compare(asked: CompareQuery) -> dict[str, Any]:
    """The kept reports of some campaigns side by side."""
    numbers = [int(one) for one in asked.campaigns if one.isdecimal() and len(one) < 19]
    return {
        "campaigns": [
            {
                "id": one.id,
                "name": one.name,
                "at": one.made_at.isoformat() if one.made_at else None,
                "report": one.report,
            }
            for one in runtime().overviews.compared(numbers)
        ]
    }


def _preflight(campaign_id: int) -> dict[str, Any]:
    flow = runtime().preflights
    kept = flow.kept(campaign_id)
    told = kept.report.as_json() if kept and kept.report else {"findings": [], "samples": []}
    return {
        **told,
        "fit": bool(kept and kept.passed),
        "fresh": bool(kept and kept.fresh),
        "waiting": flow.waits(campaign_id),
        "problem": kept.problem if kept else "",
        "at": kept.at.isoformat() if kept else None,
    }
