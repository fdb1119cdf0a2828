"""The pages of people and the audit log, and one's own account, as browsers use them."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_people import csrf, log_in, press, signed_in_as
from web_story import NAME, PASSWORD, Story

from campaigns.models import Role
from campaigns.runtime import Runtime
from web.app import create_app

OTHER_PASSWORD = "lingon and cloudberry"


@pytest.fixture
def admin(app: Flask, signed_in: FlaskClient) -> FlaskClient:
    """An admin, with CSRF tokens asked for."""
    app.config["WTF_CSRF_ENABLED"] = True
    return signed_in


def link_in(page: str) -> str:
    found = re.search(r"<code class=\"once\"[^>]*>[^<]*(/console/welcome/[^<]+)</code>", page)
    assert found, page
    return found[1]


def number_of(story: Story, name: str) -> int:
    return next(one.number for one in story.runtime.people.list() if one.name == name)


def set_up_app(client: FlaskClient, story: Story, number: int) -> tuple[pyotp.TOTP, list[str]]:
    """Set up a second factor by its page; the app and the recovery codes."""
    page = client.get("/console/account/second-factor").get_data(as_text=True)
    secret = re.search(r"<code class=\"once\">([A-Z2-7 ]+)</code>", page)
    assert secret
    app = pyotp.TOTP(secret[1].replace(" ", ""))
    # The code of the step before: that of now stays for the sign-in that follows.
    code = app.at(datetime.now(UTC).timestamp() - 30)
    status, page = press(
        client, "/console/account/second-factor", "/console/account/second-factor", code=code
    )
    assert status == 200
    return app, re.findall(r"<li>(\w{4}-\w{4}-\w{4}-\w{4})</li>", page)


def test_an_invitation_from_the_page_to_the_first_sign_in(
    app: Flask, admin: FlaskClient, story: Story
) -> None:
    status, page = press(admin, "/console/people", "/console/people", name="Tove", role="author")
    assert status == 200
    link = link_in(page)
    assert link not in admin.get("/console/people").get_data(as_text=True), "it is shown once"
    tove = app.test_client()
    assert "Hello, Tove" in tove.get(link).get_data(as_text=True)
    wrong = {"password": "short", "again": "short", "csrf_token": csrf(tove, link)}
    answer = tove.post(link, data=wrong)
    assert answer.status_code == 400 and "10 to 200 characters" in answer.get_data(as_text=True)
    form = {"password": PASSWORD, "again": PASSWORD, "csrf_token": csrf(tove, link)}
    assert tove.post(link, data=form).headers["Location"] == "/console/"
    assert tove.get("/console/").status_code == 200
    ended = app.test_client().get(link)
    assert ended.status_code == 404 and "This link has ended" in ended.get_data(as_text=True)


def test_what_is_wrong_with_an_invitation_is_said_and_what_was_typed_stays(admin: FlaskClient) -> None:
    status, page = press(admin, "/console/people", "/console/people", name="scheduler", role="approver")
    assert status == 400
    assert "stands for a program" in page and 'value="scheduler"' in page
    assert re.search(r"<input checked[^>]*value=\"approver\"", page)
    status, page = press(admin, "/console/people", "/console/people", name=NAME.upper(), role="viewer")
    assert status == 400 and "called OLA already" in page
    assert press(admin, "/console/people", "/console/people", name="Eva", role="owner")[0] == 400


def test_an_admin_helps_and_locks_out(app: Flask, admin: FlaskClient, story: Story) -> None:
    tove = signed_in_as(app, story, "Tove", Role.AUTHOR)
    page = f"/console/people/{number_of(story, 'Tove')}"
    assert "Tove is approver now" in press(admin, f"{page}/role", page, role="approver")[1]
    assert tove.get("/console/audit").status_code == 200
    assert "signed out everywhere" in press(admin, f"{page}/sign-out", page)[1]
    assert tove.get("/console/").status_code == 302
    link = link_in(press(admin, f"{page}/reset", page)[1])
    assert log_in(app.test_client(), "Tove")[0] == 401
    assert app.test_client().get(link).status_code == 200
    assert "opens nothing any more" in press(admin, f"{page}/withdraw", page)[1]
    assert app.test_client().get(link).status_code == 404
    assert "is switched off" in press(admin, f"{page}/off", page)[1]
    assert "is switched on" in press(admin, f"{page}/on", page)[1]


def test_the_last_admin_is_told_so(admin: FlaskClient, story: Story) -> None:
    page = f"/console/people/{number_of(story, NAME)}"
    for path, fields in ((f"{page}/off", {}), (f"{page}/role", {"role": "viewer"}), (f"{page}/reset", {})):
        status, said = press(admin, path, page, **fields)
        assert status == 409 and "last admin" in said
    assert admin.get("/console/people").status_code == 200


def test_signing_out_everywhere_keeps_oneself_here(app: Flask, admin: FlaskClient, story: Story) -> None:
    elsewhere = app.test_client()
    assert log_in(elsewhere, NAME)[0] == 302
    assert press(admin, "/console/account/sessions/end")[0] == 200
    assert elsewhere.get("/console/").status_code == 302
    assert admin.get("/console/").status_code == 200


def test_own_password(app: Flask, admin: FlaskClient) -> None:
    change = "/console/account/password"
    status, page = press(admin, change, old="wrong", password=OTHER_PASSWORD, again=OTHER_PASSWORD)
    assert status == 400 and "This is not your password" in page
    status, page = press(admin, change, old=PASSWORD, password=OTHER_PASSWORD, again="something else")
    assert status == 400 and "not the same" in page
    assert press(admin, change, old=PASSWORD, password=OTHER_PASSWORD, again=OTHER_PASSWORD)[0] == 200
    assert log_in(app.test_client(), NAME)[0] == 401
    assert log_in(app.test_client(), NAME, OTHER_PASSWORD)[0] == 302


def test_a_second_factor_from_the_page_to_the_sign_in(app: Flask, admin: FlaskClient, story: Story) -> None:
    drawn = admin.get("/console/account/second-factor.svg")
    assert drawn.mimetype == "image/svg+xml" and b"style=" not in drawn.data
    phone, codes = set_up_app(admin, story, number_of(story, NAME))
    assert len(codes) == 10
    elsewhere = app.test_client()
    assert log_in(elsewhere, NAME) == (302, "/console/login/code")
    assert elsewhere.get("/console/").status_code == 302, "the password alone opens nothing"
    token = csrf(elsewhere, "/console/login/code")
    assert elsewhere.post("/console/login/code", data={"code": "123", "csrf_token": token}).status_code == 401
    now = phone.at(datetime.now(UTC))
    let_in = elsewhere.post("/console/login/code", data={"code": now, "csrf_token": token})
    assert (let_in.status_code, let_in.headers["Location"]) == (302, "/console/")
    by_recovery = app.test_client()
    log_in(by_recovery, NAME, path="/console/login?next=/console/audit")
    token = csrf(by_recovery, "/console/login/code")
    let_in = by_recovery.post("/console/login/code", data={"code": codes[0], "csrf_token": token})
    assert (let_in.status_code, let_in.headers["Location"]) == (302, "/console/audit")
    remove = "/console/account/second-factor/remove"
    assert press(by_recovery, remove, **{"remove-old": "wrong"})[0] == 400
    assert press(by_recovery, remove, **{"remove-old": PASSWORD})[0] == 200
    assert log_in(app.test_client(), NAME)[1] == "/console/"


def test_wrong_codes_are_counted_by_account(app: Flask, admin: FlaskClient, story: Story) -> None:
    set_up_app(admin, story, number_of(story, NAME))
    answers = []
    for n in range(7):
        # Each from an address of its own, and with a sign-in of its own.
        other = app.test_client()
        other.environ_base["REMOTE_ADDR"] = f"192.0.2.{n + 1}"
        assert log_in(other, NAME)[0] == 302
        form = {"code": "000000", "csrf_token": csrf(other, "/console/login/code")}
        answers.append(other.post("/console/login/code", data=form).status_code)
    assert answers == [401] * 5 + [429] * 2


def test_wrong_passwords_are_counted_by_name_from_wherever_they_come(app: Flask, admin: FlaskClient) -> None:
    def attempt(n: int, name: str, password: str) -> int:
        other = app.test_client()
        other.environ_base["REMOTE_ADDR"] = f"192.0.2.{n + 1}"
        return log_in(other, name, password)[0]

    assert attempt(0, NAME, PASSWORD) == 302
    assert [attempt(n, NAME.upper(), "a guess") for n in range(10)] == [401] * 10
    assert attempt(11, NAME, "a guess") == 429
    assert attempt(12, NAME, PASSWORD) == 429, "whoever guesses right now must not learn it"
    # A name that nobody has is answered the same way.
    assert [attempt(n, "nobody", "a guess") for n in range(11)] == [401] * 10 + [429]


@pytest.mark.parametrize(("required", "role", "asked"), [
    ("none", Role.ADMIN, False), ("approvers", Role.AUTHOR, False),
    ("approvers", Role.APPROVER, True), ("all", Role.VIEWER, True),
])  # fmt: skip
def test_who_must_have_a_second_factor_sets_it_up_before_anything_else(
    story: Story, admin: FlaskClient, required: str, role: Role, asked: bool
) -> None:
    settings = story.runtime.settings.model_copy(update={"require_totp": required})
    strict = Runtime(settings, story.runtime.jobs)
    client = signed_in_as(create_app(strict), story, f"A {role}", role)
    answer = client.get("/console/")
    if not asked:
        assert answer.status_code == 200
        return
    assert answer.headers["Location"] == "/console/account/second-factor"
    approve = client.post(
        f"/console/campaigns/{story.draft}/approve", data={"csrf_token": csrf(client, "/console/account")}
    )
    assert approve.headers["Location"] == "/console/account/second-factor"
    assert "needs a second factor" in client.get("/console/account/second-factor").get_data(as_text=True)
    set_up_app(client, story, number_of(story, f"A {role}"))
    assert client.get("/console/").status_code == 200
    strict.close()


def test_the_audit_log_is_filtered_by_addresses_that_name_nobody(
    app: Flask, admin: FlaskClient, story: Story
) -> None:
    signed_in_as(app, story, "Tove", Role.AUTHOR)
    page = admin.get("/console/audit").get_data(as_text=True)
    handle = re.search(r"<option value=\"(\w+)\">Tove</option>", page)
    assert handle and "Tove" not in handle[1]
    page = admin.get(f"/console/audit?by={handle[1]}&action=person").get_data(as_text=True)
    whos = re.findall(r"<th scope=\"row\">([^<]+)</th>", page)
    assert set(whos) == {"Tove"}
    page = admin.get("/console/audit?from=soon&action=nothing").get_data(as_text=True)
    assert "is not a day such as" in page and "Nothing found" in page


def test_the_audit_log_as_csv_is_no_formula(app: Flask, admin: FlaskClient, story: Story) -> None:
    story.runtime.people.invite("=cmd|' /C calc'!A0", Role.VIEWER, "=1+1")
    answer = admin.get("/console/audit.csv?action=person.invited")
    assert answer.mimetype == "text/csv"
    rows = list(csv.reader(io.StringIO(answer.get_data(as_text=True))))
    assert rows[0] == ["at", "by", "action", "subject", "detail"]
    assert rows[1][1] == "'=1+1"
    assert all(not cell.startswith(("=", "+", "@")) for row in rows for cell in row)
