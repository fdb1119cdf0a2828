"""`web.wsgi:app` for production servers (granian, gunicorn, uwsgi).

Importing this starts the embedded servers where no URL is set, and refuses an older schema.
"""

from __future__ import annotations

import sys

from campaigns.core.errors import TailormailError
from campaigns.core.log import configure_logging
from campaigns.core.settings import load_settings
from campaigns.core.signals import wake_for_signals
from campaigns.runtime import Runtime
from web.app import create_app
from workers.app import make_app
from workers.broker import broker_url
from workers.jobs import CeleryJobs

# Its server waits in the main thread without an end.
wake_for_signals()
try:
    _settings = load_settings()
    configure_logging(_settings.log_level, _settings.log_json)
    _runtime = Runtime(_settings).start()
    _runtime.jobs = CeleryJobs(make_app(broker_url(_runtime)))
    # Made before many threads ask for them at once; whoever opens a mail first need not wait for Apple's list.
    _made = (_runtime.opening, _runtime.feedback)
    # Here too, and not only by workers: on this host there may be none.
    _runtime.unsubscribing.catch_up()
except TailormailError as error:
    sys.exit(f"tailormail: {error.message}")
app = create_app(_runtime)
