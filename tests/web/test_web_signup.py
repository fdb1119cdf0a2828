"""Signing up: asking, confirming, and what neither of them tells."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from campaigns.audience.consent import history, states, withdraw_all
from campaigns.audience.customers import find_by_address
from campaigns.audience.suppression import is_suppressed, sealed_address, suppress
from campaigns.core.clock import FixedClock
from campaigns.models import Customer, Favourite, Signup
from campaigns.runtime import Runtime
from tests.signup_story import BRAND, a_form, filled, link_in, mails_to, make_form, sign_up, waiting
from web.app import create_app
from web.public.words import purposes_in

NEWCOMER = "astrid@newcomers.example"


@pytest.fixture
def client(runtime: Runtime) -> FlaskClient:
    """Somebody without a session, before an empty shop."""
    app = create_app(runtime)
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app.test_client()


def granted(runtime: Runtime, address: str) -> frozenset[str]:
    with runtime.db.transaction() as session:
        customer = find_by_address(session, runtime.keyring, address)
        return states(session, [customer.id])[customer.id] if customer else frozenset()


def a_customer(runtime: Runtime, address: str, tmp_name: str = "C-1") -> int:
    """Somebody whom the shop imported, and who was never asked."""
    with runtime.db.transaction() as session:
        columns = sealed_address(session, runtime.keyring, address)
        customer = Customer(external_id=tmp_name, locale="de_AT", first_name="Anna", **columns)
        session.add(customer)
        session.flush()
        return customer.id


def test_the_form_speaks_the_language_of_the_browser_or_of_the_link(
    runtime: Runtime, client: FlaskClient
) -> None:
    path = make_form(runtime)
    german = client.get(path, headers={"Accept-Language": "de-CH,de;q=0.9"}).text
    assert "Post aus den Bergen" in german and '<html lang="de">' in german and "Werbe-E-Mails" in german
    assert "Letters from the fells" in client.get(path, headers={"Accept-Language": "fr"}).text
    assert "Post aus den Bergen" in client.get(f"{path}?lang=de").text
    assert "checked" not in german, "no box may be ticked beforehand"


def test_a_newcomer_counts_only_after_pressing_the_button(runtime: Runtime, client: FlaskClient) -> None:
    make_form(runtime)
    path = sign_up(runtime, client, purpose=["marketing", "profiling"], first_name="Astrid")
    assert granted(runtime, NEWCOMER) == frozenset()

    asked = client.get(path)
    assert asked.status_code == 200 and f"Do you want mails from {BRAND.replace('&', '&amp;')}?" in asked.text
    assert NEWCOMER not in asked.text
    with runtime.db.transaction() as session:
        assert session.scalars(select(Customer)).all() == [], "a GET, as of a link scanner, changes nothing"

    assert "You are signed up" in client.post(path).text
    with runtime.db.transaction() as session:
        customer = find_by_address(session, runtime.keyring, NEWCOMER)
        assert customer is not None
        signup = session.scalars(select(Signup)).one()
        assert (customer.external_id, customer.first_name, customer.locale) == (
            f"signup-{signup.id}",
            "Astrid",
            "en",
        )
        assert customer.email_domain_hmac is not None
        entries = history(session, customer.id)
        assert {entry.purpose for entry in entries} == {"marketing", "profiling"}
        said = runtime.signup_forms.get("news").said("en")
        for entry in entries:
            assert entry.action == "granted" and entry.source == "form:news"
            assert entry.at == signup.confirmed_at
            assert entry.wording == ". ".join(said.purposes[entry.purpose])
            assert entry.wording_version == said.version == signup.wording_version
            evidence = json.loads(entry.evidence)
            assert evidence == {
                "form": "news",
                "language": "en",
                "asked_at": signup.asked_at.isoformat(),
                "confirmed_at": entry.at.isoformat(),
            }


def test_pressing_twice_changes_nothing(runtime: Runtime, client: FlaskClient) -> None:
    make_form(runtime)
    path = sign_up(runtime, client)
    first, second = client.post(path), client.post(path)
    assert first.status_code == second.status_code == 200
    assert first.text == second.text
    with runtime.db.transaction() as session:
        customer = session.scalars(select(Customer)).one()
        assert len(history(session, customer.id)) == 1


def test_what_was_withdrawn_since_is_not_granted_by_pressing_again(
    runtime: Runtime, client: FlaskClient
) -> None:
    make_form(runtime)
    path = sign_up(runtime, client)
    client.post(path)
    with runtime.db.transaction() as session:
        withdraw_all(session, session.scalars(select(Customer.id)).one(), "test", runtime.clock.now())
    client.post(path)
    assert granted(runtime, NEWCOMER) == frozenset()


def test_an_old_link_makes_nobody_anew(runtime: Runtime, client: FlaskClient) -> None:
    make_form(runtime)
    path = sign_up(runtime, client)
    client.post(path)
    with runtime.db.transaction() as session:
        moved = sealed_address(session, runtime.keyring, "moved@newcomers.example")
        session.execute(update(Customer).values(**moved))
    assert "This link is too old" in client.post(path).text
    with runtime.db.transaction() as session:
        assert len(session.scalars(select(Customer)).all()) == 1


def test_a_known_customer_is_found_and_keeps_what_is_known(runtime: Runtime, client: FlaskClient) -> None:
    make_form(runtime)
    number = a_customer(runtime, NEWCOMER)
    client.post(sign_up(runtime, client, email="Astrid@Newcomers.Example", first_name="Mallory"))
    with runtime.db.transaction() as session:
        customer = session.scalars(select(Customer)).one()
        assert (customer.id, customer.first_name, customer.locale) == (number, "Anna", "de_AT")
    assert granted(runtime, NEWCOMER) == {"marketing"}


def test_the_preference_page_of_the_welcome_works(runtime: Runtime, client: FlaskClient) -> None:
    make_form(runtime)
    welcome = client.post(sign_up(runtime, client)).text
    path = welcome.split('href="/p/')[1].split('"')[0]
    page = client.get(f"/p/{path}")
    assert page.status_code == 200 and 'value="marketing" checked' in page.text.replace("\n", " ")


@pytest.mark.parametrize("reason", ["unsubscribed", "erased"])
def test_who_left_comes_back_by_confirming_only(runtime: Runtime, client: FlaskClient, reason: str) -> None:
    make_form(runtime)
    with runtime.db.transaction() as session:
        suppress(session, runtime.keyring, NEWCOMER, reason, "test", runtime.clock.now())
    path = sign_up(runtime, client)
    with runtime.db.transaction() as session:
        assert is_suppressed(session, runtime.keyring, NEWCOMER)
    client.post(path)
    with runtime.db.transaction() as session:
        assert not is_suppressed(session, runtime.keyring, NEWCOMER)
    assert granted(runtime, NEWCOMER) == {"marketing"}


def test_an_erased_customer_returns_as_a_new_one(runtime: Runtime, client: FlaskClient) -> None:
    make_form(runtime)
    old = a_customer(runtime, NEWCOMER)
    runtime.rights.erase(NEWCOMER)
    client.post(sign_up(runtime, client))
    with runtime.db.transaction() as session:
        customer = find_by_address(session, runtime.keyring, NEWCOMER)
        assert customer is not None and customer.id != old


def test_a_link_that_is_too_old_says_so_kindly(runtime: Runtime, client: FlaskClient) -> None:
    make_form(runtime, confirm_hours=2)
    path = sign_up(runtime, client)
    runtime.signing_up._clock = FixedClock(runtime.clock.now() + timedelta(hours=2, minutes=1))
    for answer in (client.get(path), client.post(path)):
        assert answer.status_code == 200 and "This link is too old" in answer.text
    assert granted(runtime, NEWCOMER) == frozenset()
    assert runtime.signing_up.forget_expired() == 1
    assert waiting(runtime) == 0
    assert "This link is too old" in client.get(path).text


@pytest.mark.parametrize("harm", ["forged", "other form", "preferences token"])
def test_a_link_that_is_none_of_ours_confirms_nothing(
    runtime: Runtime, client: FlaskClient, harm: str
) -> None:
    make_form(runtime)
    make_form(runtime, "other")
    path = sign_up(runtime, client)
    wrong = {
        "forged": path[:-1] + ("A" if path[-1] != "A" else "E"),
        "other form": path.replace("/s/news/", "/s/other/"),
        "preferences token": "/s/news/" + runtime.signer.sign("preferences", 0, 1, 0),
    }[harm]
    answer = client.post(wrong)
    assert answer.status_code == (200 if harm == "other form" else 404)
    assert granted(runtime, NEWCOMER) == frozenset()


def test_favourites_are_kept_with_profiling_and_only_those_that_were_offered(
    shop: Runtime, client: FlaskClient
) -> None:
    make_form(shop, favourites={"categories": ["Boots", "Hats"], "products": ["JKT-01"]})
    liked: dict[str, Any] = {"category": ["Boots", "Nonsense"], "product": ["JKT-01", "TNT-01"]}
    assert "Boots" in client.get("/s/news").text
    client.post(sign_up(shop, client, purpose=["marketing", "profiling"], **liked))
    client.post(sign_up(shop, client, email="bo@newcomers.example", **liked))
    with shop.db.transaction() as session:
        kept = session.execute(select(Favourite.kind, Favourite.value).order_by(Favourite.kind)).all()
        assert [tuple(row) for row in kept] == [("category", "Boots"), ("product", "JKT-01")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"email": "not an address"}, "does not look like an e-mail address"),
        ({"email": ""}, "does not look like an e-mail address"),
        ({"purpose": ["profiling"]}, "Please tick the first box"),
        ({"purpose": ["marketing", "open_location"]}, "wording of this form has changed"),
        ({"first_name": "A" * 81}, "too long"),
        ({"version": "0123456789abcdef"}, "wording of this form has changed"),
    ],
)
def test_what_does_not_fit_is_told_and_what_was_typed_is_kept(
    runtime: Runtime, client: FlaskClient, changes: dict[str, Any], words: str
) -> None:
    make_form(runtime)
    answer = client.post("/s/news", data=filled(runtime, **changes))
    assert answer.status_code == 400 and words in answer.text
    assert str(changes.get("email", NEWCOMER)) in answer.text
    assert waiting(runtime) == 0 and mails_to(runtime, "") == []


def test_an_embedded_form_of_an_older_wording_records_what_was_read(
    runtime: Runtime, client: FlaskClient
) -> None:
    make_form(runtime)
    old = filled(runtime)
    changed = runtime.signup_forms.save(
        a_form(wording={"marketing": {"en": "You may write to me daily.", "de": "Täglich, bitte."}}),
        purposes_in,
    )
    assert not changed.created and changed.new_wording
    assert client.post("/s/news", data=old).status_code == 200
    client.post(link_in(mails_to(runtime, NEWCOMER)[0]))
    with runtime.db.transaction() as session:
        entry = history(session, session.scalars(select(Customer.id)).one())[0]
    assert "daily" not in entry.wording and entry.wording_version == old["version"]
    same = runtime.signup_forms.save(a_form(confirm_hours=12), purposes_in)
    assert same.versions["en"] == old["version"] and not same.new_wording


def test_a_program_that_fills_in_everything_reaches_nobody(runtime: Runtime, client: FlaskClient) -> None:
    make_form(runtime)
    real = client.post("/s/news", data=filled(runtime))
    trapped = client.post(
        "/s/news", data=filled(runtime, email="b@newcomers.example", website="http://spam.example")
    )
    assert (trapped.status_code, trapped.text) == (real.status_code, real.text)
    assert waiting(runtime) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://mail.test"}, 200),
        ({"Origin": "https://shop.example"}, 200),
        ({"Origin": "null"}, 200),
        ({"Origin": "https://evil.example"}, 400),
    ],
)
def test_forms_come_from_our_page_or_from_where_they_are_embedded(
    runtime: Runtime, client: FlaskClient, headers: dict[str, str], status: int
) -> None:
    make_form(runtime, sites=["https://shop.example"])
    assert client.post("/s/news", data=filled(runtime), headers=headers).status_code == status
    assert waiting(runtime) == (1 if status == 200 else 0)


def test_without_sites_another_site_cannot_hide_behind_null(runtime: Runtime, client: FlaskClient) -> None:
    make_form(runtime)
    headers = {"Origin": "null", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/s/news", data=filled(runtime), headers=headers).status_code == 400
    headers["Sec-Fetch-Site"] = "same-origin"
    assert client.post("/s/news", data=filled(runtime), headers=headers).status_code == 200


def test_a_body_too_large_is_not_read(runtime: Runtime, client: FlaskClient) -> None:
    make_form(runtime)
    answer = client.post("/s/news", data=filled(runtime, first_name="x" * 30_000))
    assert answer.status_code == 413 and waiting(runtime) == 0


def test_a_stopped_form_takes_nobody_and_still_confirms(runtime: Runtime, client: FlaskClient) -> None:
    make_form(runtime)
    path = sign_up(runtime, client)
    runtime.signup_forms.stop("news")
    assert client.get("/s/news").status_code == 404
    assert client.post("/s/news", data=filled(runtime, version="x")).status_code == 404
    assert "You are signed up" in client.post(path).text


def test_no_page_may_be_framed_or_sets_a_cookie(runtime: Runtime, client: FlaskClient) -> None:
    make_form(runtime)
    path = sign_up(runtime, client)
    for answer in (client.get("/s/news"), client.get(path), client.post(path)):
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers
