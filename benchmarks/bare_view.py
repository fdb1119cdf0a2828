"""The least a Flask application does: a view that returns the bytes of a file. `benchmarks.bare_view:app`."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, Response

from campaigns.opentime.serving.headers import picture_headers

_BODY = Path(os.environ["BARE_PICTURE"]).read_bytes()
_HEADERS = picture_headers("image/jpeg", _BODY, personal=True)

app = Flask(__name__)


@app.get("/o/<name>")
def picture(name: str) -> Response:
    """The same picture for everybody."""
    return Response(_BODY, 200, _HEADERS)
