"""What `celery -A workers.main` finds: the app on the broker that the settings name.

Importing this starts the embedded servers where no URL is set, and refuses an older schema.
"""

from __future__ import annotations

import sys

from campaigns.core.errors import TailormailError
from campaigns.core.log import configure_logging
from campaigns.core.settings import load_settings
from campaigns.runtime import Runtime
from workers.app import make_app
from workers.broker import broker_url

try:
    _settings = load_settings()
    configure_logging(_settings.log_level, _settings.log_json)
    _runtime = Runtime(_settings).start()
except TailormailError as error:
    sys.exit(f"tailormail: {error.message}")
_runtime.db.close()  # Children of this process make their own connections.
app = make_app(broker_url(_runtime), patience=5.0)
app.set_current()
