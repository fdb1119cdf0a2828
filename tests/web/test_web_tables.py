"""Tables as words and as CSV: nothing that a spreadsheet would run, and numbers that stay numbers."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, datetime

import pytest

from web.console.tables import Column, Table, as_csv, as_zip, percent, shown

RATE = {"n": 3, "of": 10, "share": 0.3, "low": 0.1078, "high": 0.6032}


def rows_of(table: Table) -> list[list[str]]:
    return list(csv.reader(io.StringIO(as_csv(table))))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_text_is_no_formula(text: str) -> None:
    table = Table("t", "", (Column(text), Column("n", "number")), [[text, -3], ["fine", 4]])
    head, first, second = rows_of(table)
    assert head[0] == f"'{text}" and first[0] == f"'{text}"
    assert first[1] == "-3", "a number is not text"
    assert second == ["fine", "4"]


def test_rates_and_estimates_have_a_column_each() -> None:
    table = Table(
        "t", "", (Column("What"), Column("Share", "rate"), Column("More", "estimate", "EUR")),
        [["a", RATE, {"mean": -1.5, "low": -2.0, "high": None}], ["b", None, 7]],
    )  # fmt: skip
    head, first, second = rows_of(table)
    assert head == ["What", *(f"Share: {name}" for name in ("n", "of", "share", "low", "high")), "More (EUR)", "More (EUR): low", "More (EUR): high"]  # fmt: skip
    assert first == ["a", "3", "10", "0.3", "0.1078", "0.6032", "-1.5", "-2.0", ""]
    assert second == ["b", "", "", "", "", "", "7.0", "", ""]


def test_what_people_read() -> None:
    assert shown(Column("", "rate"), RATE) == "30.0 % (10.8 to 60.3)"
    assert shown(Column("", "rate"), {**RATE, "share": None}) == "–"
    assert shown(Column("", "money", "EUR"), {"mean": 1234.5, "low": -1.0, "high": 2000}) == "1,234.50 (-1.00 to 2,000.00) EUR"  # fmt: skip
    assert shown(Column("", "estimate"), {"mean": 2.0, "low": None, "high": None}) == "2 (unsure)"
    assert (percent(0.0004), percent(0.0), percent(0.123)) == ("0.04 %", "0.0 %", "12.3 %")


def test_the_archive_has_a_file_a_table() -> None:
    tables = [Table(key, "", (Column("a"),), [["x"]]) for key in ("one", "two")]
    with zipfile.ZipFile(io.BytesIO(as_zip(tables, datetime(2026, 1, 1, tzinfo=UTC)))) as archive:
        assert archive.namelist() == ["one.csv", "two.csv"]
        assert archive.read("two.csv") == b"a\r\nx\r\n"
