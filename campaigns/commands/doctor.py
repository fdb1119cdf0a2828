"""`tailormail doctor`: what is in force, does it answer, and is it fit for the work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import requests

from campaigns.commands.doctor_machine import machine_findings
from campaigns.commands.doctor_servers import server_findings
from campaigns.commands.findings import Finding, Verdict, check, error, show, warning
from campaigns.commands.output import as_json
from campaigns.commands.parts import settings_in_force
from campaigns.core.errors import BadInput
from campaigns.core.settings import SmtpAddress
from campaigns.delivery.relay_plan import load_relay_plan
from campaigns.delivery.smtp import SmtpTransport
from campaigns.runtime import Runtime

_SECONDS = 5.0
_ON_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def run_doctor(json_: bool) -> int:
    """Check every part; the exit status is 1 if there is an error."""
    settings = settings_in_force()
    runtime = Runtime(settings)
    try:
        findings = [
            *machine_findings(runtime),
            *server_findings(runtime),
            *_mail_findings(runtime),
            *_service_findings(runtime),
        ]
    finally:
        runtime.close()
    if json_:
        as_json([{**asdict(finding), "fine": finding.fine} for finding in findings])
    else:
        show(findings)
    return 0 if all(finding.fine for finding in findings) else 1


def _mail_findings(runtime: Runtime) -> Iterator[Finding]:
    settings = runtime.settings
    try:
        plan = load_relay_plan(settings.delivery_path, settings.smtp_url)
    except BadInput as problem:
        message = problem.message
        yield check("delivery file", str(settings.delivery_path), lambda: error(message))
        return
    if settings.delivery_path:
        limits = f"{len(plan.domains)} limits of domains, {len(plan.warm_up)} warm-up plans"
        yield check("delivery file", str(settings.delivery_path), lambda: limits)
    if not plan.relays:
        yield check(
            "mail",
            f"captured into {settings.captured_mail}",
            lambda: "no relay is set: nothing leaves this machine",
        )
    for relay in plan.relays:
        alone = len(plan.relays) == 1
        part = "mail" if alone else f"mail: {relay.name}"
        in_force = relay.host if alone else f"{relay.host}, weight {relay.weight}"
        address = relay.address
        yield check(part, in_force, lambda address=address: _relay(address, settings.helo_name))  # type: ignore[misc]


def _relay(address: SmtpAddress, helo_name: str) -> str | Verdict:
    relay = SmtpTransport(address, helo_name, _SECONDS)
    try:
        offers = relay.greet()
    finally:
        relay.close()
    if address.tls in ("none", "auto") and address.host not in _ON_THIS_MACHINE:
        return warning(f"mail may travel unencrypted: end the URL with ?tls=starttls; it offers {offers}")
    return f"it offers {offers}"


def _service_findings(runtime: Runtime) -> Iterator[Finding]:
    s = runtime.settings
    model = f"{s.llm_model} at {s.openai_base_url or 'OpenAI'}"
    yield check("copy", model if s.uses_model else "the offline writer", lambda: _model(runtime))
    yield check(
        "weather", s.weather_url or "what the sample supplies, else unknown", lambda: _weather(runtime)
    )
    yield check(
        "places",
        str(s.geoip_path or "the customers' homes only"),
        lambda: "loaded" if runtime.geo else "no mmdb file is set",
    )
    yield check(
        "Apple egress list",
        str(s.apple_egress_path or "none"),
        lambda: "loaded" if runtime.apple else "no list is set",
    )


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
