"""Whatever is asked in whatever way, the answer is 200 with a picture, and nobody is placed without consent."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from opens_world import World
from PIL import Image
from web_story import COLOURS, Story, picture

from campaigns.compose.links import PIXEL_SLOT
from campaigns.opentime.serving import hammering
from tests.opentime.opentime_samples import APPLE_MAIL, GMAIL, SAFARI, THUNDERBIRD, YAHOO
from web.app import create_app

RAIN, SNOW, NEUTRAL = (
    hashlib.sha256(picture(COLOURS[kind])).hexdigest() for kind in ("rain", "snow", "neutral")
)
ADDRESS = "81.2.69.160"

# As WSGI has it (PEP 3333): bytes of whatever kind in the characters of latin-1.
LATIN = st.text(st.characters(max_codepoint=255), max_size=200)
PATHS = st.one_of(
    st.just("/o"),
    st.one_of(
        LATIN,
        st.sampled_from(["", "/", "//", "../healthz", "..%2f..", "a/b.png", "\0.gif", "\r\nSet-Cookie: a=b", ".png"]),
        st.integers(1, 10_000).map(lambda n: "A" * n),
        st.integers(1, 3000).map(lambda n: "%2F%00\xff" * n),
    ).map(lambda rest: f"/o/{rest}"),
)  # fmt: skip
ADDRESSES = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=4).map(lambda address: f"{address}:8080"),
    st.sampled_from(["unix:", "", "localhost", "::ffff:81.2.69.160", "[2a02:2121::1]:443", "fe80::1%eth0"]),
    LATIN,
)
FORWARDED = st.one_of(
    st.lists(ADDRESSES, max_size=4).map(", ".join), st.integers(1, 3000).map(lambda n: "1.1.1.1," * n)
)
AGENTS = st.one_of(st.sampled_from([APPLE_MAIL, GMAIL, SAFARI, THUNDERBIRD, YAHOO, "Mozilla/5.0"]), LATIN)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "HTTP_USER_AGENT": AGENTS,
        "HTTP_X_FORWARDED_FOR": FORWARDED,
        "HTTP_X_REAL_IP": ADDRESSES,
        "HTTP_FORWARDED": ADDRESSES.map(lambda address: f'for="{address}"'),
        "HTTP_ACCEPT": LATIN,
        "HTTP_ACCEPT_LANGUAGE": LATIN,
        "HTTP_RANGE": st.one_of(st.sampled_from(["bytes=0-0", "bytes=-1", "bytes=9-1,2-3"]), LATIN),
        "HTTP_IF_NONE_MATCH": st.one_of(st.just("*"), LATIN),
        "HTTP_IF_MODIFIED_SINCE": st.one_of(st.just("Fri, 31 Dec 2100 23:59:59 GMT"), LATIN),
        "HTTP_COOKIE": LATIN,
        "HTTP_HOST": LATIN,
        "HTTP_EXPECT": st.just("100-continue"),
        "HTTP_TRANSFER_ENCODING": LATIN,
        "HTTP_X_REQUEST_ID": LATIN,
        "CONTENT_LENGTH": st.one_of(st.sampled_from(["-1", "1e9", "99999999999999999999"]), LATIN),
        "CONTENT_TYPE": LATIN,
        "QUERY_STRING": LATIN,
        "REMOTE_ADDR": ADDRESSES,
    },
)
METHODS = st.one_of(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"]), LATIN
)
RELAXED = settings(
    deadline=None, max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Unread:
    """The body of a request, which nobody has to read; some would never end."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} of the body was asked for")


Ask = Callable[..., bytes]


@pytest.fixture(scope="module")
def world(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(story, tmp_path_factory.mktemp("world"))
    yield world
    world.close()


@pytest.fixture
def ask(world: World, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """The web part as the server calls it; returns the picture of an answer that has all that it must."""
    monkeypatch.setattr(hammering, "MOST_IN_WINDOW", 10**9)  # each one is thought about
    app = create_app(world.runtime)

    def ask(path: str, method: str = "GET", **headers: str) -> bytes:
        told: list[tuple[str, list[tuple[str, str]]]] = []
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "x",
            "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": Unread(),
            "wsgi.errors": io.StringIO(), "wsgi.multithread": True, "wsgi.multiprocess": False,
            "wsgi.run_once": False, **headers,
        }  # fmt: skip

        def start(status: str, sent: list[tuple[str, str]], *_: Any) -> Callable[[bytes], object]:
            told.append((status, sent))
            return lambda _: None

        content = app(environ, start)
        body = b"".join(content)
        getattr(content, "close", lambda: None)()
        ((status, sent),) = told
        return checked(status, sent, body, method)

    return ask


def checked(status: str, headers: list[tuple[str, str]], body: bytes, method: str) -> bytes:
    names = [name.lower() for name, _ in headers]
    by_name = {name.lower(): value for name, value in headers}
    assert status == "200 OK"
    assert len(names) == len(set(names))
    assert not {"set-cookie", "location", "refresh", "vary"} & set(names)
    assert by_name["content-type"] in ("image/png", "image/jpeg", "image/gif")
    assert all("\r" not in text and "\n" not in text for pair in headers for text in pair)
    if method == "HEAD":
        assert body == b"" and int(by_name["content-length"]) > 0
        return body
    assert by_name["content-length"] == str(len(body))
    with Image.open(io.BytesIO(body)) as shown:
        shown.load()
        assert shown.get_format_mimetype() == by_name["content-type"]
    return body


def shown(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@RELAXED
@given(path=PATHS, method=METHODS, headers=HEADERS)
@example(path="/o/" + "/" * 10_000, method="POST", headers={"CONTENT_LENGTH": "10"})
@example(path="/o/\0", method="", headers={"HTTP_USER_AGENT": "\0"})
def test_anything_is_answered_with_a_picture(
    ask: Ask, path: str, method: str, headers: dict[str, str]
) -> None:
    ask(path, method, **headers)


@RELAXED
@given(
    slot=st.sampled_from([0, 1, 100, PIXEL_SLOT, PIXEL_SLOT + 1, 2**40]), kind=st.sampled_from(["open", "open-anon", "click"]),
    numbers=st.lists(st.integers(0, 2**62), max_size=6), end=st.sampled_from(["", ".png", ".GIF", ".jpeg", ".php"]),
    method=METHODS, headers=HEADERS,
)  # fmt: skip
def test_anything_that_we_signed_is_answered_with_a_picture(
    ask: Ask,
    world: World,
    story: Story,
    slot: int,
    kind: str,
    numbers: list[int],
    end: str,
    method: str,
    headers: dict[str, str],
) -> None:
    ask(f"/o/{world.runtime.signer.sign(kind, *numbers)}{end}", method, **headers)
    ask(f"/o/{world.runtime.signer.sign('open', story.sent, 3, slot)}{end}", method, **headers)
    ask(f"/o/{world.runtime.signer.sign('open-anon', story.sent, slot)}{end}", method, **headers)


def test_who_agreed_gets_the_picture_of_where_the_address_is(ask: Ask, world: World, story: Story) -> None:
    ref = story.take()
    world.lives_at_home(ref, "open_tracking", "open_location")
    path = f"/o/{world.token(ref)}.jpg"
    direct = {"HTTP_USER_AGENT": THUNDERBIRD, "HTTP_X_FORWARDED_FOR": f"{ADDRESS}"}
    assert shown(ask(path, **direct)) == SNOW
    assert world.geo.asked[-1] == ADDRESS
    assert shown(ask(path, **direct | {"HTTP_USER_AGENT": GMAIL})) == RAIN, "the address is Google's"
    world.allows(ref, "open_tracking")
    assert shown(ask(path, **direct)) == RAIN, "at once, also on mail already sent"


def test_nobody_is_placed_by_their_address_without_consent(ask: Ask, world: World, story: Story) -> None:
    ref = story.take()
    world.lives_at_home(ref, "open_tracking")
    path = f"/o/{world.token(ref)}.jpg"
    world.geo.asked.clear()

    @RELAXED
    @given(method=METHODS.filter(lambda method: method != "HEAD"), headers=HEADERS)
    @example(method="GET", headers={"HTTP_USER_AGENT": THUNDERBIRD, "HTTP_X_FORWARDED_FOR": ADDRESS})
    @example(method="GET", headers={"HTTP_USER_AGENT": SAFARI, "REMOTE_ADDR": ADDRESS})
    def is_at_home(method: str, headers: dict[str, str]) -> None:
        assert shown(ask(path, method, **headers)) == RAIN
        event("at home")

    is_at_home()
    assert world.geo.asked == []


def test_an_answer_given_again_is_not_for_another_consent(
    world: World, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who hammers gets the last picture again, but not the one that an address decided which may be used no more."""
    ref = story.take()
    world.lives_at_home(ref, "open_tracking", "open_location")
    client = create_app(world.runtime).test_client()
    headers = {"User-Agent": THUNDERBIRD, "X-Forwarded-For": ADDRESS}

    def picture_shown() -> str:
        return shown(client.get(f"/o/{world.token(ref)}.jpg", headers=headers).data)

    monkeypatch.setattr(hammering, "WINDOW_SECONDS", 60.0)
    assert {picture_shown() for _ in range(hammering.MOST_IN_WINDOW + 5)} == {SNOW}
    world.allows(ref, "open_tracking")
    assert {picture_shown() for _ in range(3)} == {RAIN}
    world.allows(ref)
    assert {picture_shown() for _ in range(3)} == {NEUTRAL}


def test_a_person_is_not_answered_as_the_proxy_before_them(
    world: World, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = story.take()
    world.lives_at_home(ref, "open_tracking", "open_location")
    client = create_app(world.runtime).test_client()
    monkeypatch.setattr(hammering, "WINDOW_SECONDS", 60.0)

    def picture_shown(user_agent: str) -> str:
        headers = {"User-Agent": user_agent, "X-Forwarded-For": ADDRESS}
        return shown(client.get(f"/o/{world.token(ref)}.jpg", headers=headers).data)

    assert {picture_shown(GMAIL) for _ in range(hammering.MOST_IN_WINDOW + 5)} == {RAIN}
    assert picture_shown(THUNDERBIRD) == SNOW
    assert picture_shown(GMAIL) == RAIN
