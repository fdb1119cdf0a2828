"""The contract of mailboxes: nothing is lost, and nothing that is done comes again."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from dovecot import Dovecot
from imap_server import PASSWORD, USER, ImapServer
from test_delivery_tls_auth import Trust

from campaigns.core.errors import BadInput, ServiceUnavailable
from campaigns.core.server_addresses import ImapAddress
from campaigns.delivery.inbound.arrived import MOST_BYTES
from campaigns.delivery.inbound.imap import ImapMailbox
from campaigns.delivery.inbound.mailbox import FakeMailbox, Mailbox
from campaigns.delivery.inbound.maildir import MaildirMailbox

MAIL = b"Subject: one\r\n\r\n.\r\nbody \xff\r\n"


@dataclass
class Place:
    """A mailbox and how mail gets into it."""

    mailbox: Mailbox
    deliver: Callable[[bytes], None]


def imap_url(port: int, query: str = "") -> ImapAddress:
    return ImapAddress(f"imap://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/INBOX?tls=none{query}")


def a_maildir(folder: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    return folder


def maildir(folder: Path) -> Place:
    path, count = a_maildir(folder / "maildir"), iter(range(1000))

    def deliver(raw: bytes) -> None:
        number = next(count)
        (path / "tmp" / f"m{number}").write_bytes(raw)
        os.utime(path / "tmp" / f"m{number}", ns=(number, number))
        os.rename(path / "tmp" / f"m{number}", path / "new" / f"m{number}")

    return Place(MaildirMailbox(path), deliver)


@pytest.fixture(
    params=["fake", "maildir", "imap", "imap, moving", "imap, copying", "dovecot", "dovecot, moving"]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    kind = request.param
    with ExitStack() as stack:
        if kind == "fake":
            fake = FakeMailbox()
            yield Place(fake, fake.deliver)
        elif kind == "maildir":
            yield maildir(tmp_path)
        elif kind.startswith("dovecot"):
            server = stack.enter_context(Dovecot(tmp_path))
            mailbox = ImapMailbox(server.address("&done=Taken%20in%20%C3%A6%26" if "moving" in kind else ""))
            stack.callback(mailbox.close)
            yield Place(mailbox, server.deliver)
        else:
            told = "IMAP4rev1" if "copying" in kind else "IMAP4rev1 MOVE UIDPLUS"
            small = stack.enter_context(ImapServer(told))
            mailbox = ImapMailbox(imap_url(small.port, "&done=Taken%20in" if "," in kind else ""), timeout=5)
            stack.callback(mailbox.close)
            yield Place(mailbox, small.deliver)


def test_what_waits_is_given_byte_for_byte_in_order_until_it_is_done(place: Place) -> None:
    assert list(place.mailbox.waiting()) == []
    sent = [MAIL.replace(b"one", str(number).encode()) for number in range(12)]
    for raw in sent:
        place.deliver(raw)
    first = list(place.mailbox.waiting())
    assert [raw for _, raw in first] == sent
    assert list(place.mailbox.waiting()) == first, "reading alone does not make it done"
    for key, _ in first[:3]:
        place.mailbox.done(key)
    assert [raw for _, raw in place.mailbox.waiting()] == sent[3:]
    place.mailbox.done(first[0][0])  # once more
    place.mailbox.close()
    place.mailbox.close()
    assert [raw for _, raw in place.mailbox.waiting()] == sent[3:], "after a new beginning too"


def test_it_can_be_emptied_while_it_is_read_and_while_mail_arrives(place: Place) -> None:
    for number in range(5):
        place.deliver(MAIL + str(number).encode())
    seen = []
    for key, raw in place.mailbox.waiting():
        seen.append(raw)
        place.mailbox.done(key)
        if len(seen) == 2:
            place.deliver(MAIL + b"late")
    rest = [raw for _, raw in place.mailbox.waiting()]
    assert len(seen) >= 5
    last = sorted(raw.splitlines()[-1] for raw in [*seen, *rest])
    assert last == [b"0", b"1", b"2", b"3", b"4", b"late"]


def test_of_a_long_message_the_beginning_is_given(place: Place) -> None:
    place.deliver(b"Subject: long\r\n\r\n" + b"x" * 78 + b"\r\n" + (b"y" * 78 + b"\r\n") * 65_000)
    ((_, raw),) = place.mailbox.waiting()
    assert len(raw) == MOST_BYTES
    assert raw.startswith(b"Subject: long\r\n\r\nx")


def test_a_maildir_keeps_what_mail_programs_know_of_it(tmp_path: Path) -> None:
    path = a_maildir(tmp_path / "box")
    (path / "cur" / "read:2,S").write_bytes(MAIL)
    (path / "cur" / "thrown-away:2,T").write_bytes(MAIL)
    (path / "cur" / "moved-by-a-program:2,F").write_bytes(MAIL)
    (path / "new" / "fresh").write_bytes(MAIL)
    (path / "new" / ".hidden").write_bytes(MAIL)
    (path / "new" / "folder").mkdir()
    (path / "new" / "link").symlink_to("/etc/hostname")
    os.mkfifo(path / "new" / "pipe")
    (path / "tmp" / "half").write_bytes(MAIL)
    mailbox = MaildirMailbox(path)
    keys = [key for key, _ in mailbox.waiting()]
    assert sorted(keys) == ["cur/moved-by-a-program:2,F", "new/fresh"]
    for key in keys:
        mailbox.done(key)
    mailbox.done("new/gone")
    assert sorted(p.name for p in (path / "cur").iterdir()) == [
        "fresh:2,S", "moved-by-a-program:2,FS", "read:2,S", "thrown-away:2,T",
    ]  # fmt: skip


def test_a_folder_that_is_no_maildir_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no folder new and no cur"):
        MaildirMailbox(tmp_path)


@pytest.fixture
def server() -> Iterator[ImapServer]:
    with ImapServer() as running:
        running.deliver(MAIL)
        running.deliver(MAIL + b"2\r\n")
        yield running


def test_what_is_done_is_flagged_or_moved_or_copied_without_touching_the_rest(server: ImapServer) -> None:
    server.folders["INBOX"][1].flags.add(r"\Deleted")
    mailbox = ImapMailbox(imap_url(server.port))
    mailbox.done("1")
    assert server.folders["INBOX"][0].flags == {r"\Seen"}
    assert not any("EXPUNGE" in command for command in server.commands)
    for told, left in (("IMAP4rev1", 2), ("IMAP4rev1 UIDPLUS", 1)):
        server.capabilities = told
        copying = ImapMailbox(imap_url(server.port, "&done=Taken%20in"))
        copying.done("1")
        assert len(server.folders["INBOX"]) == left, "without UIDPLUS it stays, flagged as deleted"
        copying.close()
    assert [m.uid for m in server.folders["INBOX"]] == [2], "what somebody else deleted is theirs"
    mailbox.close()


@pytest.mark.parametrize("command", ["LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "UID STORE"])
@pytest.mark.parametrize("how", ["close", "hang", "no", "garbage"])
def test_trouble_is_told_and_the_next_time_all_is_well(server: ImapServer, command: str, how: str) -> None:
    server.misbehave[command] = how
    mailbox = ImapMailbox(imap_url(server.port), timeout=0.5)
    with pytest.raises(ServiceUnavailable) as told:
        for key, _ in mailbox.waiting():
            mailbox.done(key)
    assert "Anna" not in told.value.message
    assert PASSWORD not in told.value.message
    server.misbehave.clear()
    assert len(list(mailbox.waiting())) == 2
    mailbox.close()


def test_a_wrong_password_is_told_without_saying_it(server: ImapServer) -> None:
    address = ImapAddress(f"imap://{USER}:wrong-secret@127.0.0.1:{server.port}?tls=none")
    with pytest.raises(ServiceUnavailable, match="refuses this user and password") as told:
        list(ImapMailbox(address).waiting())
    assert "wrong-secret" not in told.value.message
    assert USER not in told.value.message


def test_nobody_at_home_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ServiceUnavailable, match="IMAP"):
        list(ImapMailbox(imap_url(port), timeout=1).waiting())


def test_tls_is_spoken_and_its_certificate_looked_at(tmp_path: Path) -> None:
    trust = Trust(tmp_path)
    with ImapServer(tls=trust.server("localhost")) as server:
        server.deliver(MAIL)
        url = f"imaps://{USER}:{quote(PASSWORD, safe='')}@localhost:{server.port}"
        with pytest.raises(ServiceUnavailable, match="certificate is not valid"):
            list(ImapMailbox(ImapAddress(url)).waiting())
        mailbox = ImapMailbox(ImapAddress(url), tls=trust.client)
        assert len(list(mailbox.waiting())) == 1
        mailbox.close()


def test_without_tls_nothing_is_said_unless_the_url_says_so(server: ImapServer) -> None:
    address = ImapAddress(f"imap://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}")
    with pytest.raises(ServiceUnavailable):
        list(ImapMailbox(address, timeout=1).waiting())
    assert not any("LOGIN" in command for command in server.commands)
