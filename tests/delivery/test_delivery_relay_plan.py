"""The delivery file: what it may say, and what is said about mistakes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.clock import FixedClock
from campaigns.core.errors import BadInput, NotConfigured
from campaigns.core.settings import load_settings
from campaigns.delivery.mailbox_providers import provider_of
from campaigns.delivery.relay_plan import RelayPlan, load_relay_plan
from campaigns.delivery.warmup import WarmUp

WHOLE = """
[[relays]]
name = "main"
url = "smtp://shop:s3cr%23t@relay.example:587?tls=starttls"
weight = 3
per_second = 200
connections = 8

[[relays]]
name = "spare"
url = "smtps://other.example"

[domains]
"gmail.com" = 50
"hotmail.co.uk" = 0.5
"*" = 20

[warm_up."news.example.com"]
start = 2026-04-01
per_day = [50, 100, 500]
"""


def plan_of(tmp_path: Path, text: str, smtp_url: str | None = None) -> RelayPlan:
    path = tmp_path / "delivery.toml"
    path.write_text(text)
    return load_relay_plan(path, smtp_url)


def test_everything_that_it_can_say(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WHOLE)
    main, spare = plan.relays
    assert (main.name, main.host, main.weight, main.per_second, main.connections) == (
        "main", "relay.example:587", 3, 200.0, 8,
    )  # fmt: skip
    assert (main.address.username, main.address.password, main.address.tls) == ("shop", "s3cr#t", "starttls")
    assert (spare.host, spare.weight, spare.per_second, spare.connections) == (
        "other.example:465",
        1,
        None,
        4,
    )
    assert plan.domain_limit("GoogleMail.com") == ("gmail.com", 50.0)
    assert plan.domain_limit("msn.com") == ("outlook.com", 0.5)
    assert plan.domain_limit("shop.example") == ("shop.example", 20.0)
    assert plan.warm_up["news.example.com"].per_day == (50, 100, 500)


def test_no_password_in_any_text(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WHOLE)
    shown = f"{plan!r} {plan} {plan.relays[0]!r} {plan.model_dump()} {plan.model_dump_json()}"
    assert "s3cr" not in shown


def test_without_a_file_the_setting_names_the_one_relay(tmp_path: Path) -> None:
    plan = load_relay_plan(None, "smtp://relay.example:2525")
    assert [(relay.name, relay.host) for relay in plan.relays] == [("relay", "relay.example:2525")]
    assert plan.domain_limit("gmail.com") is None
    assert load_relay_plan(None, None).relays == ()
    limits = plan_of(tmp_path, '[domains]\n"gmail.com" = 1', "smtp://relay.example")
    assert (len(limits.relays), limits.domain_limit("gmail.com")) == (1, ("gmail.com", 1.0))


RELAY = '[[relays]]\nname = "a"\nurl = "smtp://a.example"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("relays = 3", "relays: must be tables, each headed [[relays]]"),
        ('[relays]\nname = "a"', "relays: must be tables, each headed [[relays]]"),
        ('[[relays]]\nname = "a"', "relays[1].url: is missing"),
        (RELAY + 'colour = "red"', "relays[1].colour: is no key of this table"),
        (RELAY + RELAY, "the file: two relays have the name a"),
        (RELAY.replace('"a"', '"A b"'), "relays[1].name: must be small letters"),
        (RELAY + "weight = 0", "relays[1].weight"),
        (RELAY + "per_second = -1", "relays[1].per_second: Input should be greater than 0"),
        (RELAY + 'per_second = "x"', "relays[1].per_second: must be a number of mails a second"),
        (RELAY + "connections = 1000", "relays[1].connections"),
        (RELAY.replace("smtp:", "http:"), "relays[1].url: must look like smtp://user:pass@host"),
        (RELAY.replace("a.example", "a.example?tls=maybe"), "relays[1].url: tls must be starttls"),
        (
            '[domains]\n"hotmail.com" = 1\n"outlook.com" = 2',
            "domains: hotmail.com and outlook.com share their servers: keep one",
        ),
        ("[domains]\ngmail = 1", 'domains: "gmail" is not a domain'),
        ('[domains]\n"gmail.com" = 0', "domains.gmail.com: Input should be greater than 0"),
        ('[warm_up."a.example"]\nper_day = [1]', "warm_up.a.example.start: is missing"),
        ('[warm_up."a.example"]\nstart = 2026-01-01\nper_day = []', "warm_up.a.example.per_day"),
        ('[warm_up."a.example"]\nstart = 2026-01-01\nper_day = [5, 0]', "warm_up.a.example.per_day[2]"),
        ("[limits]", "limits: is no key of this table"),
        ("[[relays", "cannot be read"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput) as raised:
        plan_of(tmp_path, text)
    assert raised.value.message.startswith(f"{tmp_path / 'delivery.toml'}: {said}"), raised.value.message


@pytest.mark.parametrize("password", ["hun#ter2", "hun/ter2", "hun?ter2", "hunter2@["])
def test_a_password_that_breaks_the_address_is_not_told(tmp_path: Path, password: str) -> None:
    url = f"smtp://user:{password}@a.example:x"
    with pytest.raises(BadInput) as raised:
        plan_of(tmp_path, f'[[relays]]\nname = "a"\nurl = "{url}"')
    assert "ter2" not in raised.value.message and "hun" not in raised.value.message
    with pytest.raises(NotConfigured) as refused:
        load_settings({"smtp_url": url})
    assert "ter2" not in refused.value.message and "hun" not in refused.value.message


def test_the_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        load_relay_plan(tmp_path / "none.toml", None)
    with pytest.raises(NotConfigured, match="TAILORMAIL_DELIVERY_PATH: there is no file"):
        load_settings({"delivery_path": tmp_path / "none.toml"})
    with pytest.raises(NotConfigured, match="TAILORMAIL_TIMEZONE: must be a time zone"):
        load_settings({"timezone": "Oslo"})


@pytest.mark.parametrize(
    ("domain", "provider"),
    [
        ("gmail.com", "gmail.com"),
        ("GoogleMail.COM.", "gmail.com"),
        ("hotmail.fr", "outlook.com"),
        ("live.com.mx", "outlook.com"),
        ("yahoo.co.uk", "yahoo.com"),
        ("aol.com", "yahoo.com"),
        ("yahoo.co.jp", "yahoo.co.jp"),
        ("live.shop.example", "live.shop.example"),
        ("live.example", "live.example"),
        ("me.com", "icloud.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("", ""),
    ],
)
def test_domains_that_belong_together(domain: str, provider: str) -> None:
    assert provider_of(domain) == provider


class TestWarmUp:
    PLAN = WarmUp(start=date(2026, 4, 1), per_day=(50, 100, 500))

    def test_day_after_day(self) -> None:
        clock = FixedClock(datetime(2026, 3, 31, 18, 0, tzinfo=UTC))
        seen = []
        for _ in range(5):
            quota = self.PLAN.quota("news.example.com", clock.now())
            seen.append((quota.name, quota.most, quota.left) if quota else None)
            clock.moment += timedelta(days=1)
        name = "warm-up:news.example.com:2026-"
        assert seen == [
            (name + "03-31", 0, 6 * 3600.0),
            (name + "04-01", 50, 6 * 3600.0),
            (name + "04-02", 100, 6 * 3600.0),
            (name + "04-03", 500, 6 * 3600.0),
            None,
        ]

    @given(st.dates(date(2025, 1, 1), date(2027, 12, 31)))
    def test_the_allowance_is_that_of_the_day(self, day: date) -> None:
        number = (day - self.PLAN.start).days
        expected = 0 if number < 0 else dict(enumerate(self.PLAN.per_day)).get(number)
        assert self.PLAN.allowance(day) == expected
