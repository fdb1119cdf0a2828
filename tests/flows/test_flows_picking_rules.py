"""The rules of a campaign and of the shop, from their files to the picks; and stand-ins for what is sold out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from campaigns.core.errors import BadInput, NotConfigured
from campaigns.core.settings import load_settings
from campaigns.flows.describing.plans import CampaignPlan, load_plan
from campaigns.flows.sending.claims import Claims
from campaigns.flows.sending.tailoring import Ready
from campaigns.models import Product
from campaigns.recommend.rules_check import load_shop_terms
from campaigns.recommend.rules_file import ShopTerms
from campaigns.recommend.substitute_learning import accepted_substitutes
from campaigns.recommend.substitutes import Substitutes
from campaigns.runtime import Runtime
from campaigns.sampleshop.shop import SampleFiles
from tests.shop import Command, approved


def campaign_file(sample: SampleFiles, picking: str) -> Path:
    """The sample's campaign with rules of its own."""
    path = sample.campaign.with_name("rules.toml")
    path.write_text(
        f"{sample.campaign.read_text(encoding='utf-8')}\n[picking]\n{picking}\n", encoding="utf-8"
    )
    return path


def a_sku(shop: Runtime, category: str) -> str:
    with shop.db.transaction() as session:
        return session.scalars(
            select(Product.sku).where(Product.category == category).order_by(Product.id)
        ).all()[0]


def test_rules_of_a_campaign_reach_its_picks_and_its_page(
    shop: Runtime, sample: SampleFiles, command: Command
) -> None:
    with shop.db.transaction() as session:
        dry = select(Product.sku).where(Product.category == "Hats", ~Product.tags.any("rain"))  # type: ignore[arg-type]
        pinned = session.scalars(dry.order_by(Product.id)).all()[0]
    path = campaign_file(
        sample, f'pinned = ["{pinned}"]\nbuy_again = 0.5\nnever = {{categories = ["Boots"], tags = ["RAIN"]}}'
    )
    number = shop.campaigns.create_from_file(path)
    with shop.db.transaction() as session:
        plan = load_plan(session, number)
        everybody = session.scalars(text("select id from customers")).all()
    histories, picks = shop.picker.pick(dict.fromkeys(everybody, True), plan.picks, plan.picking)
    by_sku = {facts.sku: key for key, facts in shop.picker.catalogue.items()}
    assert {len(row) for row in picks.values()} == {plan.picks}
    for customer, row in picks.items():
        assert not any(pick.product.category == "Boots" or "rain" in pick.product.tags for pick in row)
        has_it = by_sku[pinned] in histories[customer].products.tolist()
        assert has_it or row[0].product.sku == pinned
    assert any(pick.reason.kind == "buy_again" for row in picks.values() for pick in row)
    _, usual = shop.picker.pick(dict.fromkeys(everybody, True), plan.picks)
    assert any(pick.product.category == "Boots" for row in usual.values() for pick in row), (
        "no rule of the shop"
    )
    told = shop.campaigns.show(number)["picking_rules"]
    assert f"Always first: {pinned}." in told and "Never category boots; tag rain." in told
    status, out, _ = command("campaign", "show", str(number))
    assert status == 0 and "Always first" in out


@pytest.mark.parametrize(
    ("picking", "said"),
    [
        ('never = {categories = ["Bots"]}', "never.categories: the shop has no 'Bots'; the nearest is Boots"),
        ('pinned = ["nothing-like-it"]', "pinned: the shop has no 'nothing-like-it'"),
        (
            'favour = [{tags = ["rainn"], weight = 2}]',
            "favour[0].tags: the shop has no 'rainn'; the nearest is rain",
        ),
        (
            'never_together = [["Boots", "Hatz"]]',
            "never_together[0]: the shop has no 'Hatz'; the nearest is Hats",
        ),
        (
            'stand_ins = {instead = {"JKT-0" = ["nothing-like-it"]}}',
            "stand_ins.instead: the shop has no 'nothing-like-it'",
        ),
        ("stand_ins = {choose = 'any'}", "picking.stand_ins.choose"),
        ("buy_again = 2", "picking.buy_again"),
        ("price_band = [2, 3]", "picking.price_band"),
        ("popularitie = 0.5", "picking.popularitie"),
    ],
)
def test_a_wrong_rule_is_named_with_the_nearest_that_there_is(
    shop: Runtime, sample: SampleFiles, picking: str, said: str
) -> None:
    with pytest.raises(BadInput, match=r"^(picking|rules\.toml): ") as refused:
        shop.campaigns.create_from_file(campaign_file(sample, picking))
    assert said in refused.value.message


def test_what_is_pinned_must_be_allowed(shop: Runtime, sample: SampleFiles) -> None:
    boots, hat = a_sku(shop, "Boots"), a_sku(shop, "Hats")
    for picking, said in (
        (
            f'pinned = ["{boots}"]\nnever = {{categories = ["boots"]}}',
            f"{boots} is among what is never picked",
        ),
        (
            f'pinned = ["{boots}", "{hat}"]\nnever_together = [["Boots", "Hats"]]',
            f"{hat} and {boots} are never in one mail",
        ),
    ):
        with pytest.raises(BadInput, match=said):
            shop.campaigns.create_from_file(campaign_file(sample, picking))


def test_the_picking_file_of_the_shop(tmp_path: Path) -> None:
    path = tmp_path / "picking.toml"
    path.write_text('[picking]\nper_category = 1\n[sensitive]\nsold_openly = ["alcohol"]\n', encoding="utf-8")
    assert load_settings({"picking_path": path}).picking_path == path
    terms = load_shop_terms(path)
    assert terms.picking.per_category == 1 and not terms.sensitive.sensitive().says("Beer")
    assert load_shop_terms(None).sensitive.sensitive().says("Beer")
    path.write_text('[sensitive]\nsold_openly = ["alcool"]\n[pick]\n', encoding="utf-8")
    with pytest.raises(BadInput, match=r"picking\.toml: .*there is no topic 'alcool'") as refused:
        load_shop_terms(path)
    assert "pick: " in refused.value.message
    with pytest.raises(NotConfigured, match="TAILORMAIL_PICKING_PATH: there is no file"):
        load_settings({"picking_path": tmp_path / "none.toml"})


def test_what_is_sensitive_is_no_part_of_a_history_and_of_no_copy(shop: Runtime) -> None:
    with shop.db.transaction() as session:
        customer = session.scalar(
            text("select customer_id from order_lines group by 1 order by count(*) desc limit 1")
        )
        session.execute(
            text("update products set category = 'Beer', updated_at = now() where id in"
                 " (select product_id from order_lines where customer_id = :c)"),
            {"c": customer},
        )  # fmt: skip
    histories, picks = shop.picker.pick({customer: True}, 4)
    assert not len(histories[customer].products)
    assert len(picks[customer]) == 4
    assert all(pick.product.category != "Beer" for pick in picks[customer])
    openly = Runtime(shop.settings, shop.jobs)
    openly.shop_terms = ShopTerms.model_validate({"sensitive": {"sold_openly": ["alcohol"]}})
    try:
        assert len(openly.picker.pick({customer: True}, 4)[0][customer].products)
    finally:
        openly.close()


def prepared(shop: Runtime, campaign_id: int) -> list[Ready]:
    """Mails of a planned campaign with their picks and words, as a worker prepares them."""
    with shop.db.transaction() as session:
        claimed = Claims(timedelta(seconds=60)).take(session, campaign_id, 60, "w", shop.clock.now())
    plan = plan_of(shop, campaign_id)
    fit, _ = shop.tailor.check(plan, claimed)
    ready, unworded = shop.tailor.tailor(plan, fit, wait_for_words=True)
    assert ready and not unworded
    return ready


def plan_of(shop: Runtime, campaign_id: int) -> CampaignPlan:
    with shop.db.transaction() as session:
        return load_plan(session, campaign_id)


def test_a_pick_that_is_sold_out_when_a_mail_is_composed_gives_its_place_to_a_stand_in(
    shop: Runtime, sample: SampleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = approved(shop, sample)
    shop.campaigns.send(number, "test")
    shop.sending.plan(number)
    before = {one.send.id: one for one in prepared(shop, number)}
    substitutes = Substitutes(shop.picker.catalogue)
    shown = {int(str(row[0])) for one in before.values() for row in one.picks}
    gone = next(key for key in sorted(shown) if substitutes.of(key))
    title = shop.picker.catalogue[gone].title
    picked = [one for one in before.values() if any(row[0] == gone for row in one.picks)]
    with shop.db.transaction() as session:
        session.execute(
            text("update products set stock = 0, updated_at = clock_timestamp() where id = :n"), {"n": gone}
        )
    monkeypatch.setattr("campaigns.flows.sending.picking.CATALOGUE_SECONDS", 0.0)
    plan = plan_of(shop, number)
    sends = [replace(one.send, picks=one.picks, copy_id=one.copy_id) for one in before.values()]
    fit, _ = shop.tailor.check(plan, sends)
    ready, _ = shop.tailor.tailor(plan, fit, wait_for_words=True)
    after = {one.send.id: one for one in ready}
    assert after.keys() == before.keys()
    stood_in = 0
    for key, one in after.items():
        old, new = before[key].picks, one.picks
        if before[key] not in picked:
            assert new == old, "whose picks are all there keep them"
            continue
        assert all(row[0] != gone for row in new) and len(new) == len(old)
        if any(row[1] == "instead_of" for row in new):
            stood_in += 1
            place = next(n for n, row in enumerate(new) if row[1] == "instead_of")
            assert old[place][0] == gone and new[place][2:4] == [gone, title]
            assert [row[0] for row in new if row is not new[place]] == [
                row[0] for row in old if row[0] != gone
            ]
            assert len(one.facts.copy.product_lines) == len(new)
            assert int(str(new[place][0])) in substitutes.of(gone)
    assert stood_in


def test_what_customers_took_in_place_of_it_is_learned(shop: Runtime, sample: SampleFiles) -> None:
    number = approved(shop, sample)
    shop.campaigns.send(number, "test")
    shop.sending.plan(number)
    now = shop.clock.now()
    with shop.db.transaction() as session:
        sends = session.execute(
            text("select id, customer_id from sends where campaign_id = :n order by id"), {"n": number}
        ).all()
        ids = [send_id for send_id, _ in sends]
        picks = '[[7, "best_seller", 0, "", 0], [3, "instead_of", 1, "Gone", 0]]'
        session.execute(
            text("update sends set status = 'sent', sent_at = :at, personal = id <> :last, picks = cast(:picks as jsonb)"
                 " where id = any(:ids)"),
            {"at": now - timedelta(days=3), "picks": picks, "ids": ids[:9], "last": ids[8]},
        )  # fmt: skip
        clicks = [(ids[0], 1, False), (ids[1], 1, True), (ids[2], 0, False), (ids[3], 1, False)]
        for send_id, place, machine in clicks:
            session.execute(
                text("insert into events (campaign_id, key, name, at, send_id, machine, detail) values"
                     " (:n, :key, 'clicked', now(), :send, :machine, jsonb_build_object('place', 'pick', 'number', cast(:place as int)))"),
                {"n": number, "key": f"k{send_id}", "send": send_id, "machine": machine, "place": place},
            )  # fmt: skip
        session.execute(text("delete from order_lines where product_id = 3"))
        for customer, days in ((sends[4][1], 1), (sends[5][1], 9)):
            session.execute(
                text("insert into order_lines (order_id, customer_id, product_id, quantity, unit_price, ordered_at)"
                     " values (:o, :c, 3, 1, 5, :at)"),
                {"o": f"o{customer}", "c": customer, "at": now - timedelta(days=days)},
            )  # fmt: skip
        # Eight who agreed to profiling saw it; two clicked on it themselves, one bought it afterwards.
        assert accepted_substitutes(session, now) == [[1, 3, 8, 3]]
        assert accepted_substitutes(session, now + timedelta(days=200)) == []
        session.execute(text("update sends set picks = '[]' where id = any(:ids)"), {"ids": ids[4:9]})
        assert accepted_substitutes(session, now) == [], "four customers are too few to tell anything of"
