"""Settings: the only file that reads the environment. It names all that is malformed at once."""

from __future__ import annotations

import os
import re
import secrets as random_secrets
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from campaigns.core.domains import a_labels
from campaigns.core.errors import NotConfigured
from campaigns.core.frequency import FrequencyCap
from campaigns.core.once import written_once
from campaigns.core.server_addresses import ImapAddress, SmtpAddress
from campaigns.core.zones import zone_named

_MINIMUM_SECRET = 32
_DOMAIN = re.compile(r"(?=.{4,190}\Z)(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_CONTACT = re.compile(r"[!-~]+@[!-~]+\.[!-~]+|https?://[!-~]+\.[!-~]+")


class Settings(BaseSettings):
    """All settings; nothing set means embedded servers, captured mail and the offline writer."""

    model_config = SettingsConfigDict(
        env_prefix="TAILORMAIL_", extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    data_dir: Path = Field(Path("tailormail-data"), description="Folder of everything that is kept on disk.")
    database_url: str | None = Field(None, description="PostgreSQL server; unset: an embedded one.")
    redis_url: str | None = Field(None, description="Redis server; unset: an embedded one.")
    broker_url: str | None = Field(None, description="Redis or RabbitMQ for tasks; unset: the Redis server.")
    secret_key: str | None = Field(None, description="Secrets, comma-separated, newest first.")
    public_url: str = Field("http://127.0.0.1:8025", description="Where recipients reach the web part.")
    smtp_url: str | None = Field(None, description="Relay; unset: mail is captured into the data folder.")
    delivery_path: Path | None = Field(None, description="TOML file of relays, limits and warm-up.")
    picking_path: Path | None = Field(None, description="TOML file of what may be picked in all campaigns.")
    dkim_key: str | None = Field(None, description="PEM text, or the path of a PEM file.")
    dkim_selector: str | None = None
    dkim_domain: str | None = None
    openai_api_key: str | None = Field(
        None, validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key")
    )
    openai_base_url: str | None = Field(
        None, validation_alias=AliasChoices("OPENAI_BASE_URL", "openai_base_url")
    )
    llm_model: str = "gpt-5-mini"
    llm_timeout: float = Field(20.0, gt=0, description="Seconds for one call of the model.")
    llm_concurrency: int = Field(
        8, ge=1, le=256, description="Calls of the model that one process makes at the same time, at most."
    )
    llm_input_price: Decimal | None = Field(
        None, ge=0, description="Price of a million tokens asked; unset: costs are not told."
    )
    llm_cached_price: Decimal | None = Field(
        None, ge=0, description="Price of a million tokens that the server had cached; unset: as asked ones."
    )
    llm_output_price: Decimal | None = Field(None, ge=0, description="Price of a million tokens answered.")
    llm_currency: str = Field("USD", pattern="[A-Z]{3}", description="Currency of these prices.")
    weather_url: str | None = Field(
        None, description="Open-Meteo, MET Norway or compatible; unset: no weather."
    )
    weather_key: str | None = None
    weather_provider: Literal["open-meteo", "met-norway"] | None = Field(
        None, description="What the weather service speaks; unset: its URL tells."
    )
    weather_contact: str | None = Field(
        None, description="E-mail address or web site for MET Norway to reach you by."
    )
    geoip_path: Path | None = Field(None, description="A city database in mmdb form.")
    apple_egress_path: Path | None = Field(None, description="Apple's egress-ip-ranges.csv.")
    requesters_path: Path | None = Field(None, description="TOML file of who fetches images.")
    font_path: str | None = Field(
        None, description="Font files for what is drawn at open, divided as in PATH; unset: Source Sans."
    )
    trusted_proxies: int = Field(0, ge=0, description="Load balancers in front that set X-Forwarded-For.")
    timezone: str = Field("UTC", description="Time zone of customers whose own is unknown.")
    log_level: str = "INFO"
    log_json: bool = False
    batch_size: int = Field(250, ge=1, le=5000, description="Sends that one task handles.")
    keep_days: int = Field(
        400,
        ge=30,
        description="Days that single sends, opens and clicks are kept after their campaigns ended.",
    )
    import_megabytes: int = Field(
        512, ge=1, le=16384, description="Largest file, in megabytes, that the console takes for importing."
    )
    frequency_cap: str | None = Field(
        None, description="Most marketing mails per customer, such as 3/7d; unset: no limit."
    )
    snooze_after: int = Field(
        0,
        ge=0,
        description="Mails in a row without any sign of a person after which marketing rests; 0: never.",
    )
    sunset_days: int = Field(
        30, ge=1, description="Days to answer a re-permission mail before a snoozed customer is let go."
    )
    pause_bounce_percent: float = Field(
        5.0, gt=0, le=100, description="Share of bounces at which a campaign pauses itself."
    )
    pause_complaint_percent: float = Field(
        0.3, gt=0, le=100, description="Share of complaints at which a campaign pauses itself."
    )
    pause_after_mails: int = Field(
        200, ge=1, description="Mails that must be out before these shares are looked at."
    )
    soft_bounce_limit: int = Field(5, ge=1, description="Soft bounces in a row that suppress an address.")
    bounce_domain: str | None = Field(
        None, description="Domain of return paths (VERP), whose mail comes to `tailormail inbound`."
    )
    ses_topic_arns: str | None = Field(None, description="SNS topics that are believed, comma-separated.")
    sendgrid_public_key: str | None = Field(None, description="Verification key of SendGrid's event webhook.")
    postmark_webhook_auth: str | None = Field(
        None, description="user:password that Postmark's webhook sends."
    )
    mailgun_signing_key: str | None = Field(None, description="HTTP webhook signing key of Mailgun.")
    imap_url: str | None = Field(
        None, description="Mailbox of bounces, such as imaps://user:pass@host/INBOX; unset: none is polled."
    )
    dkim_ed25519_key: str | None = Field(
        None, description="A second DKIM key: PEM text, or the path of a file."
    )
    dkim_ed25519_selector: str | None = None
    mail_price: Decimal | None = Field(
        None, ge=0, description="What sending a thousand mails costs; unset: returns are not told."
    )
    mail_currency: str = Field("EUR", pattern="[A-Z]{3}", description="Currency of this price.")
    margin_percent: float = Field(
        100.0, gt=0, le=100, description="What is left of revenue when the goods are paid, in per cent."
    )
    require_totp: Literal["none", "approvers", "all"] = Field(
        "none", description="Who must have a second factor to use the console."
    )
    four_eyes: bool = Field(False, description="Whether somebody else than its author approves a campaign.")
    audit_days: int = Field(1825, ge=366, description="Days that the audit log is kept.")
    message_days: int = Field(30, ge=1, description="Days that messages which programs send are kept.")
    shop_origins: str = Field("", description="Web sites whose pages may ask for recommendations.")
    webhook_private: str = Field("", description="Webhook receivers that may lie in a private network.")
    lease_seconds: int = Field(120, ge=5, description="How long a worker may hold a claimed batch.")
    training_seconds: float = Field(120.0, ge=0, le=1200, description="Most for tuning a model; 0: never.")
    privacy_epsilon: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Noise on the counts that models tell of; unset: none, 1: usual, less: more noise.",
    )

    @field_validator("public_url")
    @classmethod
    def _public_url_is_a_web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be a web address such as https://mail.example.com")
        return value.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _smtp_url_is_readable(cls, value: str | None) -> str | None:
        if value:
            SmtpAddress(value)
        return value

    @field_validator("imap_url")
    @classmethod
    def _imap_url_is_readable(cls, value: str | None) -> str | None:
        if value:
            ImapAddress(value)
        return value

    @field_validator("bounce_domain")
    @classmethod
    def _bounce_domain_is_one(cls, value: str | None) -> str | None:
        name = a_labels(value.strip().rstrip(".")) if value else None
        if value and (name is None or not _DOMAIN.fullmatch(name)):
            raise ValueError("must be a domain such as bounces.example.com")
        return name.lower() if name else None

    @field_validator("database_url")
    @classmethod
    def _database_is_postgresql(cls, value: str | None) -> str | None:
        if value and not value.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
            raise ValueError("must begin with postgresql:// (PostgreSQL is the one dialect)")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_url_is_redis(cls, value: str | None) -> str | None:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return value

    @field_validator("broker_url")
    @classmethod
    def _broker_is_redis_or_rabbitmq(cls, value: str | None) -> str | None:
        if value and not value.startswith(("redis://", "rediss://", "unix://", "amqp://", "amqps://")):
            raise ValueError(
                "must begin with redis://, rediss:// or unix:// (Redis), amqp:// or amqps:// (RabbitMQ)"
            )
        return value

    @field_validator("ses_topic_arns")
    @classmethod
    def _topics_are_arns(cls, value: str | None) -> str | None:
        if value and not all(part.strip().startswith("arn:aws") for part in value.split(",")):
            raise ValueError("must be ARNs such as arn:aws:sns:eu-north-1:123456789012:mail, comma-separated")
        return value

    @field_validator("postmark_webhook_auth")
    @classmethod
    def _webhook_auth_has_both(cls, value: str | None) -> str | None:
        user, _, password = (value or "").partition(":")
        if value and not (user and password):
            raise ValueError("must look like user:password")
        return value

    @field_validator("frequency_cap")
    @classmethod
    def _frequency_cap_is_readable(cls, value: str | None) -> str | None:
        if value:
            FrequencyCap.parse(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, value: str) -> str:
        if zone_named(value) is None:
            raise ValueError("must be a time zone such as Europe/Oslo")
        return value

    @field_validator("weather_url")
    @classmethod
    def _weather_url_is_a_web_address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "")
        if value and (parts.scheme not in ("http", "https") or not parts.hostname):
            raise ValueError("must be a web address such as https://weather.example.com")
        return value

    @field_validator("shop_origins", "webhook_private")
    @classmethod
    def _origins_are_web_addresses(cls, value: str) -> str:
        found = [one.strip().rstrip("/").lower() for one in value.split(",") if one.strip()]
        if not all(map(_ORIGIN.fullmatch, found)):
            raise ValueError("must be origins such as https://shop.example, comma-separated")
        return ",".join(found)

    @field_validator("weather_contact")
    @classmethod
    def _contact_can_be_reached(cls, value: str | None) -> str | None:
        # It becomes part of a header: no other signs than an address or a web site has.
        if value and not _CONTACT.fullmatch(value):
            raise ValueError("must be an e-mail address, or a web site such as https://example.com")
        return value

    @field_validator("secret_key")
    @classmethod
    def _secrets_are_long(cls, value: str | None) -> str | None:
        if value and any(len(part.strip()) < _MINIMUM_SECRET for part in value.split(",")):
            raise ValueError(f"each secret needs at least {_MINIMUM_SECRET} characters")
        return value

    @property
    def folder(self) -> Path:
        """The data folder, absolute."""
        return self.data_dir.expanduser().resolve()

    @property
    def uploads(self) -> Path:
        """Where files lie that somebody sent, until they are imported."""
        return self.folder / "uploads"

    @property
    def captured_mail(self) -> Path:
        """Where mail goes while no relay is set."""
        return self.folder / "outbox"

    @property
    def helo_name(self) -> str:
        """The name that this sender gives to relays (RFC 5321, 4.1.1.1)."""
        host = urlsplit(self.public_url).hostname or "localhost"
        return f"[{host}]" if host.replace(".", "").isdigit() else host

    @property
    def asks_met_norway(self) -> bool:
        """Whether the weather service speaks as MET Norway does; otherwise as Open-Meteo."""
        if self.weather_provider:
            return self.weather_provider == "met-norway"
        parts = urlsplit(self.weather_url or "")
        return parts.path.startswith("/weatherapi") or parts.hostname == "api.met.no"

    @property
    def font_files(self) -> list[Path]:
        """The font files to prefer, best first."""
        return [Path(part).expanduser() for part in (self.font_path or "").split(os.pathsep) if part.strip()]

    @property
    def cap(self) -> FrequencyCap | None:
        """How many marketing mails a customer gets at most; None: no limit."""
        return FrequencyCap.parse(self.frequency_cap) if self.frequency_cap else None

    @property
    def uses_model(self) -> bool:
        """Whether a language model writes; otherwise the offline writer does."""
        return bool(self.openai_api_key or self.openai_base_url)

    def secrets(self) -> list[str]:
        """The secrets, newest first; on first start one is made in the data folder with mode 600."""
        if self.secret_key:
            return [part.strip() for part in self.secret_key.split(",")]
        return [written_once(self.folder / "secret.key", lambda: random_secrets.token_urlsafe(48))]

    def dkim_private_key(self) -> bytes | None:
        """The DKIM key in PEM form, from the text or the file that the setting names."""
        return _pem(self.dkim_key)

    def dkim_second_key(self) -> bytes | None:
        """The Ed25519 key in PEM form, likewise."""
        return _pem(self.dkim_ed25519_key)


def load_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """Settings from the environment and the overrides.

    Raises:
        NotConfigured: names every malformed or missing setting at once.
    """
    try:
        settings = Settings(**(dict(overrides or {})))  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [
            f"  {_setting_name(str(e['loc'][0]))}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        ]
        raise NotConfigured("these settings must be mended:\n" + "\n".join(lines)) from None
    problems = _problems_between(settings)
    if problems:
        raise NotConfigured("these settings must be mended:\n" + "\n".join(f"  {p}" for p in problems))
    return settings


def _problems_between(settings: Settings) -> list[str]:
    problems = [*_problems_of_dkim(settings)]
    if settings.weather_provider and not settings.weather_url:
        problems.append("TAILORMAIL_WEATHER_PROVIDER: needs TAILORMAIL_WEATHER_URL as well")
    if settings.asks_met_norway and not settings.weather_contact:
        problems.append(
            "TAILORMAIL_WEATHER_CONTACT: MET Norway wants to know whom to write to;"
            " give an e-mail address or a web site"
        )
    for name in ("geoip", "delivery", "picking"):
        path = getattr(settings, f"{name}_path")
        if path and not path.is_file():
            problems.append(f"{_setting_name(name)}_PATH: there is no file {path}")
    return problems


def _problems_of_dkim(settings: Settings) -> Iterator[str]:
    if settings.dkim_key and not (settings.dkim_selector and settings.dkim_domain):
        yield "TAILORMAIL_DKIM_KEY: needs TAILORMAIL_DKIM_SELECTOR and TAILORMAIL_DKIM_DOMAIN as well"
    if settings.dkim_ed25519_key and not (settings.dkim_ed25519_selector and settings.dkim_key):
        yield (
            "TAILORMAIL_DKIM_ED25519_KEY: needs TAILORMAIL_DKIM_ED25519_SELECTOR, and TAILORMAIL_DKIM_KEY as well:"
            " many receivers verify RSA alone"
        )
    if settings.dkim_ed25519_key and settings.dkim_ed25519_selector == settings.dkim_selector:
        yield "TAILORMAIL_DKIM_ED25519_SELECTOR: must be another one than TAILORMAIL_DKIM_SELECTOR"
    for name, key in (("KEY", settings.dkim_key), ("ED25519_KEY", settings.dkim_ed25519_key)):
        if key and "-----BEGIN" not in key and not Path(key).expanduser().is_file():
            yield f"TAILORMAIL_DKIM_{name}: there is no file {key}"


def _pem(key: str | None) -> bytes | None:
    if not key:
        return None
    if "-----BEGIN" in key:
        return key.replace("\\n", "\n").encode()
    return Path(key).expanduser().read_bytes()


def _setting_name(field: str) -> str:
    return field.upper() if field.lower().startswith("openai") else f"TAILORMAIL_{field.upper()}"
