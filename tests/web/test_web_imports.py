"""The import wizard in the console, and how large a body is taken from whom."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from form_fields import form_fields, with_fields
from sqlalchemy import delete, select
from web_story import Story

from campaigns.models import Customer, FileImport
from web.app import LARGEST_BODY

IMPORTS = "/console/imports/"
FILE = "id,E-mail,Land\nX1,x1@import.example,NO\nX2,not one,NO\n=1+1,x3@import.example,NO\nX4,x4@import.example,SE\n"


@pytest.fixture(autouse=True)
def no_files(story: Story) -> Any:
    """What one test sends must not be in the next one's list."""
    yield
    with story.runtime.db.transaction() as session:
        session.execute(delete(FileImport))
        session.execute(delete(Customer).where(Customer.external_id.in_(["X1", "X4", "=1+1"])))


def send(client: FlaskClient, content: str | bytes, name: str = "people.csv", kind: str = "customers") -> Any:
    body = content if isinstance(content, bytes) else content.encode()
    data = {"kind": kind, "file": (io.BytesIO(body), name)}
    return client.post(IMPORTS, data=data, content_type="multipart/form-data")


def test_the_wizard_from_file_to_customers(signed_in: FlaskClient, story: Story) -> None:
    answer = send(signed_in, FILE)
    assert answer.status_code == 302
    own = answer.headers["Location"]
    page = signed_in.get(own).get_data(as_text=True)
    fields = form_fields(page)
    assert ("column.email", "E-mail") in fields and ("column.country", "Land") in fields
    assert "x1@import.example" in page, "the first rows are shown"
    assert signed_in.post(f"{own}/check", data=with_fields(fields)).status_code == 302
    page = signed_in.get(own).get_data(as_text=True)
    assert "Trying it out" in page and 'http-equiv="refresh"' in page
    assert signed_in.get(f"{own}/standing").status_code == 200
    story.runtime.file_imports.work()
    assert signed_in.get(f"{own}/standing").status_code == 205
    page = signed_in.get(own).get_data(as_text=True)
    assert "What it would do" in page and "Import 3 rows" in page
    assert re.search(r'<th scope="row" class="n">3</th><td dir="auto">email is not', page)
    listed = signed_in.get(f"{own}/errors.csv").get_data().decode("utf-8-sig")
    assert listed.splitlines()[0] == "line,reason" and listed.splitlines()[1].startswith("3,email is not")
    signed_in.post(f"{own}/import")
    story.runtime.file_imports.work()
    page = signed_in.get(own).get_data(as_text=True)
    assert "Imported" in page and "The file itself is removed" in page
    with story.runtime.db.transaction() as session:
        assert session.scalar(select(Customer.country).where(Customer.external_id == "X4")) == "SE"
    assert "people.csv" in signed_in.get(IMPORTS).get_data(as_text=True)


def test_wrong_columns_are_shown_beside_what_was_chosen(signed_in: FlaskClient, story: Story) -> None:
    own = send(signed_in, FILE).headers["Location"]
    fields = form_fields(signed_in.get(own).get_data(as_text=True))
    changed = {**with_fields(fields), "column.external_id": "", "default.city": "Oslo"}
    answer = signed_in.post(f"{own}/check", data=changed)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 400 and "need a column external_id" in html
    assert ("default.city", "Oslo") in form_fields(html)
    assert signed_in.post(f"{own}/discard").status_code == 302
    assert "removed without importing" in signed_in.get(own).get_data(as_text=True)


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        ("", "a.csv", "a.csv is empty"),
        ("é".encode("latin-1") * 9, "a.csv", "is not UTF-8"),
        ("a,b", "", "Choose a file first"),
    ],
)
def test_what_cannot_be_read_is_said_on_the_same_page(
    signed_in: FlaskClient, content: str | bytes, name: str, words: str
) -> None:
    answer = send(signed_in, content, name)
    assert answer.status_code == 400 and words in answer.get_data(as_text=True)
    assert "Say what is in the file" in send(signed_in, FILE, kind="secrets").get_data(as_text=True)


def test_a_large_file_is_taken_from_authors_alone(
    signed_in: FlaskClient, app: Flask, role: Any, story: Story
) -> None:
    large = FILE + "".join(f"X{n},x{n}@import.example,NO\n" for n in range(5, 40_000))
    assert len(large) > LARGEST_BODY
    assert send(signed_in, large).status_code == 302
    assert send(app.test_client(), large).status_code in (302, 400, 413)
    role("viewer")
    assert send(signed_in, large).status_code in (403, 413)
    assert signed_in.get(IMPORTS).status_code == 403
    with story.runtime.db.transaction() as session:
        assert len(session.scalars(select(FileImport.id)).all()) == 1


def test_a_stranger_may_not_even_send_much(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    stranger = app.test_client()
    assert send(stranger, "x" * (LARGEST_BODY + 100)).status_code == 413
    assert send(stranger, FILE).status_code == 400, "no CSRF token"


def test_more_than_the_setting_is_refused_with_its_number(
    signed_in: FlaskClient, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(story.runtime.settings, "import_megabytes", 1)
    answer = send(signed_in, FILE + "x" * 3_000_000)
    html = answer.get_data(as_text=True)
    assert answer.status_code == 400 and "3 MB large" in html and "at most 1 MB" in html


def test_other_forms_stay_small(signed_in: FlaskClient) -> None:
    data = {"s:match": "all", "name": "x" * (LARGEST_BODY + 1)}
    assert signed_in.post("/console/segments/new", data=data).status_code == 413
