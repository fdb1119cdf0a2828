"""Four eyes: whoever wrote a campaign is not the one who approves it."""

from __future__ import annotations

import pytest
from flows_people import PASSWORD, token_of

from campaigns.core.errors import NotAllowed
from campaigns.flows.audit_log import AuditFilter
from campaigns.flows.four_eyes import refuse_own_approval
from campaigns.models import Campaign, Role
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles


@pytest.fixture
def staffed(runtime: Runtime) -> Runtime:
    """Ola and Per approve, Ada is an admin, Tove writes; Nils has left."""
    roles = {
        "Ola": Role.APPROVER,
        "Per": Role.APPROVER,
        "Ada": Role.ADMIN,
        "Tove": Role.AUTHOR,
        "Nils": Role.ADMIN,
    }
    for name, role in roles.items():
        number, link = runtime.people.invite(name, role, "a test")
        runtime.people.use_link(token_of(link), PASSWORD)
        if name == "Nils":
            runtime.people.switch(number, False, "Ada")
    return runtime


def refusal(runtime: Runtime, by: str, created_by: str = "Ola", changed_by: str = "Ola") -> str:
    """What approving says; empty where it is let through."""
    campaign = Campaign(id=7, created_by=created_by, changed_by=changed_by)
    with runtime.db.transaction() as session:
        try:
            refuse_own_approval(session, campaign, by)
        except NotAllowed as error:
            return error.message
    return ""


def test_somebody_else_may_approve(staffed: Runtime) -> None:
    assert refusal(staffed, "Per") == "" and refusal(staffed, "Ada") == ""


def test_the_author_is_told_who_may(staffed: Runtime) -> None:
    assert "Ada, Per may" in refusal(staffed, "Ola")


def test_whoever_changed_it_last_is_an_author_too(staffed: Runtime) -> None:
    assert "Ada may" in refusal(staffed, "Per", changed_by="Per")
    assert refusal(staffed, "Per", created_by="Tove", changed_by="Ola") == ""


@pytest.mark.parametrize("by", ["cli", "api:shop", "scheduler", "Tove", "Nils"])
def test_programs_and_who_may_not_approve_are_no_second_person(staffed: Runtime, by: str) -> None:
    assert "Ada, Per may" in refusal(staffed, by)


def test_the_flow_asks_for_it_whatever_the_face(staffed: Runtime, shop: Runtime, sample: SampleFiles) -> None:
    strict = Runtime(shop.settings.model_copy(update={"four_eyes": True}), shop.jobs)
    strict.spam_judge = None
    number = strict.campaigns.create_from_file(sample.campaign, by="Ola")
    for by in ("Ola", "cli", "api:shop"):
        with pytest.raises(NotAllowed):
            strict.campaigns.approve(number, by)
    assert strict.campaigns.status(number) == "draft"
    strict.campaigns.approve(number, "Per")
    assert strict.campaigns.status(number) in ("approved", "scheduled")
    entries, _ = strict.audit_log.page(AuditFilter(subject=f"campaign {number}", action="campaign"))
    assert ("Ola", "campaign.created") in {(entry.by, entry.action) for entry in entries}
    assert ("Per", "campaign.approved") in {(entry.by, entry.action) for entry in entries}
    strict.close()


def test_where_nobody_is_left_an_admin_is_asked_for(runtime: Runtime) -> None:
    assert "make somebody an approver" in refusal(runtime, "Ola")
