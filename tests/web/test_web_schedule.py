"""When campaigns go out, on the pages: the step, the series, the calendar and its feed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from web_story import Story, description

from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.scheduling.series import begin_series
from campaigns.models import CampaignStatus

DAY = (date.today() + timedelta(days=30)).isoformat()


@pytest.fixture
def draft(story: Story) -> int:
    """A draft of one's own."""
    with story.runtime.db.transaction() as session:
        slots = get_campaign(session, story.draft).slots
    given = description("Of one's own")
    given.pop("slots", None)
    number = story.runtime.campaigns.create(given, {})
    with story.runtime.db.transaction() as session:
        get_campaign(session, number).slots = slots
    return number


def typed(**values: Any) -> dict[str, Any]:
    return {
        "when": "now",
        "zone": "Europe/Oslo",
        "series_zone": "Europe/Oslo",
        "weight": "1",
        "then": "stay",
        **values,
    }


def kept(story: Story, number: int) -> tuple[dict[str, Any], datetime | None, dict[str, Any] | None]:
    with story.runtime.db.transaction() as session:
        row = get_campaign(session, number)
        return row.delivery, row.scheduled_at, row.recurrence


def test_each_way_is_written_into_the_campaign(signed_in: FlaskClient, story: Story, draft: int) -> None:
    path = f"/console/campaigns/{draft}/edit/schedule"
    ways: list[tuple[dict[str, Any], tuple[Any, Any, Any]]] = [
        (
            typed(when="at", at_date=DAY, at_time="09:00", per_second="2,5", quiet_from="21:00", quiet_to="08:00"),
            (
                {"per_second": 2.5, "quiet_hours": ["21:00", "08:00"]},
                datetime.fromisoformat(f"{DAY}T09:00").replace(tzinfo=None),
                None,
            ),
        ),
        (
            typed(when="local", local_date=DAY, local_time="09:00", stragglers="leave_out"),
            ({"local_time": "09:00", "local_date": DAY, "stragglers": "leave_out"}, ..., None),
        ),
        (typed(when="best_hour", weight="3"), ({"best_hour": True, "weight": 3}, None, None)),
        (
            typed(when="series", every="month", month_day="last", series_time="07:30", starts=DAY, wait_days="20"),
            (
                {},
                None,
                {
                    "every": "month", "month_day": -1, "at": "07:30", "zone": "Europe/Oslo", "starts": DAY,
                    "wait_days": 20,
                },
            ),
        ),
        (typed(), ({}, None, None)),
    ]  # fmt: skip
    for form, (delivery, start, recurrence) in ways:
        assert signed_in.post(path, data=form).status_code == 302, form
        found = kept(story, draft)
        assert (found[0], found[2]) == (delivery, recurrence)
        if start is None:
            assert found[1] is None
        else:
            assert found[1] is not None
        page = signed_in.get(path).get_data(as_text=True)
        assert f'value="{form["when"]}" checked' in page
    # What was typed for the other ways is still there.
    assert "What that means" in page


def test_what_does_not_fit_is_kept_and_named_beside_its_field(
    signed_in: FlaskClient, story: Story, draft: int
) -> None:
    path = f"/console/campaigns/{draft}/edit/schedule"
    wrong = [
        (typed(when="at", at_date="2020-01-01", at_time="09:00"), "at_date", "That time has passed"),
        (typed(when="at", at_time="09:00"), "at_date", "Say on which day"),
        (typed(when="local"), "local_time", "Say at what time"),
        (typed(when="series", every="week", series_time="09:00", starts=DAY), "weekdays", "Choose one at least"),
        (typed(when="series", every="month", month_day="32", series_time="09:00", starts=DAY), "month_day", "1 to 31"),
        (typed(quiet_from="21:00"), "quiet_to", "need a beginning and an end"),
        (typed(when="local", local_time="22:00", quiet_from="21:00", quiet_to="08:00"), "local_time", "lies in the quiet"),
        (typed(per_second="fast"), "per_second", "Write a number"),
        (typed(when="whenever"), "when", "Choose one of"),
    ]  # fmt: skip
    for form, field, words in wrong:
        signed_in.post(path, data=form)
        page = signed_in.get(path).get_data(as_text=True)
        problem = page.split(f'id="{field}-problem"')[1].split("</p>")[0]
        assert words in problem, (field, problem)
        assert kept(story, draft)[2] is None
    assert any(missing.section == "schedule" for missing in story.runtime.drafts.complete(draft))


def test_the_step_says_what_it_means(signed_in: FlaskClient, story: Story, draft: int) -> None:
    path = f"/console/campaigns/{draft}/edit/schedule"
    form = typed(
        when="series", every="week", weekdays=["0", "3"], series_time="09:00", starts=DAY, per_second="0.1"
    )
    assert signed_in.post(path, data=form).status_code == 302
    page = signed_in.get(path).get_data(as_text=True)
    assert "every Monday and Thursday at 09:00 (Europe/Oslo)" in page
    assert "Next run" in page and "Then" in page


def test_viewers_look_and_change_nothing(
    signed_in: FlaskClient, story: Story, draft: int, role: Callable[[str], None]
) -> None:
    role("viewer")
    for path in ("calendar", f"campaigns/{story.sent}/progress", f"campaigns/{draft}/edit/schedule"):
        assert signed_in.get(f"/console/{path}").status_code == 200, path
    for path in (
        "calendar/quiet",
        f"campaigns/{draft}/edit/schedule",
        f"campaigns/{draft}/series/pause",
        f"campaigns/{story.sent}/troubles/retry",
        f"campaigns/{story.sent}/troubles/uncertain",
    ):
        assert signed_in.post(f"/console/{path}", data={"day": DAY}).status_code == 403, path


@pytest.fixture
def series(story: Story, draft: int) -> int:
    """A campaign that comes again, approved."""
    with story.runtime.db.transaction() as session:
        campaign = get_campaign(session, draft)
        campaign.recurrence = {"every": "day", "at": "09:00", "zone": "UTC", "starts": DAY}
        now = story.runtime.clock.now()
        session.add(campaign.move(CampaignStatus.APPROVED, now, "a test"))
        begin_series(session, campaign, now, "a test")
    return draft


def test_a_series_is_paused_resumed_and_ended_on_its_page(
    signed_in: FlaskClient, story: Story, series: int
) -> None:
    path = f"/console/campaigns/{series}/series"
    assert "Every day at 09:00" in signed_in.get(path).get_data(as_text=True)
    assert signed_in.post(f"{path}/pause").status_code == 302
    assert "Nothing while it is paused" in signed_in.get(path).get_data(as_text=True)
    assert signed_in.post(f"{path}/resume").status_code == 302
    refused = signed_in.post(f"{path}/end")
    assert refused.status_code == 409 and "tick the box" in refused.get_data(as_text=True)
    assert signed_in.post(f"{path}/end", data={"meant": "yes"}).status_code == 302
    assert story.runtime.series.show(series).state == "ended"
    assert signed_in.get(f"/console/campaigns/{story.sent}/series").status_code == 404


def test_the_calendar_shows_runs_quiet_days_and_what_was_sent(
    signed_in: FlaskClient, story: Story, series: int
) -> None:
    signed_in.post("/console/calendar/quiet", data={"day": DAY, "note": "Midsummer", "do": "set"})
    for view in ("month", "week", "list"):
        page = signed_in.get(f"/console/calendar?view={view}&day={DAY}").get_data(as_text=True)
        assert "Of one&#39;s own" in page and "Midsummer" in page, view
    now = signed_in.get("/console/calendar").get_data(as_text=True)
    assert "Autumn on the trail" in now
    for odd in ("day=x", "view=year", "within=5", "day=0001-01-01", "day=9999-12-31"):
        assert signed_in.get(f"/console/calendar?{odd}").status_code == 200, odd
    signed_in.post("/console/calendar/quiet", data={"day": DAY, "do": "unset"})
    assert "Midsummer" not in signed_in.get(f"/console/calendar?day={DAY}").get_data(as_text=True)
    assert signed_in.post("/console/calendar/quiet", data={"day": "x"}).status_code == 400


def test_the_feed_answers_whoever_has_the_link_and_nobody_afterwards(
    signed_in: FlaskClient, client: FlaskClient, story: Story
) -> None:
    assert signed_in.post("/console/calendar/feed", data={"do": "renew"}).status_code == 302
    page = signed_in.get("/console/calendar").get_data(as_text=True)
    url = page.split('class="once">')[1].split("<")[0]
    path = url.removeprefix(story.runtime.settings.public_url)
    answer = client.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    assert b"Autumn on the trail" in answer.data and b"@shop" not in answer.data
    signed_in.post("/console/calendar/feed", data={"do": "revoke"})
    assert client.get(path).status_code == 404


def test_progress_is_told_again_only_when_it_has_changed(signed_in: FlaskClient, story: Story) -> None:
    path = f"/console/campaigns/{story.sent}/progress.json"
    first = signed_in.get(path)
    told = first.get_json()
    assert (told["status"], told["active"], told["open"]) == ("sent", False, 0)
    assert told["sent"] + told["held_back"] == told["audience"]
    again = signed_in.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    page = signed_in.get(path.removesuffix(".json")).get_data(as_text=True)
    assert "static/progress.js" not in page  # nothing moves any more


def test_buttons_lead_back_to_the_page_they_were_on_and_nowhere_else(
    signed_in: FlaskClient, story: Story, draft: int
) -> None:
    with story.runtime.db.transaction() as session:
        get_campaign(session, draft).status = "sending"
        get_campaign(session, draft).audience_size = 0
    here = f"/console/campaigns/{draft}"
    assert "Pause" in signed_in.get(f"{here}/progress").get_data(as_text=True)
    back = signed_in.post(f"{here}/pause", data={"back": f"{here}/progress"})
    assert back.headers["Location"] == f"{here}/progress"
    for elsewhere in ("https://evil.example/", "//evil.example", f"{here}@evil.example", "/console/people"):
        answer = signed_in.post(f"{here}/resume", data={"back": elsewhere})
        assert answer.headers["Location"] == here
    signed_in.post(f"{here}/cancel", data={"meant": "yes"})


def test_what_went_wrong_is_shown_listed_and_exported(
    signed_in: FlaskClient, story: Story, draft: int
) -> None:
    from sqlalchemy import select

    from campaigns.flows.sending.counters import recount
    from campaigns.models import Customer, Send

    runtime = story.runtime
    with runtime.db.transaction() as session:
        get_campaign(session, draft).status = "sent"
        get_campaign(session, draft).finished_at = datetime.now(UTC)
        people = session.scalars(select(Customer.id).order_by(Customer.id).limit(4)).all()
        for n, (status, reason, reply) in enumerate(
            [
                ("failed", "rejected (sender's fault)", "550 5.7.1 =blocked"),
                ("failed", "rejected (recipient's fault)", "550 5.1.1 no such user"),
                ("uncertain", "no reply after the mail was handed over", ""),
                ("held_back", "frequency_cap", ""),
            ]
        ):
            session.add(
                Send(campaign_id=draft, customer_id=people[n], status=status, reason=reason, smtp_reply=reply)
            )
        session.flush()
        recount(session, draft)
    here = f"/console/campaigns/{draft}/troubles"
    assert "being counted" in signed_in.get(here).get_data(as_text=True)
    runtime.troubles.work()
    page = signed_in.get(here).get_data(as_text=True)
    for words in (
        "Blocked by policy",
        "No such mailbox",
        "Not tried again",
        "frequency cap",
        "Look at them and decide",
    ):
        assert words in page, words
    assert 'value="blocked"' in page and 'value="no_such_mailbox"' not in page
    listed = signed_in.get(f"{here}/failed/blocked").get_data(as_text=True)
    assert "•••@" in listed and "=blocked" in listed
    exported = signed_in.get(f"{here}/failed/all.csv")
    assert exported.mimetype == "text/csv"
    assert exported.get_data(as_text=True).count("\n") == 3
    assert signed_in.get(f"{here}/failed/nonsense").status_code == 404
    assert signed_in.post(f"{here}/retry", data={}).status_code == 409
    refused = signed_in.post(f"{here}/retry", data={"cause": "no_such_mailbox"})
    assert refused.status_code == 409 and "do not exist" in refused.get_data(as_text=True)
    assert signed_in.post(f"{here}/retry", data={"cause": "blocked"}).status_code == 302
    assert runtime.retrying.work() == 1
    assert runtime.campaigns.status(draft) == "sending"
    decide = signed_in.get(f"{here}/uncertain/all").get_data(as_text=True)
    send = decide.split('name="send" value="')[1].split('"')[0]
    settle = f"{here}/uncertain"
    assert signed_in.post(settle, data={"send": send, "do": "resend"}).status_code == 409
    assert signed_in.post(settle, data={"send": send, "do": "let_be", "why": "old"}).status_code == 302
    runtime.campaigns.cancel(draft, "a test")
