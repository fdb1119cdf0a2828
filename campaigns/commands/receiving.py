"""`tailormail inbound`: a listener, a maildir, or IMAP, until somebody says stop."""

from __future__ import annotations

import signal
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from campaigns.commands.output import as_json, show_table
from campaigns.commands.parts import connected, hint_workers, settings_in_force
from campaigns.core.domains import a_labels
from campaigns.core.errors import BadInput, NotConfigured, NotFound, ServiceUnavailable
from campaigns.core.log import get_logger
from campaigns.core.server_addresses import ImapAddress
from campaigns.core.settings import Settings
from campaigns.delivery.inbound.imap import ImapMailbox
from campaigns.delivery.inbound.listener import Listener
from campaigns.delivery.inbound.mailbox import Mailbox
from campaigns.delivery.inbound.maildir import MaildirMailbox
from campaigns.flows.feedback.collecting import collect
from campaigns.runtime import Runtime

log = get_logger(__name__)

_TRY_AGAIN_SECONDS = 30.0
_KEEP_SECONDS = 2.0


def listen(
    host: str, port: int, lmtp: bool, domains: Sequence[str], certificate: Path | None, key: Path | None
) -> None:
    """Take in mail by SMTP or LMTP until SIGTERM or Ctrl-C.

    Raises:
        NotConfigured: no domain is ours, the certificate cannot be used, or the address is taken.
    """
    ours = _ours(settings_in_force(quiet=False), domains)
    tls = _tls(certificate, key) if certificate else None
    with _running() as (runtime, stop):
        inbound = runtime.inbound
        listener = Listener(
            inbound.take,
            lambda address: inbound.accepts(address, ours),
            host=host,
            port=port,
            lmtp=lmtp,
            name=runtime.settings.helo_name,
            tls=tls,
        )
        with listener:
            words = f"{'LMTP' if lmtp else 'SMTP'} on {host}:{listener.port} for {', '.join(sorted(ours))}"
            click.echo(f"listening for {words}   (Ctrl-C stops)", err=True)
            while not stop.wait(_KEEP_SECONDS):
                runtime.keep_servers()
                runtime.meters.flush()


def empty_maildir(path: Path, every: float | None, json_: bool) -> None:
    """Take in what is in a maildir; with `every`, again after so many seconds until somebody says stop.

    Raises:
        BadInput: it is no maildir.
        ServiceUnavailable: without `every`: the maildir or the database does not answer.
    """
    _empty(MaildirMailbox(path), every, json_)


def empty_imap(every: float | None, json_: bool) -> None:
    """The same for the mailbox of the settings.

    Raises:
        NotConfigured: no mailbox is set.
        ServiceUnavailable: as `empty_maildir`.
    """
    url = settings_in_force().imap_url
    if not url:
        raise NotConfigured("TAILORMAIL_IMAP_URL: is not set; such as imaps://user:pass@host/INBOX")
    _empty(ImapMailbox(ImapAddress(url)), every, json_)


def list_problems(json_: bool) -> None:
    """Print which mails nobody could handle, the newest first."""
    with connected() as runtime:
        rows = runtime.inbound.problems()
    if json_:
        as_json([{"id": one.number, "at": one.at, "problem": one.problem, "kept": one.kept} for one in rows])
    else:
        told = [
            (one.number, f"{one.at:%Y-%m-%d %H:%M}", "yes" if one.kept else "", one.problem) for one in rows
        ]
        show_table(("id", "at", "kept", "problem"), told)


def show_problem(number: int) -> None:
    """Write one of them to stdout, byte for byte.

    Raises:
        NotFound: there is none of this number, or nothing of it was kept.
    """
    with connected() as runtime:
        raw = runtime.inbound.raw(number)
    if not raw:
        raise NotFound(f"of mail {number} nothing was kept: it is about nobody whom we know")
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


def _empty(mailbox: Mailbox, every: float | None, json_: bool) -> None:
    if every is None:
        try:
            with connected() as runtime:
                counts = collect(mailbox, runtime.inbound)
        finally:
            mailbox.close()
        as_json(dict(counts)) if json_ else click.echo(_words(counts))
        return
    settings_in_force(quiet=False)
    with _running() as (runtime, stop):
        try:
            while not stop.is_set():
                stop.wait(_look(mailbox, runtime, stop, every))
        finally:
            mailbox.close()


def _look(mailbox: Mailbox, runtime: Runtime, stop: threading.Event, every: float) -> float:
    """Take in what waits; returns after how many seconds to look again."""
    runtime.keep_servers()
    try:
        counts = collect(mailbox, runtime.inbound, stop.is_set)
    except ServiceUnavailable as error:
        log.warning("mailbox_put_off", why=error.message)
        return max(every, _TRY_AGAIN_SECONDS)
    if counts:
        log.info("mailbox_emptied", **counts)
    runtime.meters.flush()
    return every


@contextmanager
def _running() -> Iterator[tuple[Runtime, threading.Event]]:
    """A started Runtime, and what SIGTERM and Ctrl-C set."""
    stop = threading.Event()

    def ask_to_stop(_: int, __: FrameType | None) -> None:
        stop.set()

    before = [(number, signal.signal(number, ask_to_stop)) for number in (signal.SIGTERM, signal.SIGINT)]
    runtime = Runtime(settings_in_force(quiet=False), stopping=stop.is_set)
    try:
        runtime.start()
        hint_workers(runtime)
        yield runtime, stop
    finally:
        runtime.close()
        for number, handler in before:
            signal.signal(number, handler)


def _ours(settings: Settings, more: Sequence[str]) -> frozenset[str]:
    names = [*([settings.bounce_domain] if settings.bounce_domain else []), *more]
    if not names:
        raise NotConfigured(
            "TAILORMAIL_BOUNCE_DOMAIN: is not set, so that no address is ours; set it, or give --domain"
        )
    found = {name: a_labels(name.strip().rstrip(".")) for name in names}
    for name, ascii_name in found.items():
        if not ascii_name or "." not in ascii_name:
            raise BadInput(f"{name[:80]!r} is not a domain such as bounces.example.com", where="--domain")
    return frozenset(name.casefold() for name in found.values() if name)


def _tls(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise NotConfigured(f"--certificate {certificate}: {error.strerror or error}") from None
    return context


def _words(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(counts.items())) or "nothing waits"
