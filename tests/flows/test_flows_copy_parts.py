"""Copies in parts through the flows: few rows for many mails, and every mail can be shown again as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text

from campaigns.copywriting.fake_server import ScriptedModelServer, says
from campaigns.copywriting.guard import check
from campaigns.copywriting.request import CopyRequest
from campaigns.core.db import Database
from campaigns.core.embedded import EmbeddedUrls
from campaigns.core.errors import NotFound
from campaigns.demo.inbox import read_inbox
from campaigns.flows.copy.copy_facts import copy_request
from campaigns.flows.copy.wording import CopyShelf
from campaigns.flows.describing.plans import load_plan
from campaigns.flows.sending.addressees import load_addressees
from campaigns.flows.sending.picking import picks_to_json
from campaigns.models import Customer, Send, SendStatus, WrittenCopyRow
from campaigns.models.copy import line_ids
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import approved, fill_shop, let_time_pass, make_runtime, send_all

_PICTURES = re.compile(r"<img\b[^>]*>")


def requests_of(runtime: Runtime, campaign_id: int) -> dict[int, CopyRequest]:
    """What the writer would be told about every customer of the shop, by customer."""
    with runtime.db.transaction() as session:
        plan = load_plan(session, campaign_id)
        ids = list(session.scalars(select(Customer.id)))
        people = load_addressees(session, runtime.keyring, ids)
    histories, picks = runtime.picker.pick({n: n % 3 > 0 for n in ids}, plan.picks)
    catalogue, now = runtime.picker.catalogue, runtime.clock.now()
    return {n: copy_request(plan, people[n], histories[n], picks[n], catalogue, now) for n in ids}


def row_numbers(runtime: Runtime) -> set[int]:
    with runtime.db.transaction() as session:
        return set(session.scalars(select(WrittenCopyRow.id)))


def test_mails_are_put_together_from_few_parts_and_come_back_the_same(
    shop: Runtime, sample: SampleFiles
) -> None:
    requests = requests_of(shop, approved(shop, sample))
    assert shop.shelf.copies_for(requests, write=False) == {}
    worded = shop.shelf.copies_for(requests)
    assert worded.keys() == requests.keys()
    heads = {request.head_key() for request in requests.values()}
    lines = {request.line_key(pick) for request in requests.values() for pick in request.picks}
    assert len(row_numbers(shop)) == len(heads | lines)
    for customer, (_, copy, _) in worded.items():
        assert check(copy, requests[customer]) == []

    statements = shop.db.statements
    assert shop.shelf.copies_for(requests, write=False) == worded
    assert shop.db.statements == statements, "what is known costs no query"
    assert CopyShelf(shop.db, shop.desk).copies_for(requests, write=False) == worded
    assert shop.db.statements == statements + 1, "and else one"

    stored = {
        customer: (copy_id, json.loads(json.dumps(picks_to_json(requests[customer].picks, numbers))))
        for customer, (copy_id, _, numbers) in worded.items()
    }
    again = CopyShelf(shop.db, shop.desk).remembered(stored)
    assert {customer: asdict(copy) for customer, copy in again.items()} == {
        customer: asdict(one.copy) for customer, one in worded.items()
    }


def test_two_processes_that_write_the_same_keep_it_once(shop: Runtime, sample: SampleFiles) -> None:
    requests = requests_of(shop, approved(shop, sample))
    first, second = CopyShelf(shop.db, shop.desk), CopyShelf(shop.db, shop.desk)
    # The second looked before the first had written.
    second._known = lambda keys: {}  # type: ignore[method-assign]
    assert first.copies_for(requests) == second.copies_for(requests)


def test_a_sent_mail_is_shown_again_word_by_word(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(shop, sample)
    send_all(shop, campaign_id)
    with shop.db.transaction() as session:
        sends = session.scalars(select(Send).where(Send.status == SendStatus.SENT)).all()
        emails = {p.email: n for n, p in load_addressees(
            session, shop.keyring, [s.customer_id for s in sends]
        ).items()}  # fmt: skip
    assert sends and all(send.copy_id and all(line_ids(send.picks)) for send in sends)
    htmls = {
        emails[mail.recipient]: mail.html for mail in read_inbox(shop.settings.captured_mail, campaign_id)
    }
    for send in sends:
        token = shop.signer.sign("view", send.campaign_id, send.id)
        shown, sent = shop.viewing.in_browser(token), htmls[send.customer_id]
        assert plain(shown) == plain(sent)


def plain(html: str) -> str:
    """A mail without its pictures, in which the one that is looked at differs, and on any line ends."""
    return _PICTURES.sub("", html.replace("\r\n", "\n")).rstrip()


def test_a_mail_of_before_copies_had_parts_is_still_shown(shop: Runtime, sample: SampleFiles) -> None:
    campaign_id = approved(shop, sample)
    send_all(shop, campaign_id)
    with shop.db.transaction() as session:
        send = session.scalars(select(Send).where(Send.status == SendStatus.SENT).limit(1)).one()
        head = session.get_one(WrittenCopyRow, send.copy_id)
        lines = [f"The words of back then, {n}." for n in range(len(send.picks or []))]
        old = WrittenCopyRow(
            content_hash="of old", fields={**head.fields, "product_lines": lines}, writer="offline"
        )
        session.add(old)
        session.flush()
        send.copy_id, send.picks = old.id, [row[:4] for row in send.picks or []]
    token = shop.signer.sign("view", send.campaign_id, send.id)
    html = shop.viewing.in_browser(token)
    assert [line in html for line in lines] == [True] * len(lines)
    with shop.db.transaction() as session:
        session.execute(delete(WrittenCopyRow).where(WrittenCopyRow.content_hash == "of old"))
    with pytest.raises(NotFound, match="words"):
        make_anew(shop).viewing.in_browser(token)


def make_anew(runtime: Runtime) -> Runtime:
    """The same parts with nothing remembered."""
    return Runtime(runtime.settings, runtime.jobs)


@pytest.fixture
def by_model(
    servers: EmbeddedUrls, db: Database, tmp_path: Path, sample: SampleFiles, request: pytest.FixtureRequest
) -> Iterator[tuple[Runtime, ScriptedModelServer]]:
    with ScriptedModelServer([says(**request.param)]) as server:
        runtime = make_runtime(
            servers, tmp_path / "data", openai_base_url=server.base_url, openai_api_key="k", llm_timeout=5.0
        ).start()
        fill_shop(runtime, sample)
        yield runtime, server
        runtime.close()


@pytest.mark.parametrize("by_model", [{}], indirect=True)
def test_a_model_is_asked_only_for_parts_that_nobody_wrote(
    by_model: tuple[Runtime, ScriptedModelServer], sample: SampleFiles
) -> None:
    runtime, server = by_model
    requests = requests_of(runtime, approved(runtime, sample))
    worded = runtime.shelf.copies_for(requests)
    asked = len(server.requests)
    others = {n: replace(r, picks=(*r.picks[:1], *r.picks[:0:-1])) for n, r in requests.items()}
    assert all(others[n].picks != requests[n].picks for n in others)
    turned = runtime.shelf.copies_for(others)
    assert len(server.requests) == asked, "the same lines in another order are known"
    assert [check(one.copy, others[n]) for n, one in turned.items()] == [[]] * len(others)
    with runtime.db.transaction() as session:
        tokens = session.scalar(text("select sum(tokens) from copies"))
    assert tokens == 120 * asked, "each call's cost is told once"
    assert CopyShelf(runtime.db, runtime.desk).copies_for(requests, write=False) == worded


@pytest.mark.parametrize("by_model", [{"headline": "Mind the {price_2}"}], indirect=True)
def test_what_fits_no_other_mail_is_kept_as_a_whole(
    by_model: tuple[Runtime, ScriptedModelServer], sample: SampleFiles
) -> None:
    runtime, server = by_model
    campaign_id = approved(runtime, sample)
    send_all(runtime, campaign_id)
    asked = len(server.requests)
    with runtime.db.transaction() as session:
        sends = session.scalars(select(Send).where(Send.status == SendStatus.SENT)).all()
        kept = {row.id: row.fields for row in session.scalars(select(WrittenCopyRow))}
    # One mail of each cell has the model's words; who shares a cell with it and shows other products gets the
    # offline writer's, because a call for each of them would cost as many calls as mails.
    whole = [send for send in sends if set(line_ids(send.picks)) == {0}]
    assert len(whole) >= 40
    writers = {"model": len(whole)} | ({"offline": n} if (n := len(sends) - len(whole)) else {})
    assert runtime.reporting.report(campaign_id).copy_writers == writers
    for send in whole:
        assert len(kept[send.copy_id or 0]["product_lines"]) == len(send.picks or [])
        assert runtime.viewing.in_browser(runtime.signer.sign("view", send.campaign_id, send.id))
    let_time_pass(runtime)
    send_all(runtime, approved(runtime, sample))
    assert len(server.requests) <= asked + n, "the same requests again cost no further call"
