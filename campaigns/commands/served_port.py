"""The port on which a command serves the web part, held before anything is started."""

from __future__ import annotations

from urllib.parse import urlsplit

import click

from campaigns.core.errors import NotConfigured
from campaigns.core.ports import HeldPort, PortTaken, hold_port
from campaigns.core.settings import Settings
from campaigns.supervisor import GRACE_SECONDS

USUAL_PORT = 8025
# So long an earlier self may take to end: its services have a while to finish, then it closes its servers.
_PATIENCE_SECONDS = GRACE_SECONDS + 3


def port_told(settings: Settings) -> int:
    """The port of the public URL; the usual one where that names none."""
    return urlsplit(settings.public_url).port or USUAL_PORT


def that_port(host: str, port: int, mend: str) -> HeldPort:
    """This very port; whoever ends just now is waited for.

    Raises:
        NotConfigured: it is not to be had; says how to `mend` it.
    """
    try:
        return hold_port(host, port)
    except PortTaken as taken:
        click.echo(f"  {taken.message}; waiting whether that ends ...", err=True)
    try:
        return hold_port(host, port, _PATIENCE_SECONDS)
    except PortTaken as taken:
        raise NotConfigured(f"{taken.message}; {mend}") from taken


def that_or_any_port(host: str, port: int) -> HeldPort:
    """This port, or where somebody has it any that is free."""
    try:
        return hold_port(host, port)
    except PortTaken:
        return hold_port(host, 0)
