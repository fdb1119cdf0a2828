"""Whoever fills in the form learns nothing about an address, and cannot make us write to anybody often."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.audience.consent import record
from campaigns.audience.suppression import REASONS, sealed_address, suppress
from campaigns.core.embedded import EmbeddedUrls
from campaigns.models import Customer, Notice
from campaigns.runtime import Runtime
from tests.shop import make_runtime
from tests.signup_story import filled, mails_to, make_form, waiting
from web.app import create_app

FRESH = "fresh{}@newcomers.example"


@pytest.fixture
def client(runtime: Runtime) -> FlaskClient:
    """Somebody without a session."""
    make_form(runtime)
    return create_app(runtime).test_client()


def nothing(runtime: Runtime, address: str) -> None:
    """An address that nobody knows."""


def a_customer(runtime: Runtime, address: str) -> None:
    """A customer who gets mail."""
    with runtime.db.transaction() as session:
        person = Customer(external_id=address, **sealed_address(session, runtime.keyring, address))
        session.add(person)
        session.flush()
        record(session, person.id, "marketing", "granted", "Yes", "shop", runtime.clock.now())


def suppressed(reason: str) -> Callable[[Runtime, str], None]:
    def make(runtime: Runtime, address: str) -> None:
        with runtime.db.transaction() as session:
            suppress(session, runtime.keyring, address, reason, "test", runtime.clock.now())

    return make


def of_a_suppressed_domain(runtime: Runtime, address: str) -> None:
    """All of this domain are suppressed."""
    runtime.suppressing.add("@" + address.rpartition("@")[2], "manual", "test")


def asked_often(runtime: Runtime, address: str) -> None:
    """Somebody has asked for this address as often as one may."""
    other = create_app(runtime).test_client()
    for _ in range(3):
        other.post("/s/news", data=filled(runtime, email=address))
    mails_to(runtime, address)


CASES = {
    "unknown": nothing,
    "customer": a_customer,
    **{reason: suppressed(reason) for reason in REASONS},
    "domain": of_a_suppressed_domain,
    "asked often": asked_often,
}
MAILED = {"unknown", "customer", "unsubscribed", "erased"}


def address_of(case: str) -> str:
    return f"{case.replace(' ', '-')}@{'blocked' if case == 'domain' else 'people'}.example"


def test_body_status_and_headers_are_the_same_for_every_address(
    runtime: Runtime, client: FlaskClient
) -> None:
    answers = {}
    for n, (case, prepare) in enumerate(CASES.items()):
        prepare(runtime, address_of(case))
        before = waiting(runtime)
        caller = {"REMOTE_ADDR": f"192.0.2.{n}"}
        answer = client.post("/s/news", data=filled(runtime, email=address_of(case)), environ_base=caller)
        headers = {name: value for name, value in answer.headers if name not in ("X-Request-ID", "Date")}
        answers[case] = (answer.status_code, headers, answer.text)
        assert waiting(runtime) == before + 1, f"{case}: the same is written down"
    usual = answers["unknown"]
    assert usual[0] == 200 and "Look into your mailbox" in usual[2]
    assert {case for case, answer in answers.items() if answer != usual} == set()
    mailed = {case for case in CASES if case != "asked often" and mails_to(runtime, address_of(case))}
    assert mailed == MAILED
    assert len(mails_to(runtime, address_of("asked often"))) == 3


def test_the_confirming_mail_is_the_same_for_every_address(runtime: Runtime, client: FlaskClient) -> None:
    subjects = set()
    for case in sorted(MAILED):
        CASES[case](runtime, address_of(case))
        client.post("/s/news", data=filled(runtime, email=address_of(case)))
        (mail,) = mails_to(runtime, address_of(case))
        body = mail.get_body(("plain",))
        assert body is not None
        subjects.add((str(mail["Subject"]), body.get_content().split("http")[0]))
    assert len(subjects) == 1


def test_the_statements_are_the_same_for_every_address(runtime: Runtime, client: FlaskClient) -> None:
    """Time follows from them, and unlike it they can be counted."""
    counted = set()
    for case in ("unknown", "customer", "bounced", "domain"):
        CASES[case](runtime, address_of(case))
        before = runtime.db.statements
        client.post("/s/news", data=filled(runtime, email=address_of(case)))
        counted.add(runtime.db.statements - before)
    assert len(counted) == 1


def test_the_time_is_about_the_same(runtime: Runtime, client: FlaskClient) -> None:
    with runtime.db.transaction() as session:
        for n in range(12):
            suppress(
                session, runtime.keyring, f"gone{n}@people.example", "bounced", "test", runtime.clock.now()
            )
    client.post("/s/news", data=filled(runtime, email="warm@people.example"))
    took: dict[str, list[float]] = {"gone": [], "new": []}
    for n in range(12):
        for kind, times in took.items():
            runtime.redis.flushdb()
            data = filled(runtime, email=f"{kind}{n}@people.example")
            began = time.perf_counter()
            client.post("/s/news", data=data)
            times.append(time.perf_counter() - began)
    gone, new = (statistics.median(times) for times in took.values())
    assert abs(gone - new) < max(0.5 * max(gone, new), 0.01), (gone, new)


def test_a_caller_may_ask_only_so_often(runtime: Runtime, client: FlaskClient) -> None:
    codes = [
        client.post("/s/news", data=filled(runtime, email=FRESH.format(n))).status_code for n in range(12)
    ]
    assert codes == [200] * 10 + [429] * 2
    assert client.get("/s/news").status_code == 200, "looking is free"
    elsewhere = client.post(
        "/s/news", data=filled(runtime, email=FRESH.format(99)), environ_base={"REMOTE_ADDR": "192.0.2.7"}
    )
    assert elsewhere.status_code == 200


def test_many_callers_cannot_flood_one_mailbox(runtime: Runtime, client: FlaskClient) -> None:
    for n in range(8):
        spelt = "Victim@People.Example" if n % 2 else "victim@people.example"
        answer = client.post(
            "/s/news", data=filled(runtime, email=spelt), environ_base={"REMOTE_ADDR": f"192.0.2.{n}"}
        )
        assert answer.status_code == 200
    assert len(mails_to(runtime, "ictim@")) == 3


def test_many_callers_cannot_flood_the_world_by_one_form(
    runtime: Runtime, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.public.signup.FORM_LIMIT", "4 per minute")
    codes = [
        client.post(
            "/s/news",
            data=filled(runtime, email=FRESH.format(n)),
            environ_base={"REMOTE_ADDR": f"192.0.2.{n}"},
        ).status_code
        for n in range(6)
    ]
    assert codes == [200] * 4 + [429] * 2


def test_no_address_is_readable_in_redis(runtime: Runtime, client: FlaskClient) -> None:
    address = "findme@people.example"
    client.post("/s/news", data=filled(runtime, email=address), environ_base={"REMOTE_ADDR": "192.0.2.77"})
    known = [runtime.keyring.address_hmac(address).hex(), address, "findme", "192.0.2.77"]
    keys = [str(key) for key in runtime.redis.keys("*")]
    assert any("signup-address" in key for key in keys), "else this looks in the wrong place"
    assert not [key for key in keys for word in known if word in key]


@pytest.fixture
def without_redis(servers: EmbeddedUrls, runtime: Runtime) -> Iterator[Runtime]:
    """The same data, and a Redis that is not there."""
    here = make_runtime(servers, runtime.settings.folder, redis_url="redis://127.0.0.1:1/0")
    yield here
    here.close()


@pytest.mark.slow
def test_limits_hold_while_redis_is_away(runtime: Runtime, without_redis: Runtime) -> None:
    make_form(runtime)
    client = create_app(without_redis).test_client()
    codes = []
    for n in range(12):
        data = filled(runtime, email="victim@people.example" if n < 5 else FRESH.format(n))
        codes.append(client.post("/s/news", data=data).status_code)
    assert codes == [200] * 10 + [429] * 2
    with runtime.db.transaction() as session:
        outcomes = list(session.scalars(select(Notice.outcome).order_by(Notice.id)))
    assert outcomes[:5] == ["", "", "", "too many", "too many"]
