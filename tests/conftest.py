"""Fixtures: one embedded PostgreSQL and Redis for the whole run, real in every test."""

from __future__ import annotations

import io
import logging
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from argon2 import PasswordHasher

from campaigns import cli
from campaigns.core import patience
from campaigns.core.crypto import KeyRing
from campaigns.core.db import Database, UnitOfWork
from campaigns.core.embedded import Embedded, EmbeddedUrls
from campaigns.core.embedded_postgres import EmbeddedPostgres
from campaigns.core.tokens import Signer
from campaigns.flows.console import passwords
from campaigns.models import schema
from campaigns.runtime import Runtime, basis
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import SECRET, SHOP, Command, fill_shop, make_runtime
from tests.tables import begin_at_one, empty_tables
from tests.waiting import PATIENCE, until

RETAIL = Path(__file__).resolve().parents[2] / "shared" / "data" / "online-retail"


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> None:
    """A developer's own settings must not change what the tests see."""
    for name in [n for n in os.environ if n.startswith(("TAILORMAIL_", "OPENAI_"))]:
        del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Hashes that take no time: some hundred people sign in, and each would cost a tenth of a second on purpose."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", quick)
        patch.setattr(passwords, "_NOBODY", quick.hash("nobody's"))
        yield


@pytest.fixture(autouse=True, scope="session")
def patient_pictures() -> Iterator[None]:
    """Time limits of who waits for a picture, as they would be on a machine that is not busy with other tests.

    In the processes of their own that some tests start they are as they ship.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(patience, "PICTURE_SECONDS", PATIENCE * patience.PICTURE_SECONDS)
        patch.setattr(basis, "REDIS_SECONDS", PATIENCE * basis.REDIS_SECONDS)
        yield


@pytest.fixture(scope="session")
def servers() -> Iterator[EmbeddedUrls]:
    """PostgreSQL and Redis of this test run; they end with it."""
    with tempfile.TemporaryDirectory(prefix="tm-tests-", ignore_cleanup_errors=True) as folder:
        embedded = Embedded(Path(folder))
        yield embedded.acquire()
        embedded.release()
        if embedded.redis:
            embedded.redis.stop()
        if embedded.postgres:
            _end_at_once(embedded.postgres)


def _end_at_once(postgres: EmbeddedPostgres) -> None:
    """Without a last checkpoint: with tables emptied thousands of times it took half a minute, for the bin."""
    pid = postgres.pid()
    if pid:
        os.kill(pid, signal.SIGQUIT)
        until(lambda: postgres.pid() is None, 10)


@pytest.fixture(scope="session")
def database(servers: EmbeddedUrls) -> Iterator[Database]:
    """The migrated database; use `session` or `db`, which clean up."""
    assert servers.database_url
    database = Database(servers.database_url)
    schema.upgrade(database)
    yield database
    database.close()


@pytest.fixture
def session(database: Database) -> Iterator[UnitOfWork]:
    """A session whose transaction is rolled back after the test."""
    session = UnitOfWork(database)
    yield session
    session.rollback()
    session.close()


@pytest.fixture
def db(database: Database) -> Iterator[Database]:
    """The database for tests that commit; emptied afterwards."""
    begin_at_one(database)
    yield database
    empty_tables(database)


@pytest.fixture
def redis_client(servers: EmbeddedUrls) -> Iterator[redis.Redis]:
    """A real, empty Redis database of its own number."""
    assert servers.redis_url
    client = redis.Redis.from_url(servers.redis_url.replace("db=0", "db=9"))
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def keyring() -> KeyRing:
    """Keys for encrypted fields."""
    return KeyRing([SECRET])


@pytest.fixture
def signer(keyring: KeyRing) -> Signer:
    """Signs tokens."""
    return Signer(keyring.derived("tokens"))


@pytest.fixture
def retail() -> Path:
    """The folder of the real retailer's data, outside the project."""
    if not (RETAIL / "orders.csv.gz").is_file():
        pytest.skip("the retail data is not here: put it at ../shared/data/online-retail beside the checkout")
    return RETAIL


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleFiles:
    """The sample shop's files, written once."""
    return SHOP.write(tmp_path_factory.mktemp("sample"))


@pytest.fixture
def runtime(servers: EmbeddedUrls, db: Database, tmp_path: Path) -> Iterator[Runtime]:
    """Started, on an empty database, with hints recorded instead of sent."""
    runtime = make_runtime(servers, tmp_path / "data").start()
    runtime.redis.flushdb()
    yield runtime
    runtime.close()


@pytest.fixture
def shop(runtime: Runtime, sample: SampleFiles) -> Runtime:
    """The same with the sample shop imported and a model trained."""
    fill_shop(runtime, sample)
    return runtime


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word, as a server does that hangs."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield int(listener.getsockname()[1])


@pytest.fixture
def command(
    servers: EmbeddedUrls,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Command:
    """Runs `tailormail` with these arguments in this process, on the servers and the folder of `runtime`.

    Returns (exit status, stdout, stderr). Nobody sits at its terminal.
    """
    monkeypatch.setenv("TAILORMAIL_DATABASE_URL", servers.database_url or "")
    monkeypatch.setenv("TAILORMAIL_REDIS_URL", (servers.redis_url or "").replace("db=0", "db=8"))
    monkeypatch.setenv("TAILORMAIL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TAILORMAIL_SECRET_KEY", SECRET)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    before = logging.getLogger().handlers[:]
    request.addfinalizer(lambda: logging.getLogger().handlers.__setitem__(slice(None), before))

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["tailormail", *map(str, arguments)])
        capsys.readouterr()
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        out, err = capsys.readouterr()
        return status, out, err

    return run
