"""Stand-ins that a campaign lists itself, from its file to the mails that go out and what is told of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, select, text
from test_flows_picking_rules import plan_of, prepared

from campaigns.core.errors import BadInput
from campaigns.flows.customers.why import picks_in_words
from campaigns.flows.describing.plans import load_plan
from campaigns.models import Product
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles


def skus_of(shop: Runtime, category: str) -> list[str]:
    with shop.db.transaction() as session:
        found = select(Product.sku).where(Product.category == category).order_by(Product.id)
        return list(session.scalars(found))


def described(sample: SampleFiles, picking: str) -> Path:
    path = sample.campaign.with_name("stand-ins.toml")
    path.write_text(f"{sample.campaign.read_text(encoding='utf-8')}\n{picking}\n", encoding="utf-8")
    return path


def test_what_is_listed_stands_in_for_a_whole_batch_without_asking_the_database_for_each(
    shop: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, *_ = skus_of(shop, "Boots")
    hats = skus_of(shop, "Hats")[:2]
    table = f'[picking.stand_ins]\nchoose = "listed"\ninstead = {{ "{gone}" = ["{hats[0]}", "{hats[1]}"] }}'
    number = shop.campaigns.create_from_file(described(sample, table))
    told = shop.campaigns.show(number)["picking_rules"]
    assert f"Instead of {gone}, when it sells out: {hats[0]}, then {hats[1]}." in told
    with shop.db.transaction() as session:
        plan = load_plan(session, number)
        customers = list(session.scalars(text("select id from customers order by id limit 40")))
        for sku, stock in ((gone, 0), (hats[0], 3), (hats[1], 3)):
            session.execute(
                text("update products set stock = :n, updated_at = clock_timestamp() where sku = :sku"),
                {"n": stock, "sku": sku},
            )
    monkeypatch.setattr("campaigns.flows.sending.picking.CATALOGUE_SECONDS", 0.0)
    histories, _ = shop.picker.pick(dict.fromkeys(customers, False), 0, plan.picking)
    monkeypatch.setattr("campaigns.flows.sending.picking.CATALOGUE_SECONDS", 3600.0)
    by_sku = {facts.sku: key for key, facts in shop.picker.catalogue.items()}
    stored: dict[int, list[list[object]]] = {
        key: [[by_sku[gone], "best_seller", 0, "", 0]] for key in customers
    }
    asked: list[str] = []
    listen = lambda *args: asked.append(args[2])  # noqa: E731
    event.listen(shop.db.engine, "before_cursor_execute", listen)
    try:
        mended = shop.picker.mended(stored, histories, plan.picking)
    finally:
        event.remove(shop.db.engine, "before_cursor_execute", listen)
    assert not asked
    assert mended.keys() == set(customers)
    assert {row[0].product.sku for row in mended.values()} == {hats[0]}
    assert {row[0].reason.kind for row in mended.values()} == {"instead_of"}
    usual = shop.picker.mended(stored, histories)
    assert all(row[0].product.category == "Boots" for row in usual.values()), (
        "other campaigns have their own rules"
    )
    with shop.db.transaction() as session:
        title = session.scalars(select(Product.title).where(Product.sku == gone)).one()
        rows = [[by_sku[hats[0]], "instead_of", by_sku[gone], title]]
        assert title in picks_in_words(session, rows, "en")[0].reason


def test_what_is_listed_must_be_known_and_allowed(shop: Runtime, sample: SampleFiles) -> None:
    boots, hat = skus_of(shop, "Boots"), skus_of(shop, "Hats")[0]
    for table, said in (
        (f'instead = {{ "{hat}" = ["{boots[0].lower()}"] }}', f"the nearest is {boots[0]}"),
        (f'instead = {{ "NO-SUCH" = ["{hat}"] }}', "stand_ins.instead: the shop has no 'NO-SUCH'"),
        (f'instead = {{ "{hat}" = ["{hat}"] }}', f"{hat} cannot stand in for itself"),
        (
            f'instead = {{ "{hat}" = ["{boots[0]}"] }}\n[picking.never]\ncategories = ["Boots"]',
            f"{boots[0]} is among what is never picked, so it can stand in for nothing",
        ),
    ):
        with pytest.raises(BadInput, match=said):
            shop.campaigns.create_from_file(described(sample, f"[picking.stand_ins]\n{table}"))


def test_a_mail_goes_without_what_nothing_stands_in_for(
    shop: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = '[picking.stand_ins]\nchoose = "listed"\notherwise = "leave_out"'
    number = shop.campaigns.create_from_file(described(sample, table))
    shop.campaigns.approve(number, "test")
    shop.campaigns.send(number, "test")
    shop.sending.plan(number)
    before = {one.send.id: one for one in prepared(shop, number)}
    gone, _ = Counter(row[0] for one in before.values() for row in one.picks).most_common(1)[0]
    with shop.db.transaction() as session:
        session.execute(
            text("update products set stock = 0, updated_at = clock_timestamp() where id = :n"), {"n": gone}
        )
    monkeypatch.setattr("campaigns.flows.sending.picking.CATALOGUE_SECONDS", 0.0)
    plan = plan_of(shop, number)
    sends = [replace(one.send, picks=one.picks, copy_id=one.copy_id) for one in before.values()]
    fit, _ = shop.tailor.check(plan, sends)
    ready, _ = shop.tailor.tailor(plan, fit, wait_for_words=True)
    assert {one.send.id for one in ready} == before.keys()
    for one in ready:
        left = [row[0] for row in before[one.send.id].picks if row[0] != gone]
        assert [row[0] for row in one.picks] == left
        assert len(one.facts.copy.product_lines) == len(left)
