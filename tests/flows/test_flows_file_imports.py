"""Files sent by the console: matched, tried out without a trace, imported once whatever happens, and removed."""

from __future__ import annotations

import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from campaigns.audience import import_rows
from campaigns.audience.import_guessing import guess_columns
from campaigns.core.errors import BadInput, NotFound, Refused
from campaigns.core.locks import FILE_IMPORT_LOCK
from campaigns.models import AuditEntry, Customer, FileImport
from campaigns.runtime import Runtime

HEADER = "Customer Number,E-Mail,First name,Land\n"
ROWS = "".join(f"N{n},n{n}@shop.example,Nora,NO\n" for n in range(20))


def sent(runtime: Runtime, content: str | bytes, name: str = "people.csv", kind: str = "customers") -> int:
    path = runtime.file_imports.place(name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return runtime.file_imports.take(kind, name, path, "Ada")


def matched(runtime: Runtime, number: int) -> None:
    file = runtime.file_imports.get(number)
    runtime.file_imports.check(number, file.mapping, file.defaults, "Ada")


def customers(runtime: Runtime) -> int:
    with runtime.db.transaction() as session:
        return session.scalar(select(func.count()).select_from(Customer)) or 0


def uploads(runtime: Runtime) -> list[Path]:
    folder = runtime.settings.uploads
    return list(folder.iterdir()) if folder.is_dir() else []


@pytest.mark.parametrize(
    ("kind", "header", "expected"),
    [
        ("customers", "id,E-mail address,Vorname,Land", {"external_id": "id", "email": "E-mail address", "first_name": "Vorname", "country": "Land"}),
        ("customers", "email,external_id,id", {"external_id": "external_id", "email": "email"}),
        ("orders", "Invoice,StockCode,Quantity,Price,Customer ID,InvoiceDate", {"order_id": "Invoice", "customer_id": "Customer ID", "sku": "StockCode", "quantity": "Quantity", "unit_price": "Price", "ordered_at": "InvoiceDate"}),
        ("products", "Variant SKU,Title,Vendor,Type,Variant Price", {"sku": "Variant SKU", "title": "Title", "category": "Type", "brand": "Vendor", "price": "Variant Price"}),
        ("consents", ",,", {}),
    ],
)  # fmt: skip
def test_columns_are_told_by_their_names(kind: str, header: str, expected: dict[str, str]) -> None:
    assert guess_columns(kind, header.split(",")) == expected


def test_the_whole_way(runtime: Runtime) -> None:
    files = runtime.file_imports
    number = sent(runtime, HEADER + ROWS + "bad,no address,,\n")
    assert files.get(number).mapping == {
        "external_id": "Customer Number", "email": "E-Mail", "first_name": "First name", "country": "Land",
    }  # fmt: skip
    assert files.peek(number).rows[0] == ("N0", "n0@shop.example", "Nora", "NO")
    matched(runtime, number)
    assert ("import_files", 0) in runtime.jobs.hints  # type: ignore[attr-defined]
    assert files.work() == 1
    checked = files.get(number)
    assert checked.state == "checked" and checked.checked is not None
    assert (checked.checked["inserted"], checked.checked["skipped"]) == (20, 1)
    assert checked.checked["errors"][0]["line"] == 22
    assert customers(runtime) == 0, "trying out leaves nothing behind"
    files.import_(number, "Ada")
    assert files.work() == 1 and files.work() == 0
    done = files.get(number)
    assert done.state == "done" and done.result is not None and done.result["inserted"] == 20
    assert customers(runtime) == 20
    assert uploads(runtime) == [], "the file is removed"
    with pytest.raises(NotFound):
        files.peek(number)
    with pytest.raises(Refused):
        files.import_(number, "Ada")
    with pytest.raises(Refused):
        files.discard(number, "Ada")
    with runtime.db.transaction() as session:
        actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions == ["file.uploaded", "file.check_asked", "file.import_asked", "file.imported"]


def test_the_same_file_again_changes_nothing(runtime: Runtime) -> None:
    for expected in (20, 0):
        number = sent(runtime, HEADER + ROWS)
        matched(runtime, number)
        runtime.file_imports.work()
        runtime.file_imports.import_(number, "Ada")
        runtime.file_imports.work()
        result = runtime.file_imports.get(number).result
        assert result is not None and result["inserted"] == expected
    assert customers(runtime) == 20


def test_a_killed_workers_file_is_begun_again_and_lands_once(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = sent(runtime, HEADER + ROWS)
    matched(runtime, number)
    runtime.file_imports.work()
    runtime.file_imports.import_(number, "Ada")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(runtime.importing, "land", killed)
        runtime.file_imports.work()
    assert runtime.file_imports.get(number).state == "importing"
    assert runtime.file_imports.work() == 1
    assert runtime.file_imports.get(number).state == "done"
    assert customers(runtime) == 20


def test_two_workers_do_not_read_one_file(runtime: Runtime) -> None:
    number = sent(runtime, HEADER + ROWS)
    matched(runtime, number)
    with runtime.db.transaction() as session:
        session.execute(text("select pg_advisory_xact_lock(:a, :b)"), {"a": FILE_IMPORT_LOCK, "b": number})
        assert runtime.file_imports.work() == 0
    assert runtime.file_imports.work() == 1


def test_what_breaks_off_again_and_again_is_given_up(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = sent(runtime, HEADER + ROWS)
    matched(runtime, number)

    def away(session: Any, *_: object, **__: object) -> None:
        session.execute(text("select 1 / 0"))

    monkeypatch.setattr(runtime.importing, "look", away)
    for _ in range(4):
        assert runtime.file_imports.work() == 0
    file = runtime.file_imports.get(number)
    assert file.state == "failed" and "broke off" in file.problem
    assert uploads(runtime) == []


def test_a_file_that_is_gone_is_said(runtime: Runtime) -> None:
    number = sent(runtime, HEADER + ROWS)
    matched(runtime, number)
    uploads(runtime)[0].unlink()
    runtime.file_imports.work()
    assert "no longer there" in runtime.file_imports.get(number).problem


def test_columns_that_do_not_fit_are_refused_and_kept(runtime: Runtime) -> None:
    number = sent(runtime, HEADER + ROWS)
    chosen = {"external_id": "", "email": "E-Mail"}
    with pytest.raises(BadInput, match="need a column external_id"):
        runtime.file_imports.check(number, chosen, {"locale": "en_GB"}, "Ada")
    file = runtime.file_imports.get(number)
    assert file.state == "uploaded" and file.mapping == chosen
    assert "external_id" in file.problem
    assert "--map" not in file.problem


def test_a_column_that_is_left_out_stays_out_whatever_its_name(runtime: Runtime) -> None:
    number = sent(runtime, "external_id,email,city\nA,a@shop.example,Oslo\n")
    runtime.file_imports.check(number, {"city": ""}, {"country": "Norway"}, "Ada")
    runtime.file_imports.work()
    runtime.file_imports.import_(number, "Ada")
    runtime.file_imports.work()
    with runtime.db.transaction() as session:
        row = session.scalars(select(Customer)).one()
        assert (row.city, row.country) == ("", "Norway")


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "a.csv", "is empty"),
        (b"\n\n", "a.csv", "is empty"),
        ("external_id,email\nÅ,x\n".encode("latin-1"), "a.csv", "not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe", "a.csv", "not UTF-8"),
        (b"\x1f\x8b\x08\x00broken", "a.csv.gz", "not a whole gzip file"),
        (b"a,b\n", "a.csv.gz", "not gzip"),
        (b"x" * 1_000_002, "a.csv", "longer than"),
    ],
)
def test_what_is_no_csv_file_is_refused_and_removed(
    runtime: Runtime, content: bytes, name: str, words: str
) -> None:
    with pytest.raises(BadInput, match=words) as refusal:
        sent(runtime, content, name)
    assert refusal.value.where == name
    assert uploads(runtime) == []


def test_a_file_that_unpacks_without_end_is_stopped(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="longer than"):
        sent(runtime, gzip.compress(b"\0" * 30_000_000), "bomb.csv.gz")
    monkeypatch.setattr(runtime.file_imports, "_most", 100_000)
    number = sent(runtime, gzip.compress((HEADER + "a,b,c,d\n" * 100_000).encode()), "rows.csv.gz")
    matched(runtime, number)
    runtime.file_imports.work()
    file = runtime.file_imports.get(number)
    assert file.state == "uploaded" and "larger than 100,000 characters" in file.problem


def test_progress_is_told_and_who_discards_stops_the_reading(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_rows, "_TOLD_EACH", 5)
    monkeypatch.setattr("campaigns.flows.shop.file_imports._TOLD_EACH_SECONDS", -1.0)
    number = sent(runtime, HEADER + ROWS)
    matched(runtime, number)
    seen: list[int] = []
    watch = runtime.file_imports._watch

    def watched(*arguments: Any) -> import_rows.Watch:
        real = watch(*arguments)

        def told(rows: int) -> None:
            real.told(rows)
            seen.append(runtime.file_imports.get(number).rows_done)
            if rows == 10:
                runtime.file_imports.discard(number, "Ada")

        return import_rows.Watch(told, real.most_characters)

    monkeypatch.setattr(runtime.file_imports, "_watch", watched)
    runtime.file_imports.work()
    assert seen == [5, 10]
    assert runtime.file_imports.get(number).state == "discarded"
    assert uploads(runtime) == []


def test_old_files_are_forgotten(runtime: Runtime) -> None:
    waiting, done = sent(runtime, HEADER + ROWS), sent(runtime, HEADER + "bad,x,,\n")
    matched(runtime, done)
    runtime.file_imports.work()
    runtime.file_imports.import_(done, "Ada")
    runtime.file_imports.work()
    assert runtime.file_imports.forget_old() == 0
    with runtime.db.transaction() as session:
        for row in session.scalars(select(FileImport)):
            row.changed_at -= timedelta(days=8)
    assert runtime.file_imports.forget_old() == 1
    assert runtime.file_imports.get(waiting).state == "discarded"
    result = runtime.file_imports.get(done).result
    assert result is not None and "errors" not in result and result["skipped"] == 1
    assert uploads(runtime) == []


def test_names_of_files_lead_nowhere_else(runtime: Runtime) -> None:
    number = sent(runtime, HEADER + ROWS, "..\\..\\../etc/people.csv")
    assert runtime.file_imports.get(number).name == "people.csv"
    assert [path.parent for path in uploads(runtime)] == [runtime.settings.uploads]
    with pytest.raises(BadInput):
        sent(runtime, HEADER, kind="suppressions")
