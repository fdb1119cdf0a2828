"""Slots and pictures: from memory, else from Redis, else from PostgreSQL."""

from __future__ import annotations

import hashlib
import json

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import text

from campaigns.core.db import Database
from campaigns.core.errors import NotFound, ServiceUnavailable
from campaigns.flows.opening import gallery as gallery_module
from campaigns.flows.opening.gallery import Gallery
from campaigns.opentime.slots.slot_definition import SlotDefinition, Variant
from tests.tables import without

AWAY = redis.Redis(host="127.0.0.1", port=1, retry=Retry(NoBackoff(), 0))
BODY = b"\x89PNG\nnot \xff looked into\n"
NAME = hashlib.sha256(BODY).hexdigest()
SLOT = SlotDefinition(
    name="hero", width=60, height=30, scale=1, media_type="image/png", alt="Something", rules=(), expires=None,
    default=Variant("default", NAME, "https://shop.example/"),
    expired=Variant("expired", NAME, "https://shop.example/"),
)  # fmt: skip


@pytest.fixture
def stored(db: Database) -> Database:
    """Campaign 1 with one slot and its picture."""
    with db.transaction() as session:
        session.execute(
            text(
                "insert into campaigns (name, status, template, picks, sender, postal_address, brief, segment, slots) "
                "values ('C', 'sending', 'outdoor', 1, 'a@shop.example', 'Street 1', '{}', '{}', cast(:slots as jsonb))"
            ),
            {"slots": json.dumps([SLOT.to_json()])},
        )
        session.execute(
            text(
                "insert into pictures (sha256, media_type, width, height, body) "
                "values (:sha, 'image/png', 60, 30, :body)"
            ),
            {"sha": NAME, "body": BODY},
        )
    return db


def shows(gallery: Gallery) -> bool:
    (slot,) = gallery.slots(1)
    assert (slot.name, slot.pixel_size, slot.default.picture) == ("hero", (60, 30), NAME)
    return gallery.picture(NAME) == ("image/png", BODY)


def test_what_was_read_once_needs_nobody(stored: Database) -> None:
    gallery = Gallery(stored, AWAY)
    assert shows(gallery)
    with without(stored):
        assert shows(gallery)


def test_slots_of_a_draft_are_read_anew(stored: Database, redis_client: redis.Redis) -> None:
    """A test mail shows them, and then somebody goes on editing."""
    gallery = Gallery(stored, redis_client)
    for status, alt in (("draft", "Something"), ("approved", "Something else")):
        change = "update campaigns set status = :status, slots = jsonb_set(slots, '{0,alt}', to_jsonb(cast(:alt as text)))"
        with stored.transaction() as session:
            session.execute(text(change), {"status": status, "alt": alt})
        gallery.warm(1)
        assert [slot.alt for slot in gallery.slots(1)] == [alt]


def test_a_process_that_begins_finds_copies_in_redis(stored: Database, redis_client: redis.Redis) -> None:
    Gallery(stored, redis_client).warm(1)
    with without(stored):
        assert shows(Gallery(stored, redis_client))


def test_what_nobody_knows_is_not_found_and_asked_for_again(
    stored: Database, redis_client: redis.Redis
) -> None:
    gallery = Gallery(stored, redis_client)
    for _ in range(2):
        with pytest.raises(NotFound):
            gallery.slots(99)
        with pytest.raises(NotFound):
            gallery.picture("0" * 64)


def test_warming_puts_copies_into_redis_also_where_this_process_knows_them(
    stored: Database, redis_client: redis.Redis
) -> None:
    gallery = Gallery(stored, redis_client)
    assert shows(gallery)
    redis_client.flushdb()
    gallery.warm(1)
    gallery.warm_pictures([NAME, "0" * 64])
    with without(stored):
        assert shows(Gallery(stored, redis_client))


def test_warming_ends_where_memory_would(
    stored: Database, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_module, "_MOST_BYTES", len(BODY))
    Gallery(stored, redis_client).warm_pictures([NAME])
    assert not redis_client.keys("*picture*")


def test_what_visitors_ask_for_in_vain_is_asked_for_once_in_a_while(
    stored: Database, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, unknown = Gallery(stored, redis_client), "0" * 64
    for _ in range(3):
        with pytest.raises(NotFound):
            gallery.hosted(unknown)
    statements = stored.statements
    with pytest.raises(NotFound):
        gallery.hosted(unknown)
    assert stored.statements == statements
    monkeypatch.setattr(gallery_module, "MISSING_SECONDS", 0.0)
    with pytest.raises(NotFound):
        gallery.hosted(unknown)
    assert stored.statements > statements
    assert gallery.hosted(NAME) == ("image/png", BODY)


def test_visitors_do_not_use_up_the_patience_of_mails(stored: Database) -> None:
    gallery = Gallery(stored, AWAY)
    with without(stored), pytest.raises(ServiceUnavailable):
        gallery.hosted("0" * 64)
    with pytest.raises(ServiceUnavailable):
        gallery.hosted(NAME)  # those who ask so are told to wait for a second
    assert gallery.picture(NAME) == ("image/png", BODY)
    assert gallery.hosted(NAME) == ("image/png", BODY), "from memory"


def test_with_both_away_it_says_so(stored: Database) -> None:
    with without(stored), pytest.raises(ServiceUnavailable):
        Gallery(stored, AWAY).slots(1)


def test_pictures_in_memory_are_counted_by_their_bytes(stored: Database) -> None:
    gallery = Gallery(stored, AWAY)
    gallery.picture(NAME)
    gallery.picture(NAME)
    assert gallery._pictures.size == len(BODY)
