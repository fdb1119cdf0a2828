"""`/api/v1`: what programs may do, with a key; described in OpenAPI at `/api/v1/openapi.json`.

An app of its own, put in front of the pages: it knows neither sessions nor cookies nor forms.
"""

from __future__ import annotations

from apiflask import APIFlask
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from campaigns import __version__
from campaigns.runtime import Runtime
from web.api import (
    campaigns,
    customers,
    docs,
    drafts,
    events,
    house,
    imports,
    messages,
    orders,
    problems,
    products,
    recommendations,
    segments,
    suppressions,
    trying,
    webhooks,
)
from web.api.asked import refuse_unkept_ways
from web.api.keys import SCHEME
from web.limits import limit_api
from web.measuring import Measures
from web.parts import EXTENSION
from web.security import add_security_headers
from web.tracing import begin_trace, end_trace

PREFIX = "/api/v1"
LARGEST_UPLOAD = 20_000_000

_MODULES = (
    campaigns, drafts, trying, segments, products, orders, events, recommendations, messages, customers, suppressions,
    imports, webhooks, house,
)  # fmt: skip


def install(app: Flask, runtime: Runtime, measures: Measures) -> None:
    """Answer everything below /api/v1 by the API."""
    api = create_api(runtime, measures)
    app.extensions["tailormail-api"] = api
    mounted = DispatcherMiddleware(app.wsgi_app, {PREFIX: api.wsgi_app})
    app.wsgi_app = mounted  # type: ignore[method-assign]


def create_api(runtime: Runtime, measures: Measures) -> APIFlask:
    """The API on these parts."""
    api = APIFlask(
        "web.api",
        title="Tailormail",
        version=__version__,
        docs_path=None,
        json_errors=True,
        template_folder="../templates",
    )
    api.config.update(
        MAX_CONTENT_LENGTH=LARGEST_UPLOAD,
        SERVERS=[{"url": PREFIX}],
        VALIDATION_ERROR_STATUS_CODE=422,
        AUTO_404_RESPONSE=False,
        AUTO_OPERATION_ID=True,
        SYNC_LOCAL_SPEC=False,
    )
    api.extensions[EXTENSION] = runtime
    api.security_schemes = {SCHEME: {"type": "http", "scheme": "bearer"}}
    api.before_request(begin_trace)
    measures.install(api)
    api.after_request(end_trace)
    api.after_request(add_security_headers)
    limit_api(api, runtime)
    problems.install(api)
    api.before_request(refuse_unkept_ways)
    for module in _MODULES:
        api.register_blueprint(module.blueprint)
    docs.install(api)
    return api
