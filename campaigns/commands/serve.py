"""`tailormail serve`: web, workers and scheduler in one command."""

from __future__ import annotations

import time
from contextlib import suppress

import click
import requests

from campaigns.commands.parts import settings_in_force
from campaigns.commands.served_port import port_told, that_port
from campaigns.runtime import Runtime
from campaigns.supervisor import Supervisor, receivers, scheduler, web, worker

_PATIENCE_SECONDS = 30.0


def run_services(host: str, port: int | None, workers: int, inbound_port: int) -> None:
    """Run until SIGTERM or Ctrl-C.

    Raises:
        NotConfigured: a service does not start, its port is taken, or the schema is another one.
    """
    settings = settings_in_force(quiet=False)
    if port and "public_url" not in settings.model_fields_set:
        # Links must lead where we listen; behind a proxy, TAILORMAIL_PUBLIC_URL says so.
        settings = settings.model_copy(update={"public_url": f"http://{host}:{port}"})
    held = that_port(host, port or port_told(settings), "end that one, or choose another port with --port")
    runtime = Runtime(settings)
    supervisor = Supervisor(
        settings, {"TAILORMAIL_PUBLIC_URL": settings.public_url}, keep=runtime.keep_servers
    )
    try:
        runtime.start()
        with supervisor.stopping_on_signals():
            supervisor.start(web(host, held.number), worker(settings, workers), scheduler(settings))
            supervisor.start(*receivers(settings, host, inbound_port))
            wait_for_web(f"http://{host}:{held.number}", supervisor)
            welcome(runtime)
            supervisor.run_until_stopped()
            click.echo("stopping ...", err=True)
    finally:
        runtime.close()
        held.close()


def wait_for_web(url: str, supervisor: Supervisor) -> None:
    """Return when the web part answers, so that a link which is shown works; or when it takes too long."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not supervisor.stopping and time.monotonic() < deadline:
        supervisor.check()
        with suppress(requests.RequestException):
            requests.get(f"{url}/healthz", timeout=2)
            return
        time.sleep(0.1)


def welcome(runtime: Runtime) -> None:
    """Say where the console is, and on first start how to become its administrator."""
    from web.console.users import ensure_admin

    url = runtime.settings.public_url
    click.echo(f"\nThe console is at {url}/console/   (Ctrl-C stops everything)")
    link = ensure_admin(runtime)
    if link:
        click.echo(f"Open this link once to choose a name and password: {link}\n")
