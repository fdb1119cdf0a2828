"""`tailormail inbound`: a maildir and a mailbox are emptied, a listener listens until it is told to stop."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import select

from campaigns.compose.return_path import return_path, unsubscribe_address
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import NotConfigured, ServiceUnavailable
from campaigns.core.server_addresses import ImapAddress
from campaigns.core.settings import load_settings
from campaigns.delivery.inbound.mailbox import FakeMailbox
from campaigns.delivery.inbound.maildir import MaildirMailbox
from campaigns.flows.feedback.collecting import collect
from campaigns.flows.feedback.inbound import Inbound
from campaigns.models import Event
from campaigns.runtime import Runtime
from campaigns.supervisor import receivers
from tests.delivery.imap_server import PASSWORD, USER, ImapServer
from tests.inbound_mail import About, by_hand, postfix
from tests.sent_mails import sent_mails
from tests.shop import SECRET, Command

ROOT = Path(__file__).resolve().parents[2]
HOST = "bounces.fjellandfern.example"


@pytest.fixture
def mails(runtime: Runtime) -> list[bytes]:
    """A bounce, the same again, an unsubscribe, and what nobody can handle."""
    one, other, *_ = sent_mails(runtime)
    bounce = postfix(About(return_path=return_path(runtime.signer, one.campaign_id, one.id, HOST)))
    leave = unsubscribe_address(runtime.signer, other.campaign_id, other.customer_id, other.id, HOST)
    return [bounce, bounce, by_hand(leave), by_hand(f"unsubscribe@{HOST}")]


COUNTS = {"bounced": 1, "repeated": 1, "unsubscribed": 1, "unhandled": 1}


@pytest.fixture
def box(tmp_path: Path, mails: list[bytes]) -> Path:
    """A maildir with them."""
    path = tmp_path / "box"
    for name in ("new", "cur", "tmp"):
        (path / name).mkdir(parents=True)
    for number, raw in enumerate(mails):
        (path / "new" / str(number)).write_bytes(raw.replace(b"\r\n", b"\n"))
    return path


def happened(runtime: Runtime) -> list[str]:
    with runtime.db.transaction() as session:
        return sorted(session.scalars(select(Event.name)))


def test_a_maildir_is_emptied_once(box: Path, runtime: Runtime, command: Command) -> None:
    status, out, err = command("inbound", "maildir", box, "--once", "--json")
    assert (status, json.loads(out)) == (0, COUNTS), err
    assert happened(runtime) == ["bounced", "unsubscribed"]
    assert not list((box / "new").iterdir())
    assert all(path.name.endswith(":2,S") for path in (box / "cur").iterdir())
    assert command("inbound", "maildir", box, "--once")[1] == "nothing waits\n"


def test_what_nobody_could_handle_is_listed_and_shown(box: Path, runtime: Runtime, command: Command) -> None:
    command("inbound", "maildir", box, "--once")
    status, out, _ = command("inbound", "problems", "--json")
    (problem,) = json.loads(out)
    assert (status, problem["kept"]) == (0, False)
    assert "neither a bounce nor a complaint" in problem["problem"]
    assert problem["problem"] in command("inbound", "problems")[1]
    status, out, err = command("inbound", "problems", "--show", problem["id"])
    assert (status, out) == (1, "")
    assert "nothing was kept" in err
    assert command("inbound", "problems", "--show", "999999")[0] == 1


def test_a_mailbox_is_emptied_once(
    mails: list[bytes], runtime: Runtime, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ImapServer() as server:
        for raw in mails:
            server.deliver(raw)
        url = (
            f"imap://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/INBOX?tls=none&done=Taken%20in"
        )
        monkeypatch.setenv("TAILORMAIL_IMAP_URL", url)
        status, out, err = command("inbound", "imap", "--once", "--json")
        assert (status, json.loads(out)) == (0, COUNTS), err
        assert not server.folders["INBOX"]
        assert len(server.folders["Taken in"]) == 4
        server.misbehave["LOGIN"] = "no"
        status, _, err = command("inbound", "imap", "--once")
        assert status == 1
        assert PASSWORD not in err
        assert USER not in err
    assert happened(runtime) == ["bounced", "unsubscribed"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("imap", "--once"), "TAILORMAIL_IMAP_URL"), (("listen",), "TAILORMAIL_BOUNCE_DOMAIN"),
     (("listen", "--domain", "x"), "is not a domain"), (("maildir", "/", "--once"), "is no maildir")],
)  # fmt: skip
def test_what_is_missing_is_said(
    runtime: Runtime, command: Command, arguments: tuple[str, ...], said: str
) -> None:
    status, _, err = command("inbound", *arguments)
    assert status == 1
    assert said in err


def test_a_certificate_that_is_none_is_said(runtime: Runtime, command: Command, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    status, _, err = command("inbound", "listen", "--domain", HOST, "--certificate", tmp_path / "x.pem")
    assert status == 1
    assert "--certificate" in err
    assert command("inbound", "listen", "--key", tmp_path / "x.pem")[0] == 2


@pytest.mark.parametrize("killed", ["before the move", "database away"])
def test_a_mail_is_not_lost_and_counts_once_whenever_it_is_killed(
    box: Path, runtime: Runtime, killed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = MaildirMailbox(box)
    with monkeypatch.context() as broken, pytest.raises((KeyboardInterrupt, ServiceUnavailable)):
        if killed == "before the move":
            broken.setattr(MaildirMailbox, "done", _interrupt)
        else:
            broken.setattr(Inbound, "take", _is_away)
        collect(mailbox, runtime.inbound)
    assert len(list((box / "new").iterdir())) == 4
    counts = collect(mailbox, runtime.inbound)
    assert counts == ({"repeated": 2, "unsubscribed": 1, "unhandled": 1} if "move" in killed else COUNTS)
    assert happened(runtime) == ["bounced", "unsubscribed"]


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _is_away(*_: object) -> None:
    raise ServiceUnavailable("PostgreSQL", "away")


def test_collecting_stops_after_the_mail_in_hand_when_asked_to(runtime: Runtime, mails: list[bytes]) -> None:
    mailbox = FakeMailbox()
    for raw in mails:
        mailbox.deliver(raw)
    assert collect(mailbox, runtime.inbound, stopping=lambda: True) == {"bounced": 1}
    assert len(mailbox.finished) == 1


@pytest.fixture
def environment(servers: EmbeddedUrls, runtime: Runtime) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TAILORMAIL_DATABASE_URL": servers.database_url or "",
        "TAILORMAIL_REDIS_URL": (servers.redis_url or "").replace("db=0", "db=8"),
        "TAILORMAIL_DATA_DIR": str(runtime.settings.folder),
        "TAILORMAIL_SECRET_KEY": SECRET,
        "TAILORMAIL_BOUNCE_DOMAIN": HOST,
    }


@pytest.fixture
def process(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """`tailormail inbound listen` as a process of its own."""
    command = [sys.executable, "-m", "campaigns.cli", "inbound", "listen", "--port", "0", "--lmtp"]
    running = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    yield running
    running.kill()
    running.wait()


def test_the_listener_takes_mail_in_until_it_is_told_to_stop(
    process: subprocess.Popen[str], runtime: Runtime, mails: list[bytes]
) -> None:
    assert process.stderr
    line = process.stderr.readline()
    while "listening" not in line:
        assert line, "it ended"
        line = process.stderr.readline()
    assert HOST in line
    port = int(line.partition("127.0.0.1:")[2].split()[0])
    bounced_to = mails[0].partition(b"Delivered-To: ")[2].splitlines()[0].decode()
    with smtplib.LMTP("127.0.0.1", port) as lmtp:
        assert lmtp.sendmail("", [bounced_to], mails[0]) == {}
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            lmtp.sendmail("", ["anna@customers.example"], mails[0])
    assert happened(runtime) == ["bounced"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_a_maildir_is_watched_until_told_to_stop(
    box: Path, runtime: Runtime, environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "campaigns.cli", "inbound", "maildir", str(box), "--every", "0.2"]
    watching = subprocess.Popen(
        command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while list((box / "new").iterdir()) and time.monotonic() < deadline:
            time.sleep(0.1)
        watching.send_signal(signal.SIGTERM)
        assert watching.wait(20) == 0
    finally:
        watching.kill()
    assert happened(runtime) == ["bounced", "unsubscribed"]


def test_the_doctor_says_where_bounces_go_and_asks_the_mailbox(
    runtime: Runtime, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> dict[str, dict[str, str]]:
        return {finding["part"]: finding for finding in json.loads(command("doctor", "--json")[1])}

    assert found()["bounces"]["in_force"] == "go to the sender's own address"
    with ImapServer() as server:
        server.deliver(b"Subject: x\r\n\r\n")
        url = f"imap://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}?tls=none"
        monkeypatch.setenv("TAILORMAIL_IMAP_URL", url)
        monkeypatch.setenv("TAILORMAIL_BOUNCE_DOMAIN", HOST)
        now = found()
        assert now["bounces"]["in_force"] == f"go to {HOST}"
        assert now["IMAP"]["severity"] == "ok"
        assert now["IMAP"]["says"].startswith("1 messages wait")
        server.misbehave["LOGIN"] = "no"
        refused = found()["IMAP"]
        assert refused["severity"] == "error"
        assert PASSWORD not in str(refused)


def test_serve_starts_what_the_settings_ask_for() -> None:
    assert receivers(load_settings(), "127.0.0.1", 8026) == []
    both = load_settings({"bounce_domain": HOST, "imap_url": "imaps://u:p@h/INBOX"})
    listener, poller = receivers(both, "0.0.0.0", 2525)
    assert listener.command[-5:] == ["listen", "--host", "0.0.0.0", "--port", "2525"]
    assert poller.command[-2:] == ["inbound", "imap"]
    assert "u:p" not in " ".join(poller.command), "other accounts of this machine see it"


@pytest.mark.parametrize(
    ("name", "value"),
    [("bounce_domain", "two words"), ("bounce_domain", "x"), ("bounce_domain", "a@b.example"), ("imap_url", "http://x"),
     ("imap_url", "imaps://host"), ("imap_url", "imaps://u:p@h:x"), ("imap_url", "imap://u:p@h?tls=maybe")],
)  # fmt: skip
def test_settings_that_cannot_be_are_named_without_their_secrets(name: str, value: str) -> None:
    with pytest.raises(NotConfigured, match=f"TAILORMAIL_{name.upper()}") as told:
        load_settings({name: value})
    assert "u:p" not in told.value.message


def test_the_address_of_a_mailbox_is_read() -> None:
    plain = ImapAddress("imaps://a%40b:p%2Fq@mail.example")
    assert (plain.host, plain.port, plain.username, plain.password) == ("mail.example", 993, "a@b", "p/q")
    assert (plain.folder, plain.done, plain.tls) == ("INBOX", "", "implicit")
    other = ImapAddress("imap://u:p@h:1143/Bounces/Now?done=Old%20ones")
    assert (other.port, other.folder, other.done, other.tls) == (1143, "Bounces/Now", "Old ones", "starttls")
    assert load_settings({"bounce_domain": "Bücher.example."}).bounce_domain == "xn--bcher-kva.example"
