"""Limits: whom they count, what they count by, and what they never tell."""

from __future__ import annotations

import pytest
from flask import Flask

from campaigns.runtime import Runtime
from web import limits
from web.limits import hashed, limit_api, limited, may
from web.parts import EXTENSION


def app_of(runtime: Runtime) -> Flask:
    app = Flask("limits")
    app.extensions[EXTENSION] = runtime

    @app.route("/post", methods=["GET", "POST"])
    @limited("2 per minute", "POST")
    def post() -> str:
        return "ok"

    @app.route("/all", methods=["GET", "POST"])
    @limited("2 per minute; 3 per hour")
    def all_methods() -> str:
        return "ok"

    app.add_url_rule("/free", "free", lambda: "ok")
    limits.install(app, runtime)
    return app


def test_only_the_named_methods_are_counted(runtime: Runtime) -> None:
    client = app_of(runtime).test_client()
    assert [client.get("/post").status_code for _ in range(4)] == [200] * 4
    assert [client.post("/post").status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/post").status_code == 200
    assert [client.get("/all").status_code, client.post("/all").status_code] == [200, 200]
    assert client.get("/all").status_code == 429
    assert [client.get("/free").status_code for _ in range(9)] == [200] * 9


def test_processes_count_together_and_callers_apart(runtime: Runtime) -> None:
    one, other = app_of(runtime).test_client(), app_of(runtime).test_client()
    codes = [client.post("/post").status_code for client in (one, other, one)]
    assert codes == [200, 200, 429]
    assert other.post("/post", environ_base={"REMOTE_ADDR": "192.0.2.9"}).status_code == 200


def test_a_key_is_counted_by_every_part_of_its_limit(runtime: Runtime) -> None:
    with app_of(runtime).test_request_context():
        assert [may("2 per minute; 9 per hour", "mail", "a") for _ in range(3)] == [True, True, False]
        assert may("2 per minute; 9 per hour", "mail", "b")
        assert may("2 per minute", "form", "a"), "another subject"


def test_nothing_readable_is_kept(runtime: Runtime) -> None:
    app = app_of(runtime)
    app.test_client().post("/post", environ_base={"REMOTE_ADDR": "192.0.2.200"})
    with app.test_request_context():
        may("2 per minute", "mail", "anna@people.example")
        assert hashed("a", "b") != hashed("ab") != hashed("b", "a")
    kept = "\n".join(str(key) for key in runtime.redis.keys("*"))
    assert kept.count("LIMITS") >= 2, "else this looks in the wrong place"
    assert "192.0.2.200" not in kept and "anna" not in kept


def test_keys_of_the_api_are_counted_apart(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Flask("api")
    app.extensions[EXTENSION] = runtime
    app.add_url_rule("/thing", "thing", lambda: "ok")
    monkeypatch.setattr(limits, "API_LIMIT", "2 per minute")
    limit_api(app, runtime)
    client = app.test_client()
    key = {"Authorization": "Bearer tm_one"}
    assert [client.get("/thing", headers=key).status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/thing", headers={"Authorization": "Bearer tm_two"}).status_code == 200
    assert client.get("/thing").status_code == 200
