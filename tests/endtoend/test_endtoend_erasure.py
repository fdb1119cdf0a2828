"""Somebody goes through everything and is erased: no table, cache, stream, spool or captured mail knows them any more."""

from __future__ import annotations

import json
import os
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text, update

from campaigns.audience.consent import record
from campaigns.audience.customers import find_by_address
from campaigns.audience.posted_signals import PostedSignal
from campaigns.audience.suppression import suppressed_by
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import NotFound
from campaigns.delivery.capture import count_captured, list_captured
from campaigns.flows.customers.own_data import Right
from campaigns.flows.feedback.payload_store import keep, mark_handled
from campaigns.models import Customer, Erasure, Send
from campaigns.opentime.serving.serve import Serve, pack
from campaigns.opentime.serving.serve_spool import ServeSpool
from campaigns.opentime.serving.serve_stream import Entry, ServeStream
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.delivery.delivery_servers import Relay
from tests.dumps import everything_in_files, everything_in_postgres, everything_in_redis, traces
from tests.shop import make_runtime, send_all
from tests.signup_story import make_form, sign_up
from web.app import create_app

ADDRESS = "Quirina.Zandstroem+brief@wunderkammer-zettel.example"
NAMES = ("Quirina-Öðrún", "Zandstrœm")
EXTERNAL, ORDER, TAG = "XQ-7741-zeta", "ORD-99172-QZ", "sammelt-seltenes"
CITY, COUNTRY = "Søndre Testerud", "Ruritanien"
LATITUDE, LONGITUDE = "-71.3", "-137.6"
GROUP = "those-who-test"  # in the campaign's own words
EVIDENCE = "198.51.100.77"
WITHIN = "Zettelbox 4711"
PERSON = (
    ADDRESS, ADDRESS.partition("@")[0], "wunderkammer-zettel.example", *NAMES, EXTERNAL, ORDER, TAG, CITY, COUNTRY,
    LATITUDE, LONGITUDE, EVIDENCE, WITHIN,
)  # fmt: skip
ORDERED = "2026-10-20T10:00:00Z"


@dataclass
class Life:
    """A customer, with what they went through so far."""

    runtime: Runtime
    client: FlaskClient
    customer_id: int
    sample: SampleFiles

    def mails(self) -> list[Path]:
        """The captured mails to the person."""
        captured = list_captured(self.runtime.settings.captured_mail, 10_000)
        return [mail.path for mail in captured if ADDRESS in mail.recipient]

    def dump(self) -> bytes:
        """All of PostgreSQL, Redis and the data folder."""
        runtime = self.runtime
        return b"\n".join(
            (
                everything_in_postgres(runtime.db, runtime.keyring),
                everything_in_redis(runtime.redis),
                everything_in_files(runtime.settings.folder),
            )
        )

    def send_keys(self) -> list[tuple[int, int]]:
        with self.runtime.db.transaction() as session:
            found = session.execute(
                select(Send.campaign_id, Send.id)
                .where(Send.customer_id == self.customer_id)
                .order_by(Send.id)
            )
            return [(row[0], row[1]) for row in found]


@pytest.fixture
def life(shop: Runtime, sample: SampleFiles, tmp_path: Path) -> Iterator[Life]:
    """Imported with everything that an import can say."""
    _import(
        shop, tmp_path, "customers",
        "external_id,email,first_name,last_name,locale,timezone,country,city,latitude,longitude,tags\n"
        f"{EXTERNAL},{ADDRESS},{','.join(NAMES)},de_DE,Europe/Oslo,{COUNTRY},{CITY},{LATITUDE},{LONGITUDE},{TAG} {GROUP}\n",
    )  # fmt: skip
    with shop.db.transaction() as session:
        sku = session.scalar(text("select sku from products order by id limit 1"))
        customer = find_by_address(session, shop.keyring, ADDRESS)
        assert customer is not None
        own = customer.id
    _import(
        shop, tmp_path, "orders",
        f"order_id,customer_id,sku,quantity,unit_price,ordered_at\n{ORDER},{EXTERNAL},{sku},1,10.00,{ORDERED}\n",
    )  # fmt: skip
    app = create_app(shop)
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = False
    yield Life(shop, app.test_client(), own, sample)


def _import(shop: Runtime, folder: Path, kind: str, content: str) -> None:
    path = folder / f"{kind}.csv"
    path.write_text(content)
    [result] = shop.importing.run(kind, [path])  # type: ignore[arg-type]
    assert (result.inserted, result.errors) == (1, [])


def _agrees(life: Life) -> None:
    at = datetime.now(UTC) - timedelta(days=30)
    with life.runtime.db.transaction() as session:
        for purpose in ("marketing", "profiling", "open_tracking", "open_location"):
            record(session, life.customer_id, purpose, "granted", "words", "checkout", at, evidence=EVIDENCE)
    life.runtime.open_states.catch_up()


def _fills_a_cart(life: Life) -> None:
    with life.runtime.db.transaction() as session:
        sku = session.scalar(text("select sku from products order by id limit 1"))
    assert sku
    signal = PostedSignal(f"session-{EXTERNAL}-1", "cart", EXTERNAL, sku, datetime.now(UTC))
    assert life.runtime.shop_events.signals([signal]).inserted == 1


def _campaign(life: Life, path: Path) -> int:
    """For this one alone: what others get is no matter here."""
    campaign_id = life.runtime.campaigns.create_from_file(path)
    with life.runtime.db.transaction() as session:
        session.execute(
            text("update campaigns set segment = cast(:segment as jsonb) where id = :id"),
            {"segment": json.dumps({"tag": GROUP}), "id": campaign_id},
        )
    life.runtime.campaigns.approve(campaign_id, "test")
    return campaign_id


def _links(mail: Path, kinds: str) -> set[str]:
    content = quopri.decodestring(mail.read_bytes()).decode("utf-8", "replace")
    return set(re.findall(rf"http://mail\.test(/[{kinds}]/[A-Za-z0-9_.=-]+)", content))


def _looks_at(life: Life, mail: Path) -> None:
    for path in sorted(_links(mail, "ocv")):
        assert life.client.get(path).status_code in (200, 302), path


def _bounces(life: Life, mail: Path) -> None:
    """A report of another server, with the whole mail in it; and a provider's, with the address."""
    head = (
        "From: MAILER-DAEMON@mx.example\r\nTo: x@mail.test\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain\r\n\r\n{ADDRESS} has no {WITHIN} here\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Final-Recipient: rfc822; {ADDRESS}\r\nAction: delayed\r\nStatus: 4.2.2\r\n"
        f"Diagnostic-Code: smtp; 452 4.2.2 <{ADDRESS}> {WITHIN} is full\r\n\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\n"
    )
    report = head.encode() + mail.read_bytes() + b"\r\n--b--\r\n"
    taken = life.runtime.inbound.take(report)
    assert taken.what == "deferred", taken
    campaign_id, send_id = life.send_keys()[0]
    now = life.runtime.clock.now()
    with life.runtime.db.transaction() as session:
        payload = json.dumps({"event": "deferred", "email": ADDRESS, "why": WITHIN}).encode()
        number = keep(session, life.runtime.keyring, "mailgun", "event-1", payload, now)
        assert number
        mark_handled(session, number, now, mail=(campaign_id, send_id, life.customer_id))


def _asks_and_chooses(life: Life, mail: Path) -> None:
    [token] = {path.rpartition("/")[2] for path in _links(mail, "p")}
    runtime = life.runtime
    runtime.preferences.set_preferences(
        token, frozenset({"marketing", "profiling", "open_tracking", "open_location"}), "words"
    )
    with runtime.db.transaction() as session:
        session.execute(
            text("insert into contact_preferences (customer_id, muted_topics) values (:id, array[:topic])"
                 " on conflict (customer_id) do update set muted_topics = excluded.muted_topics"),
            {"id": life.customer_id, "topic": TAG},
        )  # fmt: skip
        session.execute(
            text(
                "insert into favourites (customer_id, kind, value, at) values (:id, 'category', :value, now())"
            ),
            {"id": life.customer_id, "value": TAG},
        )
        session.execute(
            text("insert into engagement_states (customer_id, mails) values (:id, 1) on conflict do nothing"),
            {"id": life.customer_id},
        )
    runtime.own_data.ask(token, Right.EXPORT)
    make_form(runtime)
    confirm = sign_up(runtime, life.client, email=ADDRESS, first_name=NAMES[0])
    assert life.client.post(confirm).status_code == 200
    # One more request that nobody confirms, and a notice that is still to be sent.
    life.client.post("/s/news", data={**_form(runtime), "email": ADDRESS.upper(), "first_name": NAMES[0]})
    runtime.own_data.ask(token, Right.ERASURE)


def _form(runtime: Runtime) -> dict[str, object]:
    return {
        "version": runtime.signup_forms.get("news").said("en").version,
        "lang": "en",
        "purpose": ["marketing"],
    }


def _over_smtp(life: Life, servers: EmbeddedUrls) -> None:
    """Once more by a relay that says no and names everybody."""
    words = f"550 5.7.1 {ADDRESS} of {WITHIN} is not wanted"
    with Relay(lambda phase, address: words if phase == "data" else None) as relay:
        over = make_runtime(
            servers, life.runtime.settings.folder, smtp_url=f"smtp://localhost:{relay.port}?tls=none"
        ).start()
        campaign_id = _campaign(life, life.sample.second_campaign)
        send_all(over, campaign_id)
        over.close()
    with life.runtime.db.transaction() as session:
        [status] = session.scalars(select(Send.status).where(Send.campaign_id == campaign_id)).all()
    assert status in ("failed", "planned", "sent"), status


def _leaves_things_behind(life: Life) -> None:
    """In the stream, aside of it, in the spool of a process that died, and in a draft that nobody finished."""
    runtime = life.runtime
    campaign_id, send_id = life.send_keys()[0]
    card = {"kind": "greeting", "title": f"Hello {NAMES[0]} of {CITY}"}
    now = int(datetime.now(UTC).timestamp() * 1000)
    one = Serve(
        campaign_id=campaign_id, send_id=send_id, customer_id=life.customer_id, slot=0, requester="direct",
        machine=False, at=now, variant="card", detail=card,
    )  # fmt: skip
    stream = ServeStream(runtime.redis)
    stream.add([pack([(one, 1)])])
    stream.refuse([Entry(b"1-1", "none", pack([(one, 1)]).body)])
    spool = ServeSpool(runtime.spools)
    spool.append(pack([(one, 1)]))
    spool.close()
    [shard, *_] = [path for path in runtime.settings.captured_mail.iterdir() if path.is_dir()]
    draft = shard / ".0123-1"
    draft.write_text(f"To: {ADDRESS}\r\n\r\nHello")
    os.utime(draft, (1, 1))


def _everything_happens(life: Life, servers: EmbeddedUrls) -> None:
    _agrees(life)
    _fills_a_cart(life)
    send_all(life.runtime, _campaign(life, life.sample.campaign))
    [mail] = life.mails()
    _looks_at(life, mail)
    life.runtime.serve_log.flush()
    life.runtime.draining.drain()
    _bounces(life, mail)
    _asks_and_chooses(life, mail)
    _over_smtp(life, servers)
    _leaves_things_behind(life)


def test_after_an_erasure_nothing_anywhere_is_about_the_person(life: Life, servers: EmbeddedUrls) -> None:
    _everything_happens(life, servers)
    runtime = life.runtime
    everybody = count_captured(runtime.settings.captured_mail)
    own = runtime.keyring.address_hmac(ADDRESS).hex().encode()
    before = life.dump()
    assert traces(before, PERSON) == set(PERSON), "so that what follows can fail"
    assert own in before
    copy = runtime.rights.export_of(life.customer_id)
    assert copy | {"exported_at": ""} == runtime.rights.export(ADDRESS.upper()) | {"exported_at": ""}
    assert {part for part, content in copy.items() if not content} <= {
        "suppressed", "resolutions", "returns", "click_hours", "messages", "test_mails",
    }  # fmt: skip
    assert len(copy["provider_messages"]) == 2 and len(copy["signups"]) == 2 and len(copy["sends"]) == 2
    exported = json.dumps(copy, ensure_ascii=False)
    assert traces(exported.encode(), PERSON) == set(PERSON), "and the copy has all of it"
    theirs = len(life.mails())
    assert theirs >= 3, "a campaign's mail and notices"

    assert runtime.rights.erase(ADDRESS)

    after = life.dump()
    assert traces(after, PERSON) == set()
    assert count_captured(runtime.settings.captured_mail) == everybody - theirs
    with runtime.db.transaction() as session:
        shell = session.get_one(Customer, life.customer_id)
        assert shell.erased_at and not shell.email_hmac and not shell.email_domain_hmac
        [entry] = suppressed_by(session, runtime.keyring, ADDRESS)
        assert entry.reason == "erased"
        for table in ("customers", "notices", "signups"):
            rows = session.scalars(text(f"select t::text from {table} t")).all()
            assert not any(own.decode() in row for row in rows), table
    with pytest.raises(NotFound):
        runtime.rights.export(ADDRESS)


def test_what_comes_late_is_forgotten_before_the_erasure_counts_as_complete(
    life: Life, servers: EmbeddedUrls
) -> None:
    _everything_happens(life, servers)
    runtime = life.runtime
    keys = life.send_keys()
    [message, *_] = [path.read_bytes() for path in life.mails() if str(keys[0][1]) in path.name]
    path = next(path for path in life.mails() if str(keys[0][1]) in path.name)
    runtime.rights.erase(ADDRESS)
    # A worker that had the mail in its hands captures it now, and a web process brings what it showed.
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(message)
    _leaves_things_behind(life)
    assert traces(life.dump(), PERSON)
    assert runtime.erasures.finish() == 0, "not due before everything has settled"
    assert traces(life.dump(), PERSON)
    with runtime.db.transaction() as session:
        session.execute(update(Erasure).values(erased_at=Erasure.erased_at - timedelta(minutes=11)))
    assert runtime.erasures.finish() == 0
    assert traces(life.dump(), PERSON) == set()
    with runtime.db.transaction() as session:
        [row] = session.scalars(select(Erasure)).all()
        assert set(row.done) == {"redis", runtime.host}
        session.execute(update(Erasure).values(erased_at=Erasure.erased_at - timedelta(days=36)))
    runtime.erasures.finish()
    with runtime.db.transaction() as session:
        assert session.scalars(select(Erasure)).all() == []


def test_while_redis_is_away_an_erasure_is_not_forgotten(life: Life, servers: EmbeddedUrls) -> None:
    _everything_happens(life, servers)
    runtime = life.runtime
    away = make_runtime(servers, runtime.settings.folder, redis_url="redis://127.0.0.1:1/0").start()
    assert not away.rights.erase(ADDRESS)
    assert traces(everything_in_redis(runtime.redis), PERSON)
    assert away.erasures.finish() == 1
    assert traces(everything_in_postgres(runtime.db, runtime.keyring), PERSON) == set()
    away.close()
    runtime.open_states.catch_up()
    assert runtime.erasures.finish() == 0
    assert traces(life.dump(), PERSON) == set()


def test_who_comes_back_keeps_the_mails_of_afterwards(life: Life, servers: EmbeddedUrls) -> None:
    _everything_happens(life, servers)
    runtime = life.runtime
    runtime.rights.erase(ADDRESS)
    confirm = sign_up(runtime, life.client, email=ADDRESS)
    assert life.client.post(confirm).status_code == 200
    assert len(life.mails()) == 1
    with runtime.db.transaction() as session:
        customer = find_by_address(session, runtime.keyring, ADDRESS)
        assert customer is not None and customer.id != life.customer_id
        session.execute(update(Erasure).values(erased_at=Erasure.erased_at - timedelta(minutes=11)))
    assert runtime.erasures.finish() == 0
    assert len(life.mails()) == 1
