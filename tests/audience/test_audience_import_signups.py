"""Importing people who signed up by a form before the shop knew them."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from campaigns.audience.consent import record, states
from campaigns.audience.suppression import sealed_address
from campaigns.models import Customer
from campaigns.runtime import Runtime


def signed_up(runtime: Runtime, external_id: str, address: str) -> int:
    with runtime.db.transaction() as session:
        person = Customer(external_id=external_id, **sealed_address(session, runtime.keyring, address))
        session.add(person)
        session.flush()
        record(session, person.id, "marketing", "granted", "Yes", "form:news", runtime.clock.now())
        return person.id


def imported(runtime: Runtime, folder: Path, *rows: str) -> list[str]:
    """Import these rows; the reasons of those that were refused."""
    file = folder / "customers.csv"
    file.write_text("\n".join(["external_id,email,first_name", *rows]) + "\n")
    (result,) = runtime.importing.run("customers", [file])
    return [error.reason for error in result.errors]


def test_the_shops_row_takes_over_and_consent_stays(runtime: Runtime, tmp_path: Path) -> None:
    number = signed_up(runtime, "signup-7", "astrid@newcomers.example")
    assert imported(runtime, tmp_path, "C-100,Astrid@Newcomers.example,Astrid") == []
    with runtime.db.transaction() as session:
        person = session.scalars(select(Customer)).one()
        assert (person.id, person.external_id, person.first_name) == (number, "C-100", "Astrid")
        assert states(session, [number])[number] == {"marketing"}
    assert imported(runtime, tmp_path, "C-100,astrid@newcomers.example,Astrid") == []


def test_only_one_of_two_rows_takes_over(runtime: Runtime, tmp_path: Path) -> None:
    number = signed_up(runtime, "signup-7", "astrid@newcomers.example")
    rows = ("C-1,astrid@newcomers.example,A", "C-2,astrid@newcomers.example,B")
    assert imported(runtime, tmp_path, *rows) == ["email belongs to another customer"]
    with runtime.db.transaction() as session:
        assert session.get_one(Customer, number).external_id == "C-1"


def test_a_customer_of_the_shop_is_not_taken_over(runtime: Runtime, tmp_path: Path) -> None:
    signed_up(runtime, "C-5", "bo@newcomers.example")
    assert imported(runtime, tmp_path, "C-6,bo@newcomers.example,Bo") == ["email belongs to another customer"]


def test_an_id_that_is_somebody_else_already_is_not_taken(runtime: Runtime, tmp_path: Path) -> None:
    signed_up(runtime, "signup-7", "astrid@newcomers.example")
    signed_up(runtime, "C-6", "bo@newcomers.example")
    assert imported(runtime, tmp_path, "C-6,astrid@newcomers.example,Bo") == [
        "email belongs to another customer"
    ]
