"""A copy of everything for the person, and forgetting them for good."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, select, text

from campaigns.audience import consent
from campaigns.audience.contact import ContactTerms
from campaigns.audience.customers import find, find_by_address, known_by_address
from campaigns.audience.freezing import estimate_audience, freeze_audience
from campaigns.audience.importing import ImportResult
from campaigns.audience.privacy import erase_again, erase_by_id, erase_customer
from campaigns.audience.privacy_export import export_customer
from campaigns.audience.segments import parse_segment
from campaigns.audience.suppression import suppress, suppressed_by
from campaigns.core.crypto import KeyRing
from campaigns.core.db import UnitOfWork
from campaigns.core.errors import NotFound
from campaigns.models import (
    ConsentState,
    ContactPreference,
    CopyCell,
    Customer,
    EngagementState,
    Erasure,
    Event,
    Favourite,
    OrderLine,
    OrderReturn,
    Product,
    Send,
    SendResolution,
    Signal,
    SlotServe,
    WrittenCopyRow,
)
from campaigns.models.copy import salt_of

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)


@pytest.fixture
def known(
    shop: Callable[..., ImportResult],
    session: UnitOfWork,
    grant: Callable[..., None],
    campaign_id: int,
    ids: Callable[[], dict[str, int]],
) -> int:
    """C1 with everything a person can have: orders, consents, a send with copy, a picture, an event."""
    own = ids()["C1"]
    grant("C1", "marketing", "profiling")
    consent.record(session, own, "open_location", "granted", "v1", "web", NOW, evidence="203.0.113.7")
    freeze_audience(session, ContactTerms(campaign_id), parse_segment({"tag": "vip"}), NOW)
    send = session.scalars(select(Send).where(Send.customer_id == own)).one()
    copy = WrittenCopyRow(content_hash="h", fields={"subject": "For Ada"}, writer="offline")
    session.add(copy)
    session.flush()
    send.picks, send.copy_id, send.smtp_reply = (
        [[1, "best_seller", 0, ""]],
        copy.id,
        "250 ok ada@shop.example",
    )
    send.status, send.reason = "failed", 'cannot compose: "Ada" <ada@shop.example> is wrong'
    session.add(
        SendResolution(
            campaign_id=campaign_id,
            send_id=send.id,
            how="person",
            verdict="let_be",
            evidence="Ada called: ada@shop.example is gone",
            by="a colleague",
            at=NOW,
        )
    )
    session.add(
        Event(
            key=f"bounced:{send.id}:7f-ada@shop.example",
            name="bounced",
            campaign_id=campaign_id,
            send_id=send.id,
            at=NOW,
            detail={"reply": "550 no Ada here: ada@shop.example"},
        )
    )
    session.add(
        SlotServe(
            campaign_id=campaign_id,
            send_id=send.id,
            slot=0,
            variant="rain",
            weather="rain",
            signal="home",
            served_at=NOW,
        )
    )
    session.add(
        Event(
            key="k1",
            name="opened",
            campaign_id=campaign_id,
            send_id=send.id,
            at=NOW,
            detail={"city": "Tromsø"},
        )
    )
    seen = session.scalars(select(Product.id).limit(1)).one()
    hat = session.scalars(select(Product.id).where(Product.sku == "H1")).one()
    back = {"key": "R-1", "order_id": "o-1", "customer_id": own, "product_id": hat, "quantity": 1}
    session.add(OrderReturn(**back, returned_at=NOW))
    session.add(Signal(key="session-of-Ada-1", kind="view", customer_id=own, product_id=seen, at=NOW))
    session.flush()
    return own


def exported(session: UnitOfWork, keyring: KeyRing, email: str) -> dict[str, Any]:
    found = export_customer(session, keyring, known_by_address(session, keyring, email), NOW)
    again: dict[str, Any] = json.loads(json.dumps(found))
    return again


def test_the_copy_holds_words_that_are_kept_in_parts(
    session: UnitOfWork, keyring: KeyRing, known: int
) -> None:
    head = WrittenCopyRow(
        content_hash="head", fields={"subject": "For Ada", "intro": "Hi."}, writer="offline"
    )
    lines = [
        WrittenCopyRow(content_hash=text, fields={"product_lines": [text]}, writer="offline")
        for text in ("Warm.", "Just {price_1}.")
    ]
    session.add_all([head, *lines])
    session.flush()
    send = session.scalars(select(Send).where(Send.customer_id == known)).one()
    send.copy_id = head.id
    send.picks = [[n, "best_seller", 0, "", line.id] for n, line in enumerate(lines, start=1)]
    session.flush()
    [kept] = exported(session, keyring, "ada@shop.example")["sends"]
    assert kept["copy"] == {
        "subject": "For Ada",
        "intro": "Hi.",
        "product_lines": ["Warm.", "Just {price_2}."],
    }
    erase_customer(session, keyring, "ada@shop.example", NOW)
    assert (send.copy_id, send.picks) == (None, None)
    assert session.get(WrittenCopyRow, head.id), "the words are everybody's, and name nobody"


def test_the_copy_holds_everything_and_is_json(session: UnitOfWork, keyring: KeyRing, known: int) -> None:
    session.add(ContactPreference(customer_id=known, frequency="weekly", muted_topics=["boots"]))
    session.add(Favourite(customer_id=known, kind="category", value="Hats", at=NOW))
    session.execute(delete(EngagementState).where(EngagementState.customer_id == known))
    session.add(EngagementState(customer_id=known, mails=3))
    session.flush()
    copy = exported(session, keyring, "ADA@shop.example")
    assert (copy["format"], copy["version"]) == ("tailormail customer export", 2)
    assert (copy["profile"]["email"], copy["profile"]["first_name"]) == ("ada@shop.example", "Ada")
    assert copy["profile"]["tags"] == ["vip"]
    assert "email_domain_hmac" not in copy["profile"]
    assert copy["contact_preferences"][0]["frequency"] == "weekly"
    assert copy["favourites"][0]["value"] == "Hats"
    assert copy["engagement"][0]["mails_without_a_sign"] == 3
    assert [(row["kind"], row["key"]) for row in copy["signals"]] == [("view", "session-of-Ada-1")]
    assert [(line["key"], line["sku"], line["quantity"]) for line in copy["returns"]] == [("R-1", "H1", 1)]
    assert [(line["sku"], line["unit_price"]) for line in copy["orders"]] == [
        ("H1", "29.90"),
        ("J1", "199.00"),
    ]
    assert {entry["purpose"] for entry in copy["consents"]} == {"marketing", "profiling", "open_location"}
    assert [entry["position"] for entry in copy["consents"]] == [1, 2, 3]
    assert copy["consents"][-1]["evidence"] == "203.0.113.7"
    assert copy["consents"][1]["previous_hash"] == copy["consents"][0]["hash"], "the chain can be verified"
    assert all(state["granted"] for state in copy["consent_now"])
    assert copy["pictures_shown"][0]["variant"] == "rain"
    assert {"city": "Tromsø"} in [event["detail"] for event in copy["events"]]
    [resolution] = copy["resolutions"]
    assert (resolution["verdict"], resolution["evidence"]) == (
        "let_be",
        "Ada called: ada@shop.example is gone",
    )
    assert "a colleague" not in json.dumps(copy), "another person's data"
    assert copy["suppressed"] == []
    suppress(session, keyring, "ada@shop.example", "bounced", "relay", NOW)
    assert [one["reason"] for one in exported(session, keyring, "ada@shop.example")["suppressed"]] == [
        "bounced"
    ]


def test_the_copy_explains_every_mail(
    session: UnitOfWork, keyring: KeyRing, known: int, campaign_id: int
) -> None:
    jacket = session.scalars(select(Product).where(Product.sku == "J1")).one()
    send = session.scalars(select(Send).where(Send.customer_id == known)).one()
    send.picks = [[jacket.id, "bought_together", 7, "Wool Hat"]]
    session.flush()
    [told] = exported(session, keyring, "ada@shop.example")["sends"]
    assert (told["campaign"], told["copy"]) == ("Spring", {"subject": "For Ada"})
    assert told["picks"] == [
        {"sku": "J1", "title": "Rain Jacket", "reason": "bought_together", "because_of": "Wool Hat"}
    ]
    [facts] = told["written_by"]
    assert facts["writer"] == "offline" and facts["verdicts"] == []
    because = told["allowed_because"]
    assert (because["purpose"], because["action"], because["source"]) == ("marketing", "granted", "checkout")
    entries = exported(session, keyring, "ada@shop.example")["consents"]
    assert because["hash"] == entries[because["position"] - 1]["hash"]
    with pytest.raises(NotFound):
        exported(session, keyring, "stranger@shop.example")


@pytest.mark.parametrize("granularity", ["customer", "cell"])
def test_words_that_a_model_wrote_for_one_customer_go_with_them(
    session: UnitOfWork, keyring: KeyRing, known: int, campaign_id: int, granularity: str
) -> None:
    told = {"granularity": granularity, "reader": {"place": "Tromsø"}, "picks": [{"sku": "J1"}]}
    words = WrittenCopyRow(content_hash="w", fields={"subject": "To you"}, writer="model", facts=told)
    session.add(words)
    session.flush()
    salt = salt_of(campaign_id, known) if granularity == "customer" else ""
    cell = CopyCell(
        campaign_id=campaign_id, key="w", facts=told, copy_id=words.id, state="written", salt=salt
    )
    session.add(cell)
    session.scalars(select(Send).where(Send.customer_id == known)).one().copy_id = words.id
    session.flush()
    [mail] = exported(session, keyring, "ada@shop.example")["sends"]
    assert mail["copy_told"] == {"granularity": granularity, "reader": {"place": "Tromsø"}}
    erase_by_id(session, keyring, known, NOW)
    left = session.scalars(select(WrittenCopyRow).where(WrittenCopyRow.content_hash == "w")).all()
    session.refresh(cell)
    if granularity == "customer":
        assert left == [] and (cell.facts, cell.copy_id, cell.state) == ({}, None, "written")
    else:
        assert len(left) == 1 and cell.facts == told


def test_what_was_told_for_one_customer_goes_where_no_mail_has_its_words(
    session: UnitOfWork, keyring: KeyRing, known: int, campaign_id: int
) -> None:
    told = {"granularity": "customer", "reader": {"place": "Tromsø"}, "picks": [{"sku": "J1"}]}
    mine, another = salt_of(campaign_id, known), salt_of(campaign_id, known + 1)
    session.add_all(
        CopyCell(campaign_id=campaign_id, key=key, facts=told, state=state, salt=salt)
        for key, state, salt in (
            ("waits", "waiting", mine), ("offline", "offline", mine), ("replaced", "written", mine),
            ("another", "written", another),
        )
    )  # fmt: skip
    session.add_all(
        WrittenCopyRow(content_hash=key, fields={"subject": "To you"}, writer="model", facts=told)
        for key in ("replaced", "another")
    )
    session.flush()
    erase_by_id(session, keyring, known, NOW)
    facts = {row.key: row.facts for row in session.execute(select(CopyCell.key, CopyCell.facts))}
    assert facts == {"waits": {}, "offline": {}, "replaced": {}, "another": told}
    kept = select(WrittenCopyRow.content_hash).where(WrittenCopyRow.content_hash.in_(facts))
    assert session.scalars(kept).all() == ["another"]


def test_what_a_worker_writes_after_the_erasure_is_forgotten_too(
    session: UnitOfWork, keyring: KeyRing, known: int
) -> None:
    erase_by_id(session, keyring, known, NOW)
    send = session.scalars(select(Send).where(Send.customer_id == known)).one()
    send.status, send.picks, send.reason = "picked", [[1, "best_seller", 0, ""]], "cannot compose: Ada"
    session.flush()
    assert erase_again(session, known), "a worker has it in its hands"
    session.refresh(send)
    assert (send.picks, send.reason) == (None, "cannot compose")
    send.status = "held_back"
    session.flush()
    assert not erase_again(session, known)
    assert session.scalars(select(Erasure.customer_id)).all() == [known]


def test_an_address_whose_key_was_retired_is_erased_all_the_same(
    session: UnitOfWork, keyring: KeyRing, known: int
) -> None:
    customer = session.get_one(Customer, known)
    stranger = KeyRing(["the-secret-of-somebody-else-0123456789abc"])
    assert erase_by_id(session, stranger, known, NOW) == known
    assert customer.email_cipher is None
    assert suppressed_by(session, keyring, "ada@shop.example")[0].reason == "erased"


def test_after_an_erasure_nothing_in_the_database_names_the_person(
    session: UnitOfWork, keyring: KeyRing, known: int
) -> None:
    assert erase_customer(session, keyring, "ada@shop.example", NOW) == known
    tables = (
        "customers", "order_lines", "sends", "events", "slot_serves", "suppressions", "consent_entries",
        "consent_states", "send_resolutions", "contact_preferences", "favourites", "engagement_states", "erasures",
        "signals",
    )  # fmt: skip
    dump = "\n".join(
        str(row) for table in tables for row in session.execute(text(f"select t::text from {table} t"))
    )
    for trace in ("Ada", "ada@", "C1", "O1", "Troms", "203.0.113.7", "best_seller"):
        assert trace not in dump, trace
    assert set(session.scalars(select(Send.reason).where(Send.customer_id == known))) == {"cannot compose"}
    assert set(session.scalars(select(SendResolution.verdict))) == {"let_be"}, "what follows from it stays"
    assert "k1" in session.scalars(select(Event.key)).all(), "so that nothing is recorded twice"
    shell = session.get_one(Customer, known)
    assert (shell.external_id, shell.erased_at, shell.email_cipher) == (f"erased-{known}", NOW, None)
    assert shell.latitude is None and shell.tags == []
    assert session.scalars(select(OrderLine).where(OrderLine.customer_id == known)).all() == []
    states = session.scalars(select(ConsentState).where(ConsentState.customer_id == known)).all()
    assert len(states) == 4 and not any(state.granted for state in states)
    assert [entry.wording for entry in consent.history(session, known)][:2] == ["words-v1", "words-v1"]
    with pytest.raises(NotFound):
        erase_customer(session, keyring, "ada@shop.example", NOW)


def test_the_ledger_is_closed_again_after_an_erasure(
    session: UnitOfWork, keyring: KeyRing, known: int
) -> None:
    erase_customer(session, keyring, "ada@shop.example", NOW)
    with pytest.raises(Exception, match="append-only"), session.begin_nested():
        session.execute(text("update consent_entries set wording = 'forged'"))


@pytest.mark.parametrize(
    "row",
    ["C1,ada@shop.example", "C1,another@shop.example", "C99,Ada@Shop.Example", "{shell},third@shop.example"],
)
def test_an_import_cannot_bring_an_erased_person_back(
    shop: Callable[..., ImportResult],
    session: UnitOfWork,
    keyring: KeyRing,
    known: int,
    campaign_id: int,
    row: str,
) -> None:
    erase_customer(session, keyring, "ada@shop.example", NOW)
    row = row.format(shell=f"erased-{known}")
    result = shop("customers", f"external_id,email\n{row}\nc1,somebody.else@shop.example\n")
    assert (result.inserted, result.skipped) == (1, 1)
    assert "erased" in result.errors[0].reason
    for ref in ("ada@shop.example", "another@shop.example", "C1", f"erased-{known}"):
        assert find(session, keyring, ref) is None
    external = row.split(",")[0]
    header = "customer_id,purpose,action,wording,source,at\n"
    assert shop("consents", f"{header}{external},marketing,granted,v1,web,2026-03-31\n").skipped == 1
    assert shop("orders", f"order_id,customer_id,sku,ordered_at\nO1,{external},J1,2026-03-01\n").skipped == 1


def test_an_erased_customer_is_in_no_audience(
    session: UnitOfWork, keyring: KeyRing, known: int, ids: Callable[[], dict[str, int]]
) -> None:
    erase_customer(session, keyring, "ada@shop.example", NOW)

    audience = estimate_audience(session, ContactTerms(0), parse_segment({}), NOW)
    assert audience.planned + sum(audience.held_back.values()) == 3
    assert find_by_address(session, keyring, "ada@shop.example") is None
