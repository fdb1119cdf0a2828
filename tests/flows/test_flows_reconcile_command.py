"""`tailormail reconcile` as people and scripts use it."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from flows_uncertain import Case, campaign_status, standing, uncertain_case
from sqlalchemy import text

from campaigns.commands.reconcile_command import LOG_FORMATS
from campaigns.commands.reconciling import whoever_is_here
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database
from campaigns.core.tokens import Signer
from campaigns.delivery.relaylog import FORMATS
from campaigns.models import CampaignStatus
from tests.shop import Command


@pytest.fixture
def reconcile(command: Command) -> Command:
    """Runs `tailormail reconcile`; returns (exit status, stdout, stderr)."""
    return partial(command, "reconcile")


@pytest.fixture
def case(db: Database, keyring: KeyRing, signer: Signer) -> Case:
    """Handed over an hour ago: the command goes by the real clock."""
    case = uncertain_case(db, keyring, signer, ("uncertain",) * 3)
    with db.transaction() as session:
        session.execute(text("update sends set intent_at = now() - interval '1 hour'"))
    return case


def a_log(folder: Path, case: Case) -> tuple[Path, Path]:
    """Two rotated files: the first send was taken, of the second only the headers came."""
    now = datetime.now(UTC)

    def line(ago: timedelta, words: str) -> str:
        return f"{(now - ago).isoformat()} mx1 postfix/{words}\n"

    hour, minutes = timedelta(hours=1), timedelta(minutes=10)
    older, newer = folder / "mail.log.1.gz", folder / "mail.log"
    older.write_bytes(
        gzip.compress(
            (
                line(2 * hour, "anvil[1]: statistics: max connection rate 1/60s")
                + line(hour, f"cleanup[2]: A1: message-id={case.message_id(0)}")
                + line(
                    hour,
                    "qmgr[3]: A1: from=<hello@mail.fjellandfern.example>, size=9, nrcpt=1 (queue active)",
                )
                + line(hour, f"cleanup[2]: A2: message-id={case.message_id(1)}")
            ).encode()
        )
    )
    newer.write_text(
        line(hour - minutes, "anvil[1]: statistics: max connection rate 1/60s")
        + line(minutes, "anvil[1]: statistics: max connection rate 1/60s")
    )
    return older, newer


def test_it_names_them_for_people_and_for_scripts(reconcile: Command, case: Case) -> None:
    status, out, _ = reconcile(case.campaign, "--json")
    assert status == 0
    assert [row["message_id"] for row in json.loads(out)] == [case.message_id(n) for n in range(3)]
    status, out, _ = reconcile(case.campaign)
    assert status == 0 and case.message_id(1) in out and "C2" in out
    assert len(json.loads(reconcile("--all", "--json")[1])) == 3


@pytest.mark.parametrize("many", [False, True])
def test_a_log_of_several_files_as_a_shell_gives_them(
    reconcile: Command, case: Case, db: Database, tmp_path: Path, many: bool
) -> None:
    older, newer = a_log(tmp_path, case)
    files = ("--log", newer, "--log", older) if many else ("--log", newer, older)
    status, out, _ = reconcile(case.campaign, *files)
    assert status == 0
    assert "1 were sent after all" in out and "2 were not taken by this relay" in out
    assert "(mail.log.1.gz, mail.log)" in out
    assert standing(db, case) == ["sent", "uncertain", "uncertain"]
    status, out, _ = reconcile("--all", "--log", older, newer, "--json")
    told = json.loads(out)
    assert [send["verdict"] for send in told["sends"]] == ["not_taken", "not_taken"]
    assert (told["format"], told["lines"]) == ("Postfix", 6)


def test_a_log_that_does_not_reach_is_told_with_what_is_missing(
    reconcile: Command, case: Case, db: Database, tmp_path: Path
) -> None:
    older, _ = a_log(tmp_path, case)
    status, out, _ = reconcile(case.campaign, "--log", older)
    assert status == 0
    assert "1 were sent after all" in out and "2 lie outside of the time that the log covers" in out
    assert "give files that reach from" in out
    assert standing(db, case) == ["sent", "uncertain", "uncertain"]


def test_sending_again_wants_a_yes(
    reconcile: Command, case: Case, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, _, err = reconcile(case.campaign, "--resend", case.sends[0])
    assert status == 1 and "add --yes" in err
    assert standing(db, case) == ["uncertain"] * 3

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert reconcile(case.campaign, "--resend", case.sends[0])[0] == 130
    assert standing(db, case) == ["uncertain"] * 3
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    status, out, _ = reconcile(case.campaign, "--resend", case.sends[0])
    assert status == 0 and "gets it twice" in out and f"campaign {case.campaign} is sending" in out
    assert standing(db, case) == ["planned", "uncertain", "uncertain"]


def test_decisions_are_on_record(reconcile: Command, case: Case, db: Database) -> None:
    status, out, _ = reconcile(
        case.campaign, "--resend", case.sends[0], "--yes", "--by", "Ann", "--why", "asked by phone", "--json"
    )
    assert json.loads(out) == {"id": case.campaign, "status": "sending", "resend": [case.sends[0]]}
    assert reconcile(case.campaign, "--let-be", "all")[:2] == (0, "2 let be\n")
    assert campaign_status(db, case) == CampaignStatus.SENDING
    status, out, _ = reconcile(case.campaign)
    assert (status, out) == (0, "nothing is uncertain\n2 more were let be: --history tells by whom\n")
    history = json.loads(reconcile(case.campaign, "--history", "--json")[1])
    assert [(h["send"], h["verdict"], h["by"], h["evidence"]) for h in history] == [
        (case.sends[0], "resend", "Ann", "asked by phone"),
        (case.sends[1], "let_be", whoever_is_here(), ""),
        (case.sends[2], "let_be", whoever_is_here(), ""),
    ]
    assert "asked by phone" in reconcile(case.campaign, "--history")[1]


def test_a_file_of_events(reconcile: Command, case: Case, db: Database, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    at = datetime.now(UTC).isoformat()
    path.write_text(f'{{"message_id": "{case.message_id(0)}", "event": "delivered", "at": "{at}"}}\nbroken\n')
    status, out, err = reconcile("--events", path)
    assert status == 0 and "1 events taken in" in out and "1 sent" in out and "line 2: is no JSON" in err
    assert standing(db, case) == ["sent", "uncertain", "uncertain"]
    assert json.loads(reconcile("--events", path, "--json")[1])["moved"] == {}


def test_naming_counts_what_a_provider_had_told_before(
    reconcile: Command, case: Case, db: Database, tmp_path: Path
) -> None:
    with db.transaction() as session:
        session.execute(
            text(
                "insert into events (campaign_id, key, name, send_id, at) "
                "values (:campaign, 'x', 'delivered', :send, now())"
            ),
            {"campaign": case.campaign, "send": case.sends[2]},
        )
    assert [row["send"] for row in json.loads(reconcile(case.campaign, "--json")[1])] == case.sends[:2]
    assert standing(db, case) == ["uncertain", "uncertain", "sent"]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        ((), 2, "give the campaign's ID"),
        (("seven",), 2, "give the campaign's ID"),
        (("1", "2"), 2, "one word too many: 2"),
        (("1", "--log", "a", "--resend", "all"), 2, "one at a time"),
        (("--all", "--resend", "all"), 2, "want the campaign's ID"),
        (("1", "--log", "a", "--format", "qmail"), 2, "qmail"),
        (("999",), 1, "there is no campaign 999"),
        (("1", "--log", "/nowhere/mail.log"), 1, "mail.log: cannot be read"),
        (("1", "--log", "a", "--zone", "Mars/Olympus"), 1, "no time zone"),
        (("1", "--resend", "seven", "--yes"), 1, "give numbers of sends"),
        (("1", "--resend", "all", "--resend", "1"), 1, "stands for itself"),
        (("1", "--resend", "987654", "--yes"), 1, "send 987654 is not uncertain"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(
    reconcile: Command, case: Case, db: Database, arguments: tuple[str, ...], status: int, says: str
) -> None:
    found, _, err = reconcile(*arguments)
    assert (found, says in err) == (status, True), err
    assert standing(db, case) == ["uncertain"] * 3


def test_the_formats_offered_are_those_that_are_read() -> None:
    assert set(LOG_FORMATS) == set(FORMATS), "named apart, so that --help loads quickly"
