"""Uncertain sends are named, and leave that state only on evidence or by a person, with a record of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import redis
from flows_uncertain import (
    HANDED_OVER,
    NOW,
    Case,
    become,
    campaign_status,
    standing,
    the_send,
    uncertain_case,
)
from sqlalchemy import func, select, text

from campaigns.audience.suppression import is_suppressed
from campaigns.core.clock import FixedClock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.errors import BadInput, BadToken, NotFound, Refused
from campaigns.core.jobs import RecordedJobs
from campaigns.core.meters import Meters
from campaigns.core.tokens import Signer
from campaigns.flows.feedback.event_file import hear_file
from campaigns.flows.sending.reconciling import LogResult, Reconciling
from campaigns.models import CampaignStatus, CampaignTransition, Event, SendStatus

ENDS = "Nov 21 11:30:00 mx1 postfix/anvil[9]: statistics: max connection rate 1/60s"
BEGINS = "Nov 21 09:30:00 mx1 postfix/anvil[9]: statistics: max connection rate 1/60s"
ACTIVE = "qmgr[3]: {q}: from=<hello@mail.fjellandfern.example>, size=46012, nrcpt=1 (queue active)"
BOUNCED = (
    "smtp[4]: {q}: to=<c{n}@dest.example>, relay=mx.dest.example[198.51.100.7]:25, delay=1, dsn={dsn}, "
    "status=bounced (host mx.dest.example[198.51.100.7] said: 550 {dsn} <c{n}@dest.example>: no (in reply to "
    "RCPT TO command))"
)


@pytest.fixture
def jobs() -> RecordedJobs:
    return RecordedJobs()


@pytest.fixture
def meters(redis_client: redis.Redis) -> Meters:
    return Meters(redis_client)


@pytest.fixture
def reconciling(
    db: Database, keyring: KeyRing, signer: Signer, jobs: RecordedJobs, meters: Meters
) -> Reconciling:
    return Reconciling(db, FixedClock(NOW), keyring, signer, jobs, meters)


@pytest.fixture
def case(db: Database, keyring: KeyRing, signer: Signer) -> Case:
    return uncertain_case(db, keyring, signer)


def look_up(reconciling: Reconciling, folder: Path, case: Case, lines: list[str]) -> LogResult:
    path = folder / "mail.log"
    path.write_text("\n".join(lines))
    return reconciling.by_log(case.campaign, [str(path)], "ann", UTC)


def verdicts(result: LogResult) -> list[str]:
    return [verdict.verdict for verdict in result.verdicts]


def suppressed(db: Database, keyring: KeyRing, email: str) -> bool:
    with db.transaction() as session:
        return is_suppressed(session, keyring, email)


def test_each_is_named_with_all_that_a_person_needs(reconciling: Reconciling, case: Case) -> None:
    named = reconciling.named(case.campaign)
    assert [row["send"] for row in named] == case.sends
    assert named[1] == {
        "campaign": case.campaign,
        "send": case.sends[1],
        "customer": "C1",
        "address": "c1@dest.example",
        "when": HANDED_OVER.isoformat(),
        "message_id": case.message_id(1),
        "older_message_ids": [],
        "why": "the worker ended while this mail was being handed over",
        "reply": "",
        "found": "",
    }
    with pytest.raises(NotFound):
        reconciling.named(case.campaign + 1)


def test_all_campaigns_are_named_at_once(
    reconciling: Reconciling, case: Case, db: Database, keyring: KeyRing, signer: Signer
) -> None:
    other = uncertain_case(db, keyring, signer, ("uncertain", "sent"), prefix="D")
    assert [row["send"] for row in reconciling.named()] == [*case.sends, other.sends[0]]


def test_after_a_rotation_the_older_message_id_is_named_and_recognised(
    db: Database, case: Case, keyring: KeyRing, jobs: RecordedJobs, meters: Meters, tmp_path: Path
) -> None:
    rotated = KeyRing(
        ["another-secret-for-tests-only-0123456789", "a-secret-for-tests-only-0123456789abcdef"]
    )
    later = Reconciling(db, FixedClock(NOW), rotated, Signer(rotated.derived("tokens")), jobs, meters)
    assert later.named(case.campaign)[0]["older_message_ids"] == [case.message_id(0)]
    look_up(later, tmp_path, case, case.postfix(0, "A0", ACTIVE.format(q="A0")))
    assert standing(db, case)[0] == "sent"


def test_a_log_resolves_what_it_proves_and_names_the_rest(
    reconciling: Reconciling, case: Case, db: Database, keyring: KeyRing, tmp_path: Path
) -> None:
    lines = [
        BEGINS,
        *case.postfix(0, "A0", ACTIVE.format(q="A0")),
        *case.postfix(1, "A1", ACTIVE.format(q="A1"), BOUNCED.format(q="A1", n=1, dsn="5.1.1")),
        *case.postfix(2, "A2"),  # the connection broke: nothing but its headers
        ENDS,
    ]
    result = look_up(reconciling, tmp_path, case, lines)
    assert verdicts(result) == ["sent", "failed", "not_taken", "not_taken"]
    assert standing(db, case) == ["sent", "failed", "uncertain", "uncertain"]
    sent, failed = the_send(db, case, 0), the_send(db, case, 1)
    assert sent.sent_at == HANDED_OVER + timedelta(seconds=30), "when the relay took it, not when we read"
    assert failed.reason == "bounced, the relay's log says" and "550 5.1.1" in failed.smtp_reply
    assert "@" not in failed.smtp_reply
    assert suppressed(db, keyring, "c1@dest.example") and not suppressed(db, keyring, "c0@dest.example")
    named = reconciling.named(case.campaign)
    assert [row["send"] for row in named] == case.sends[2:]
    assert named[0]["found"] == "the relay read its headers and did not keep it (ann)"
    assert named[1]["found"] == "not in the relay's log, which covers the time (ann)"


def test_reading_the_same_log_again_changes_nothing(
    reconciling: Reconciling, case: Case, db: Database, tmp_path: Path
) -> None:
    lines = [BEGINS, *case.postfix(0, "A0", ACTIVE.format(q="A0")), ENDS]
    look_up(reconciling, tmp_path, case, lines)
    before = reconciling.history(case.campaign)
    assert verdicts(look_up(reconciling, tmp_path, case, lines)) == ["not_taken"] * 3
    assert reconciling.history(case.campaign) == before
    assert [(entry["how"], entry["verdict"], entry["by"]) for entry in before] == [
        ("log", "sent", "ann"),
        *[("log", "not_taken", "ann")] * 3,
    ]


def test_a_bounce_for_our_own_fault_suppresses_nobody(
    reconciling: Reconciling, case: Case, db: Database, keyring: KeyRing, tmp_path: Path
) -> None:
    lines = case.postfix(1, "A1", ACTIVE.format(q="A1"), BOUNCED.format(q="A1", n=1, dsn="5.7.26"))
    look_up(reconciling, tmp_path, case, lines)
    assert standing(db, case)[1] == "failed"
    assert not suppressed(db, keyring, "c1@dest.example")


@pytest.mark.parametrize("ends", ["Nov 21 10:05:00", "Nov 21 10:29:59"])
def test_a_log_that_ends_too_early_proves_no_absence(
    reconciling: Reconciling, case: Case, db: Database, tmp_path: Path, ends: str
) -> None:
    result = look_up(reconciling, tmp_path, case, [BEGINS, ENDS.replace("Nov 21 11:30:00", ends)])
    assert verdicts(result) == ["outside"] * 4
    assert standing(db, case) == ["uncertain"] * 4
    assert reconciling.history(case.campaign) == []
    assert result.verdicts[0].until == HANDED_OVER + timedelta(minutes=30)


def test_without_the_time_of_handing_over_the_log_must_cover_the_whole_campaign(
    reconciling: Reconciling, case: Case, db: Database, tmp_path: Path
) -> None:
    with db.transaction() as session:
        session.execute(text("update sends set intent_at = null"))
    assert verdicts(look_up(reconciling, tmp_path, case, [BEGINS, ENDS])) == ["outside"] * 4
    earlier = BEGINS.replace("09:30:00", "09:20:00")
    assert verdicts(look_up(reconciling, tmp_path, case, [earlier, ENDS])) == ["not_taken"] * 4


def test_a_forged_message_id_in_a_log_resolves_nothing(
    reconciling: Reconciling, case: Case, db: Database, tmp_path: Path
) -> None:
    forged = case.message_id(0).replace(".", ".0", 2)
    wrong = f"<{case.campaign}.{case.sends[0]}.{'0' * 16}@mail.fjellandfern.example>"
    lines = [
        line.replace(case.message_id(0), text)
        for text in (forged, wrong)
        for line in case.postfix(0, "A0", ACTIVE.format(q="A0"))
    ]
    look_up(reconciling, tmp_path, case, lines)
    assert standing(db, case) == ["uncertain"] * 4


@pytest.mark.parametrize(
    ("name", "permanent", "becomes"),
    [
        ("delivered", True, "sent"),
        ("deferred", True, "sent"),
        ("complained", True, "sent"),
        ("bounced", True, "failed"),
        ("bounced", False, "sent"),
    ],
)
def test_an_event_resolves_once_and_repeats_do_nothing(
    reconciling: Reconciling,
    case: Case,
    db: Database,
    meters: Meters,
    name: str,
    permanent: bool,
    becomes: str,
) -> None:
    told = reconciling.heard(
        case.message_id(0), name, NOW, "552 5.2.2 <c0@dest.example> full", "e1", permanent
    )
    assert told == becomes
    assert reconciling.heard(case.message_id(0), name, NOW, "", "e1", permanent) is None
    assert standing(db, case) == [becomes, *["uncertain"] * 3]
    assert meters.pending() == {("feedback", name): 1}, "counted once"
    with db.transaction() as session:
        event = session.scalars(select(Event)).one()
    assert (event.name, event.send_id, event.campaign_id) == (name, case.sends[0], case.campaign)
    assert "@" not in str(event.detail)
    assert [entry["how"] for entry in reconciling.history(case.campaign)] == ["event"]


def test_a_bounce_after_sent_is_recorded_and_takes_nothing_back(
    reconciling: Reconciling, case: Case, db: Database, keyring: KeyRing
) -> None:
    reconciling.heard(case.message_id(0), "delivered", NOW)
    assert reconciling.heard(case.message_id(0), "bounced", NOW, "550 5.1.1 unknown") is None
    assert standing(db, case)[0] == "sent"
    assert suppressed(db, keyring, "c0@dest.example")
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 2


@pytest.mark.parametrize(
    ("name", "reply", "ends"),
    [
        ("complained", "", True),
        ("bounced", "550 5.1.1 unknown", True),
        ("bounced", "550 5.7.1 policy", False),
    ],
)
def test_complaints_and_dead_addresses_are_never_mailed_again(
    reconciling: Reconciling, case: Case, db: Database, keyring: KeyRing, name: str, reply: str, ends: bool
) -> None:
    reconciling.heard((case.campaign, case.sends[0]), name, NOW, reply)
    assert suppressed(db, keyring, "c0@dest.example") is ends


def test_an_event_that_came_before_the_doubt_settles_it(
    reconciling: Reconciling, db: Database, keyring: KeyRing, signer: Signer
) -> None:
    case = uncertain_case(db, keyring, signer, ("sending", "sending", "uncertain"), "sending")
    assert reconciling.heard(case.message_id(0), "delivered", NOW) is None
    assert reconciling.heard(case.message_id(1), "bounced", NOW, "550 5.1.1 unknown") is None
    assert reconciling.settle_by_events() == {}, "their worker may still be alive"
    become(db, case, 0, SendStatus.UNCERTAIN)
    become(db, case, 1, SendStatus.UNCERTAIN)
    assert reconciling.settle_by_events(case.campaign) == {"sent": 1, "failed": 1}
    assert standing(db, case) == ["sent", "failed", "uncertain"]


def test_what_is_foreign_forged_or_gone_is_refused(
    reconciling: Reconciling, case: Case, db: Database
) -> None:
    with pytest.raises(BadToken):
        reconciling.heard("<a-stranger@other.example>", "delivered", NOW)
    with pytest.raises(NotFound):
        reconciling.heard((case.campaign, 10**9), "delivered", NOW)
    with pytest.raises(BadInput, match="opened"):
        reconciling.heard(case.message_id(0), "opened", NOW)
    with pytest.raises(BadInput, match="time zone"):
        reconciling.heard(case.message_id(0), "delivered", NOW.replace(tzinfo=None))
    assert standing(db, case) == ["uncertain"] * 4


def test_a_file_of_events_is_taken_in_and_bad_lines_are_told(
    reconciling: Reconciling, case: Case, db: Database
) -> None:
    first = case.message_id(0)
    lines = [
        f'{{"message_id": "{first}", "event": "delivered", "at": "2026-11-21T11:00:00Z", "id": "p1"}}',
        f'{{"campaign": {case.campaign}, "send": {case.sends[1]}, "event": "bounced", '
        '"at": "2026-11-21T11:00:00+01:00", "reply": "550 5.1.1 unknown"}',
        '{"message_id": "<x@other.example>", "event": "delivered", "at": "2026-11-21T11:00:00Z"}',
        f'{{"campaign": {case.campaign}, "send": 987654321, "event": "delivered", "at": "2026-11-21T11:00:00Z"}}',
        "",
        "not JSON",
        f'{{"message_id": "{first}", "event": "delivered", "at": "yesterday"}}',
        f'{{"message_id": "{first}", "event": "delivered", "at": "2026-11-21T11:00:00"}}',
        '{"event": "delivered", "at": "2026-11-21T11:00:00Z"}',
    ]
    result = hear_file(reconciling, lines)
    assert (result.taken_in, result.strangers, result.gone) == (2, 1, 1)
    assert result.moved == {"sent": 1, "failed": 1}
    assert [line for line, _ in result.errors] == [6, 7, 8, 9]
    assert standing(db, case) == ["sent", "failed", "uncertain", "uncertain"]
    again = hear_file(reconciling, lines)
    assert (again.taken_in, again.moved) == (2, {})


def test_a_person_has_it_sent_again_and_the_campaign_is_reopened(
    reconciling: Reconciling, case: Case, db: Database, jobs: RecordedJobs
) -> None:
    assert reconciling.resend(case.campaign, [case.sends[1]], "ann", "the relay says no") == [case.sends[1]]
    assert standing(db, case) == ["uncertain", "planned", "uncertain", "uncertain"]
    send = the_send(db, case, 1)
    assert (send.attempts, send.claimed_by, send.not_before, send.sent_at) == (1, "", NOW, None)
    assert campaign_status(db, case) == CampaignStatus.SENDING
    assert jobs.hints == [("send", 1)]
    with db.transaction() as session:
        change = session.scalars(select(CampaignTransition)).one()
    assert (change.from_status, change.to_status, change.by) == ("sent", "sending", "ann")
    assert change.why == "reopened by ann to send 1 uncertain again: the relay says no"
    assert reconciling.history(case.campaign)[0]["verdict"] == "resend"
    with pytest.raises(Refused, match="is not uncertain"):
        reconciling.resend(case.campaign, [case.sends[1]], "ann")


def test_a_paused_campaign_stays_paused_and_a_cancelled_one_sends_nothing(
    reconciling: Reconciling, db: Database, keyring: KeyRing, signer: Signer, jobs: RecordedJobs
) -> None:
    paused = uncertain_case(db, keyring, signer, ("uncertain",), "paused", prefix="P")
    reconciling.resend(paused.campaign, "all", "ann")
    assert (standing(db, paused), campaign_status(db, paused)) == (["planned"], CampaignStatus.PAUSED)
    cancelled = uncertain_case(db, keyring, signer, ("uncertain",), "cancelled", prefix="X")
    with pytest.raises(Refused, match="was cancelled"):
        reconciling.resend(cancelled.campaign, "all", "ann")
    assert standing(db, cancelled) == ["uncertain"]
    assert jobs.hints == []


def test_only_those_that_the_relay_did_not_take_can_be_meant(
    reconciling: Reconciling, case: Case, db: Database, tmp_path: Path
) -> None:
    with db.transaction() as session:
        late = {"id": case.sends[3], "at": HANDED_OVER + timedelta(hours=1, minutes=30)}
        session.execute(text("update sends set intent_at = :at where id = :id"), late)
    look_up(reconciling, tmp_path, case, [BEGINS, *case.postfix(0, "A", ACTIVE.format(q="A")), ENDS])
    assert reconciling.chosen(case.campaign, "not-taken") == case.sends[1:3]
    assert reconciling.resend(case.campaign, "not-taken", "ann") == case.sends[1:3]
    assert standing(db, case) == ["sent", "planned", "planned", "uncertain"]


def test_one_that_is_let_be_is_settled_until_it_is_doubtful_anew(
    reconciling: Reconciling, case: Case, db: Database, tmp_path: Path
) -> None:
    assert reconciling.let_be(case.campaign, [case.sends[0]], "ann", "she wrote to us") == [case.sends[0]]
    assert reconciling.let_be(case.campaign, [case.sends[0]], "bob") == [], "it is settled already"
    assert reconciling.let_be_count(case.campaign) == 1
    assert [row["send"] for row in reconciling.named(case.campaign)] == case.sends[1:]
    assert standing(db, case)[0] == "uncertain"
    assert case.sends[0] not in reconciling.chosen(case.campaign, "all")
    # A log that says nothing new does not open it; sent again and lost again does.
    look_up(reconciling, tmp_path, case, [BEGINS, ENDS])
    assert reconciling.let_be_count() == 1
    reconciling.resend(case.campaign, [case.sends[0]], "ann")
    become(db, case, 0, SendStatus.UNCERTAIN)
    assert case.sends[0] in [row["send"] for row in reconciling.named(case.campaign)]
    look_up(reconciling, tmp_path, case, [BEGINS, ENDS])
    assert case.sends[0] in reconciling.chosen(case.campaign, "not-taken")


def test_evidence_resolves_also_what_was_let_be(reconciling: Reconciling, case: Case, db: Database) -> None:
    reconciling.let_be(case.campaign, "all", "ann")
    reconciling.heard(case.message_id(2), "delivered", NOW)
    assert standing(db, case)[2] == "sent"
    assert reconciling.let_be_count(case.campaign) == 3


def test_what_somebody_else_resolved_meanwhile_is_left_alone(
    db: Database,
    case: Case,
    keyring: KeyRing,
    signer: Signer,
    jobs: RecordedJobs,
    meters: Meters,
    tmp_path: Path,
) -> None:
    class Overtaken(Reconciling):
        def _identify(self, text, sends):  # type: ignore[no-untyped-def]
            # While the log is read, the answer of the relay arrives after all.
            become(db, case, 0, SendStatus.SENT)
            return super()._identify(text, sends)

    flow = Overtaken(db, FixedClock(NOW), keyring, signer, jobs, meters)
    bounced = BOUNCED.format(q="A0", n=0, dsn="5.7.1")
    look_up(flow, tmp_path, case, case.postfix(0, "A0", ACTIVE.format(q="A0"), bounced))
    assert standing(db, case)[0] == "sent"
    assert flow.history(case.campaign) == []


def test_a_case_is_not_found_by_another_campaigns_number(case: Case, reconciling: Reconciling) -> None:
    other = replace(case, campaign=case.campaign + 1)
    with pytest.raises(NotFound):
        reconciling.heard(other.message_id(0), "delivered", NOW)
