"""A Runtime for one command, with hints that reach the workers."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from campaigns.core.log import bind_trace, configure_logging
from campaigns.core.settings import Settings, load_settings
from campaigns.runtime import Runtime


def settings_in_force(overrides: Mapping[str, object] | None = None, quiet: bool = True) -> Settings:
    """The settings, with logging configured for a command (warnings only unless asked otherwise)."""
    settings = load_settings(overrides)
    configure_logging(
        "WARNING" if quiet and settings.log_level == "INFO" else settings.log_level, settings.log_json
    )
    bind_trace(command=" ".join(sys.argv[1:3]))
    return settings


@contextmanager
def connected(overrides: Mapping[str, object] | None = None) -> Iterator[Runtime]:
    """A started Runtime; let go of at the end, also on SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    runtime = Runtime(settings_in_force(overrides))
    try:
        runtime.start()
        hint_workers(runtime)
        yield runtime
    finally:
        runtime.close()


def hint_workers(runtime: Runtime) -> None:
    """Let this Runtime's hints reach the workers through the broker."""
    # Faces stand beside each other; only the producer's side of `workers` is used here.
    from workers.app import make_app
    from workers.broker import broker_url
    from workers.jobs import CeleryJobs

    runtime.jobs = CeleryJobs(make_app(broker_url(runtime)))
