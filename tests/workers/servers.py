"""PostgreSQL and Redis that listen on TCP, as on machines of their own; what ships listens on files only."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis

from campaigns.core import embedded_postgres
from campaigns.core.embedded_postgres import EmbeddedPostgres
from campaigns.core.embedded_redis import redis_program


@dataclass(frozen=True, slots=True)
class TcpServers:
    """The ports on which they listen."""

    postgres: int
    redis: int


def database_url(host: str, port: int) -> str:
    """The URL of the PostgreSQL that is found there."""
    return f"postgresql://postgres@{host}:{port}/{embedded_postgres.DATABASE}"


@contextmanager
def tcp_servers(folder: Path, ports: TcpServers, addresses: Sequence[str]) -> Iterator[None]:
    """Started in `folder` on these addresses of ours and on 127.0.0.1; ended afterwards.

    The networks 10.0.0.0/8 and this machine are let in without a password.
    """
    told = sorted({"127.0.0.1", *addresses})
    sockets = folder / "run"
    for made in (folder, sockets):
        made.mkdir(mode=0o755, exist_ok=True)
    if os.getuid() == 0:
        os.chown(sockets, *embedded_postgres._server_account())
    database = EmbeddedPostgres(folder / "postgres", sockets)
    with pytest.MonkeyPatch.context() as patch:
        options = embedded_postgres._SERVER_OPTIONS.replace(
            "listen_addresses=''", f"listen_addresses='{','.join(told)}'"
        )
        patch.setattr(
            embedded_postgres, "_SERVER_OPTIONS", f"{options} -c port={ports.postgres} -c fsync=off"
        )
        patch.setattr(
            EmbeddedPostgres, "url", f"postgresql://postgres@/tailormail?host={sockets}&port={ports.postgres}"
        )
        patch.setattr(EmbeddedPostgres, "_create_database", lambda self: _create(sockets, ports.postgres))
        database._initialise()
        with (database.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.0.0.0/8 trust\n")
        database.ensure_running()
    cache = subprocess.Popen(
        [redis_program(), "--port", str(ports.redis), "--bind", *told, "--protected-mode", "no",
         "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        _wait_for_redis(ports.redis)
        yield
    finally:
        cache.kill()
        cache.wait()
        database.stop()


def _create(sockets: Path, port: int) -> None:
    where = f"host={sockets} port={port} user=postgres dbname=postgres"
    with psycopg.connect(where, autocommit=True) as connection:
        connection.execute(f"create database {embedded_postgres.DATABASE}")


def _wait_for_redis(port: int) -> None:
    deadline = time.monotonic() + 20
    client = redis.Redis(port=port)
    while True:
        try:
            client.ping()
            return
        except redis.ConnectionError:
            assert time.monotonic() < deadline, "Redis does not start"
            time.sleep(0.05)
