from __future__ import annotations

import io
import json
import logging
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from campaigns.core.errors import NotConfigured
from campaigns.core.log import bind_trace, configure_logging, current_trace, get_logger
from campaigns.core.server_addresses import SmtpAddress
from campaigns.core.settings import load_settings


def test_everything_that_is_wrong_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILORMAIL_PUBLIC_URL", "mail.example.com")
    monkeypatch.setenv("TAILORMAIL_SECRET_KEY", "short")
    monkeypatch.setenv("TAILORMAIL_SMTP_URL", "smtp.example.com:25")
    monkeypatch.setenv("TAILORMAIL_DATABASE_URL", "mysql://x")
    with pytest.raises(NotConfigured) as refused:
        load_settings()
    for name in ("PUBLIC_URL", "SECRET_KEY", "SMTP_URL", "DATABASE_URL"):
        assert f"TAILORMAIL_{name}" in refused.value.message


def test_half_a_dkim_setting_and_missing_files_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILORMAIL_DKIM_KEY", "/nowhere/key.pem")
    monkeypatch.setenv("TAILORMAIL_GEOIP_PATH", "/nowhere/city.mmdb")
    with pytest.raises(NotConfigured) as refused:
        load_settings()
    assert "TAILORMAIL_DKIM_SELECTOR" in refused.value.message
    assert "/nowhere/key.pem" in refused.value.message
    assert "/nowhere/city.mmdb" in refused.value.message


def test_an_empty_variable_is_the_same_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILORMAIL_SMTP_URL", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    settings = load_settings()
    assert settings.smtp_url is None
    assert not settings.uses_model


def test_the_secret_is_made_once_and_private_however_many_start_together(tmp_path: Path) -> None:
    def secret(_: int) -> str:
        return load_settings({"data_dir": tmp_path}).secrets()[0]

    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(secret, range(16)))
    assert len(secrets) == 1
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert not list(tmp_path.glob("secret.key.*"))


def test_smtp_addresses() -> None:
    relay = SmtpAddress("smtp://us%40er:p%2Fw@relay.example:587?tls=starttls")
    assert (relay.host, relay.port, relay.username, relay.password, relay.tls) == (
        "relay.example", 587, "us@er", "p/w", "starttls",
    )  # fmt: skip
    assert SmtpAddress("smtps://relay.example").port == 465
    with pytest.raises(ValueError, match="tls must be"):
        SmtpAddress("smtp://relay.example?tls=maybe")


def test_logs_carry_the_trace_and_never_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:]
    try:
        configure_logging("INFO", as_json=True)
        stream = io.StringIO()
        logging.getLogger().handlers[0].setStream(stream)  # type: ignore[attr-defined]
        trace = bind_trace()
        get_logger("t").info("mailed", note="to ann@example.org now")
        line = json.loads(stream.getvalue())
        assert line["trace"] == trace == current_trace()
        assert "ann@example.org" not in stream.getvalue()
    finally:
        logging.getLogger().handlers[:] = before


def test_font_files_are_divided_as_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().font_files == []
    monkeypatch.setenv("TAILORMAIL_FONT_PATH", os.pathsep.join(("/fonts/a.ttf", "", "~/b.ttf")))
    assert load_settings().font_files == [Path("/fonts/a.ttf"), Path("~/b.ttf").expanduser()]


def test_half_a_second_dkim_key_is_named(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("x")
    first: dict[str, object] = {"dkim_key": str(key), "dkim_selector": "s1", "dkim_domain": "x.example"}
    for wrong, told in (
        ({"dkim_ed25519_key": str(key)}, "needs TAILORMAIL_DKIM_ED25519_SELECTOR"),
        ({"dkim_ed25519_key": str(key), "dkim_ed25519_selector": "s1"}, "must be another one"),
        ({"dkim_ed25519_key": "/nowhere/k", "dkim_ed25519_selector": "s2"}, "there is no file /nowhere/k"),
    ):
        with pytest.raises(NotConfigured, match=told):
            load_settings({**first, **wrong})
    with pytest.raises(NotConfigured, match="and TAILORMAIL_DKIM_KEY as well"):
        load_settings({"dkim_ed25519_key": str(key), "dkim_ed25519_selector": "s2"})
    whole = load_settings({**first, "dkim_ed25519_key": str(key), "dkim_ed25519_selector": "s2"})
    assert whole.dkim_second_key() == b"x"
