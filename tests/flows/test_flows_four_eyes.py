"""Four eyes: whoever wrote a campaign is not the one who approves it."""

from __future__ import annotations

import pytest
from flows_people import PASSWORD, token_of
from sqlalchemy.orm import Session

from campaigns.core.errors import Conflict, NotAllowed
from campaigns.flows.console.audit_log import AuditFilter
from campaigns.flows.describing import campaigns as campaigns_flow
from campaigns.flows.describing.four_eyes import refuse_own_approval
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


def test_a_word_of_somebody_else_s_makes_nobody_s_own_words_another_s(staffed: Runtime) -> None:
    number = staffed.drafts.create("Autumn", "Ola")
    staffed.drafts.save(number, "brief", {}, "Per")
    staffed.drafts.save(number, "picks", {}, "Tove")
    with staffed.db.transaction() as session, pytest.raises(NotAllowed, match=": Ada may"):
        refuse_own_approval(session, session.get_one(Campaign, number), "Per")


def test_whoever_changes_the_segment_of_a_draft_has_changed_the_draft(staffed: Runtime) -> None:
    segment = staffed.segments.create("Guests", {"tag": "vip"}, "Ola")
    number = staffed.drafts.create("Autumn", "Ola")
    with staffed.db.transaction() as session:
        session.get_one(Campaign, number).segment_id = segment
    staffed.segments.change(segment, 1, "Guests", {"tag": "press"}, "Per")
    staffed.drafts.save(number, "picks", {}, "Tove")
    with staffed.db.transaction() as session, pytest.raises(NotAllowed, match=": Ada may"):
        refuse_own_approval(session, session.get_one(Campaign, number), "Per")


def test_what_a_key_wrote_whoever_made_the_key_wrote(staffed: Runtime) -> None:
    staffed.api_keys.create("shop", ["admin"], by="Per")
    assert "Ada, Ola may" in refusal(staffed, "Per", created_by="api:shop", changed_by="Tove")
    assert refusal(staffed, "Ola", created_by="api:shop", changed_by="api:shop") == ""
    assert refusal(staffed, "Per", created_by="api:another", changed_by="Tove") == ""


def test_what_is_taken_back_and_changed_while_it_is_approved_is_not_approved(
    shop: Runtime, sample: SampleFiles
) -> None:
    """An approval that began when the campaign was approved already must not reach the draft that it has become."""
    shop.spam_judge = None
    number = shop.campaigns.create_from_file(sample.campaign, by="Ola")
    shop.campaigns.approve(number, "Per")
    real = campaigns_flow.get_campaign
    seen: list[int] = []

    def looked_then_reopened(session: Session, campaign_id: int, lock: bool = False) -> Campaign:
        if lock and not seen:
            seen.append(campaign_id)
            shop.campaigns.reopen(campaign_id, "Ola")
        return real(session, campaign_id, lock=lock)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Conflict):
        patch.setattr(campaigns_flow, "get_campaign", looked_then_reopened)
        shop.campaigns.approve(number, "Per")
    assert shop.campaigns.status(number) == "draft"


def test_approving_twice_changes_nothing_and_revives_no_series(shop: Runtime, sample: SampleFiles) -> None:
    shop.spam_judge = None
    number = shop.campaigns.create_from_file(sample.campaign, by="Ola")
    with shop.db.transaction() as session:
        rule = {"every": "day", "at": "09:00", "zone": "Europe/Oslo", "starts": "2126-12-01"}
        session.get_one(Campaign, number).recurrence = rule
    shop.campaigns.approve(number, "Per")
    shop.series.end(number, "Ada")
    shop.campaigns.approve(number, "Per")
    assert shop.series.show(number).state == "ended"


def test_where_nobody_is_left_an_admin_is_asked_for(runtime: Runtime) -> None:
    assert "make somebody an approver" in refusal(runtime, "Ola")
