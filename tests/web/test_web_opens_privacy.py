"""The address of whoever opens a mail is used and then gone: no log, no server and no file ever had it."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from opens_world import World
from sqlalchemy import text
from web_story import Story

from campaigns.core.log import configure_logging
from tests.dumps import everything_in_postgres, everything_in_redis
from tests.opentime.opentime_samples import THUNDERBIRD
from tests.shop import record_opens
from web.app import create_app

ADDRESS = "81.2.69.160"
SIXTH = "2a02:2121:dead:beef::77"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0 marker-4711"
# As text, in the ways in which it may have been packed, and where GeoIP says that it is, before rounding.
TRACES = (
    ADDRESS.encode(), SIXTH.encode(), b"81.2.69.", b"dead:beef", bytes([81, 2, 69, 160]), b"510245a0",
    b"510245A0", str((81 << 24) + (2 << 16) + (69 << 8) + 160).encode(), b"marker-4711",
)  # fmt: skip
# Not the end of a time, as in 12:00:18.955 or 1795377569.649.
PLACE = re.compile(rb"(?<!\d)(?<!\d:)(69\.649|18\.955)")


@pytest.fixture
def logs(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], bytes]]:
    """Logging as in production, down to the last detail; what was said so far, by whatever way."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logging("DEBUG", as_json=True)
    yield lambda: "".join(capfd.readouterr()).encode()
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def traces(where: bytes) -> list[bytes]:
    return [trace for trace in TRACES if trace in where] + PLACE.findall(where)


def opened(world: World, story: Story, broken: pytest.MonkeyPatch) -> set[int]:
    """Everything that can happen to a request, each with both addresses; returns the mails that were shown."""
    refs = {
        purposes: story.take() for purposes in (("open_tracking", "open_location"), ("open_tracking",), ())
    }
    client = create_app(world.runtime).test_client()
    paths = ["/o", "/o/forged.png", f"/o/{world.runtime.signer.sign('open', 999_999, 999_999, 0)}.png"]
    for purposes, ref in refs.items():
        world.lives_at_home(ref, *purposes)
        paths += [f"/o/{world.token(ref, slot)}.jpg" for slot in (0, 255, 100)]
    for address in (ADDRESS, SIXTH):
        headers = {"User-Agent": AGENT, "X-Forwarded-For": address}
        for path in paths:
            assert client.get(path, headers=headers).status_code == 200
        with broken.context() as patch:
            patch.setattr(world.runtime.gallery, "slots", lambda _: 1 // 0)
            patch.setattr(world.runtime.gallery, "picture", lambda _: 1 // 0)
            for path in paths:
                assert (
                    client.get(path, headers=headers, environ_base={"REMOTE_ADDR": address}).status_code
                    == 200
                )
    return {ref.send_id for purposes, ref in refs.items() if purposes}


def test_neither_a_log_nor_a_server_ever_has_the_address(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs: Callable[[], bytes]
) -> None:
    world = World(story, tmp_path)
    sent = opened(world, story, monkeypatch)
    record_opens(world.runtime)
    waiting_in_redis = everything_in_redis(world.runtime.redis)
    assert waiting_in_redis
    assert set(world.geo.asked) >= {ADDRESS, SIXTH}, "it was used"
    with world.runtime.db.transaction() as session:
        signals = session.execute(text("select send_id, signal from slot_serves where slot = 0")).all()
    assert {send for send, _ in signals} >= sent and "address" in {signal for _, signal in signals}
    stored = everything_in_postgres(world.runtime.db, world.runtime.keyring)
    assert b"INSERT INTO public.events" in stored and b"INSERT INTO public.slot_serves" in stored
    assert traces(stored) == []
    # Once more without draining: the stream itself.
    opened(world, story, monkeypatch)
    world.runtime.serve_log.flush()
    stream = everything_in_redis(world.runtime.redis)
    assert b"tailormail:open:serves" in stream and b'"address"' in stream
    assert traces(waiting_in_redis + stream) == []
    record_opens(world.runtime)
    world.close()
    said = logs()
    assert b"ZeroDivisionError" in said, "what goes wrong is told"
    assert traces(said) == []


def test_the_spool_does_not_have_it_either(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs: Callable[[], bytes]
) -> None:
    # In memory and PostgreSQL as they are, but no Redis.
    world = World(story, tmp_path, redis_url="redis://127.0.0.1:1/0")
    opened(world, story, monkeypatch)
    world.runtime.serve_log.flush()
    spool = b"".join(path.read_bytes() for path in world.runtime.spools.iterdir())
    files = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert b'"address"' in spool and b"rain" in spool + files
    assert traces(spool + files) == []
    world.close()
    assert traces(logs()) == []


def test_the_traces_would_be_found() -> None:
    assert THUNDERBIRD in AGENT
    assert traces(f"from {ADDRESS}".encode()) == [ADDRESS.encode(), b"81.2.69."]
    assert traces(b'{"latitude": 69.6492, "longitude":18.9553} (69.6492,18.9553)') == [
        b"69.649",
        b"18.955",
        b"69.649",
        b"18.955",
    ]
    assert traces(b"at 12:00:18.955211, or 1795377569.649") == []
