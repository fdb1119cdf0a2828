"""Mail captured into a folder: whole or not at all, once per Message-ID, readable by the console."""

from __future__ import annotations

import resource
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from delivery_servers import a_mail

from campaigns.core.errors import NotFound
from campaigns.delivery.capture import (
    CaptureTransport,
    captured_path,
    count_captured,
    list_captured,
    read_captured,
)
from campaigns.delivery.transport import Kind


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """The kernel refuses longer files from here on: the nearest to a full disk that needs no disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_mail_handed_over_again_is_captured_once(tmp_path: Path) -> None:
    mail = a_mail(7)
    again = replace(mail, message=b"Subject: other bytes\r\n\r\n")
    outcomes = list(CaptureTransport(tmp_path).send_group([mail]))
    outcomes += CaptureTransport(tmp_path).send_group([again])
    assert [o.kind for o in outcomes] == [Kind.SENT, Kind.SENT]
    assert count_captured(tmp_path) == 1
    assert read_captured(tmp_path, mail.message_id) == mail.message


def test_files_are_private_and_named_by_their_message_id(tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    list(CaptureTransport(folder).send_group([a_mail(7)]))
    path = captured_path(folder, "<s7@mail.fjellandfern.example>")
    assert path.name == "s7@mail.fjellandfern.example.eml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_full_disk_leaves_nothing_and_the_mail_can_go_later(tmp_path: Path) -> None:
    transport = CaptureTransport(tmp_path)
    big, small = a_mail(1, body=b"x" * 9000), a_mail(2)
    with files_no_longer_than(4096):
        outcomes = list(transport.send_group([big, small]))
    assert [o.kind for o in outcomes] == [Kind.UNREACHED, Kind.SENT]
    assert str(tmp_path) in outcomes[0].reply
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [
        "s2@mail.fjellandfern.example.eml"
    ]
    assert [o.kind for o in transport.send_group([big])] == [Kind.SENT]


def test_a_folder_that_cannot_be_made_is_an_outcome(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (outcome,) = CaptureTransport(tmp_path / "file" / "outbox").send_group([a_mail(1)])
    assert outcome.kind is Kind.UNREACHED


def test_several_writers_of_the_same_mails_capture_each_once(tmp_path: Path) -> None:
    mails = [a_mail(n) for n in range(100)]
    replies: list[str] = []

    def work() -> None:
        replies.extend(outcome.reply for outcome in CaptureTransport(tmp_path).send_group(mails))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count_captured(tmp_path) == 100
    assert replies.count("250 2.0.0 captured") == 100
    assert not list(tmp_path.rglob(".*"))


@pytest.mark.parametrize(
    "message_id", ["<../../etc/passwd>", "<.hidden@x>", "<" + "a" * 300 + "@x>", "<å/b@x>"]
)
def test_no_message_id_leaves_the_folder_or_hides(tmp_path: Path, message_id: str) -> None:
    folder = tmp_path / "outbox"
    mail = replace(a_mail(1), message_id=message_id)
    assert [o.kind for o in CaptureTransport(folder).send_group([mail])] == [Kind.SENT]
    assert captured_path(folder, message_id).resolve().is_relative_to(folder)
    assert read_captured(folder, message_id) == mail.message
    assert count_captured(folder) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["outbox"]


def test_the_list_is_newest_first_decoded_and_paged(tmp_path: Path) -> None:
    transport = CaptureTransport(tmp_path)
    for number in range(5):
        mail = a_mail(number)
        subject = b"Subject: =?utf-8?q?Regn_i_Troms=C3=B8?="
        list(transport.send_group([replace(mail, message=mail.message.replace(b"Subject: Mail", subject))]))
    listed = list_captured(tmp_path, limit=2, offset=1)
    assert [mail.message_id for mail in listed] == [a_mail(n).message_id for n in (3, 2)]
    assert listed[0].subject == "Regn i Tromsø 3"
    assert listed[0].recipient == "somebody@customers.example"
    assert listed[0].size == listed[0].path.stat().st_size


def test_nothing_captured_yet(tmp_path: Path) -> None:
    assert list_captured(tmp_path / "none") == []
    with pytest.raises(NotFound):
        read_captured(tmp_path / "none", "<1@x>")
