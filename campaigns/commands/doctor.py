"""`tailormail doctor`: what is in force, and does it answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import requests

from campaigns.commands.output import as_json, show_table
from campaigns.commands.parts import settings_in_force
from campaigns.core.settings import SmtpAddress
from campaigns.delivery.smtp import SmtpTransport
from campaigns.models import schema
from campaigns.runtime import Runtime

_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One part: what is in force, whether it answers, and how fast."""

    part: str
    in_force: str
    fine: bool
    says: str


def run_doctor(json_: bool) -> int:
    """Check every part; the exit status is 1 if one does not answer."""
    settings = settings_in_force()
    runtime = Runtime(settings)
    try:
        findings = _findings(runtime)
    finally:
        runtime.close()
    if json_:
        as_json([asdict(finding) for finding in findings])
    else:
        rows = [(f.part, f.in_force, "ok" if f.fine else "FAILS", f.says) for f in findings]
        show_table(("part", "in force", "", "says"), rows)
    return 0 if all(finding.fine for finding in findings) else 1


def _findings(runtime: Runtime) -> list[Finding]:
    s = runtime.settings
    relay = "TAILORMAIL_SMTP_URL" if s.smtp_url else f"captured into {s.captured_mail}"
    model = f"{s.llm_model} at {s.openai_base_url or 'OpenAI'}"
    return [
        _try("data folder", str(s.folder), lambda: "writable" if _writable(runtime) else "not writable"),
        _try("PostgreSQL", _source(s.database_url, "TAILORMAIL_DATABASE_URL"), lambda: runtime.db.ping()),
        _try("schema", schema.head(), lambda: _schema(runtime)),
        _try("Redis", _source(s.redis_url, "TAILORMAIL_REDIS_URL"), lambda: _redis(runtime)),
        _try("secret key", "TAILORMAIL_SECRET_KEY" if s.secret_key else "kept in the data folder",
             lambda: f"{len(s.secrets())} key(s)"),
        _try("public URL", s.public_url, lambda: "set" if "public_url" in s.model_fields_set else "the default"),
        _try("mail", relay, lambda: _relay(runtime)),
        _try("DKIM", s.dkim_domain or "not signed", lambda: "key loads" if runtime.dkim else "no key is set"),
        _try("copy", model if s.uses_model else "the offline writer", lambda: _model(runtime)),
        _try("weather", s.weather_url or "what the sample supplies, else unknown", lambda: _weather(runtime)),
        _try("places", str(s.geoip_path or "the customers' homes only"),
             lambda: "loaded" if runtime.geo else "no mmdb file is set"),
        _try("Apple egress list", str(s.apple_egress_path or "none"),
             lambda: "loaded" if runtime.apple else "no list is set"),
        _try("trusted proxies", str(s.trusted_proxies), lambda: "hops counted from the right"),
    ]  # fmt: skip


def _try(part: str, in_force: str, check: Callable[[], str]) -> Finding:
    start = time.perf_counter()
    try:
        says = check()
    except Exception as error:  # whatever is wrong with a part is what the doctor is here to say
        return Finding(
            part, in_force, False, str(error).splitlines()[0] if str(error) else type(error).__name__
        )
    took = (time.perf_counter() - start) * 1000
    return Finding(part, in_force, True, says if took < 1 else f"{says} ({took:.0f} ms)")


def _source(url: str | None, name: str) -> str:
    return name if url else "embedded"


def _writable(runtime: Runtime) -> bool:
    probe = runtime.settings.folder / ".doctor"
    probe.parent.mkdir(parents=True, exist_ok=True)
    probe.write_text("")
    probe.unlink()
    return True


def _schema(runtime: Runtime) -> str:
    if schema.current(runtime.db) is None and not runtime.settings.database_url:
        return "empty; made at the first start"
    schema.require_current(runtime.db)
    return "up to date"


def _redis(runtime: Runtime) -> str:
    return str(runtime.redis.info("server")["redis_version"])


def _relay(runtime: Runtime) -> str:
    if not runtime.settings.smtp_url:
        return "no relay is set: nothing leaves this machine"
    address = SmtpAddress(runtime.settings.smtp_url)
    relay = SmtpTransport(address, runtime.settings.helo_name, _SECONDS)
    try:
        return f"{address.host}:{address.port} offers {relay.greet()}"
    finally:
        relay.close()


def _model(runtime: Runtime) -> str:
    base = runtime.settings.openai_base_url
    if not runtime.settings.uses_model:
        return "no model is set"
    if base:
        requests.get(base, timeout=_SECONDS)
    return "answers" if base else "key is set"


def _weather(runtime: Runtime) -> str:
    if not runtime.settings.weather_url:
        return "no service is set"
    return f"Oslo: {runtime.weather_source.at([(59.9, 10.8)])[0].condition.value}"
