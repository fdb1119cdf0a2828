"""The delivery file: relays, limits of recipient domains, warm-up of sending domains."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StrictInt,
    ValidationError,
    field_validator,
    model_validator,
)

from campaigns.core.described_file import read_toml
from campaigns.core.errors import BadInput
from campaigns.core.server_addresses import SmtpAddress
from campaigns.delivery.mailbox_providers import provider_of
from campaigns.delivery.provider_marks import Provider
from campaigns.delivery.warmup import WarmUp

ANY_DOMAIN = "*"


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("must be a number of mails a second, such as 50 or 0.5")
    return value


PerSecond = Annotated[float, BeforeValidator(_number), Field(gt=0, le=1_000_000, allow_inf_nan=False)]


class Relay(BaseModel):
    """One relay: its name, where it is, its share of the mails, and what it takes.

    `per_second`: mails a second of all workers together, None for as many as it takes. `connections`: at
    most so many at once from each worker process. `provider`: whose webhook is to recognise the mails that go by
    this relay (provider_marks.py). The password shows in no text of this object.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,39}$")
    url: SecretStr
    weight: StrictInt = Field(1, ge=1, le=1000)
    per_second: PerSecond | None = None
    connections: StrictInt = Field(4, ge=1, le=64)
    provider: Provider | None = None

    @field_validator("url")
    @classmethod
    def _url_is_readable(cls, value: SecretStr) -> SecretStr:
        SmtpAddress(value.get_secret_value())
        return value

    @cached_property
    def address(self) -> SmtpAddress:
        """Where it is, and how to log in."""
        return SmtpAddress(self.url.get_secret_value())

    @property
    def host(self) -> str:
        """`host:port`, which may be shown."""
        return f"{self.address.host}:{self.address.port}"


class RelayPlan(BaseModel):
    """What the delivery file says. `domains` is by provider (see `provider_of`), in mails a second.

    No relay at all means that mail is captured instead of sent; the limits hold all the same.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    relays: tuple[Relay, ...] = ()
    domains: dict[str, PerSecond] = Field(default_factory=dict)
    warm_up: dict[str, WarmUp] = Field(default_factory=dict)

    @field_validator("domains", mode="before")
    @classmethod
    def _one_limit_a_provider(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError('must be a table of domains, such as "gmail.com" = 50')
        given: dict[str, str] = {}
        for domain in value:
            provider = domain if domain == ANY_DOMAIN else _domain(domain)
            if provider in given:
                raise ValueError(
                    f"{given[provider]} and {domain} share their servers: keep one of the two lines, "
                    "its limit counts the mails to both"
                )
            given[provider] = domain
        return {provider: value[domain] for provider, domain in given.items()}

    @field_validator("warm_up", mode="before")
    @classmethod
    def _warm_up_is_by_domain(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError('must be tables by sending domain, such as [warm_up."news.example.com"]')
        for domain in value:
            _domain(domain)
        return {domain.strip().lower(): plan for domain, plan in value.items()}

    @model_validator(mode="after")
    def _names_are_unique(self) -> RelayPlan:
        names = [relay.name for relay in self.relays]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two relays have the name {twice[0]}: give each a name of its own")
        return self

    def domain_limit(self, recipient_domain: str) -> tuple[str, float] | None:
        """(provider, mails a second) that mails to this domain are counted in; None: no limit."""
        if not self.domains:
            return None
        provider = provider_of(recipient_domain)
        rate = self.domains.get(provider, self.domains.get(ANY_DOMAIN))
        return None if rate is None else (provider, rate)


_HINTS = {
    "missing": "is missing",
    "extra_forbidden": "is no key of this table",
    "tuple_type": "must be tables, each headed [[relays]]",
    "literal_error": "must be ses, sendgrid, postmark or mailgun",
    "string_pattern_mismatch": "must be small letters, digits, dots and dashes, at most 40",
}


def load_relay_plan(path: Path | None, smtp_url: str | None) -> RelayPlan:
    """The plan of the delivery file; where it names no relay, the one at `smtp_url`, called "relay".

    Raises:
        BadInput: names the file, every wrong key, and how to mend it; never a password.
    """
    raw = read_toml(path, named_by="TAILORMAIL_DELIVERY_PATH") if path else {}
    if not raw.get("relays") and smtp_url:
        raw = {**raw, "relays": [{"name": "relay", "url": smtp_url}]}
    try:
        return RelayPlan.model_validate(raw)
    except ValidationError as error:
        faults = "; ".join(_fault(e) for e in error.errors(include_input=False, include_url=False))
        raise BadInput(faults, where=str(path) if path else "TAILORMAIL_SMTP_URL") from None


def _fault(error: Mapping[str, Any]) -> str:
    # A list counts from 1 for people: relays[2] is the second table [[relays]] of the file.
    where = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    said = _HINTS.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")
    return f"{where.lstrip('.') or 'the file'}: {said}"


def _domain(text: str) -> str:
    provider = provider_of(text)
    if "." not in provider or "@" in provider or "/" in provider or " " in provider:
        raise ValueError(f'"{text[:60]}" is not a domain such as gmail.com')
    return provider
