"""`tailormail doctor`: what is in force, does it answer, and is it fit for the work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from campaigns.commands.doctor_inbound import inbound_findings
from campaigns.commands.doctor_machine import machine_findings
from campaigns.commands.doctor_model import model_finding
from campaigns.commands.doctor_servers import server_findings
from campaigns.commands.findings import Finding, Verdict, check, error, show, warning
from campaigns.commands.output import as_json
from campaigns.commands.parts import settings_in_force
from campaigns.core.errors import BadInput
from campaigns.core.server_addresses import SmtpAddress
from campaigns.delivery.relay_plan import load_relay_plan
from campaigns.delivery.smtp import SmtpTransport
from campaigns.opentime.drawing.fonts import faces, scripts_drawn, use_fonts
from campaigns.opentime.place.requester import RequesterPatterns
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
            *inbound_findings(runtime),
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
    yield model_finding(s)
    speaks = "MET Norway" if s.asks_met_norway else "Open-Meteo"
    service = f"{s.weather_url} ({speaks})" if s.weather_url else "what the sample supplies, else unknown"
    yield check("weather", service, lambda: _weather(runtime))
    yield check(
        "places",
        str(s.geoip_path or "the customers' homes only"),
        lambda: _geo(runtime),
    )
    yield check(
        "Apple egress list",
        str(s.apple_egress_path or "none"),
        lambda: _apple(runtime),
    )
    yield check(
        "requesters", str(s.requesters_path or "the list of the package"), lambda: _requesters(runtime)
    )
    yield check("fonts", s.font_path or "Source Sans", lambda: _fonts(runtime))


def _geo(runtime: Runtime) -> str | Verdict:
    if not runtime.settings.geoip_path:
        return "no mmdb file is set"
    if runtime.geo is None:
        return error(
            "it cannot be read: homes decide where addresses would; name a GeoLite2-City file or none"
        )
    return "loaded"


def _apple(runtime: Runtime) -> str | Verdict:
    if runtime.apple is None or runtime.gazetteer is None:
        return "no list is set"
    if not len(runtime.apple):
        return error("nothing can be read from it: Apple's fetches are told by their User-Agent alone")
    if not len(runtime.gazetteer):
        return warning("its cities cannot be placed, homes decide: pip install 'tailormail[apple]'")
    cities = [city for city in runtime.apple.cities() if city[2]]
    known = sum(runtime.gazetteer(*city) is not None for city in cities)
    return f"{len(runtime.apple):,} networks; {known:,} of {len(cities):,} cities are known"


def _requesters(runtime: Runtime) -> str | Verdict:
    path = runtime.settings.requesters_path
    if path is None:
        return "loaded"
    try:
        RequesterPatterns.load(path)
    except BadInput as problem:
        return error(f"{problem.message}; the list of the package is used instead")
    return "loaded"


def _fonts(runtime: Runtime) -> str:
    use_fonts(runtime.settings.font_files)
    drawn = scripts_drawn()
    able = ", ".join(script for script, known in drawn.items() if known)
    lacking = ", ".join(script for script, known in drawn.items() if not known)
    names = ", ".join(dict.fromkeys(face.name for face in faces()))
    lacks = f"; texts in {lacking} cannot be drawn: the default picture is shown" if lacking else ""
    return f"{names}: draws {able}{lacks}"


def _weather(runtime: Runtime) -> str:
    if not runtime.settings.weather_url:
        return "no service is set"
    return f"Oslo: {runtime.weather_source.at([(59.9, 10.8)])[0].condition.value}"
