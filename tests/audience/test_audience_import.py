"""Importing: what lands, what is left alone, and what a second run changes (nothing)."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text

from campaigns.audience.customers import address_of, find, find_by_address
from campaigns.audience.import_columns import Kind
from campaigns.audience.importing import ImportResult
from campaigns.audience.suppression import is_suppressed, suppress, suppressed_among
from campaigns.core.crypto import KeyRing
from campaigns.core.db import UnitOfWork
from campaigns.models import ConsentEntry, ConsentState, Customer, OrderLine, Product

CUSTOMERS = (
    "external_id,email,first_name,last_name,locale,timezone,country,city,latitude,longitude\n"
    "C1,Ada@Shop.Example,Søren,O'Neil,en-gb,Europe/Oslo,Norway,Tromsø,69.6492,18.9553\n"
    'C2,bo@shop.example,"<b>","李雷",,,,,,\n'
)


def only(session: UnitOfWork, model: Any) -> Any:
    return session.scalars(select(model)).one()


def test_a_customer_lands_with_a_sealed_address_and_a_coarse_place(
    session: UnitOfWork, load: Callable[..., ImportResult], keyring: KeyRing
) -> None:
    result = load("customers", CUSTOMERS)
    assert (result.rows_read, result.inserted, result.skipped) == (2, 2, 0)
    customer = find_by_address(session, keyring, "ada@shop.example ")
    assert customer is not None
    assert customer.external_id == "C1"
    assert customer.email_cipher is not None and b"shop" not in customer.email_cipher.lower()
    assert address_of(keyring, customer).lower() == "ada@shop.example"
    assert (customer.latitude, customer.longitude) == (69.6, 19.0)
    assert (customer.locale, customer.timezone, customer.city) == ("en_GB", "Europe/Oslo", "Tromsø")
    other = find(session, keyring, "C2")
    assert other is not None
    assert (other.first_name, other.last_name, other.latitude) == ("<b>", "李雷", None)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("customers", CUSTOMERS),
        ("products", "sku,title,price,currency,stock,tags\nZ1,Socks,9.90,EUR,3,b a\nZ2,Cap,,,,\n"),
        ("orders", "order_id,customer_id,sku,ordered_at\nO9,C1,J1,2026-03-03\nO9,C1,J1,2026-03-03\n"),
        (
            "consents",
            "customer_id,purpose,action,wording,source,at\n"
            "C1,marketing,granted,v1,web,2026-01-01T00:00:00Z\nC1,marketing,withdrawn,v1,web,2026-01-02\n",
        ),
    ],
)
def test_the_same_file_again_changes_nothing(
    session: UnitOfWork, shop: Callable[..., ImportResult], kind: Kind, content: Any
) -> None:
    if kind == "customers":
        content = (
            content.replace("C1", "N1").replace("C2", "N2").replace("hop.E", "op.e").replace("bo@", "b@")
        )
    first = shop(kind, content)
    assert (first.inserted, first.updated, first.unchanged, first.skipped) == (2, 0, 0, 0), first.errors

    def everything() -> dict[str, Any]:
        tables = {
            name: session.execute(text(f"select ctid::text, xmin::text, t.* from {name} t order by 1")).all()
            for name in ("customers", "products", "order_lines", "consent_entries", "consent_states")
        }
        return tables

    before = everything()
    second = shop(kind, content, now=datetime(2026, 6, 1, tzinfo=UTC))
    assert (second.inserted, second.updated, second.unchanged, second.skipped) == (0, 0, 2, 0)
    assert everything() == before


def test_only_what_changed_is_updated(session: UnitOfWork, load: Callable[..., ImportResult]) -> None:
    load("customers", CUSTOMERS)
    later = datetime(2026, 6, 1, tzinfo=UTC)
    result = load("customers", CUSTOMERS.replace("Tromsø", "Bodø"), now=later)
    assert (result.updated, result.unchanged) == (1, 1)
    moments = dict(session.execute(select(Customer.city, Customer.updated_at)).all())
    assert moments["Bodø"] == later
    assert moments[""] < later


def test_fields_without_a_column_keep_their_value_and_empty_cells_empty_it(
    session: UnitOfWork, load: Callable[..., ImportResult]
) -> None:
    load("customers", CUSTOMERS)
    load("customers", "external_id,email,last_name\nC1,ada@shop.example,\n")
    customer = session.scalars(select(Customer).where(Customer.external_id == "C1")).one()
    assert (customer.first_name, customer.last_name, customer.city) == ("Søren", "", "Tromsø")


def test_a_new_address_replaces_the_old_one(
    session: UnitOfWork, load: Callable[..., ImportResult], keyring: KeyRing
) -> None:
    load("customers", CUSTOMERS)
    result = load("customers", "external_id,email\nC1,new@shop.example\n")
    assert result.updated == 1
    assert find_by_address(session, keyring, "ada@shop.example") is None
    found = find_by_address(session, keyring, "new@shop.example")
    assert found is not None
    assert address_of(keyring, found) == "new@shop.example"


def test_the_last_row_of_a_customer_counts(session: UnitOfWork, load: Callable[..., ImportResult]) -> None:
    result = load(
        "customers",
        "external_id,email,city\nC1,a@shop.example,Oslo\nC2,b@shop.example,Bergen\nC1,a@shop.example,Bodø\n",
    )
    assert (result.rows_read, result.inserted, result.superseded, result.skipped) == (3, 2, 1, 0)
    cities = dict(session.execute(select(Customer.external_id, Customer.city)).all())
    assert cities == {"C1": "Bodø", "C2": "Bergen"}


def test_an_address_belongs_to_one_customer(session: UnitOfWork, load: Callable[..., ImportResult]) -> None:
    load("customers", CUSTOMERS)
    result = load(
        "customers",
        "external_id,email\nX1,ADA@shop.example\nX2,new@shop.example\nX3,New@shop.example\nX4,x4@shop.example\n",
    )
    assert [error.line for error in result.errors] == [2, 4]
    assert all("another customer" in error.reason for error in result.errors)
    assert result.inserted == 2
    assert "@" not in "".join(error.reason for error in result.errors)


def test_customers_may_swap_addresses_in_one_file(
    session: UnitOfWork, load: Callable[..., ImportResult], keyring: KeyRing
) -> None:
    load("customers", "external_id,email\nC1,a@shop.example\nC2,b@shop.example\n")
    swapped = "external_id,email\nC1,b@shop.example\nC2,a@shop.example\n"
    assert load("customers", swapped).updated == 2
    assert load("customers", swapped).unchanged == 2
    owner = find_by_address(session, keyring, "a@shop.example")
    assert owner is not None
    assert owner.external_id == "C2"


def test_a_chain_of_moves_stops_where_one_is_refused(
    session: UnitOfWork, load: Callable[..., ImportResult], keyring: KeyRing
) -> None:
    load("customers", "external_id,email\nC1,a@shop.example\nC2,b@shop.example\nC3,c@shop.example\n")
    # C2 cannot have C3's address (C3 stays), so C2 keeps its own, so C1 cannot have that one.
    moves = "external_id,email\nC1,b@shop.example\nC2,c@shop.example\n"
    result = load("customers", moves)
    assert [error.line for error in result.errors] == [2, 3]
    assert load("customers", moves).skipped == 2


def test_mapping_and_defaults(session: UnitOfWork, load: Callable[..., ImportResult]) -> None:
    result = load(
        "products",
        "Article;No,Name,Cost,currency\nA1,Boots,10.00,\nA2,Hat,5.5,NOK\n",
        mapping={"sku": "article;no", "title": "Name", "price": "Cost"},
        defaults={"currency": "EUR", "category": "Outdoor"},
    )
    assert result.inserted == 2
    rows = session.execute(select(Product.sku, Product.price, Product.currency, Product.category)).all()
    assert sorted(map(tuple, rows)) == [
        ("A1", Decimal("10.00"), "EUR", "Outdoor"),
        ("A2", Decimal("5.50"), "NOK", "Outdoor"),
    ]


def test_gzip_byte_order_mark_and_quoted_line_breaks(
    session: UnitOfWork, load: Callable[..., ImportResult]
) -> None:
    content = '\ufeffsku,title,description\r\nA1,"Two\r\nlines","One.\r\n\r\nTwo, ""quoted""."\r\nA2,,\r\n'
    result = load("products", gzip.compress(content.encode()), name="p.csv.gz")
    assert result.inserted == 1
    assert [(error.line, error.reason) for error in result.errors] == [(6, "title is empty")]
    product = only(session, Product)
    assert product.title == "Two lines"
    assert product.description.startswith("One.") and '"quoted"' in product.description


def test_equal_lines_of_an_order_are_all_kept(session: UnitOfWork, shop: Callable[..., ImportResult]) -> None:
    content = (
        "order_id,customer_id,sku,quantity,ordered_at\n"
        "O7,C1,J1,1,2026-03-05T10:00:00\nO7,C1,J1,3,2026-03-05T10:00:00\nO7,C1,H1,,2026-03-05 11:00+02:00\n"
    )
    assert shop("orders", content).inserted == 3
    lines = session.execute(
        select(OrderLine.occurrence, OrderLine.quantity, OrderLine.ordered_at)
        .where(OrderLine.order_id == "O7")
        .order_by(OrderLine.id)
    ).all()
    assert sorted((n, quantity) for n, quantity, _ in lines) == [(1, 1), (1, 1), (2, 3)]
    assert {at.astimezone(UTC).hour for _, _, at in lines} == {9, 10}


def test_the_state_of_a_consent_is_its_newest_entry_in_whatever_order_they_come(
    session: UnitOfWork, shop: Callable[..., ImportResult], ids: Callable[[], dict[str, int]]
) -> None:
    header = "customer_id,purpose,action,wording,source,at\n"
    shop(
        "consents",
        header + "C1,marketing,withdrawn,,web,2026-02-01\nC2,marketing,granted,v1,web,2026-02-01\n",
    )
    shop(
        "consents",
        header + "C1,marketing,granted,v1,web,2026-01-01\nC2,marketing,withdrawn,,web,2026-03-01\n",
    )
    states = session.execute(select(ConsentState.customer_id, ConsentState.granted)).all()
    assert dict(states) == {ids()["C1"]: False, ids()["C2"]: False}
    assert session.scalar(select(func.count()).select_from(ConsentEntry)) == 4


def test_a_consent_from_the_future_is_refused(shop: Callable[..., ImportResult], now: datetime) -> None:
    header = "customer_id,purpose,action,wording,source,at\n"
    result = shop(
        "consents", f"{header}C1,marketing,granted,v1,web,{(now + timedelta(hours=1)).isoformat()}\n"
    )
    assert result.skipped == 1
    assert "future" in result.errors[0].reason


def test_keys_may_change_between_imports(
    session: UnitOfWork, load: Callable[..., ImportResult], keyring: KeyRing
) -> None:
    load("customers", CUSTOMERS)
    suppress(session, keyring, "bo@shop.example", "bounced", "test", datetime(2026, 1, 1, tzinfo=UTC))
    suppress(session, keyring, "late@shop.example", "manual", "test", datetime(2026, 1, 1, tzinfo=UTC))
    rotated = KeyRing(
        ["a-newer-secret-for-tests-0123456789abcdef", "a-secret-for-tests-only-0123456789abcdef"]
    )
    again = load("customers", CUSTOMERS, keyring=rotated)
    assert (again.unchanged, again.skipped) == (2, 0)
    assert load("customers", "external_id,email\nX,bo@shop.example\n", keyring=rotated).skipped == 1
    # Stored under the new key alone, and suppressed under the old one before there was a customer.
    load("customers", "external_id,email\nL,late@shop.example\n", keyring=rotated)
    late = find(session, rotated, "L")
    assert late is not None
    assert suppressed_among(session, [late.id]) == {late.id}
    assert is_suppressed(session, rotated, "Bo@shop.example")
    assert find_by_address(session, rotated, "ada@shop.example") is not None
