from __future__ import annotations

import hmac

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.core.crypto import CannotDecrypt, KeyRing
from campaigns.core.errors import BadToken
from campaigns.core.tokens import Signer, _Hmac

OLD, NEW = b"o" * 32, b"n" * 32
numbers = st.lists(st.integers(0, 2**63), max_size=4)


@given(numbers)
def test_a_token_gives_back_its_numbers(values: list[int]) -> None:
    signer = Signer([OLD])
    assert signer.verify("open", signer.sign("open", *values)) == tuple(values)


@given(numbers, st.integers(0, 10_000), st.integers(1, 255))
@example([0, 0, 128, 16384], 629, 1)
def test_a_changed_token_is_refused(values: list[int], where: int, change: int) -> None:
    signer = Signer([OLD])
    token = bytearray(signer.sign("open", *values), "ascii")
    before = bytes(token)
    token[where % len(token)] = (token[where % len(token)] + change) % 128
    if bytes(token) != before:
        with pytest.raises(BadToken):
            signer.verify("open", token.decode())


def test_a_token_grants_one_right_and_no_other() -> None:
    signer = Signer([OLD])
    with pytest.raises(BadToken):
        signer.verify("unsubscribe", signer.sign("open", 1, 2))


def test_old_keys_verify_and_the_newest_signs() -> None:
    old, both = Signer([OLD]), Signer([NEW, OLD])
    assert both.verify("open", old.sign("open", 7)) == (7,)
    with pytest.raises(BadToken):
        old.verify("open", both.sign("open", 7))


@given(st.text(max_size=300))
def test_no_text_does_anything_but_verify_or_be_refused(text: str) -> None:
    with pytest.raises(BadToken):
        Signer([OLD]).verify("open", text)


def test_fields_survive_a_rotation_and_notice_changes() -> None:
    old, both = KeyRing(["o" * 40]), KeyRing(["n" * 40, "o" * 40])
    sealed = old.encrypt("søren@example.org", "customers.email")
    assert both.decrypt(sealed, "customers.email") == "søren@example.org"
    assert both.encrypt("x", "c") != both.encrypt("x", "c")
    with pytest.raises(CannotDecrypt):
        old.decrypt(both.encrypt("x", "c"), "c")
    with pytest.raises(CannotDecrypt):
        both.decrypt(sealed, "another.field")
    with pytest.raises(CannotDecrypt):
        both.decrypt(sealed[:-1] + bytes([sealed[-1] ^ 1]), "customers.email")


def test_addresses_are_found_under_every_key_however_they_are_written() -> None:
    old, both = KeyRing(["o" * 40]), KeyRing(["n" * 40, "o" * 40])
    assert old.address_hmac(" Ann@Example.ORG ") == old.address_hmac("ann@example.org")
    assert old.address_hmac("ann@example.org") in both.address_hmacs("ann@example.org")
    assert both.address_hmac("ann@example.org") != old.address_hmac("ann@example.org")


@given(key=st.binary(max_size=100), message=st.binary(max_size=200))
def test_the_prepared_hmac_is_the_standard_one(key: bytes, message: bytes) -> None:
    assert _Hmac(key).digest(message) == hmac.digest(key, message, "sha256")
