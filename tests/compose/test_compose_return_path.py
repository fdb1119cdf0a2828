"""Return paths and addresses to unsubscribe by lead back to their send, and nobody else can make one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.compose.identity import message_id
from campaigns.compose.return_path import (
    parse_return_path,
    parse_unsubscribe_address,
    return_path,
    unsubscribe_address,
)
from campaigns.core.errors import BadInput, BadToken
from campaigns.core.tokens import Signer

OLD, NEW = b"the older key", b"the newer key"
SIGNER = Signer([OLD])
HOST = "bounces.fjellandfern.example"
CAMPAIGNS = st.integers(min_value=1, max_value=10**9 - 1)
NUMBERS = st.integers(min_value=1, max_value=10**12 - 1)
SPELLINGS = st.sampled_from(
    [str, str.lower, str.upper, str.title, str.swapcase, "<{}>".format, " {}\r\n".format]
)


@given(CAMPAIGNS, NUMBERS, SPELLINGS)
def test_a_return_path_leads_back_in_whatever_case(
    campaign: int, send: int, spelt: Callable[[str], str]
) -> None:
    address = return_path(SIGNER, campaign, send, HOST)
    assert parse_return_path(SIGNER, spelt(address)) == (campaign, send)
    assert len(address.partition("@")[0]) <= 64, "RFC 5321, 4.5.3.1.1"


@given(CAMPAIGNS, NUMBERS, NUMBERS, SPELLINGS)
def test_an_address_to_unsubscribe_leads_back_in_whatever_case(
    campaign: int, customer: int, send: int, spelt: Callable[[str], str]
) -> None:
    address = unsubscribe_address(SIGNER, campaign, customer, send, HOST)
    assert parse_unsubscribe_address(SIGNER, spelt(address)) == (campaign, customer, send)
    assert len(address.partition("@")[0]) <= 64, "RFC 5321, 4.5.3.1.1"


def test_an_address_of_earlier_versions_carries_the_token_of_the_link() -> None:
    token = SIGNER.sign("unsubscribe", 7, 42, 9001)
    assert parse_unsubscribe_address(SIGNER, f"unsubscribe+{token}@x.example") == (7, 42, 9001)
    older = SIGNER.sign("unsubscribe", 42, 9001)
    assert parse_unsubscribe_address(SIGNER, f"Unsubscribe+{older}@x.example") == (0, 42, 9001)
    other_right = SIGNER.sign("preferences", 7, 42, 9001)
    with pytest.raises(BadToken):
        parse_unsubscribe_address(SIGNER, f"unsubscribe+{other_right}@x.example")


def test_both_survive_the_rotation_of_the_key() -> None:
    bounce, leave = return_path(SIGNER, 3, 77, HOST), unsubscribe_address(SIGNER, 3, 5, 77, HOST)
    rotated = Signer([NEW, OLD])
    assert parse_return_path(rotated, bounce) == (3, 77)
    assert parse_unsubscribe_address(rotated, leave) == (3, 5, 77)
    with pytest.raises(BadToken):
        parse_return_path(Signer([NEW]), bounce)
    with pytest.raises(BadToken):
        parse_unsubscribe_address(Signer([NEW]), leave)


def test_a_code_counts_for_one_kind_only() -> None:
    of_message = message_id(SIGNER, 3, 77, HOST)
    with pytest.raises(BadToken):
        parse_return_path(SIGNER, f"bounce+{of_message}")
    code = return_path(SIGNER, 3, 77, HOST).partition("@")[0].rpartition(".")[2]
    with pytest.raises(BadToken):
        parse_unsubscribe_address(SIGNER, f"unsubscribe+3.5.77.{code}@{HOST}")


@pytest.mark.parametrize(
    "address",
    [
        "", "<>", "@", "bounce@x.example", "bounce+@x.example", "bounce+3.77@x.example", "bounce+3.78.{code}@x.example",
        "bounce+4.77.{code}@x.example", "bounce+03.77.{code}@x.example", "bounce+3.77.{code}",
        "bounce+3.77.{code}@", "bounce+3.77.{code}@a@b", "bounce+3.77.{code}0@x.example", "bounce+٣.77.{code}@x.example",
        "bounce+99999999999999999999.77.{code}@x.example", "unsubscribe+3.77.{code}@x.example",
        "bounce+3.77.{code}@x.example, bounce+3.77.{code}@x.example",
    ],
)  # fmt: skip
def test_what_is_forged_or_foreign_is_refused(address: str) -> None:
    code = return_path(SIGNER, 3, 77, "x.example").partition("@")[0].rpartition(".")[2]
    with pytest.raises(BadToken):
        parse_return_path(SIGNER, address.format(code=code))


@given(st.text(max_size=300))
def test_no_text_whatever_makes_it_stumble(text: str) -> None:
    for parse in (parse_return_path, parse_unsubscribe_address):
        for address in (text, f"bounce+{text}@x.example", f"unsubscribe+{text}@x.example"):
            with pytest.raises(BadToken):
                parse(SIGNER, address)


def test_the_domain_is_written_in_ascii() -> None:
    assert return_path(SIGNER, 1, 2, "bücher.example").endswith("@xn--bcher-kva.example")
    with pytest.raises(BadInput):
        return_path(SIGNER, 1, 2, "two words.example")
    with pytest.raises(BadInput):
        unsubscribe_address(SIGNER, 1, 2, 3, "")
