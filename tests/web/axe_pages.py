"""The console's pages that test_web_axe.py looks at. Whoever adds a page adds its line here.

A line is a name and what gives the page's path, from the story that the web's tests begin from (conftest.py):
a campaign that is sent, one that is a draft, a shop's customers. What a page needs beyond that is made here,
by the same flows that people use; every line must work whatever other lines have made before.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select
from web_story import Story, description, picture

from campaigns.compose.links import CLICK_CALL_TO_ACTION, CLICK_PICK, CLICK_SLOT
from campaigns.delivery.capture import list_captured
from campaigns.flows.describing.plans import get_campaign
from campaigns.flows.opening.askers import Asker
from campaigns.flows.scheduling.series import begin_series
from campaigns.flows.sending.counters import recount
from campaigns.models import CampaignStatus, Customer, Role, Send
from tests.flows.flows_experiments import age_sends
from tests.shop import record_opens, send_all

Path = Callable[[Story], str]
_READER = Asker("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.3.0", "9.9.9.9")


def _person(story: Story) -> str:
    people = {one.name: one.number for one in story.runtime.people.list()}
    if "Tove" not in people:
        people["Tove"], _ = story.runtime.people.invite("Tove", Role.AUTHOR, "a test")
    return f"/console/people/{people['Tove']}"


def _reported(story: Story) -> int:
    """The sent campaign with a report in which somebody has clicked everything."""
    runtime = story.runtime
    if runtime.report_keeping.current(story.sent).report is None:
        for ref in story.sends()[-6:]:
            runtime.opening.picture(story.token("open", ref.send_id, 0), _READER)
            for kind in (CLICK_PICK, CLICK_SLOT, CLICK_CALL_TO_ACTION):
                runtime.feedback.click(story.token("click", ref.send_id, kind, 0), _READER)
        record_opens(runtime)
        runtime.report_keeping.make(story.sent)
    return story.sent


def _compared(story: Story) -> str:
    """Two campaigns with reports; the second goes out here."""
    runtime, first = story.runtime, _reported(story)
    others = [line.id for line in runtime.overviews.campaigns()[0] if line.headline and line.id != first]
    if not others:
        pictures = {name: picture("teal") for name in ("neutral", "rain", "snow")}
        others = [runtime.campaigns.create(description("Compared"), pictures)]
        runtime.campaigns.approve(others[0], "a test")
        runtime.campaigns.send(others[0], "a test")
        runtime.sending.plan(others[0])
        runtime.sending.send_batch(others[0])
        runtime.report_keeping.make(others[0])
    return f"/console/reports/compare?campaign={first}&campaign={others[0]}"


def _recommender(story: Story) -> str:
    story.runtime.model_judging.work()
    return "/console/recommender"


def _checked(story: Story) -> str:
    runtime = story.runtime
    runtime.spam_judge = None
    if not runtime.test_mails.listed(story.draft):
        with runtime.db.transaction() as session:
            customer = session.scalars(select(Customer.external_id).limit(1)).one()
        runtime.test_mails.ask(story.draft, customer, ["tove@shop.example"], "a test")
        runtime.test_mails.work()
        runtime.preflights.run(story.draft)
    return f"/console/campaigns/{story.draft}/edit/check"


def _segment(story: Story) -> str:
    """One with a row or a group of every kind."""
    kept = {one.name: one.number for one in story.runtime.segments.list()}
    if "Of every kind" not in kept:
        rules = [
            {"country": ["NO", "Åland"]}, {"bought": {"category": "Jackets", "within_days": 90}},
            {"not": {"near": {"latitude": 59.9, "longitude": 10.8, "km": 50}}}, {"has_purpose": "profiling"},
            {"any": [{"opened": {"campaign": [story.sent]}}, {"last_order": {"more_than_days": 30}}]},
            {"not": {"any": [{"engagement": ["snoozed"]}, {"has_address": False}]}}, {"orders": {"at_least": 1}},
        ]  # fmt: skip
        kept["Of every kind"] = story.runtime.segments.create("Of every kind", {"all": rules}, "a test")
    return f"/console/segments/{kept['Of every kind']}"


def _segments(story: Story) -> str:
    _segment(story)
    return "/console/segments/"


def _file(story: Story, *steps: str) -> str:
    """A file of customers that was brought as far as these steps; nobody of it is new."""
    files = story.runtime.file_imports
    name = f"{'-'.join(steps) or 'sent'}.csv"
    known = {one.name: one.number for one in files.list()}
    if name not in known:
        path = files.place(name)
        path.write_text("id,E-mail,Land\n,nobody@shop.example,NO\nX,no address,SE\n")
        known[name] = number = files.take("customers", name, path, "a test")
        mapping = files.get(number).mapping
        for step in steps:
            if step == "check":
                files.check(number, mapping, {}, "a test")
            elif step == "import":
                files.import_(number, "a test")
            else:
                files.work()
    return f"/console/imports/{known[name]}"


def _tried(story: Story, status: str = "sending") -> int:
    """A campaign that tries two subjects out, and of which some wait for a decision; or a draft of it."""
    runtime, name = story.runtime, f"Tries subjects, {status}"
    found = [one.id for one in runtime.overviews.campaigns()[0] if one.name == name]
    if found:
        return found[0]
    pictures = {colour: picture("teal") for colour in ("neutral", "rain", "snow")}
    arms = [{"name": "As written"}, {"name": "Plain", "value": "Autumn is here"}]
    tried = {"factor": "subject", "arms": arms, "test_share": 0.5, "holdout": 0.1, "least_mails": 10}
    number = runtime.campaigns.create(description(name) | {"experiment": tried}, pictures)
    if status == "sending":
        runtime.campaigns.approve(number, "a test")
        send_all(runtime, number)
        age_sends(runtime, number, timedelta(hours=6))
        runtime.experiment_looks.look(number)
    return number


def _customer(story: Story) -> str:
    with story.runtime.db.transaction() as session:
        mailed = session.get_one(Customer, story.sends()[0].customer_id)
        return f"/console/customers/{mailed.external_id}"


def _keys(story: Story) -> str:
    """One that works and one that has ended."""
    keys = story.runtime.api_keys
    for name in {"axe", "axe, ended"} - {one["name"] for one in keys.list()}:
        keys.create(name, ["read"])
    keys.revoke("axe, ended")
    return "/console/api-keys"


def _webhook(story: Story) -> str:
    """With a delivery that waits."""
    hooks = story.runtime.webhooks
    known = [one["id"] for one in hooks.list()]
    if not known:
        known = [hooks.create("https://shop.example/hooks", ["mail.clicked"], "a test").number]
        hooks.test(known[0], "a test")
    return f"/console/webhooks/{known[0]}"


def _series(story: Story) -> str:
    """One that begins in years."""
    runtime, name = story.runtime, "Comes again"
    found = [one.id for one in runtime.overviews.campaigns()[0] if one.name == name]
    number = found[0] if found else _drafted(story, name)
    if not found:
        with runtime.db.transaction() as session:
            campaign, now = get_campaign(session, number), runtime.clock.now()
            campaign.recurrence = {"every": "day", "at": "09:00", "zone": "UTC", "starts": "2090-01-01"}
            session.add(campaign.move(CampaignStatus.APPROVED, now, "a test"))
            begin_series(session, campaign, now, "a test")
    return f"/console/campaigns/{number}/series"


def _concerned(story: Story, which: str) -> str:
    """Customers whose mails were refused, or of whose mails nobody knows."""
    runtime, name = story.runtime, "Goes wrong"
    found = [one.id for one in runtime.overviews.campaigns()[0] if one.name == name]
    number = found[0] if found else _drafted(story, name)
    if not found:
        wrong = (
            ("failed", "rejected (sender's fault)"),
            ("uncertain", "no reply after the mail was handed over"),
        )
        with runtime.db.transaction() as session:
            campaign = get_campaign(session, number)
            campaign.status, campaign.finished_at = "sent", runtime.clock.now()
            people = session.scalars(select(Customer.id).order_by(Customer.id).limit(2)).all()
            for customer, (status, reason) in zip(people, wrong, strict=True):
                session.add(Send(campaign_id=number, customer_id=customer, status=status, reason=reason))
            session.flush()
            recount(session, number)
        runtime.troubles.count(number)
    return f"/console/campaigns/{number}/troubles{which}"


def _in_every_state(story: Story) -> str:
    """The list with one that is paused, one that is cancelled, and one whose mails failed or are uncertain."""
    runtime = story.runtime
    _concerned(story, "")
    known = {one.name for one in runtime.overviews.campaigns()[0]}
    for name, end in (("Paused", runtime.campaigns.pause), ("Cancelled", runtime.campaigns.cancel)):
        if name not in known:
            number = _drafted(story, name)
            runtime.campaigns.approve(number, "a test")
            runtime.campaigns.send(number, "a test")
            end(number, "a test")
    return "/console/"


def _drafted(story: Story, name: str) -> int:
    pictures = {colour: picture("teal") for colour in ("neutral", "rain", "snow")}
    return story.runtime.campaigns.create(description(name), pictures)


def _captured(story: Story) -> str:
    mail = list_captured(story.runtime.settings.captured_mail, limit=1)[0]
    return f"/console/outbox/{mail.message_id.strip('<>')}"


PAGES: dict[str, Path] = {
    # audience
    "segments": _segments,
    "segment": _segment,
    "new segment": lambda story: "/console/segments/new",
    "import": lambda story: _file(story) and "/console/imports/",
    "columns to match": _file,
    "file tried out": lambda story: _file(story, "check", "work"),
    "file imported": lambda story: _file(story, "check", "work", "import", "work"),
    "customers": lambda story: "/console/customers/",
    "customer": _customer,
    # people
    "campaigns": lambda story: "/console/",
    "campaigns in every state": _in_every_state,
    "campaign sent": lambda story: f"/console/campaigns/{story.sent}",
    "campaign draft": lambda story: f"/console/campaigns/{story.draft}",
    "account": lambda story: "/console/account",
    "second factor": lambda story: "/console/account/second-factor",
    "people": lambda story: "/console/people",
    "person": _person,
    "audit log": lambda story: "/console/audit",
    "audit log, nothing found": lambda story: "/console/audit?action=none.such",
    "a page that is not there": lambda story: "/console/campaigns/999999",
    # reports
    "report": lambda story: f"/console/campaigns/{_reported(story)}/report",
    "report for printing": lambda story: f"/console/campaigns/{_reported(story)}/report/print",
    "report of a draft": lambda story: f"/console/campaigns/{story.draft}/report",
    "heat map": lambda story: f"/console/campaigns/{_reported(story)}/report/heat",
    "reports": lambda story: f"/console/reports?campaign={_reported(story)}",
    "campaigns compared": _compared,
    "recommender": _recommender,
    # experiments, preview
    "copy": lambda story: f"/console/campaigns/{story.draft}/copy",
    "samples": lambda story: f"/console/campaigns/{story.draft}/copy/samples",
    "preview": lambda story: f"/console/campaigns/{story.draft}/preview?looks=both&weather=snow",
    "preview, through Outlook": lambda story: f"/console/campaigns/{story.sent}/preview?client=outlook",
    "preview, nobody of this number": lambda story: f"/console/campaigns/{story.draft}/preview?other=nobody",
    "check": _checked,
    "check of what is sent": lambda story: f"/console/campaigns/{story.sent}/edit/check",
    "outbox": lambda story: "/console/outbox",
    "a captured mail": _captured,
    # editor
    "a new campaign": lambda story: "/console/campaigns/new",
    "edit, audience": lambda story: f"/console/campaigns/{story.draft}/edit/audience",
    "edit, picks": lambda story: f"/console/campaigns/{story.draft}/edit/picks",
    "edit, brief": lambda story: f"/console/campaigns/{story.draft}/edit/brief",
    "edit, template": lambda story: f"/console/campaigns/{story.draft}/edit/template",
    "experiment": lambda story: f"/console/campaigns/{_tried(story)}/experiment",
    "experiment, none": lambda story: f"/console/campaigns/{story.sent}/experiment",
    "experiment, set up": lambda story: f"/console/campaigns/{_tried(story, 'draft')}/edit/experiment",
    # schedule
    "schedule, when": lambda story: f"/console/campaigns/{story.draft}/edit/schedule",
    "calendar, month": lambda story: "/console/calendar",
    "calendar, week": lambda story: "/console/calendar?view=week",
    "calendar, list": lambda story: "/console/calendar?view=list",
    "progress": lambda story: f"/console/campaigns/{story.sent}/progress",
    "series": _series,
    "nothing went wrong": lambda story: f"/console/campaigns/{story.sent}/troubles",
    "what went wrong": lambda story: _concerned(story, ""),
    "what went wrong, failed": lambda story: _concerned(story, "/failed/all"),
    "what went wrong, uncertain": lambda story: _concerned(story, "/uncertain/all"),
    # api
    "API keys": _keys,
    "webhooks": lambda story: _webhook(story) and "/console/webhooks",
    "webhook": _webhook,
    "what the API can do": lambda story: "/api/v1/docs",
}
"""Pages that ask for a sign-in; looked at by an admin."""

OPEN_PAGES: dict[str, Path] = {
    "sign in": lambda story: "/console/login",
    "a link that has ended": lambda story: "/console/welcome/x",
}
"""Pages for who has not signed in."""
