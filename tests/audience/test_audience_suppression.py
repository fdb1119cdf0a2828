"""Suppression of addresses, domains and lists: counts at import, at freezing and right before SMTP."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from campaigns.audience import suppression
from campaigns.audience.checking import still_allowed
from campaigns.audience.contact import ContactTerms
from campaigns.audience.customers import find
from campaigns.audience.freezing import freeze_audience
from campaigns.audience.importing import ImportResult
from campaigns.audience.segments import parse_segment
from campaigns.audience.suppressed_domains import (
    checked_domain,
    domain_hmacs,
    fill_in,
    lift_domain,
    suppress_domain,
)
from campaigns.audience.suppression import (
    REASONS,
    is_suppressed,
    lift,
    sealed_address,
    suppress,
    suppressed_among,
    suppressed_by,
)
from campaigns.audience.suppression_lists import ListResult, export_list, import_list, renew_for_customers
from campaigns.core.crypto import KeyRing
from campaigns.core.db import UnitOfWork
from campaigns.core.errors import BadInput
from campaigns.models import Customer, Send, SuppressedDomain, Suppression
from tests.shop import SECRET

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
EARLIER = datetime(2026, 1, 1, tzinfo=UTC)
NEWER = KeyRing(["a-newer-secret-for-tests-0123456789abcdef", SECRET])

Load = Callable[..., ImportResult]


@pytest.fixture
def take_in(session: UnitOfWork, keyring: KeyRing, tmp_path: Path) -> Callable[..., ListResult]:
    """Import CSV text as a suppression list."""

    def run(content: str, ring: KeyRing = keyring, **mapping: str) -> ListResult:
        path = tmp_path / "list.csv"
        path.write_text(content)
        return import_list(session, ring, path, mapping, {}, NOW)

    return run


def exported(session: UnitOfWork) -> str:
    file = io.StringIO()
    export_list(session, file)
    return file.getvalue()


def test_a_domain_is_counted_at_import_and_held_back_at_freezing_and_before_smtp(
    shop: Load,
    session: UnitOfWork,
    keyring: KeyRing,
    grant: Callable[..., None],
    campaign_id: int,
    ids: Callable[[], dict[str, int]],
) -> None:
    result = shop("customers", "external_id,email\nN1,eve@Bücher.example\nN2,eve@sub.bücher.example\n")
    assert (result.inserted, result.suppressed) == (2, 0)
    grant("N1", "marketing")
    grant("N2", "marketing")
    own, other = ids()["N1"], ids()["N2"]
    assert still_allowed(session, ContactTerms(campaign_id), [(1, own), (2, other)], NOW) == {}
    assert suppress_domain(session, keyring, checked_domain("@BÜCHER.example"), "manual", "test", NOW)
    assert not suppress_domain(session, keyring, "xn--bcher-kva.example", "bounced", "again", NOW)
    assert still_allowed(session, ContactTerms(campaign_id), [(1, own), (2, other)], NOW) == {
        1: "suppressed"
    }, "right before SMTP"
    assert suppressed_among(session, [own, other]) == {own}
    freeze_audience(session, ContactTerms(campaign_id), parse_segment({}), NOW)
    frozen = dict(session.execute(select(Send.customer_id, Send.reason)).all())
    assert (frozen[own], frozen[other]) == ("suppressed", "")
    again = shop("customers", "external_id,email\nN1,eve@bücher.example\nN3,max@XN--BCHER-KVA.example\n")
    assert (again.inserted, again.skipped, again.suppressed) == (1, 0, 2), "kept, and told"
    assert lift_domain(session, "xn--bcher-kva.example", "test") == ("manual", "test", NOW)
    assert lift_domain(session, "xn--bcher-kva.example", "test") is None
    assert still_allowed(session, ContactTerms(campaign_id), [(1, own)], NOW) == {}


def test_customers_of_an_older_schema_get_their_domain_when_one_is_suppressed(
    shop: Load, session: UnitOfWork, keyring: KeyRing, ids: Callable[[], dict[str, int]]
) -> None:
    session.execute(update(Customer).values(email_domain_hmac=None))
    session.execute(update(Customer).where(Customer.external_id == "C4").values(email_cipher=b"damaged"))
    suppress_domain(session, keyring, "shop.example", "manual", "test", NOW)
    assert suppressed_among(session, ids().values()) == set()
    assert [fill_in(session, keyring, 3) for _ in range(3)] == [3, 1, 0]
    session.expire_all()
    assert suppressed_among(session, ids().values()) == {ids()[name] for name in ("C1", "C2", "C3")}


@pytest.mark.parametrize("given", ["", "@", "shop", "a@b.example", "shop .example", "x.invalid"])
def test_what_is_no_domain_is_refused(given: str) -> None:
    with pytest.raises(BadInput, match=r"such as example\.com"):
        checked_domain(given)


def test_a_domain_cannot_be_mistaken_for_an_address(session: UnitOfWork, keyring: KeyRing) -> None:
    suppress_domain(session, keyring, "shop.example", "manual", "test", NOW)
    assert session.scalars(select(Suppression)).all() == []
    assert domain_hmacs(keyring, "shop.example") != keyring.address_hmacs("shop.example")
    assert is_suppressed(session, keyring, "anybody@shop.example")
    assert not is_suppressed(session, keyring, "anybody@another-shop.example")


def test_lifting_takes_back_what_the_person_did_and_no_more(
    session: UnitOfWork, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    for reason in REASONS:
        suppress(session, NEWER, f"{reason}@shop.example", reason, "test", EARLIER)
    said: list[str] = []
    monkeypatch.setattr(suppression.log, "info", lambda *words, **more: said.append(f"{words} {more}"))
    lifted = {reason: lift(session, NEWER, f"{reason.upper()}@shop.example", "sign-up") for reason in REASONS}
    assert {reason for reason, entries in lifted.items() if entries} == {"unsubscribed", "erased"}
    assert [entry.at for entry in lifted["erased"]] == [EARLIER], "once, though it stood under two keys"
    assert not is_suppressed(session, NEWER, "erased@shop.example")
    assert is_suppressed(session, keyring, "bounced@shop.example")
    assert lift(session, NEWER, "bounced@shop.example", "support", REASONS)
    assert not is_suppressed(session, keyring, "bounced@shop.example")
    assert len(said) == 3 and all("suppression_lifted" in line for line in said) and "sign-up" in said[0]
    assert "@shop.example" not in str(said), "the log says what was lifted, and not whose"


def test_after_a_change_of_keys_a_suppressed_address_and_domain_stay_so(
    shop: Load,
    session: UnitOfWork,
    keyring: KeyRing,
    grant: Callable[..., None],
    ids: Callable[[], dict[str, int]],
) -> None:
    suppress(session, keyring, "old@kept.example", "bounced", "test", EARLIER)
    suppress_domain(session, keyring, "gone.example", "manual", "test", EARLIER)
    shop(
        "customers",
        "external_id,email\nO1,old@kept.example\nO2,x@gone.example\nO3,y@kept.example\n",
        keyring=NEWER,
    )
    assert suppressed_among(session, ids().values()) == {ids()["O1"], ids()["O2"]}
    # One at a time, as who signs up.
    suppress(session, keyring, "single@kept.example", "complained", "test", EARLIER)
    suppress_domain(session, keyring, "late.example", "manual", "test", EARLIER)
    for number, email in enumerate(("single@kept.example", "a@late.example", "b@kept.example")):
        session.add(Customer(external_id=f"S{number}", **sealed_address(session, NEWER, email)))
    session.flush()
    assert suppressed_among(session, ids().values()) == {ids()[name] for name in ("O1", "O2", "S0", "S1")}
    found = find(session, NEWER, "b@kept.example")
    assert found is not None and found.external_id == "S2"


def test_a_list_of_any_provider_is_taken_in_and_the_same_again_changes_nothing(
    session: UnitOfWork, keyring: KeyRing, take_in: Callable[..., ListResult]
) -> None:
    content = (
        "email,reason,at\n"
        "a@shop.example,bounced,2026-01-01T00:00:00Z\n"
        "A@shop.example,complained,2026-02-01\n"
        "not an address,bounced,\n"
        "@gone.example,,\n"
        "b@shop.example,spite,\n"
        ",bounced,\n"
        "@gone.example,erased,\n"
        "c@shop.example,erased,\n"
    )
    suppress(session, keyring, "c@shop.example", "bounced", "relay", EARLIER)
    result = take_in(content, address="email")
    assert (result.rows_read, result.added, result.known, result.skipped) == (8, 2, 1, 4)
    assert [error.line for error in result.errors] == [4, 6, 7, 8]
    assert "@shop.example" not in str(result.errors) and "not an address" not in str(result.errors)
    [entry] = suppressed_by(session, keyring, "a@shop.example")
    assert (entry.reason, entry.source, entry.at) == ("bounced", "import", EARLIER), "the first of the two"
    assert suppressed_by(session, keyring, "x@gone.example")[0].domain == "gone.example"
    assert suppressed_by(session, keyring, "c@shop.example")[0].reason == "erased"
    before = exported(session)
    again = take_in(content, address="email")
    assert (again.added, again.known) == (0, 3)
    assert exported(session) == before


def test_a_list_moves_to_another_installation_without_any_address(
    session: UnitOfWork, keyring: KeyRing, take_in: Callable[..., ListResult]
) -> None:
    suppress(session, keyring, "ada@shop.example", "complained", "hook", EARLIER)
    suppress_domain(session, keyring, "gone.example", "manual", "board", EARLIER)
    moved = exported(session)
    assert "ada" not in moved and "gone.example" in moved
    session.execute(text("delete from suppressions"))
    session.execute(text("delete from suppressed_domains"))
    assert not is_suppressed(session, keyring, "ada@shop.example")
    result = take_in(moved)
    assert (result.added, result.known, result.skipped, result.older_keys) == (2, 0, 0, False)
    assert exported(session) == moved
    stranger = KeyRing(["the-secret-of-somebody-else-0123456789abc"])
    refused = take_in(moved, stranger)
    assert refused.skipped == 1 and "TAILORMAIL_SECRET_KEY" in refused.errors[0].reason
    assert take_in("address_hmac\n1234\n").errors[0].reason.startswith("address_hmac must be 72")
    with pytest.raises(BadInput, match="needs a column address"):
        take_in("name,reason\nx,manual\n")


def test_entries_of_an_older_key_meet_customers_of_the_newer_one(
    shop: Load,
    session: UnitOfWork,
    keyring: KeyRing,
    take_in: Callable[..., ListResult],
    ids: Callable[[], dict[str, int]],
) -> None:
    shop("customers", "external_id,email\nR1,rita@kept.example\nR2,rolf@kept.example\n", keyring=NEWER)
    suppress(session, keyring, "rita@kept.example", "complained", "hook", EARLIER)
    moved = exported(session)
    session.execute(text("delete from suppressions"))
    assert take_in(moved, NEWER).older_keys
    assert suppressed_among(session, ids().values()) == set()
    after: int | None = 0
    while after is not None:
        after = renew_for_customers(session, NEWER, after, most=2)
    assert suppressed_among(session, ids().values()) == {ids()["R1"]}


def test_a_hundred_thousand_rows_are_a_matter_of_seconds(
    session: UnitOfWork, take_in: Callable[..., ListResult]
) -> None:
    rows = "".join(f"person{number}@big{number % 50}.example,bounced\n" for number in range(100_000))
    began = datetime.now(UTC)
    assert take_in("address,reason\n" + rows).added == 100_000
    seconds = (datetime.now(UTC) - began).total_seconds()
    assert seconds < 60, "a generous bound: alone on a machine it takes about three"
    assert session.scalar(text("select count(*) from suppressions")) == 100_000


def test_one_row_for_each_key_of_a_domain(session: UnitOfWork) -> None:
    suppress_domain(session, NEWER, "gone.example", "manual", "test", NOW)
    suppress_domain(session, NEWER, "gone.example", "manual", "test", NOW)
    assert len(session.scalars(select(SuppressedDomain.id)).all()) == 2
