"""How the processes of a worker learn that it is to end: SIGTERM reaches only the one that forked them."""

from __future__ import annotations

import mmap

from celery.signals import worker_shutting_down

# Shared memory, made before the fork. A task looks at it between two mails.
_flag = mmap.mmap(-1, 1)


def stopping() -> bool:
    """Whether this worker was asked to end."""
    return _flag[0] != 0


@worker_shutting_down.connect
def _stop(**_: object) -> None:
    _flag[0] = 1
