"""`tailormail demo`."""

from __future__ import annotations

import time

import click

from campaigns.commands.output import as_json, show_pairs, show_table
from campaigns.commands.parts import hint_workers, settings_in_force
from campaigns.commands.serve import welcome
from campaigns.commands.served_port import port_told, that_or_any_port, that_port
from campaigns.core.ports import HeldPort
from campaigns.core.settings import Settings
from campaigns.demo.story import Story
from campaigns.demo.summary import Summary
from campaigns.runtime import Runtime
from campaigns.supervisor import Supervisor, scheduler, web, worker

_HOST = "127.0.0.1"
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
    given = settings_in_force()
    # From now on: two demos that start together would both find the same port free.
    port = port_of_demo(given)
    settings = demo_settings(given, port)
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
            supervisor.start(worker(settings), scheduler(settings), web(_HOST, port.number))
            summary = story.play(files)
            story.stages["total"] = summary.stages["total"] = round(time.perf_counter() - began, 2)
            _tell(summary, json_)
            if serve:
                welcome(runtime)
                supervisor.run_until_stopped()
                click.echo("stopping ...", err=True)
    finally:
        runtime.close()
        port.close()
    return 1 if summary.faults else 0


def port_of_demo(settings: Settings) -> HeldPort:
    """The port that the settings name; where they name none, the usual one or any that is free."""
    if "public_url" in settings.model_fields_set:
        return that_port(_HOST, port_told(settings), "name another one in TAILORMAIL_PUBLIC_URL")
    return that_or_any_port(_HOST, port_told(settings))


def demo_settings(settings: Settings, port: HeldPort) -> Settings:
    """The same with captured mail, the offline writer, the sample's weather, and links that lead here."""
    url = (
        settings.public_url if "public_url" in settings.model_fields_set else f"http://{_HOST}:{port.number}"
    )
    return settings.model_copy(update={**dict.fromkeys(_UNSET), "public_url": url})


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
