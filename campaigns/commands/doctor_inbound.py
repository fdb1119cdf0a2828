"""What the doctor asks about mail that arrives."""

from __future__ import annotations

from collections.abc import Iterator

from campaigns.commands.findings import Finding, Verdict, check, warning
from campaigns.core.server_addresses import ImapAddress
from campaigns.core.settings import Settings
from campaigns.delivery.inbound.imap import ImapMailbox
from campaigns.runtime import Runtime

_SECONDS = 5.0


def inbound_findings(runtime: Runtime) -> Iterator[Finding]:
    """Where bounces go, and whether the mailbox that is polled answers."""
    settings = runtime.settings
    where = settings.bounce_domain or "the sender's own address"
    yield check("bounces", f"go to {where}", lambda: _bounces(settings))
    if settings.imap_url:
        address = ImapAddress(settings.imap_url)
        yield check("IMAP", f"{address.folder} at {address.host}", lambda: _imap(address))


def _bounces(settings: Settings) -> str | Verdict:
    if settings.bounce_domain:
        return "`tailormail inbound listen` takes them in"
    if settings.smtp_url or settings.delivery_path:
        return (
            "nobody reads them here unless `tailormail inbound` does; set TAILORMAIL_BOUNCE_DOMAIN to be sure"
        )
    return "none come while mail is captured"


def _imap(address: ImapAddress) -> str | Verdict:
    mailbox = ImapMailbox(address, timeout=_SECONDS)
    try:
        waiting = f"{mailbox.number_waiting():,} messages wait"
    finally:
        mailbox.close()
    if address.tls == "none" and address.host not in ("localhost", "127.0.0.1", "::1"):
        return warning(f"the password travels unencrypted: use imaps://; {waiting}")
    return waiting
