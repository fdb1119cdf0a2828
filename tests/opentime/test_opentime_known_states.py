"""What a process remembers of customers: never longer than it hears of changes, and never an old answer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.opentime.serving import known_states
from campaigns.opentime.serving.known_states import BELIEVED_SECONDS, KnownStates
from campaigns.opentime.serving.open_state import OpenState
from campaigns.opentime.serving.shelf_mark import MARK, Mark, look_at_mark, marking, server_of
from campaigns.opentime.serving.state_shelf import CHANGED, StateShelf
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]
GRANTED = OpenState(5, True, True, 59.9, 10.7)
_WITHDRAWN_ELSEWHERE = """
import os, redis
from campaigns.opentime.serving.open_state import OpenState
from campaigns.opentime.serving.shelf_mark import MARK, Mark, look_at_mark, marking, server_of
from campaigns.opentime.serving.state_shelf import StateShelf
StateShelf(redis.Redis.from_url(os.environ["STATES_REDIS"])).put({7: OpenState(6)}, changed=True)
"""


@pytest.fixture
def url(redis_client: redis.Redis) -> str:
    """Of the same Redis; the fixture's own client is for breaking things."""
    socket = redis_client.connection_pool.connection_kwargs["path"]
    return f"unix://{socket}?db=9"


@pytest.fixture
def known(url: str) -> Iterator[KnownStates]:
    """Listening, with a client as the Runtime makes it."""
    client = redis.Redis.from_url(url, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))
    known = KnownStates(client)
    assert known.get(7) is None
    until(lambda: known.listening, 5)
    yield known
    known.close()
    client.close()


def keep(known: KnownStates, customer_id: int = 7) -> None:
    known.keep(customer_id, GRANTED, known.mark(customer_id))
    assert known.get(customer_id) == GRANTED


def test_nothing_is_kept_before_changes_are_heard(redis_client: redis.Redis) -> None:
    known = KnownStates(redis_client)
    known.keep(7, GRANTED, known.mark(7))
    assert known.get(7) is None
    known.close()


def test_no_thread_is_there_before_the_first_question(redis_client: redis.Redis) -> None:
    before = set(threading.enumerate())
    KnownStates(redis_client).mark(7)
    assert not set(threading.enumerate()) - before


def test_a_change_in_another_process_is_heard(known: KnownStates, url: str) -> None:
    keep(known)
    keep(known, 8)
    environment = {**os.environ, "STATES_REDIS": url, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", _WITHDRAWN_ELSEWHERE], env=environment, check=True, cwd=ROOT)
    until(lambda: known.get(7) is None, 1)
    assert known.get(8) == GRANTED, "nothing was said of this one"


def test_an_answer_from_before_a_change_is_not_kept(known: KnownStates, redis_client: redis.Redis) -> None:
    mark = known.mark(7)
    StateShelf(redis_client).put({7: OpenState(6)}, changed=True)
    until(lambda: known.mark(7) != mark, 1)
    known.keep(7, GRANTED, mark)
    assert known.get(7) is None
    keep(known)


def test_with_the_connection_all_is_forgotten(known: KnownStates, redis_client: redis.Redis) -> None:
    keep(known)
    mark = known.mark(7)
    redis_client.client_kill_filter(_type="pubsub")
    until(lambda: known.get(7) is None, (BELIEVED_SECONDS - 0.5) / PATIENCE)
    until(lambda: known.listening, 5)
    assert known.get(7) is None
    known.keep(7, GRANTED, mark)
    assert known.get(7) is None, "asked for before the silence: a change may have gone unheard"
    keep(known)


def test_nothing_is_believed_after_a_silence(known: KnownStates, redis_client: redis.Redis) -> None:
    keep(known)
    redis_client.execute_command("CLIENT", "PAUSE", int(1000 * (BELIEVED_SECONDS + 2)), "ALL")
    silent = time.monotonic()
    while known.get(7) is not None:
        time.sleep(0.01)
        assert time.monotonic() < silent + BELIEVED_SECONDS + 0.3
    assert not known.listening
    known.keep(7, GRANTED, known.mark(7))
    assert known.get(7) is None, "while nothing is heard nothing is kept either"
    until(lambda: known.listening, 10)
    keep(known)


def test_while_nothing_changes_it_is_believed_for_longer_than_a_silence_lasts(known: KnownStates) -> None:
    keep(known)
    ends = time.monotonic() + BELIEVED_SECONDS + 0.5
    while time.monotonic() < ends:
        assert known.get(7) == GRANTED
        time.sleep(0.05)


def test_a_state_is_asked_for_anew_after_a_while(known: KnownStates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_states, "KEPT_SECONDS", 0.1)
    keep(known)
    until(lambda: known.get(7) is None, 0.5)
    assert known.listening


def test_nonsense_on_the_channel_is_survived(known: KnownStates, redis_client: redis.Redis) -> None:
    keep(known)
    redis_client.publish(CHANGED, "no number")
    until(lambda: known.get(7) is None, 1)
    until(lambda: known.listening, 5)
    keep(known)


def mark(client: redis.Redis) -> None:
    """As whoever has brought everything up to this moment."""
    with marking(client) as found:
        found.reach(time.time())


def settles(known: KnownStates, client: redis.Redis) -> None:
    def settled() -> bool:
        mark(client)
        return known.settled

    until(settled, 5)


def test_redis_is_believed_from_the_second_mark_on(known: KnownStates, redis_client: redis.Redis) -> None:
    time.sleep(1.1)
    assert not known.settled, "nobody has said what it was told"
    mark(redis_client)
    time.sleep(2.1)
    assert not known.settled, "who set this one may have begun before this process listened"
    mark(redis_client)
    until(lambda: known.settled, 2)


def test_after_a_silence_new_marks_are_waited_for(known: KnownStates, redis_client: redis.Redis) -> None:
    settles(known, redis_client)
    redis_client.client_kill_filter(_type="pubsub")
    until(lambda: not known.listening, 1)
    until(lambda: known.listening, 5)
    assert not known.settled, "what changed in between it may not know yet"
    settles(known, redis_client)


def test_the_marks_of_another_run_of_the_server_are_none(
    known: KnownStates, redis_client: redis.Redis
) -> None:
    settles(known, redis_client)
    redis_client.set(MARK, Mark("another run:of it", 100, time.time()).to_bytes())
    until(lambda: not known.settled, 3)
    mark(redis_client)
    time.sleep(1.1)
    assert not known.settled, "the first on this one"
    settles(known, redis_client)


def test_where_the_server_may_not_be_asked_which_it_is_it_is_not_believed(redis_client: redis.Redis) -> None:
    class Careful(redis.Redis):
        def info(self, *_: Any, **__: Any) -> Any:
            raise redis.exceptions.NoPermissionError("NOPERM")

    client = Careful(connection_pool=redis_client.connection_pool)
    assert server_of(client) == ""
    redis_client.set(MARK, Mark("", 3, time.time()).to_bytes())
    assert look_at_mark(client) == (3, False)


def test_a_mark_is_not_set_on_another_server_than_was_looked_at(redis_client: redis.Redis) -> None:
    with marking(redis_client) as found, pytest.raises(redis.WatchError):
        redis_client.client_kill_filter(_type="normal", skipme=True)
        found.reach(1.0)
    assert redis_client.get(MARK) is None


def test_of_two_who_began_together_one_sets_the_mark(redis_client: redis.Redis) -> None:
    with marking(redis_client) as first, marking(redis_client) as second:
        first.reach(1.0)
        with pytest.raises(redis.WatchError):
            second.reach(2.0)


def test_a_shelf_that_is_thrown_away_is_forgotten(known: KnownStates, redis_client: redis.Redis) -> None:
    settles(known, redis_client)
    keep(known)
    StateShelf(redis_client).clear()
    until(lambda: known.get(7) is None, 1)
    until(lambda: known.listening, 1)
    assert not known.settled


@pytest.mark.parametrize("error", [RuntimeError("what nobody thought of"), AttributeError("neither")])
def test_no_error_ends_the_listening(
    known: KnownStates, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    keep(known)

    def fails(_: int) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(known, "forget", fails)
        redis_client.publish(CHANGED, "7")
        until(lambda: known.get(7) is None, 2)
    until(lambda: known.listening, 5)
    keep(known)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_listener_that_died_is_replaced(known: KnownStates, redis_client: redis.Redis) -> None:
    def dies() -> None:
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known, "_look", dies)
        until(lambda: known._listener is not None and not known._listener.is_alive(), 5)
    until(lambda: known.get(7) is None and known.listening, 5 + BELIEVED_SECONDS)
    keep(known)


def test_after_a_fork_it_listens_anew(known: KnownStates, redis_client: redis.Redis) -> None:
    """With the marks and the memory of its own: the thread of the parent is not there."""
    keep(known)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            assert known.get(7) is None, "nobody listens here"
            until(lambda: known.listening, 5)
            known.keep(7, GRANTED, known.mark(7))
            status = 0 if known.get(7) == GRANTED else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert known.get(7) == GRANTED
