"""Who asks, from where: user agents, networks, trusted hops."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from opentime_samples import (
    APPLE_ADDRESS,
    APPLE_MAIL,
    GMAIL,
    GMAIL_PREFETCH,
    HEY,
    OSLO_ADDRESS,
    OUTLOOK,
    SAFARI,
    THUNDERBIRD,
    YAHOO,
)

from campaigns.core.errors import BadInput
from campaigns.core.settings import load_settings
from campaigns.opentime.place.address import client_address, public_address
from campaigns.opentime.place.apple_egress import AppleEgress
from campaigns.opentime.place.networks import NetworkMap
from campaigns.opentime.place.requester import Requester, RequesterPatterns, classify, patterns_in_force
from campaigns.runtime import Runtime

APPLE = AppleEgress(
    [("172.224.226.0/27", ("NO", "NO-03", "Oslo")), ("2a02:26f7::/64", ("FR", "FR-75", "Paris"))]
)


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (GMAIL, Requester.GMAIL_OPEN),
        (GMAIL_PREFETCH, Requester.GMAIL_PREFETCH),
        (GMAIL_PREFETCH.removesuffix(" Mozilla/5.0"), Requester.DIRECT),
        (YAHOO, Requester.YAHOO),
        (HEY, Requester.OTHER_PROXY),
        ("Mozilla/5.0", Requester.APPLE_MPP),
        (" Mozilla/5.0 ", Requester.APPLE_MPP),
        (THUNDERBIRD, Requester.DIRECT),
        (OUTLOOK, Requester.DIRECT),
        (APPLE_MAIL, Requester.DIRECT),
        ("python-requests/2.32", Requester.SCANNER),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", Requester.SCANNER),
        (
            "Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko)",
            Requester.DIRECT,
        ),
        ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)", Requester.DIRECT),
        ("Mail/3774 CFNetwork/1568 Darwin/24.0.0", Requester.DIRECT),
        ("something/1.0", Requester.UNKNOWN),
        ("", Requester.UNKNOWN),
        (None, Requester.UNKNOWN),
    ],
)
def test_the_user_agent_tells_who_asks(agent: str | None, expected: Requester) -> None:
    assert classify(agent, OSLO_ADDRESS, apple=APPLE) is expected


def test_machines_and_hidden_places() -> None:
    assert {one for one in Requester if one.machine} == {
        Requester.GMAIL_PREFETCH,
        Requester.APPLE_MPP,
        Requester.SCANNER,
    }
    assert {one for one in Requester if not one.hides_place} == {Requester.DIRECT}


def test_behind_an_apple_address_mail_is_a_machine_and_a_browser_is_not() -> None:
    assert classify(APPLE_MAIL, APPLE_ADDRESS, apple=APPLE) is Requester.APPLE_MPP
    assert classify(SAFARI, APPLE_ADDRESS, apple=APPLE) is Requester.DIRECT


def test_gateways_are_told_by_network_and_clouds_by_haste() -> None:
    assert classify(SAFARI, "209.222.82.7") is Requester.SCANNER
    assert classify(SAFARI, "3.210.1.1", seconds_since_delivery=4) is Requester.SCANNER
    assert classify(SAFARI, "3.210.1.1", seconds_since_delivery=4000) is Requester.DIRECT
    assert classify(SAFARI, "3.210.1.1") is Requester.DIRECT
    assert classify(SAFARI, OSLO_ADDRESS, seconds_since_delivery=1) is Requester.DIRECT


def test_patterns_can_be_replaced_without_code(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[[agent]]\nrequester = "yahoo"\ncontains = ["Purple"]\n'
        '[scanner]\nnetworks = ["81.2.69.0/24"]\nearly_seconds = 1\ncloud_networks = []\n'
    )
    patterns = RequesterPatterns.load(own)
    assert classify("a purple proxy", None, patterns=patterns) is Requester.YAHOO
    assert classify(SAFARI, OSLO_ADDRESS, patterns=patterns) is Requester.SCANNER
    own.write_text(own.read_text().replace("yahoo", "nobody"))
    with pytest.raises(BadInput, match="nobody"):
        RequesterPatterns.load(own)


@pytest.mark.parametrize(
    "wrong",
    [
        'contains = "Purple"',  # a text would be taken letter by letter
        'contains = ["Purple", ""]',  # would fit everybody
        "equals = [1]",
        'like = ["Purple"]',
    ],
)
def test_a_pattern_that_would_fit_too_much_is_refused(tmp_path: Path, wrong: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        f'[[agent]]\nrequester = "yahoo"\n{wrong}\n'
        "[scanner]\nnetworks = []\nearly_seconds = 1\ncloud_networks = []\n"
    )
    with pytest.raises(BadInput, match="not a list of requesters"):
        RequesterPatterns.load(own)


def test_a_file_that_cannot_be_used_is_said_once_and_the_shipped_one_serves(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[[agent")
    with structlog.testing.capture_logs() as logs:
        for path in (broken, broken, tmp_path / "missing.toml", tmp_path / "missing.toml", None):
            assert classify(GMAIL, None, patterns=patterns_in_force(path)) is Requester.GMAIL_OPEN
    assert [log["event"] for log in logs] == ["requesters_file_not_used"] * 2
    assert "broken.toml" in logs[0]["why"] and "missing.toml" in logs[1]["why"]


def test_the_file_that_a_setting_names_is_in_force(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[[agent]]\nrequester = "yahoo"\ncontains = ["Purple"]\n'
        "[scanner]\nnetworks = []\nearly_seconds = 1\ncloud_networks = []\n"
    )
    runtime = Runtime(load_settings({"data_dir": tmp_path, "requesters_path": own}))
    assert classify("Purple", None, patterns=runtime.requesters) is Requester.YAHOO
    assert runtime.gazetteer is None and runtime.apple is None


def test_all_classes_can_be_told() -> None:
    told = {
        classify(THUNDERBIRD, OSLO_ADDRESS, apple=APPLE),
        classify(GMAIL, OSLO_ADDRESS, apple=APPLE),
        classify(GMAIL_PREFETCH, OSLO_ADDRESS, apple=APPLE),
        classify(APPLE_MAIL, APPLE_ADDRESS, apple=APPLE),
        classify(YAHOO, OSLO_ADDRESS, apple=APPLE),
        classify(HEY, OSLO_ADDRESS, apple=APPLE),
        classify(SAFARI, "209.222.82.7", apple=APPLE),
        classify("something/1.0", OSLO_ADDRESS, apple=APPLE),
    }
    assert told == set(Requester)


@given(st.none() | st.text(), st.none() | st.text() | st.ip_addresses().map(str), st.none() | st.floats())
def test_classify_answers_for_anything(agent: str | None, address: str | None, seconds: float | None) -> None:
    assert classify(agent, address, apple=APPLE, seconds_since_delivery=seconds) in Requester


@pytest.mark.parametrize(
    ("forwarded", "remote", "hops", "expected"),
    [
        (None, "81.2.69.142", 0, "81.2.69.142"),
        ("8.8.8.8", "81.2.69.142", 0, "81.2.69.142"),  # nobody of ours wrote that header
        ("8.8.8.8, 81.2.69.142", "10.0.0.1", 1, "81.2.69.142"),  # the left-most value is the attacker's
        ("8.8.8.8, 81.2.69.142, 10.0.0.2", "10.0.0.1", 2, "81.2.69.142"),
        ("81.2.69.142", "10.0.0.1", 1, "81.2.69.142"),
        ("81.2.69.142", "10.0.0.1", 2, None),  # came around one of our load balancers
        (None, "81.2.69.142", 1, None),
        ("", "81.2.69.142", 1, None),
        ("81.2.69.142:4711", "10.0.0.1", 1, "81.2.69.142"),
        ('"[2a02:26f7::1]:443"', "10.0.0.1", 1, "2a02:26f7::1"),
        ("2A02:26F7:0::1", "10.0.0.1", 1, "2a02:26f7::1"),
        ("::ffff:81.2.69.142", "10.0.0.1", 1, "81.2.69.142"),
        ("10.1.2.3", "10.0.0.1", 1, None),
        ("127.0.0.1", "10.0.0.1", 1, None),
        ("fe80::1%eth0", "10.0.0.1", 1, None),
        ("224.0.0.1", "10.0.0.1", 1, None),
        ("unknown", "10.0.0.1", 1, None),
    ],
)
def test_hops_count_from_the_right(
    forwarded: str | None, remote: str, hops: int, expected: str | None
) -> None:
    assert client_address(forwarded, remote, hops) == expected


@given(st.none() | st.text(), st.none() | st.text(), st.integers(-3, 10))
def test_an_address_is_public_or_none(forwarded: str | None, remote: str | None, hops: int) -> None:
    found = client_address(forwarded, remote, hops)
    assert found is None or ipaddress.ip_address(found).is_global


@given(st.lists(st.ip_addresses().map(str), min_size=1, max_size=6), st.text(), st.integers(1, 3))
def test_what_an_attacker_prepends_changes_nothing(chain: list[str], lies: str, hops: int) -> None:
    if len(chain) >= hops:
        honest = client_address(", ".join(chain), "10.0.0.1", hops)
        assert client_address(lies + ", " + ", ".join(chain), "10.0.0.1", hops) == honest
        assert honest == public_address(chain[-hops])


Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Close to each other, so that prefixes nest; around /64, where IPv6 prefixes are kept in two ways.
near_addresses = st.ip_addresses() | st.sampled_from(
    [ipaddress.ip_address(text) for text in ("10.1.2.3", "10.1.2.4", "2a02::1", "2a02::ffff:0:0:1", "2a02::")]
)


@given(
    st.lists(
        near_addresses.flatmap(lambda ip: st.integers(0, ip.max_prefixlen).map(lambda bits: (ip, bits))),
        max_size=20,
    ),
    st.lists(near_addresses, max_size=10),
)
def test_the_narrowest_network_around_an_address_wins(
    prefixes: list[tuple[Address, int]], others: list[Address]
) -> None:
    networks = list({ipaddress.ip_network(f"{ip}/{bits}", strict=False): None for ip, bits in prefixes})
    numbered = NetworkMap((str(network), number) for number, network in enumerate(networks))
    for address in [*others, *(network[0] for network in networks), *(network[-1] for network in networks)]:
        around = [network for network in networks if address in network]
        narrowest = max(around, key=lambda network: network.prefixlen, default=None)
        expected = None if narrowest is None else networks.index(narrowest)
        assert numbered.find(str(address)) == expected
