"""The Message-ID leads back to its send, and nobody else can make one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.compose.identity import ascii_domain, message_id, message_ids, numbers_in, parse_message_id
from campaigns.core.errors import BadInput, BadToken
from campaigns.core.tokens import Signer

OLD, NEW = b"the older key", b"the newer key"
SIGNER = Signer([OLD])
NUMBERS = st.integers(min_value=1, max_value=10**18 - 1)


@given(NUMBERS, NUMBERS)
def test_it_leads_back_to_the_send(campaign: int, send: int) -> None:
    identity = message_id(SIGNER, campaign, send, "mail.fjellandfern.example")
    assert identity == message_id(SIGNER, campaign, send, "mail.fjellandfern.example")
    for text in (identity, f"<{identity}>"):
        assert numbers_in(text) == (campaign, send)
        assert parse_message_id(SIGNER, text) == (campaign, send)


def test_it_survives_the_rotation_of_the_key() -> None:
    identity = message_id(SIGNER, 3, 77, "x.example")
    rotated = Signer([NEW, OLD])
    assert parse_message_id(rotated, identity) == (3, 77)
    assert message_ids(rotated, 3, 77, "x.example") == [message_id(rotated, 3, 77, "x.example"), identity]
    with pytest.raises(BadToken):
        parse_message_id(Signer([NEW]), identity)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "someone@x.example",
        "3.77@x.example",
        "3.78.{code}@x.example",
        "4.77.{code}@x.example",
        "77.3.{code}@x.example",
        "03.77.{code}@x.example",
        "3.77.{code}",
        "3.77.{code}@x.example y",
        "3.77.{code}@x@y",
        "3.77.{upper}@x.example",
        "99999999999999999999.77.{code}@x.example",
        "٣.77.{code}@x.example",
    ],
)
def test_what_is_forged_or_foreign_is_refused(text: str) -> None:
    code = message_id(SIGNER, 3, 77, "x.example").split(".")[2].partition("@")[0]
    with pytest.raises(BadToken):
        parse_message_id(SIGNER, text.format(code=code, upper="A" * 16))


def test_the_domain_is_written_in_ascii() -> None:
    assert ascii_domain("bücher.example") == "xn--bcher-kva.example"
    assert ascii_domain("faß.example") == "xn--fa-hia.example"  # another domain than fass.example (IDNA 2008)
    assert ascii_domain("Bücher。example") == "xn--bcher-kva.example"
    assert message_id(SIGNER, 1, 2, "bücher.example").endswith("@xn--bcher-kva.example")
    for wrong in ("", "two words.example", "a..example", "x>y.example"):
        with pytest.raises(BadInput):
            message_id(SIGNER, 1, 2, wrong)
