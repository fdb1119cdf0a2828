"""Relay logs: what they prove of a mail, what they only seem to prove, and which times they cover."""

from __future__ import annotations

import gzip
import io
import json
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from campaigns.core.errors import BadInput
from campaigns.delivery.relaylog import LogReading, read_logs
from campaigns.delivery.relaylog_time import LogClock
from campaigns.delivery.relaylog_values import SendKey, Sighting, Trace, Wanted

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ALL = (
    "taken",
    "filtered",
    "cut",
    "refused",
    "held",
    "dead",
    "full",
    "expired",
    "greylisted",
    "archived",
    "absent",
)
KEYS: dict[str, SendKey] = {name: (7, number) for number, name in enumerate(ALL, start=1)}

POSTFIX = """\
Nov 21 09:00:00 mx1 postfix/smtpd[11]: connect from shop.example[192.0.2.1]
Nov 21 09:00:01 mx1 postfix/smtpd[11]: A1: client=shop.example[192.0.2.1]
Nov 21 09:00:01 mx1 postfix/cleanup[12]: A1: message-id=<taken@shop.example>
Nov 21 09:00:01 mx1 postfix/qmgr[13]: A1: from=<b@shop.example>, size=46012, nrcpt=1 (queue active)
Nov 21 09:00:02 mx1 postfix/cleanup[12]: A2: message-id=<cut@shop.example>
Nov 21 09:00:02 mx1 postfix/smtpd[11]: lost connection after DATA (20480 bytes) from shop.example[192.0.2.1]
Nov 21 09:00:03 mx1 postfix/cleanup[12]: A2: message-id=<a-stranger@other.example>
Nov 21 09:00:03 mx1 postfix/qmgr[13]: A2: from=<x@other.example>, size=900, nrcpt=1 (queue active)
Nov 21 09:00:04 mx1 postfix/cleanup[12]: A3: message-id=<refused@shop.example>
Nov 21 09:00:04 mx1 postfix/cleanup[12]: A3: milter-reject: END-OF-MESSAGE from shop.example[192.0.2.1]: 5.7.1 rejected by policy; from=<b@shop.example> to=<r@dest.example> proto=ESMTP
Nov 21 09:00:05 mx1 postfix/cleanup[12]: A4: message-id=<held@shop.example>
Nov 21 09:00:05 mx1 postfix/cleanup[12]: A4: milter-hold: END-OF-MESSAGE from shop.example[192.0.2.1]: milter triggers HOLD action; from=<b@shop.example>
Nov 21 09:00:06 mx1 postfix-out/cleanup[12]: A5: message-id=<dead@shop.example>
Nov 21 09:00:06 mx1 postfix-out/qmgr[13]: A5: from=<b@shop.example>, size=46012, nrcpt=1 (queue active)
Nov 21 09:00:07 mx1 postfix-out/smtp[14]: A5: to=<dead@dest.example>, relay=mx.dest.example[198.51.100.7]:25, delay=0.9, delays=0.1/0/0.4/0.4, dsn=5.1.1, status=bounced (host mx.dest.example[198.51.100.7] said: 550 5.1.1 <dead@dest.example>: Recipient address rejected: User unknown (in reply to RCPT TO command))
Nov 21 09:00:07 mx1 postfix-out/qmgr[13]: A5: removed
Nov 21 09:00:08 mx1 postfix/cleanup[12]: A6: message-id=<full@shop.example>
Nov 21 09:00:08 mx1 postfix/qmgr[13]: A6: from=<b@shop.example>, size=46012, nrcpt=1 (queue active)
Nov 21 09:00:09 mx1 postfix/lmtp[14]: A6: to=<full@dest.example>, relay=lmtp.dest.example[198.51.100.8]:24, delay=0.9, delays=0.1/0/0.4/0.4, dsn=5.2.2, status=bounced (host lmtp.dest.example[198.51.100.8] said: 552 5.2.2 mailbox full (in reply to end of DATA command))
Nov 21 09:00:10 mx1 postfix/cleanup[12]: A7: message-id=<greylisted@shop.example>
Nov 21 09:00:10 mx1 postfix/qmgr[13]: A7: from=<b@shop.example>, size=46012, nrcpt=1 (queue active)
Nov 21 09:00:11 mx1 postfix/relay/smtp[14]: A7: to=<greylisted@dest.example>, relay=mx.dest.example[198.51.100.7]:25, delay=1, delays=0/0/0/1, dsn=4.7.1, status=deferred (host mx.dest.example[198.51.100.7] said: 450 4.7.1 greylisted, come back (in reply to RCPT TO command))
Nov 21 09:00:12 mx1 postfix/cleanup[12]: A8: message-id=<filtered@shop.example>
Nov 21 09:00:12 mx1 postfix/qmgr[13]: A8: from=<b@shop.example>, size=46012, nrcpt=1 (queue active)
Nov 21 09:00:13 mx1 postfix/cleanup[12]: B8: message-id=<filtered@shop.example>
Nov 21 09:00:13 mx1 postfix/smtp[14]: A8: to=<filtered@dest.example>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as B8)
Nov 21 09:00:13 mx1 postfix/qmgr[13]: B8: from=<b@shop.example>, size=46512, nrcpt=1 (queue active)
Nov 21 09:00:14 mx1 postfix/smtp[14]: B8: to=<filtered@dest.example>, relay=mx.dest.example[198.51.100.7]:25, delay=1, delays=0/0/0/1, dsn=5.7.1, status=bounced (host mx.dest.example[198.51.100.7] said: 550 5.7.1 spam (in reply to end of DATA command))
Nov 21 09:00:15 mx1 postfix/cleanup[12]: A9: message-id=<archived@shop.example>
Nov 21 09:00:15 mx1 postfix/qmgr[13]: A9: from=<b@shop.example>, size=46012, nrcpt=2 (queue active)
Nov 21 09:00:16 mx1 postfix/smtp[14]: A9: to=<everything@archive.example>, relay=none, delay=1, delays=0/0/0/1, dsn=5.4.4, status=bounced (Host or domain name not found)
Nov 21 09:00:17 mx1 postfix/cleanup[12]: AA: message-id=<expired@shop.example>
Nov 21 09:00:18 mx1 postfix/qmgr[13]: AA: from=<b@shop.example>, status=expired, returned to sender
Nov 21 09:00:19 mx1 dovecot: imap-login: Login: user=<somebody>, message-id=<absent@shop.example>
Nov 21 10:30:00 mx1 postfix/anvil[15]: statistics: max connection rate 1/60s
"""

EXIM = """\
2026-11-21 09:00:00 Start queue run: pid=100
2026-11-21 09:00:01 1tE4Xy-0003aB-Cd <= b@shop.example H=shop.example [192.0.2.1] P=esmtp S=46012 id=taken@shop.example T="Three picks id=absent@shop.example"
2026-11-21 09:00:01.250 [991] 1tE4Xz-0003aB-Ce <= b@shop.example H=shop.example [192.0.2.1] P=esmtp S=46012 id=dead@shop.example
2026-11-21 09:00:02 1tE4Xz-0003aB-Ce ** dead@dest.example R=dnslookup T=remote_smtp H=mx.dest.example [198.51.100.7]: SMTP error from remote mail server after RCPT TO:<dead@dest.example>: 550 5.1.1 <dead@dest.example> no such user
2026-11-21 09:00:02 1tE4Xz-0003aB-Ce Completed
2026-11-21 09:00:03 1tE4Ya-000000003aB-0Cdf <= b@shop.example H=shop.example [192.0.2.1] P=esmtp S=46012 id=greylisted@shop.example
2026-11-21 09:00:04 1tE4Ya-000000003aB-0Cdf == greylisted@dest.example R=dnslookup T=remote_smtp defer (-44) H=mx.dest.example [198.51.100.7]: SMTP error from remote mail server after RCPT TO:<greylisted@dest.example>: 451 4.7.1 come back
2026-11-21 09:00:05 1tE4Yb-0003aB-Cf <= b@shop.example H=shop.example [192.0.2.1] P=esmtp S=46012 id=filtered@shop.example
2026-11-21 09:00:06 1tE4Yb-0003aB-Cf => inbox+42 <filtered@dest.example> R=virtual T=lmtp C="250 2.0.0 Saved"
2026-11-21 09:00:07 1tE4Yc-0003aB-Cg <= b@shop.example H=shop.example [192.0.2.1] P=esmtp S=46012 id=archived@shop.example
2026-11-21 09:00:08 1tE4Yc-0003aB-Cg ** everything@archive.example R=dnslookup T=remote_smtp: retry timeout exceeded
2026-11-21 10:30:00 End queue run: pid=100
"""


def wanted() -> Wanted:
    def identify(text: str) -> SendKey | None:
        return KEYS.get(text.strip("<>").removesuffix("@shop.example"))

    return Wanted(identify, {key: f"{name}@dest.example" for name, key in KEYS.items()})


def read(*files: Path | str, format_name: str = "") -> LogReading:
    return read_logs([str(f) for f in files], wanted(), UTC, NOW, format_name)


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 11, 21, hour, minute, second, tzinfo=UTC)


@pytest.fixture
def postfix(tmp_path: Path) -> Path:
    path = tmp_path / "mail.log"
    path.write_text(POSTFIX)
    return path


@pytest.fixture
def exim(tmp_path: Path) -> Path:
    path = tmp_path / "mainlog"
    path.write_text(EXIM)
    return path


def traces(reading: LogReading) -> dict[str, Trace]:
    names = {key: name for name, key in KEYS.items()}
    return {names[key]: seen.trace for key, seen in reading.sightings.items()}


def test_postfix_tells_what_became_of_each_mail(postfix: Path) -> None:
    reading = read(postfix)
    assert reading.format == "Postfix"
    assert traces(reading) == {
        "taken": Trace.TAKEN,
        "held": Trace.TAKEN,
        "archived": Trace.TAKEN,
        "dead": Trace.BOUNCED,
        "full": Trace.BOUNCED,
        "filtered": Trace.BOUNCED,
        "expired": Trace.BOUNCED,
        "greylisted": Trace.DEFERRED,
        "cut": Trace.BEGUN,
        "refused": Trace.BEGUN,
    }
    assert reading.sightings[KEYS["dead"]] == Sighting(
        Trace.BOUNCED,
        at(9, 0, 7),
        "host mx.dest.example[198.51.100.7] said: 550 5.1.1 (address): Recipient address rejected: User unknown "
        "(in reply to RCPT TO command)",
        550,
        "5.1.1",
    )


def test_a_message_id_alone_does_not_prove_that_postfix_kept_the_mail(postfix: Path) -> None:
    reading = read(postfix)
    assert not reading.sightings[KEYS["cut"]].taken, "its connection broke in the midst of the mail"
    assert not reading.sightings[KEYS["refused"]].taken, "a milter refused it after the final dot"
    assert "5.7.1 rejected by policy" in reading.sightings[KEYS["refused"]].reply


def test_only_a_dead_mailbox_ends_an_address(postfix: Path, exim: Path) -> None:
    found = read(postfix).sightings
    assert {name for name, key in KEYS.items() if key in found and found[key].address_is_dead} == {"dead"}
    assert read(exim).sightings[KEYS["dead"]].address_is_dead


def test_exim_tells_what_became_of_each_mail(exim: Path) -> None:
    reading = read(exim)
    assert reading.format == "Exim"
    assert traces(reading) == {
        "taken": Trace.TAKEN,
        "dead": Trace.BOUNCED,
        "greylisted": Trace.DEFERRED,
        "filtered": Trace.DELIVERED,
        "archived": Trace.TAKEN,
    }
    dead = reading.sightings[KEYS["dead"]]
    assert (dead.code, dead.enhanced) == (550, "5.1.1")
    assert "dest.example>" not in dead.reply and "dead@" not in dead.reply


def test_an_exim_log_that_went_through_syslog_is_read_as_well(tmp_path: Path, exim: Path) -> None:
    path = tmp_path / "syslog"
    path.write_text("".join(f"Nov 21 09:00:09 mx1 exim[99]: {line}\n" for line in EXIM.splitlines()))
    assert traces(read(path)) == traces(read(exim))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_any_log_can_be_turned_into_rows(tmp_path: Path, form: str) -> None:
    rows = [
        ("<taken@shop.example>", "queued", "2026-11-21T09:00:00+00:00", "250 ok, queued"),
        ("<dead@shop.example>", "bounced", "2026-11-21T10:00:00+01:00", "550 5.1.1 no <dead@dest.example>"),
        ("<full@shop.example>", "misspelt", "2026-11-21T09:00:00Z", ""),
        ("<a-stranger@other.example>", "delivered", "2026-11-21 10:00:00", ""),
    ]
    path = tmp_path / "relay.txt"
    fields = ("message_id", "outcome", "at", "reply")
    if form == "csv":
        path.write_text("\n".join(",".join(f'"{cell}"' for cell in row) for row in (fields, *rows)))
    else:
        path.write_text(
            "\n".join(["# exported", *(json.dumps(dict(zip(fields, r, strict=True))) for r in rows)])
        )
    reading = read(path)
    assert traces(reading) == {"taken": Trace.TAKEN, "dead": Trace.BOUNCED}
    assert reading.sightings[KEYS["dead"]].at == at(9)
    assert reading.sightings[KEYS["dead"]].address_is_dead
    assert (reading.stretches[0].first, reading.stretches[0].last) == (at(9), at(10))


def test_rotated_files_are_put_in_order_and_mails_followed_across_them(tmp_path: Path) -> None:
    lines = POSTFIX.splitlines(keepends=True)
    cut = next(n for n, line in enumerate(lines) if "A5: to=<dead@" in line)
    older, newer = tmp_path / "mail.log.1.gz", tmp_path / "mail.log"
    older.write_bytes(gzip.compress("".join(lines[:cut]).encode()))
    newer.write_text("".join(lines[cut:]))
    reading = read(newer, older)
    assert traces(reading)["dead"] is Trace.BOUNCED
    assert [stretch.files for stretch in reading.stretches] == [("mail.log.1.gz", "mail.log")]
    assert reading.covers(at(9, 1), at(10))


def test_absence_is_concluded_only_where_the_files_reach(tmp_path: Path) -> None:
    def a_log(name: str, *hours: int) -> Path:
        path = tmp_path / name
        path.write_text(
            "".join(f"Nov 21 {hour:02}:00:00 mx1 postfix/anvil[1]: statistics: max\n" for hour in hours)
        )
        return path

    reading = read(a_log("early", 1, 2, 3), a_log("late", 6, 9))
    assert [(s.first, s.last) for s in reading.stretches] == [(at(1), at(3)), (at(6), at(9))]
    assert reading.covers(at(1), at(3)) and reading.covers(at(7), at(8))
    assert not reading.covers(at(2), at(7)), "a file between the two is missing"
    assert not reading.covers(at(8), at(10)), "the log ends before"
    assert not reading.covers(at(0), at(2)), "the log begins after"


def test_nothing_is_concluded_where_the_logging_system_threw_lines_away(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    lost = "Nov 21 09:30:00 mx1 rsyslogd: imjournal: 4711 messages lost due to rate-limiting\n"
    path.write_text(POSTFIX.replace("Nov 21 10:30", lost + "Nov 21 10:30"))
    reading = read(path)
    assert reading.throttled == (at(9, 30),)
    assert not reading.covers(at(9, 10), at(9, 25)) and not reading.covers(at(9, 10), at(10))
    assert reading.covers(at(9, 40), at(10, 20))


def test_standard_input_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = io.BufferedReader(io.BytesIO(gzip.compress(POSTFIX.encode())))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(packed))
    reading = read("-")
    assert traces(reading)["dead"] is Trace.BOUNCED
    assert reading.stretches[0].files == ("standard input",)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"nothing of the kind\n", "no line is of a known format"),
        (b"", "no line is of a known format"),
        (gzip.compress(POSTFIX.encode())[:-40], "cannot be read"),
    ],
)
def test_files_that_prove_nothing_are_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "broken.log"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=says):
        read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^mail\.log\.9: cannot be read"):
        read(tmp_path / "mail.log.9")


def test_a_wrong_format_by_name_is_refused(postfix: Path) -> None:
    with pytest.raises(BadInput, match="no line of it is Exim"):
        read(postfix, format_name="exim")


def test_times_without_year_or_zone_are_completed() -> None:
    oslo = LogClock(ZoneInfo("Europe/Oslo"), NOW)
    assert oslo.at("Nov 21 09:00:00 mx1 x") == at(8)
    assert oslo.at("Nov  1 09:00:00 mx1 x") == datetime(2026, 11, 1, 8, tzinfo=UTC)
    assert oslo.at("Dec 31 23:00:00 mx1 x") == datetime(2025, 12, 31, 22, tzinfo=UTC), "it cannot be to come"
    assert oslo.at("Feb 29 12:00:00 mx1 x") == datetime(2024, 2, 29, 11, tzinfo=UTC)
    assert oslo.at("2026-11-21T09:00:00.5-05:00 mx1 x") == at(14) + timedelta(seconds=0.5)
    assert oslo.at("<22>1 2026-11-21T09:00:00Z mx1 x") == at(9)
    assert oslo.at("2026-07-01 09:00:00 x") == datetime(2026, 7, 1, 7, tzinfo=UTC)
    assert oslo.at("Nov 31 09:00:00 x") is None and oslo.at("hello") is None
    new_year = LogClock(UTC, datetime(2026, 12, 31, 23, 59, tzinfo=UTC))
    assert new_year.at("Jan  1 00:10:00 mx1 x") == datetime(2027, 1, 1, 0, 10, tzinfo=UTC)


def test_a_big_log_is_read_in_seconds_and_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "big.log"
    mails = 75_000

    def lines() -> Iterator[str]:
        for n in range(mails):
            clock = f"Nov 21 {n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02} mx1 postfix"
            yield f"{clock}/smtpd[1]: Q{n:X}: client=shop.example[192.0.2.1]\n"
            yield f"{clock}/cleanup[2]: Q{n:X}: message-id=<7.{n}.0123456789abcdef@shop.example>\n"
            yield f"{clock}/qmgr[3]: Q{n:X}: from=<b@shop.example>, size=46012, nrcpt=1 (queue active)\n"
            yield f"{clock}/smtp[4]: Q{n:X}: to=<c@d.example>, relay=x, dsn=2.0.0, status=sent (250 ok)\n"

    with path.open("w") as file:
        file.writelines(lines())
        file.write(POSTFIX)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    reading = read(path)
    assert reading.lines == mails * 4 + POSTFIX.count("\n")
    assert traces(reading)["dead"] is Trace.BOUNCED
    # A million lines in some seconds; here 300,000, with room for a slow machine.
    assert time.process_time() - began < 8
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 20_000  # kilobytes
