"""Who asks, from where: user agents, networks, trusted hops, Apple's list."""

from __future__ import annotations

import ipaddress
import random
import time
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
from campaigns.opentime.address import client_address, public_address
from campaigns.opentime.apple_egress import AppleEgress
from campaigns.opentime.networks import NetworkMap
from campaigns.opentime.requester import Requester, RequesterPatterns, classify

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


APPLE_CSV = (
    "172.224.226.0/27,NO,NO-03,Oslo,\n"
    '2a02:26f7:b3c8:4000::/64,US,US-DC,"Washington, D.C.",\n'
    "172.224.226.32/31,GB,GB-EN,London,\n"
)


def test_apples_list_names_the_city(tmp_path: Path) -> None:
    path = tmp_path / "egress.csv"
    path.write_text(APPLE_CSV)
    apple = AppleEgress.load(path)
    assert len(apple) == 3
    assert apple.city("172.224.226.31") == ("NO", "NO-03", "Oslo")
    assert apple.city("172.224.226.33") == ("GB", "GB-EN", "London")
    assert apple.city("172.224.226.34") is None
    assert apple.city("2a02:26f7:b3c8:4000::abcd") == ("US", "US-DC", "Washington, D.C.")
    assert apple.city("2a02:26f7:b3c8:4001::") is None
    assert apple.city(None) is None


def test_a_bad_list_is_said_once_and_survived(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"<html>\n" + APPLE_CSV.encode() + b"1.2.3.0/99,NO,NO-03,Oslo,\n1.2.3.4\n\xff\xfe,,,\n")
    with structlog.testing.capture_logs() as logs:
        assert len(AppleEgress.load(bad)) == 3
        assert len(AppleEgress.load(bad)) == 3
        assert len(AppleEgress.load(tmp_path / "missing.csv")) == 0
        assert len(AppleEgress.load(tmp_path / "missing.csv")) == 0
        assert len(AppleEgress.load(None)) == 0
    told = [(log["path"], log.get("rows")) for log in logs]
    assert told == [(str(bad), 4), (str(tmp_path / "missing.csv"), None)]


@given(
    st.lists(
        st.ip_addresses(v=4).flatmap(lambda ip: st.integers(0, 32).map(lambda bits: (ip, bits))), max_size=20
    ),
    st.lists(st.ip_addresses(v=4), max_size=10),
)
def test_the_narrowest_network_around_an_address_wins(
    prefixes: list[tuple[ipaddress.IPv4Address, int]], others: list[ipaddress.IPv4Address]
) -> None:
    networks = list({ipaddress.ip_network(f"{ip}/{bits}", strict=False): None for ip, bits in prefixes})
    numbered = NetworkMap((str(network), number) for number, network in enumerate(networks))
    for address in [*others, *(network[0] for network in networks), *(network[-1] for network in networks)]:
        around = [network for network in networks if address in network]
        narrowest = max(around, key=lambda network: network.prefixlen, default=None)
        expected = None if narrowest is None else networks.index(narrowest)
        assert numbered.find(str(address)) == expected


def test_a_list_as_long_as_apples_loads_in_seconds_and_answers_in_microseconds(tmp_path: Path) -> None:
    chance = random.Random(7)
    path = tmp_path / "egress.csv"
    rows = [f"2a02:26f7:{n >> 16:x}:{n & 0xFFFF:x}::/64,US,US-CA,City {n % 20000}," for n in range(240_000)]
    rows += [
        f"172.{224 + (n >> 14)}.{n >> 6 & 255}.{(n & 63) << 2}/30,DE,DE-BE,Town {n}," for n in range(47_000)
    ]
    chance.shuffle(rows)
    path.write_text("\n".join(rows))
    started = time.process_time()
    apple = AppleEgress.load(path)
    loaded = time.process_time() - started
    assert len(apple) == 287_000
    asked = [f"2a02:26f7:{n >> 16:x}:{n & 0xFFFF:x}::1" for n in chance.sample(range(240_000), 2000)]
    started = time.process_time()
    found = [apple.city(address) for address in asked]
    each = (time.process_time() - started) / len(asked)
    assert all(found)
    assert loaded < 10 and each < 100e-6, (loaded, each)
