"""What the doctor finds on this machine: folders, keys, addresses, time zones."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

import psutil

from campaigns.commands.findings import Finding, Verdict, check, error, warning, worst
from campaigns.compose.dkim_keys import read_rsa
from campaigns.core.settings import Settings
from campaigns.runtime import Runtime

_FREE_BYTES = 1_000_000_000
_LEAST_FREE_BYTES = 100_000_000
_FEWEST_CHARACTERS = 12
_SHORTEST_GOOD_KEY = 2048
_FEWEST_ZONES = 300
# Locks and the order of writes are not what the journal needs on these, least of all after a crash.
_OVER_THE_NETWORK = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "gluster", "lustre", "fuse.sshfs", "fuse.s3")
_FORGETFUL = ("tmpfs", "ramfs")


def machine_findings(runtime: Runtime) -> Iterator[Finding]:
    """Everything that can be looked at without asking a server."""
    s = runtime.settings
    yield check("data folder", str(s.folder), lambda: _data_folder(s))
    yield check("journal", str(runtime.journals), lambda: _journal(runtime.journals))
    kept = "TAILORMAIL_SECRET_KEY" if s.secret_key else f"kept in {s.folder / 'secret.key'}"
    yield check("secret key", kept, lambda: _secret_key(s))
    yield check("public URL", s.public_url, lambda: _public_url(s))
    yield check("trusted proxies", str(s.trusted_proxies), lambda: "hops counted from the right")
    yield check("DKIM", s.dkim_domain or "not signed", lambda: _dkim(runtime))
    yield check("time zones", s.timezone, lambda: _time_zones(s))


def _data_folder(settings: Settings) -> Verdict:
    folder = settings.folder
    _try_to_write(folder)
    mode = stat.S_IMODE(folder.stat().st_mode)
    open_to = "everybody" if mode & 0o007 else "the group"
    return worst(
        "writable",
        warning(f"open to {open_to}: run chmod 700 {folder}") if mode & 0o077 else None,
        _room(folder),
    )


def _journal(folder: Path) -> Verdict:
    _try_to_write(folder)
    kind = _file_system(folder)
    far = error(
        f"{kind} is no local file system, and a crash may lose what was sent: put TAILORMAIL_DATA_DIR on a disk"
    )
    brief = warning(f"{kind} is lost when the machine restarts, and mails in flight become uncertain")
    return worst(
        f"writable, on {kind}",
        far if kind.startswith(_OVER_THE_NETWORK) else None,
        brief if kind in _FORGETFUL else None,
        _room(folder),
    )


def _room(folder: Path) -> Verdict | None:
    free = shutil.disk_usage(folder).free
    if free >= _FREE_BYTES:
        return None
    told = f"only {free / 1e6:.0f} MB are free: without room nothing can be sent"
    return error(told) if free < _LEAST_FREE_BYTES else warning(told)


def _try_to_write(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    probe = folder / ".doctor"
    try:
        probe.write_text("written")
    finally:
        with suppress(OSError):
            probe.unlink()


def _file_system(folder: Path) -> str:
    """The kind of file system: that of the longest mount point above the folder."""
    mounts = {
        Path(mount.mountpoint): mount.fstype
        for mount in psutil.disk_partitions(all=True)
        if folder.is_relative_to(mount.mountpoint)
    }
    return mounts[max(mounts, key=lambda path: len(path.parts))] if mounts else "an unknown file system"


def _secret_key(settings: Settings) -> Verdict:
    keys = settings.secrets()
    poor = any(len(set(key)) < _FEWEST_CHARACTERS for key in keys)
    file = settings.folder / "secret.key"
    shown = not settings.secret_key and bool(stat.S_IMODE(file.stat().st_mode) & 0o077)
    return worst(
        f"{len(keys)} key{'s' if len(keys) > 1 else ''}",
        warning(
            'it repeats few characters: make one with python -c "import secrets; print(secrets.token_urlsafe(48))" '
            "and set it in front of the old one, after a comma"
        )
        if poor
        else None,
        error(f"others can read it: run chmod 600 {file}") if shown else None,
        warning(f"other machines need the same: set TAILORMAIL_SECRET_KEY to what {file} holds")
        if settings.database_url and not settings.secret_key
        else None,
    )


def _public_url(settings: Settings) -> str | Verdict:
    parts = urlsplit(settings.public_url)
    at_home = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if at_home and (settings.smtp_url or settings.delivery_path):
        return warning("recipients cannot reach this machine's own address: set TAILORMAIL_PUBLIC_URL")
    if parts.scheme != "https" and not at_home:
        return warning(
            "mail clients block pictures without https, and one-click unsubscribing needs it (RFC 8058)"
        )
    return "set" if "public_url" in settings.model_fields_set else "the default"


def _dkim(runtime: Runtime) -> str | Verdict:
    settings = runtime.settings
    pem = settings.dkim_private_key()
    if pem is None or runtime.dkim is None:
        if settings.smtp_url or settings.delivery_path:
            return warning(
                "no key is set: mail providers refuse bulk mail without a signature, unless the relay signs"
            )
        return "no key is set"
    records = runtime.dkim.records().items()
    bits = read_rsa(pem, settings.dkim_selector or "").bits
    second = " and an Ed25519 key" if len(runtime.dkim.keys) > 1 else ""
    publish = "; ".join(f"{name} TXT {text} (dig +short TXT {name})" for name, text in records)
    return worst(
        f"a key of {bits} bits{second}; whether DNS has the other half is not looked up here. Publish: {publish}",
        warning(f"{bits} bits are short: 2,048 are usual") if bits < _SHORTEST_GOOD_KEY else None,
    )


def _time_zones(settings: Settings) -> str | Verdict:
    ZoneInfo(settings.timezone)
    try:
        release = f"tzdata {version('tzdata')}"
    except PackageNotFoundError:
        release = "the system's data"
    count = len(available_timezones())
    if count < _FEWEST_ZONES:
        return error(f"only {count} zones are known: install tzdata")
    return f"{count} zones from {release}"
