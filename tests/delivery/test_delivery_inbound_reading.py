"""Bounces, complaints and automatic answers are read, whoever wrote them, and nothing makes the readers stumble."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.delivery.inbound.arf import is_bare_complaint, read_feedback
from campaigns.delivery.inbound.arrived import MOST_BYTES, arrived
from campaigns.delivery.inbound.auto_reply import is_auto_reply
from campaigns.delivery.inbound.dsn import read_bounce, with_codes
from campaigns.delivery.relaylog_values import bounce_is_dead, codes_in
from tests.inbound_mail import (
    ANY,
    by_hand,
    exchange,
    exim,
    gmail,
    microsoft_complaint,
    postfix,
    qmail,
    unheard_of,
    vacation,
    yahoo_complaint,
)  # fmt: skip

BOUNCES: dict[str, tuple[bytes, str, bool, str]] = {
    "postfix": (postfix(), "bounced", True, "5.1.1"),
    "postfix, headers only": (postfix(returned="text/rfc822-headers"), "bounced", True, "5.1.1"),
    "postfix, policy": (
        postfix(status="5.7.26", said="550-5.7.26 not authenticated"),
        "bounced",
        True,
        "5.7.26",
    ),
    "postfix, delayed": (
        postfix(action="delayed", status="4.4.1", said="timed out"),
        "deferred",
        False,
        "4.4.1",
    ),
    "postfix, gave up": (postfix(status="4.4.7", said="timed out"), "bounced", True, "4.4.7"),
    "postfix, delivered": (
        postfix(action="delivered", status="2.0.0", said="250 ok"),
        "delivered",
        True,
        "2.0.0",
    ),
    "exim": (exim(), "bounced", True, "5.1.1"),
    "exchange": (exchange(), "bounced", True, "5.2.2"),
    "gmail": (gmail(), "bounced", True, "5.1.1"),
    "gmail, delayed": (gmail(delayed=True), "deferred", False, "4.4.1"),
    "qmail": (qmail(), "bounced", True, "5.1.1"),
    "unheard of": (unheard_of(), "bounced", True, "5.1.1"),
    "unheard of, not yet": (unheard_of(code="451 4.7.1"), "deferred", False, "4.7.1"),
}


@pytest.mark.parametrize("name", BOUNCES)
def test_a_bounce_tells_what_became_of_the_mail(name: str) -> None:
    raw, kind, permanent, status = BOUNCES[name]
    for version in (raw, raw.replace(b"\r\n", b"\n")):
        mail = arrived(version)
        (report,) = read_bounce(mail)
        assert (report.name, report.permanent, report.status) == (kind, permanent, status)
        assert read_feedback(mail) is None


@pytest.mark.parametrize("name", [name for name in BOUNCES if "unheard" not in name])
def test_the_returned_mail_names_itself(name: str) -> None:
    clues = arrived(BOUNCES[name][0]).clues
    assert clues.message_ids == (f"<{ANY.message_id}>",)
    assert clues.return_paths == (f"<{ANY.return_path}>",)
    assert ANY.unsubscribe in clues.unsubscribe[0]


@pytest.mark.parametrize(
    ("name", "dead"),
    [("postfix", True), ("exim", True), ("gmail", True), ("qmail", True), ("exchange", False), ("postfix, policy", False),
     ("postfix, gave up", False), ("unheard of", True)],
)  # fmt: skip
def test_the_codes_are_found_where_those_look_who_decide(name: str, dead: bool) -> None:
    (report,) = read_bounce(arrived(BOUNCES[name][0]))
    assert bounce_is_dead(*codes_in(report.diagnostic)) is dead
    assert codes_in(report.diagnostic)[1] == report.status


@pytest.mark.parametrize(
    ("words", "status", "coded"),
    [
        ("550 no such user", "5.1.1", "550 5.1.1 no such user"),
        ("550 5.7.1 policy", "5.1.1", "550 5.7.1 policy"),
        ("550 no such user", "5.0.0", "550 no such user"),
        ("550 (#5.1.1) none", "5.0.0", "550 5.0.0 (#5.1.1) none"),
        ("said: 550 #5.1.1 none", "", "550 5.1.1 said: none"),
        ("none", "5.1.1", "5.1.1 none"),
        ("port 250 closed", "5.1.1", "550 5.1.1 port 250 closed"),
        ("5.1.1 none", "5.1.1", "5.1.1 none"),
        ("none", "", "none"),
        ("", "4.2.2", "4.2.2"),
    ],
)
def test_codes_stand_in_front(words: str, status: str, coded: str) -> None:
    if coded == "550 5.0.0 (#5.1.1) none":
        # A status that says nothing is not preferred to a plain SMTP code.
        coded = words
    assert with_codes(words, status) == coded


def test_where_a_mail_went_is_what_the_envelope_says_else_its_headers() -> None:
    assert arrived(postfix(), ["fbl@x.example"]).sent_to == ("fbl@x.example",)
    assert arrived(postfix()).sent_to == (ANY.return_path,)
    assert arrived(exim(to="a@b.example")).sent_to == ("a@b.example",)
    assert arrived(b"").sent_to == ()


def test_complaints() -> None:
    for kind, name in (
        ("abuse", "complained"), ("fraud", "complained"), ("not-spam", ""), ("opt-out", "unsubscribed"),
        ("other", ""), ("Abuse", "complained"), ("sneeze", ""),
    ):  # fmt: skip
        mail = arrived(yahoo_complaint(kind=kind))
        feedback = read_feedback(mail)
        assert feedback is not None
        assert (feedback.name, feedback.feedback_type) == (name, kind.lower())
        assert feedback.return_paths == (ANY.return_path,)
        assert mail.clues.message_ids == (f"<{ANY.message_id}>",)
        assert not read_bounce(mail)
    bare = arrived(microsoft_complaint())
    assert read_feedback(bare) is None
    assert is_bare_complaint(bare)
    assert bare.clues.message_ids == (f"<{ANY.message_id}>",)
    assert not is_bare_complaint(arrived(by_hand("fbl@bounces.fjellandfern.example")))


@pytest.mark.parametrize(
    "sign",
    ["Auto-Submitted: auto-replied", "X-Autoreply: yes", "Precedence: auto_reply", "X-Vacation: yes",
     "Subject: Automatic reply: warm feet", "Subject: =?utf-8?q?R=C3=A9ponse_automatique?=",
     "Subject: Abwesenheitsnotiz", "Subject: Please confirm your message"],
)  # fmt: skip
def test_the_answer_of_somebody_who_is_away_is_no_bounce(sign: str) -> None:
    raw = vacation(sign=sign)
    if sign.startswith("Subject"):
        raw = raw.replace(b"Subject: Re: Anna, warm feet for November\r\n", b"")
    mail = arrived(raw)
    assert is_auto_reply(mail)
    assert read_bounce(mail) == []


@pytest.mark.parametrize("name", BOUNCES)
def test_a_bounce_is_not_taken_for_such_an_answer(name: str) -> None:
    assert not is_auto_reply(arrived(BOUNCES[name][0]))


def test_a_mail_that_comes_twice_is_known_and_another_is_not() -> None:
    raw = postfix()
    again = b"Received: by another.example; Sat, 21 Nov 2026 12:00:00 +0000\r\n" + raw
    assert arrived(again).digest == arrived(raw).digest == arrived(raw.replace(b"\r\n", b"\n")).digest
    assert arrived(exim()).digest != arrived(raw).digest
    assert arrived(raw.replace(b"4F1B22C0@", b"4F1B22C1@")).digest != arrived(raw).digest
    # Two people who write the same word, with programs that number nothing.
    one, other = (by_hand(to).replace(b"Message-ID", b"X-Not") for to in ("u+1@x.example", "u+2@x.example"))
    assert arrived(one).digest != arrived(other).digest


def test_the_diagnostic_can_be_stored() -> None:
    (report,) = read_bounce(arrived(postfix(said="550 5.1.1 a\x00b\x7f \x1b[1m" + "long " * 400)))
    assert report.diagnostic.isprintable()
    assert len(report.diagnostic) <= 500


READERS: list[Callable[[bytes], object]] = [
    lambda raw: read_bounce(arrived(raw)),
    lambda raw: read_feedback(arrived(raw)),
    lambda raw: is_auto_reply(arrived(raw)),
    lambda raw: is_bare_complaint(arrived(raw)),
    lambda raw: (
        arrived(raw).clues,
        arrived(raw).sent_to,
        arrived(raw).subject,
        arrived(raw).date,
        arrived(raw).text,
    ),
]
SAMPLES = [
    *(raw for raw, *_ in BOUNCES.values()), yahoo_complaint(), microsoft_complaint(), vacation(), by_hand("a@b.example"),
]  # fmt: skip
PIECES = st.sampled_from(
    [b"\r\n", b"\n", b"\r\n\r\n", b"\0", b"\xff\xfe", b"--", b"=?utf-8?b?////?=", b"Content-Type: ", b"multipart/report",
     b"message/rfc822", b"message/delivery-status", b'; boundary="x"', b"charset=utf-7", b"Content-Transfer-Encoding: base64",
     b"Date: 99 Foo 99999", b"Action: failed", b"Status: 5", b"Feedback-Type:", b"<>", b"@", b"To: ", b"Subject: "]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(SAMPLES), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES), max_size=12)
)
def test_damaged_mails_make_no_reader_stumble(raw: bytes, cuts: list[tuple[float, int, bytes]]) -> None:
    for where, length, piece in cuts:
        at = int(where * len(raw))
        raw = raw[:at] + piece + raw[at + length :]
    for read in READERS:
        read(raw)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=600), st.lists(PIECES, max_size=40).map(b"".join)))
def test_garbage_makes_no_reader_stumble(raw: bytes) -> None:
    for read in READERS:
        read(raw)


def nested(kind: str, depth: int) -> bytes:
    heads = {
        "mails": "".join("Content-Type: message/rfc822\n\n" for _ in range(depth)),
        "parts": "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(depth)),
    }
    return heads[kind].encode() + b"x\n" * 100_000


@pytest.mark.parametrize(
    "raw",
    [
        nested("mails", 5_000), nested("parts", 5_000), nested("mails", 30), nested("parts", 30),
        postfix() + b"\r\n" * 2_000_000, postfix(said="550 " * 500_000), b"Subject: " + b"x" * 6_000_000,
        b"To: " + b"a@b.example, " * 400_000 + b"\n\n", b"a: b\n" * 1_000_000,
        b"From: mailer-daemon@x.example\n\n" + b"5.1.1" * 1_000_000, b"From: mailer-daemon@x.example\n\n" + b"550 " * 1_000_000,
        b"From: mailer-daemon@x.example\n\n" + b"> \t" * 1_500_000, b"From: mailer-daemon@x.example\n\n" + b"<a@b.example>: \n" * 300_000,
        b"Subject: " + b"=?utf-8?q?a?= " * 400_000 + b"\n\n",
    ],
    ids=["mails", "parts", "few mails", "few parts", "lines", "diagnostic", "subject", "to", "headers", "codes",
         "replies", "quotes", "addresses", "words"],
)  # fmt: skip
def test_what_is_made_to_be_slow_is_read_quickly(raw: bytes) -> None:
    raw = raw[: MOST_BYTES * 2]
    began = time.process_time()
    for read in READERS:
        read(raw)
    assert time.process_time() - began < 3 * len(READERS)
