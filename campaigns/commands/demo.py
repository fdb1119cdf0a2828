"""`tailormail demo`."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

import click

from campaigns.commands.output import as_json, show_pairs, show_table
from campaigns.commands.parts import hint_workers, settings_in_force
from campaigns.commands.serve import welcome
from campaigns.core.settings import Settings
from campaigns.demo.story import Story
from campaigns.demo.summary import Summary
from campaigns.runtime import Runtime
from campaigns.supervisor import Supervisor, scheduler, web, worker

# Sample customers are nobody's, and their mail goes nowhere: whatever relay, model or weather service is set.
_UNSET = {
    "smtp_url": "TAILORMAIL_SMTP_URL",
    "delivery_path": "TAILORMAIL_DELIVERY_PATH",
    "broker_url": "TAILORMAIL_BROKER_URL",
    "openai_api_key": "OPENAI_API_KEY",
    "openai_base_url": "OPENAI_BASE_URL",
    "weather_url": "TAILORMAIL_WEATHER_URL",
}


def run_demo(customers: int, serve: bool, json_: bool) -> int:
    """Play the story; with `serve`, keep the console up until Ctrl-C. Returns the exit status.

    Raises:
        TailormailError: the demo cannot be played here; says why.
    """
    began = time.perf_counter()
    settings = _demo_settings(settings_in_force())
    runtime = Runtime(settings)
    environment = {**dict.fromkeys(_UNSET.values(), ""), "TAILORMAIL_PUBLIC_URL": settings.public_url}
    supervisor = Supervisor(settings, environment, settings.folder / "logs", runtime.keep_servers)
    try:
        story = Story(
            runtime, customers, lambda line: click.echo(f"  {line} ...", err=True), supervisor.check
        )
        with story.stage("servers", "starting PostgreSQL and Redis"):
            runtime.start()
            hint_workers(runtime)
        story.refuse_a_real_shop()
        files = story.write_shop()
        with supervisor.stopping_on_signals():
            port = urlsplit(settings.public_url).port or 8025
            supervisor.start(worker(settings), scheduler(settings), web("127.0.0.1", port))
            summary = story.play(files)
            story.stages["total"] = summary.stages["total"] = round(time.perf_counter() - began, 2)
            _tell(summary, json_)
            if serve:
                welcome(runtime)
                supervisor.run_until_stopped()
                click.echo("stopping ...", err=True)
    finally:
        runtime.close()
    return 1 if summary.faults else 0


def _demo_settings(settings: Settings) -> Settings:
    """The same with captured mail, the offline writer, the sample's weather, and a port that is free."""
    url = settings.public_url
    if "public_url" not in settings.model_fields_set:
        url = f"http://127.0.0.1:{_free_port(urlsplit(url).port or 8025)}"
    return settings.model_copy(update={**dict.fromkeys(_UNSET), "public_url": url})


def _free_port(first: int) -> int:
    # Not the next one in order: two demos that start together would both find that free.
    for port in (first, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    return first


def _tell(summary: Summary, json_: bool) -> None:
    if json_:
        as_json(summary.to_json())
        return
    click.echo("")
    show_pairs("What happened", summary.rows())
    stages = [(name, f"{seconds:.2f} s") for name, seconds in summary.stages.items()]
    show_table(("stage", "took"), stages)
    for fault in summary.faults:
        click.echo(f"  does not add up: {fault}", err=True)
    if not summary.faults:
        click.echo("  The numbers add up.")
