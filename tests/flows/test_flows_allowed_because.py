"""Every mail says which entry of the consent ledger allowed it, and the ledger is verified by command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from campaigns.audience import consent
from campaigns.audience.consent import why_allowed, why_allowed_all, why_allowed_now
from campaigns.audience.ledger import verify
from campaigns.demo.inbox import read_inbox
from campaigns.models import Campaign, ConsentState, Send
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import Command, approved, send_all


def test_every_mail_names_the_consent_that_allowed_it(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(shop, sample)
    send_all(shop, campaign_id)
    with shop.db.transaction() as session:
        sends = session.scalars(select(Send).where(Send.campaign_id == campaign_id)).all()
        for send in sends:
            allowed = why_allowed(session, campaign_id, send.id)
            if send.reason == "never_asked":
                assert allowed is None
                continue
            assert allowed is not None and allowed.purpose == "marketing"
            assert allowed.granted == (send.status == "sent")
            assert allowed.entry_id == session.get_one(ConsentState, (send.customer_id, "marketing")).entry_id
            assert why_allowed_all(session, send.customer_id) == {(campaign_id, send.id): allowed}
            assert why_allowed_now(session, send.customer_id) == allowed
        sent = [send for send in sends if send.status == "sent"]
        allowed = why_allowed(session, campaign_id, sent[0].id)
        assert allowed is not None and allowed.wording and len(allowed.wording_version) == 12
        assert len(bytes.fromhex(allowed.hash)) == 32 and allowed.position >= 1
        assert json.loads(json.dumps(allowed.to_json()))["at"] == allowed.at.isoformat()
        assert why_allowed(session, campaign_id, 10**9) is None
        assert verify(session).whole


def test_consent_given_anew_since_the_audience_was_frozen_is_the_one_that_allows(
    shop: Runtime, sample: SampleFiles
) -> None:
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    anew = datetime.now(UTC) - timedelta(minutes=1)
    with shop.db.transaction() as session:
        frozen = session.scalars(select(Send).where(Send.status == "planned").order_by(Send.id)).first()
        assert frozen is not None
        before, customer_id = frozen.consent_entry_id, frozen.customer_id
        withdrawn_at = anew - timedelta(minutes=1)
        consent.record(session, customer_id, "marketing", "withdrawn", "", "letter", withdrawn_at)
        given = consent.record(session, customer_id, "marketing", "granted", "Once more", "till", anew)
    while shop.sending.send_batch(campaign_id).claimed:
        pass
    with shop.db.transaction() as session:
        send = session.get_one(Send, (campaign_id, frozen.id))
        assert send.status == "sent" and send.consent_entry_id == given != before
        allowed = why_allowed(session, campaign_id, send.id)
        assert allowed is not None and (allowed.wording, allowed.source) == ("Once more", "till")


def test_consent_withdrawn_after_the_third_check_still_stops_the_mail(
    shop: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the check and the intent lies one statement, in which somebody else may commit."""
    campaign_id = approved(shop, sample)
    shop.campaigns.send(campaign_id, "test")
    shop.sending.plan(campaign_id)
    tailor = shop.line._tailor
    inner = type(tailor).refused
    asked: list[Any] = []

    def withdrawn_meanwhile(self: object, *arguments: object) -> dict[int, str]:
        refused = inner(self, *arguments)  # type: ignore[arg-type]
        sends = list(arguments[2])  # type: ignore[call-overload]
        if asked == ["check"]:  # the second time is right before the intent
            with shop.db.transaction() as other:
                consent.withdraw_all(other, sends[0].customer_id, "unsubscribe", datetime.now(UTC))
            asked.append(sends[0].id)
        elif not asked:
            asked.append("check")
        return refused

    monkeypatch.setattr(type(tailor), "refused", withdrawn_meanwhile)
    while shop.sending.send_batch(campaign_id).claimed:
        pass
    with shop.db.transaction() as session:
        send = session.get_one(Send, (campaign_id, asked[1]))
        assert (send.status, send.reason, send.attempts) == ("held_back", "withdrawn", 0)
        sent = session.scalars(select(Send.id).where(Send.status == "sent")).all()
        assert session.get_one(Campaign, campaign_id).status == "sent"
    assert len(list(read_inbox(shop.settings.captured_mail, campaign_id))) == len(sent)


def test_the_doctor_verifies_the_ledger_and_names_the_first_broken_entry(
    shop: Runtime, command: Command
) -> None:
    with shop.db.transaction() as session:
        report = verify(session)
        entry = session.execute(
            text(
                "select id, customer_id from consent_entries where position = 2 order by customer_id limit 1"
            )
        ).one()
    status, out, _ = command("doctor", "--ledger", "--json")
    said = json.loads(out)
    assert status == 0 and said["whole"] and said["first"] is None
    assert (said["entries"], said["fingerprint"]) == (report.entries, report.fingerprint)
    status, out, _ = command("doctor", "--ledger")
    assert status == 0 and report.fingerprint in out and "every chain is whole" in out
    with shop.db.transaction() as session:
        session.execute(text("set local session_replication_role = replica"))
        session.execute(text("update consent_entries set source = 'forged' where id = :id"), {"id": entry.id})
    status, out, _ = command("doctor", "--ledger", "--json")
    said = json.loads(out)
    assert status == 1 and not said["whole"] and said["broken"] == 1
    assert (said["first"]["customer_id"], said["first"]["position"], said["first"]["entry_id"]) == (
        entry.customer_id, 2, entry.id,
    )  # fmt: skip
    status, out, _ = command("doctor", "--ledger")
    assert status == 1 and f"customer {entry.customer_id}, position 2, entry {entry.id}: changed" in out


def test_a_preview_says_by_which_consent_it_would_go(
    shop: Runtime, sample: SampleFiles, tmp_path: Path
) -> None:
    campaign_id = approved(shop, sample)
    with shop.db.transaction() as session:
        customers = text("select c.external_id, s.granted from customers c join consent_states s "
                         "on s.customer_id = c.id and s.purpose = 'marketing' order by s.granted desc")  # fmt: skip
        rows = session.execute(customers).all()
    granted, withdrawn = rows[0].external_id, rows[-1].external_id
    said = shop.viewing.preview(campaign_id, granted).explained()["allowed_because"]
    assert said["action"] == "granted" and said["entry_id"]
    assert not rows[-1].granted
    assert shop.viewing.preview(campaign_id, withdrawn).explained()["allowed_because"] is None
