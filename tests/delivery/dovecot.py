"""A real IMAP server: Debian's Dovecot, in a folder of its own, on a port of its own; skipped where it is missing."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from campaigns.core.server_addresses import ImapAddress

USER, PASSWORD = "bounces", "s3cret/with@signs"

_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
ssl = no
disable_plaintext_auth = no
protocols = imap
listen = 127.0.0.1
default_internal_user = {account}
default_internal_group = {group}
default_login_user = {login}
first_valid_uid = 1
mail_location = maildir:{folder}/mail
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={account} gid={group} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
namespace inbox {{
  inbox = yes
  mailbox "Taken in æ&" {{
    auto = create
  }}
}}
"""


class Dovecot:
    """Delivers into its maildir as a mail server does."""

    def __init__(self, _: Path) -> None:
        self._program = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
        if self._program is None:
            pytest.skip("dovecot-imapd is not installed")
        # Not pytest's folder, which no other account may enter: started by root, it runs as nobody.
        self._folder = Path(tempfile.mkdtemp(prefix="tm-imap-"))
        self._count = 0
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])

    def address(self, query: str = "") -> ImapAddress:
        return ImapAddress(
            f"imap://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/INBOX?tls=none{query}"
        )

    def deliver(self, raw: bytes) -> None:
        self._count += 1
        name = f"{1_700_000_000 + self._count}.M{self._count}.here"
        path = self._folder / "mail" / "tmp" / name
        path.write_bytes(raw)
        os.utime(path, (self._count, self._count))
        if os.getuid() == 0:
            shutil.chown(path, "nobody")
        path.rename(self._folder / "mail" / "new" / name)

    def __enter__(self) -> Dovecot:
        root = os.getuid() == 0
        account = "nobody" if root else getpass.getuser()
        group = _group_of(account)
        for name in ("run", "state", "home", "mail/new", "mail/cur", "mail/tmp"):
            (self._folder / name).mkdir(parents=True)
        if root:
            self._folder.chmod(0o755)
            for path in (self._folder, *self._folder.rglob("*")):
                shutil.chown(path, account, group)
        text = _CONFIGURATION.format(
            folder=self._folder,
            account=account,
            group=group,
            login=account,
            port=self.port,
            password=PASSWORD,
        )
        (self._folder / "dovecot.conf").write_text(text)
        assert self._program
        self._process = subprocess.Popen(
            [self._program, "-F", "-c", str(self._folder / "dovecot.conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as there:
                if there.recv(10).startswith(b"* OK"):
                    return self
            time.sleep(0.05)
        told = (self._folder / "log").read_text() if (self._folder / "log").is_file() else ""
        self.__exit__()
        told += (self._process.stderr.read() if self._process.stderr else b"").decode(errors="replace")
        raise AssertionError(f"dovecot does not start: {told}")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)


def _group_of(account: str) -> str:
    import grp

    return grp.getgrgid(pwd.getpwnam(account).pw_gid).gr_name
