"""Finishing erasures: every place, twice, and nobody else's data."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy import select, text, update

from campaigns.delivery.capture import captured_path
from campaigns.delivery.capture_forget import forget_captured
from campaigns.delivery.journal import Journal
from campaigns.models import Customer, Erasure
from campaigns.opentime.serving.serve import Malformed, Serve, mentions, pack, unpack, without_customers
from campaigns.opentime.serving.serve_spool import ServeSpool
from campaigns.opentime.serving.serve_stream import REFUSED, STREAM, Entry, ServeStream
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.opentime.opentime_serves import serve
from tests.shop import Command, approved, send_all


def erased_row(runtime: Runtime, customer_id: int) -> Erasure:
    with runtime.db.transaction() as session:
        return session.get_one(Erasure, customer_id)


def age(runtime: Runtime, **ago: int) -> None:
    with runtime.db.transaction() as session:
        session.execute(update(Erasure).values(erased_at=Erasure.erased_at - timedelta(**ago)))


@pytest.fixture
def sent(shop: Runtime, sample: SampleFiles) -> Runtime:
    send_all(shop, approved(shop, sample))
    return shop


@pytest.fixture
def mailed(sent: Runtime) -> tuple[int, int, str]:
    """(customer, send, address) of somebody who got a mail."""
    with sent.db.transaction() as session:
        row = session.execute(
            text("select s.customer_id, s.id, c.email_cipher from sends s join customers c on c.id = s.customer_id"
                 " where s.status = 'sent' order by s.id limit 1")
        ).one()  # fmt: skip
    return row.customer_id, row.id, sent.keyring.decrypt(bytes(row.email_cipher), "customers.email")


def of(customer_id: int, send_id: int = 7) -> Serve:
    return serve(send_id, customer_id=customer_id)


def test_a_group_loses_one_customer_and_keeps_the_others() -> None:
    body = pack([(of(5), 1), (of(12, 8), 2)]).body
    assert mentions(body, [5]) and mentions(body, [1, 12]) and not mentions(body, [7, 8])
    rest = without_customers(body, [5])
    assert rest is not None
    assert [(one.customer_id, one.n) for one in unpack(rest)[0]] == [(12, 2)]
    assert without_customers(rest, [12]) is None
    assert without_customers(body, [99]) == body
    assert mentions(b"torn, 5 and more", [5]), "of what cannot be read nobody can say"
    assert not mentions(b"torn, 55", [5])
    with pytest.raises(Malformed):
        without_customers(b"[]", [5])


def test_the_stream_forgets_one_customer_and_counts_the_others_once(redis_client: redis.Redis) -> None:
    stream = ServeStream(redis_client)
    both, only, other = pack([(of(5), 1), (of(12, 8), 1)]), pack([(of(5), 1)]), pack([(of(12, 8), 1)])
    stream.add([both, only, other])
    stream.refuse([Entry(b"1-1", "x", only.body), Entry(b"1-2", "x", other.body)])
    stream.forget([5])
    left = stream.oldest(10)
    assert {entry.group for entry in left} == {both.id, other.id}, "a group keeps its number"
    assert {one.customer_id for entry in left for one in unpack(entry.body)[0]} == {12}
    assert redis_client.xlen(STREAM) == 2 and redis_client.xlen(REFUSED) == 1
    stream.forget([5])
    assert redis_client.xlen(STREAM) == 2


@pytest.mark.parametrize(
    ("head", "found"),
    [
        ("To: Anna <anna@shop.example>\r\nMessage-ID: <1.2@x>", ("anna@shop.example", "1.2@x")),
        ("message-id: <a@b>\r\nTO:\r\n =?utf-8?q?A?=\r\n <anna@shop.example>", ("anna@shop.example", "a@b")),
        ("Subject: nothing else\r\nX-To: b@shop.example", ("", "")),
    ],
)
def test_captured_mails_are_known_by_their_headers(tmp_path: Path, head: str, found: tuple[str, str]) -> None:
    shard = tmp_path / "ab"
    shard.mkdir()
    (shard / "x.eml").write_text(f"{head}\r\n\r\nTo: body@shop.example")
    asked: list[tuple[str, str]] = []

    def is_theirs(recipient: str, message_id: str) -> bool:
        asked.append((recipient, message_id))
        return False

    assert forget_captured(tmp_path, is_theirs) == 0
    assert asked == [found] and (shard / "x.eml").exists()
    assert forget_captured(tmp_path, lambda *_: True) == 1
    assert list(shard.iterdir()) == []
    assert forget_captured(tmp_path / "none", lambda *_: True) == 0


def test_drafts_of_the_dead_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    shard = tmp_path / "ab"
    shard.mkdir()
    for name in (".old-1", ".new-1"):
        (shard / name).write_text("To: anna@shop.example\r\n\r\n")
    os.utime(shard / ".old-1", (1, 1))
    assert forget_captured(tmp_path, lambda *_: True) == 0
    assert [path.name for path in shard.iterdir()] == [".new-1"]


def test_only_the_mails_of_the_erased_leave_the_outbox(sent: Runtime, mailed: tuple[int, int, str]) -> None:
    outbox = sent.settings.captured_mail
    before = {path.name for path in outbox.rglob("*.eml")}
    assert sent.rights.erase(mailed[2])
    gone = before - {path.name for path in outbox.rglob("*.eml")}
    assert len(gone) == 1 and gone.pop().split(".")[1] == str(mailed[1])


def test_a_notice_to_an_international_domain_is_found(sent: Runtime, mailed: tuple[int, int, str]) -> None:
    with sent.db.transaction() as session:
        session.execute(
            text("update customers set email_cipher = :cipher, email_hmac = :hmac where id = :id"),
            {
                "cipher": sent.keyring.encrypt("anna@bücher.example", "customers.email"),
                "hmac": sent.keyring.address_hmac("anna@bücher.example"),
                "id": mailed[0],
            },
        )
    path = captured_path(sent.settings.captured_mail, "notice.1.c0de@shop.example")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"To: <anna@xn--bcher-kva.example>\r\nMessage-ID: <notice.1.c0de@shop.example>\r\n\r\nHello"
    )
    other = captured_path(sent.settings.captured_mail, "notice.2.c0de@shop.example")
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_bytes(b"To: <anna@another.example>\r\n\r\nHello")
    assert sent.rights.erase("anna@bücher.example")
    assert not path.exists() and other.exists()


def test_a_place_is_done_only_when_nothing_can_be_on_its_way(
    sent: Runtime, mailed: tuple[int, int, str]
) -> None:
    own, send_id, address = mailed
    sent.rights.erase(address)
    row = erased_row(sent, own)
    assert (set(row.begun), row.done) == ({"redis", sent.host}, [])
    with sent.db.transaction() as session:
        session.execute(text("update sends set status = 'picked' where id = :id"), {"id": send_id})
    age(sent, minutes=11)
    assert sent.erasures.finish() == 1, "a worker still holds it"
    with sent.db.transaction() as session:
        session.execute(text("update sends set status = 'held_back' where id = :id"), {"id": send_id})
    assert sent.erasures.finish() == 0
    assert set(erased_row(sent, own).done) == {"redis", sent.host}
    age(sent, days=36)
    sent.erasures.finish()
    with sent.db.transaction() as session:
        assert session.scalars(select(Erasure)).all() == []
    assert sent.erasures.reached(own)


def _spooled(runtime: Runtime, customer_id: int, send_id: int) -> Callable[[], None]:
    spool = ServeSpool(runtime.spools)
    spool.append(pack([(of(customer_id, send_id), 1)]))
    return spool.close


def _journaled(runtime: Runtime, customer_id: int, send_id: int) -> Callable[[], None]:
    journal = Journal(runtime.journals)
    journal.intent(send_id)

    def end() -> None:
        journal.settled()
        journal.close()

    return end


@pytest.mark.parametrize("keep", [_spooled, _journaled])
def test_what_a_living_process_still_has_on_disk_is_waited_for(
    sent: Runtime, mailed: tuple[int, int, str], keep: Callable[[Runtime, int, int], Callable[[], None]]
) -> None:
    own, send_id, address = mailed
    end = keep(sent, own, send_id)
    assert not sent.rights.erase(address)
    assert erased_row(sent, own).begun == ["redis"]
    end()
    assert sent.erasures.finish() == 0
    assert sent.erasures.reached(own)


def test_each_host_cleans_its_own_files(sent: Runtime, mailed: tuple[int, int, str], tmp_path: Path) -> None:
    own, _, address = mailed
    settings = sent.settings.model_copy(update={"data_dir": tmp_path / "another"})
    other = Runtime(settings, sent.jobs).start()
    path = captured_path(settings.captured_mail, "notice.9.c0de@shop.example")
    path.parent.mkdir(parents=True)
    path.write_bytes(f"To: {address}\r\n\r\nHello".encode())
    sent.rights.erase(address)
    assert path.exists() and other.host != sent.host
    assert other.erasures.finish() == 0
    assert not path.exists()
    assert set(erased_row(sent, own).begun) == {"redis", sent.host, other.host}
    other.close()


def test_the_command_erases_and_says_what_it_could_not_reach(
    sent: Runtime, mailed: tuple[int, int, str], command: Command
) -> None:
    end = _spooled(sent, mailed[0], mailed[1])
    status, out, _ = command("customer", "erase", mailed[2], "--yes")
    assert status == 0 and "workers go on" in out
    end()
    with sent.db.transaction() as session:
        assert session.get_one(Customer, mailed[0]).erased_at is not None
    assert command("customer", "export", mailed[2])[0] == 1
