"""The Runtime of a worker process: made after the fork, because connections do not survive one."""

from __future__ import annotations

import os

from celery import current_app
from celery.signals import worker_process_shutdown

from campaigns.core.settings import load_settings
from campaigns.runtime import Runtime
from workers.jobs import CeleryJobs

_runtimes: dict[int, Runtime] = {}


def runtime() -> Runtime:
    """This process's Runtime.

    Raises:
        NotConfigured: settings or schema do not fit; the message says what to do.
    """
    process = os.getpid()
    if process not in _runtimes:
        _runtimes.clear()
        made = Runtime(load_settings(), CeleryJobs(current_app._get_current_object()))
        _runtimes[process] = made.start()
    return _runtimes[process]


@worker_process_shutdown.connect
def _close(**_: object) -> None:
    made = _runtimes.pop(os.getpid(), None)
    if made is not None:
        made.close()
