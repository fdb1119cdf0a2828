"""Bad rows are reported by line and skipped; bad files are refused as a whole, with the way to mend them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from campaigns.audience import import_rows
from campaigns.audience import import_values as read
from campaigns.audience.import_columns import FIELDS, Kind, plan_columns
from campaigns.audience.import_rows import KEPT_ERRORS
from campaigns.audience.importing import ImportResult, import_file
from campaigns.compose.mime import Envelope, build_message
from campaigns.compose.template import WireMail
from campaigns.core.clock import FixedClock
from campaigns.core.crypto import KeyRing
from campaigns.core.db import UnitOfWork
from campaigns.core.errors import BadInput
from campaigns.models import Customer, OrderLine, Product

ENVELOPE = Envelope(
    subject="Hi", from_name="", from_address="hello@shop.example", to_name="", to_address="",
    message_id="1@shop.example", list_id="campaigns.shop.example", unsubscribe_url="https://shop.example/u",
    unsubscribe_mailto="unsubscribe@shop.example", feedback_id="1:marketing:tailormail:shop",
)  # fmt: skip
BAD_CUSTOMERS = {
    "C1,not-an-address,,,,,,": "email is not a mail address",
    ",a1@shop.example,,,,,,": "external_id is empty",
    "C2,,,,,,,": "email is empty",
    "C3,a3@shop.example,Klingon,,,,,": "locale",
    "C4,a4@shop.example,,Mars/Olympus,,,,": "time zone",
    "C5,a5@shop.example,,,Norway,Oslo,91,0": "latitude",
    "C6,a6@shop.example,,,Norway,Oslo,9,-180.1": "longitude",
    "C7,a7@shop.example,,,Norway,Oslo,nan,0": "latitude",
    "C8,a8@shop.example,,,Norway,Oslo,59.9,": "latitude and longitude must be given together",
    "C9,a9@shop.example,en": "has 3 fields where the header has 8",
    "C10,a10@shop.example,,,Os\0lo,,,": "NUL",
    "C11,a@b@shop.example,,,,,,": "email",
    '"C12","evil@shop.example\nBcc: x@y.example",,,,,,': "email",
    "C13,a13@shop.invalid,,,,,,": "email",
    "C14,søren@shop.example,,,,,,": "email has letters before the @ that not every mail server takes",
}
BAD_PRODUCTS = {
    "P1,,,,,": "title is empty",
    'P2,Hat,"1,234.50",,,': "price",
    "P3,Hat,9.999,,,": "price",
    "P4,Hat,-1,,,": "price",
    "P5,Hat,1e3,,,": "price",
    "P6,Hat,99999999999,,,": "price",
    "P7,Hat,,EURO,,": "currency",
    "P8,Hat,,,-1,": "stock",
    "P9,Hat,,,1.5,": "stock",
    "P10,Hat,,,99999999999,": "stock",
    "P11,Hat,,,,javascript:alert(1)": "url",
}
BAD_ORDERS = {
    "O1,C9,J1,1,1.00,2026-01-01": 'customer_id "C9" is not known',
    "O1,C1,J9,1,1.00,2026-01-01": 'sku "J9" is not known',
    "O1,C1,J1,0,1.00,2026-01-01": "quantity",
    "O1,C1,J1,-3,1.00,2026-01-01": "quantity",
    "O1,C1,J1,1,cheap,2026-01-01": "unit_price",
    "O1,C1,J1,1,1.00,yesterday": "ordered_at",
    "O1,C1,J1,1,1.00,": "ordered_at",
    "O1,C1,J1,1,1.00,2027-01-01": "future",
    "O1,C1,J1,1,1.00,0001-01-01T00:00:00+10:00": "ordered_at",
}
BAD_CONSENTS = {
    "C9,marketing,granted,v,web,2026-01-01": "not known",
    "C1,spam,granted,v,web,2026-01-01": "purpose",
    "C1,marketing,maybe,v,web,2026-01-01": "action",
    "C1,marketing,granted,v,web,soon": "at ",
}
CASES = [
    ("customers", "external_id,email,locale,timezone,country,city,latitude,longitude", BAD_CUSTOMERS,
     "G,good@shop.example,,,,,,"),
    ("products", "sku,title,price,currency,stock,url", BAD_PRODUCTS, "G,Good,1.50,EUR,1,https://shop.example"),
    ("orders", "order_id,customer_id,sku,quantity,unit_price,ordered_at", BAD_ORDERS, "G,C1,J1,1,1,2026-01-01"),
    ("consents", "customer_id,purpose,action,wording,source,at", BAD_CONSENTS,
     "C1,marketing,granted,v,web,2026-01-01"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "header", "bad", "good"), CASES, ids=[case[0] for case in CASES])
def test_every_kind_of_bad_row_is_named_by_its_line_and_the_rest_lands(
    shop: Callable[..., ImportResult], kind: Kind, header: str, bad: dict[str, str], good: str
) -> None:
    content = "\n".join([header, *bad, good]) + "\n"
    result = shop(kind, content)
    assert result.inserted == 1
    assert result.skipped == len(bad) == len(result.errors)
    line = 2
    for (row, reason), error in zip(bad.items(), result.errors, strict=True):
        assert (error.line, reason in error.reason) == (line, True), error
        line += row.count("\n") + 1
    again = shop(kind, content)
    assert (again.inserted, again.updated, again.unchanged, again.skipped) == (0, 0, 1, len(bad))


def test_all_wrong_fields_of_a_row_are_named_at_once(load: Callable[..., ImportResult]) -> None:
    [error] = load("products", "sku,title,price,stock\nP1,,x,-1\n").errors
    assert error.reason.startswith("title is empty; price")
    assert "stock" in error.reason


def test_all_errors_are_counted_and_the_first_ones_kept(
    shop: Callable[..., ImportResult], session: UnitOfWork
) -> None:
    rows = [f"N{n},C1,J1,{n % 2},1.00,2026-01-01" for n in range(KEPT_ERRORS * 3)]
    rows += ["O,nobody,J1,1,1.00,2026-01-01"] * (KEPT_ERRORS + 5)
    result = shop("orders", "\n".join(["order_id,customer_id,sku,quantity,unit_price,ordered_at", *rows]))
    assert result.skipped == KEPT_ERRORS * 3 // 2 + KEPT_ERRORS + 5
    assert result.inserted == KEPT_ERRORS * 3 // 2
    assert len(result.errors) == KEPT_ERRORS
    assert result.errors == sorted(result.errors)


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "e.csv", "empty"),
        (b"\n\n", "e.csv", "empty"),
        (b"sku|title\nA|B\n", "e.csv", "--map sku=COLUMN"),
        (b"sku,name\nA,B\n", "e.csv", "--map title=COLUMN"),
        (b"sku,title,Title\nA,B,C\n", "e.csv", "twice"),
        (b"sku,title\nA,B\xe9\n", "e.csv", "not UTF-8"),
        ("sku,title\nA,B\n".encode("utf-16"), "e.csv", "not UTF-8"),
        (b"sku,title\nA,B\n", "e.csv.gz", "not gzip"),
        (gzip.compress(b"sku,title\nA,B\n" * 5000)[:-20], "e.csv.gz", "not a whole gzip"),
        (b'sku,title\nA,"' + b"never closed\n" * 20000, "e.csv", "quote"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name_and_leaves_nothing(
    session: UnitOfWork, load: Callable[..., ImportResult], content: Any, name: str, says: str
) -> None:
    with pytest.raises(BadInput, match=says) as refusal:
        load("products", content, name=name)
    assert name in str(refusal.value)
    assert load("products", "sku,title\nZ,Still working\n").inserted == 1
    assert session.scalar(select(func.count()).select_from(Product)) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"mapping": {"colour": "sku"}}, "no field colour"),
        ({"mapping": {"price": "cost"}}, 'no column "cost"'),
        ({"defaults": {"colour": "red"}}, "no field colour"),
        ({"defaults": {"currency": "EURO"}}, "default of currency"),
    ],
)
def test_mapping_and_defaults_that_do_not_fit_are_refused(
    load: Callable[..., ImportResult], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        load("products", "sku,title\nA,B\n", **options)


def test_no_such_file_and_no_such_kind(
    session: UnitOfWork, keyring: KeyRing, now: datetime, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.csv"):
        import_file(session, "products", Path(tmp_path / "nowhere.csv"), keyring, {}, {}, now)
    with pytest.raises(BadInput, match="kinds are"):
        import_file(session, "people", tmp_path, keyring, {}, {}, now)  # type: ignore[arg-type]
    with pytest.raises(BadInput):
        import_file(session, "products", tmp_path, keyring, {}, {}, now)


def test_a_file_that_breaks_off_leaves_nothing_of_itself(
    session: UnitOfWork, load: Callable[..., ImportResult]
) -> None:
    good = b"".join(b"C%d,c%d@shop.example\n" % (n, n) for n in range(3000))
    with pytest.raises(BadInput, match="UTF-8"):
        load("customers", b"external_id,email\n" + good + b"X,\xff@shop.example\n")
    assert session.scalar(select(func.count()).select_from(Customer)) == 0


def test_sql_in_cells_is_only_text(session: UnitOfWork, shop: Callable[..., ImportResult]) -> None:
    attack = "x'); drop table order_lines; --"
    shop("products", f'sku,title\n"{attack}","{attack} \\. \\N\t{{}} :now %(a)s"\n')
    result = shop("orders", f'order_id,customer_id,sku,ordered_at\n"{attack}",C1,"{attack}",2026-01-01\n')
    assert result.inserted == 1
    found = session.scalars(select(OrderLine).where(OrderLine.order_id == attack)).one()
    title = session.get_one(Product, found.product_id).title
    assert title == f"{attack} \\. \\N {{}} :now %(a)s"


def test_reading_is_a_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first row is there before the second one is read."""
    path = tmp_path / "p.csv"
    path.write_text("sku,title\n" + "".join(f"S{n},T{n}\n" for n in range(200_000)))

    with import_rows.open_csv(path) as file:
        rows = file.values(plan_columns("products", file.header, {}, {}, "p.csv"), import_rows.ErrorList())
        assert next(rows) == [2, "S0", "T0"]
        assert file.rows_read == 1


@pytest.mark.parametrize(
    "address",
    [
        "a@b.example",
        "o'neil@shop.example",
        "first.last+tag@sub.shop.co.uk",
        "{a}!#$%&'*+-/=?^_`|~@shop.example",
        "x@bücher.example",
        "x@xn--bcher-kva.example",
        "x@почта.example",
    ],
)
def test_real_addresses_pass_and_a_mail_can_be_made_for_them(address: str) -> None:
    envelope = replace(ENVELOPE, to_address=read.email(address))
    assert b"\r\nTo: " in b"\r\n" + build_message(
        WireMail("Hi", "Hi"), envelope, FixedClock(datetime(2026, 4, 2, tzinfo=UTC))
    )


@pytest.mark.parametrize(
    "address", ["søren@shop.example", "\N{KELVIN SIGN}ari@shop.example", "ａnna@shop.example", "ſ@b.example"]
)
def test_an_address_that_no_mail_can_be_made_for_is_refused_with_what_to_do(address: str) -> None:
    with pytest.raises(ValueError, match=r"before the @ .*SMTPUTF8.*; give an address") as refused:
        read.email(address)
    assert address not in str(refused.value)


@given(st.text(max_size=60) | st.from_regex(r"[\w.@+'-]{1,30}@[\w.-]{1,30}", fullmatch=True))
def test_the_fast_path_accepts_nothing_that_the_library_refuses(address: str) -> None:

    if read._PLAIN_ADDRESS.fullmatch(address.strip()) and len(address.strip()) <= 254:
        try:
            validate_email(address.strip(), check_deliverability=False)
        except EmailNotValidError as error:
            pytest.fail(f"{address!r}: {error}")


@given(st.text(max_size=40))
def test_no_cell_breaks_a_converter(cell: str) -> None:

    for fields in FIELDS.values():
        for field in fields:
            try:
                field.read(cell)
            except ValueError as error:
                assert str(error)


def test_a_picture_that_is_a_path_is_remarked_and_lands(load: Callable[..., ImportResult]) -> None:
    rows = "sku,title,image_url\nP1,One,pictures/one.jpg\nP2,Two,https://shop.example/two.jpg\nP3,Three,\n"
    told = load("products", rows)
    assert (told.inserted, told.skipped, told.remarked) == (3, 0, 1)
    [remark] = told.remarks
    assert remark.line == 2 and "pictures/one.jpg" in remark.reason and "https://" in remark.reason


@pytest.mark.parametrize("sign", [";", "\t"])
def test_spreadsheets_part_columns_by_other_signs_too(load: Callable[..., ImportResult], sign: str) -> None:
    rows = [
        ["external_id", "email", "first_name"],
        ["C1", "c1@shop.example", '"Ada, of old"'],
        ["C2", "c2", ""],
    ]
    told = load("customers", "\n".join(sign.join(row) for row in rows))
    assert (told.inserted, told.skipped) == (1, 1) and told.errors[0].line == 3
    bad = load("customers", f"external_id{sign}email\nC3\n")
    assert "semicolon" in bad.errors[0].reason
