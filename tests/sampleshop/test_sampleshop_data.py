"""The sample shop's customers, products, orders and consents: the same every time, as hard as real ones."""

from __future__ import annotations

import csv
import re
import time
import tomllib
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from email_validator import validate_email

from campaigns.models.consent import PURPOSES
from campaigns.opentime.slots.weather_fit import PREFIX
from campaigns.sampleshop import SampleFiles, SampleShop
from campaigns.sampleshop.catalogue import WEATHER_TAGS, catalogue
from campaigns.sampleshop.orders import HISTORY_DAYS, season
from campaigns.sampleshop.people import TASTES, Taste, cities, hostile_names

TODAY = date(2026, 11, 21)
COLUMNS = {
    "customers": "external_id,email,first_name,last_name,locale,timezone,country,city,latitude,longitude",
    "products": "sku,title,description,category,brand,price,currency,url,image_url,stock,tags",
    "orders": "order_id,customer_id,sku,quantity,unit_price,ordered_at",
    "consents": "customer_id,purpose,action,wording,source,at",
}


@pytest.fixture(scope="module")
def shop() -> SampleShop:
    return SampleShop(today=TODAY)


@pytest.fixture(scope="module")
def files(shop: SampleShop, tmp_path_factory: pytest.TempPathFactory) -> SampleFiles:
    return shop.write(tmp_path_factory.mktemp("shop"), pictures=False)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def end_states(shop: SampleShop) -> dict[str, dict[str, bool]]:
    states: dict[str, dict[str, bool]] = defaultdict(dict)
    for row in shop.consents:
        states[row.customer_id][row.purpose] = row.action == "granted"
    return states


def bytes_of(folder: Path, seed: int) -> dict[str, bytes]:
    files = SampleShop(seed=seed, customers=150, today=TODAY).write(folder, pictures=False)
    return {name: getattr(files, name).read_bytes() for name in (*COLUMNS, "campaign", "second_campaign")}


def test_same_seed_same_bytes_other_seed_other_customers(tmp_path: Path) -> None:
    first, again = bytes_of(tmp_path / "a", 7), bytes_of(tmp_path / "b", 7)
    other = bytes_of(tmp_path / "c", 8)
    assert first == again
    assert all(first[name] != other[name] for name in ("customers", "orders", "consents"))
    assert first["products"] == other["products"]


@pytest.mark.parametrize("name", COLUMNS)
def test_files_have_the_columns_of_the_design(files: SampleFiles, name: str) -> None:
    assert getattr(files, name).read_text(encoding="utf-8").partition("\n")[0] == COLUMNS[name]


def test_a_shop_of_2000_customers_is_written_fast(tmp_path: Path) -> None:
    began = time.process_time()
    SampleShop(seed=11, today=TODAY).write(tmp_path, pictures=False)
    assert time.process_time() - began < 1.5


def test_there_are_as_many_of_everything_as_promised(shop: SampleShop, files: SampleFiles) -> None:
    assert len(rows_of(files.customers)) == 2000
    assert 75 <= len(shop.products) <= 90
    assert 12_000 <= len(rows_of(files.orders)) <= 20_000
    assert len({product.category for product in shop.products}) == 8
    assert len(cities()) == 25 == len({customer.home.name for customer in shop.customers})


@pytest.mark.parametrize("count", [0, 1, 16, 60])
def test_small_shops_are_whole_too(tmp_path: Path, count: int) -> None:
    small = SampleShop(customers=count, today=TODAY)
    files = small.write(tmp_path, pictures=False)
    assert len(rows_of(files.customers)) == count
    known = {customer.external_id for customer in small.customers}
    assert {line.customer_id for line in small.orders} | {row.customer_id for row in small.consents} <= known


def test_a_negative_shop_is_refused() -> None:
    with pytest.raises(ValueError, match="no fewer than 0"):
        SampleShop(customers=-1, today=TODAY)


def test_names_that_break_naive_code_come_through_the_file_unharmed(files: SampleFiles) -> None:
    found = {(row["first_name"], row["last_name"]) for row in rows_of(files.customers)}
    assert set(hostile_names()) <= found
    assert {("Sinéad", "O'Neil"), ("李雷", ""), ("", "Mononym")} <= found
    assert any(first == "<b>" for first, _ in found)
    assert any(len(first + last) > 120 for first, last in found)


def test_addresses_are_valid_unique_and_can_never_reach_anybody(shop: SampleShop) -> None:
    addresses = [customer.email for customer in shop.customers]
    assert len({address.lower() for address in addresses}) == len(addresses)
    for address in addresses:
        validate_email(address, check_deliverability=False)
        domain = address.rpartition("@")[2]
        assert domain in ("example.com", "example.org", "example.net") or domain.endswith(".example")


def test_few_places_are_unknown_and_the_rest_have_weather(files: SampleFiles, shop: SampleShop) -> None:
    rows = rows_of(files.customers)
    unknown = [row for row in rows if not row["city"]]
    assert 0 < len(unknown) < 60
    assert all(row["latitude"] == row["longitude"] == "" for row in unknown)
    skies = shop.weather()
    assert all((float(row["latitude"]), float(row["longitude"])) in skies for row in rows if row["city"])
    by_name = {city.name: city.sky for city in cities()}
    assert (by_name["Bergen"], by_name["Tromsø"], by_name["Cape Town"]) == ("rain", "snow", "clear")


@pytest.mark.parametrize("category", ["Jackets", "Boots", "Hats"])
@pytest.mark.parametrize("weather", ["rain", "snow", "clear", "cold", "heat"])
def test_every_weather_has_several_jackets_boots_and_hats(category: str, weather: str) -> None:
    fitting = [p for p in catalogue() if p.category == category and weather in p.tags]
    assert len(fitting) >= 3
    assert any(product.stock for product in fitting)


def test_products_are_complete_and_read_like_a_shop() -> None:
    products = catalogue()
    assert len({product.sku for product in products}) == len({p.title for p in products}) == len(products)
    for product in products:
        assert set(product.tags) & {*WEATHER_TAGS}, product.sku
        assert product.url == f"https://fjellandfern.example/p/{product.sku}"
        assert product.image_url == f"pictures/{product.sku}.jpg"
        assert Decimal(20) <= product.price <= Decimal(700)
        assert 90 <= len(product.description) <= 330, product.sku
        assert 2 <= len(re.findall(r"[.?:;](?: |$)", product.description)) <= 4, product.sku
        assert "\n" not in product.description and "  " not in product.description
    assert 3 <= len({product.brand for product in products}) <= 4
    assert 2 <= sum(product.stock == 0 for product in products) <= 8


def test_products_say_for_which_weather_they_are_made() -> None:
    made_for: dict[str, set[str]] = defaultdict(set)
    for product in catalogue():
        for tag in product.tags:
            if tag.startswith(PREFIX):
                made_for[tag].add(product.sku)
    kinds = {f"{PREFIX}{name}" for name in ("rain", "snow", "clear", "cold", "warm", "windy")}
    assert set(made_for) == kinds and all(len(skus) >= 5 for skus in made_for.values())
    assert "JKT-01" in made_for["weather:rain"] and "HAT-09" in made_for["weather:warm"]
    assert {"JKT-06", "HAT-05"} <= made_for["weather:snow"] & made_for["weather:cold"]
    # What suits any weather has no such tag.
    assert len({sku for skus in made_for.values() for sku in skus}) < len(catalogue()) * 3 / 4


def test_orders_lie_within_two_years_before_today(shop: SampleShop) -> None:
    known = {product.sku: product.price for product in shop.products}
    end = datetime.combine(TODAY, datetime.min.time(), tzinfo=UTC)
    moments = [line.ordered_at for line in shop.orders]
    assert moments == sorted(moments)
    assert moments[-1] < end
    assert (end - moments[0]).days <= HISTORY_DAYS
    assert all(line.unit_price <= known[line.sku] and line.quantity >= 1 for line in shop.orders)
    assert len({(line.order_id, line.sku) for line in shop.orders}) == len(shop.orders)


def test_newcomers_never_bought_and_socks_are_bought_again(shop: SampleShop) -> None:
    buyers = {line.customer_id for line in shop.orders}
    assert 100 < 2000 - len(buyers) < 400
    assert not buyers & {customer.external_id for customer in shop.customers if customer.newcomer}
    consumable = {product.sku for product in shop.products if product.consumable}
    again = Counter((line.customer_id, line.sku) for line in shop.orders)
    repeated = {sku for (_, sku), times in again.items() if times > 1}
    assert repeated and repeated <= consumable


@pytest.mark.parametrize("taste", TASTES, ids=lambda taste: taste.name)
def test_buyers_of_a_taste_buy_its_things_far_more_often(shop: SampleShop, taste: Taste) -> None:
    tagged = {product.sku for product in shop.products if taste.core & set(product.tags)}
    of_taste = {customer.external_id for customer in shop.customers if customer.taste == taste.name}
    mine = [line.sku in tagged for line in shop.orders if line.customer_id in of_taste]
    others = [line.sku in tagged for line in shop.orders if line.customer_id not in of_taste]
    assert sum(mine) / len(mine) > 2.5 * sum(others) / len(others)


def test_seasons_follow_the_hemisphere(shop: SampleShop) -> None:
    assert [season(month, 60) for month in (1, 4, 7, 10)] == ["winter", "spring", "summer", "autumn"]
    assert [season(month, -34) for month in (1, 4, 7, 10)] == ["summer", "autumn", "winter", "spring"]
    assert {season(month, 1.3) for month in range(1, 13)} == {"tropics"}
    cold = {product.sku for product in shop.products if "snow" in product.tags}
    share = Counter((line.sku in cold, line.ordered_at.month in (12, 1, 2)) for line in shop.orders)
    winter, rest = (share[True, when] / (share[True, when] + share[False, when]) for when in (True, False))
    assert winter > rest


def test_all_sixteen_consent_combinations_occur(shop: SampleShop) -> None:
    states = end_states(shop)
    combinations = {tuple(state.get(purpose, False) for purpose in PURPOSES) for state in states.values()}
    assert len(combinations) == 16
    granted = sum(state.get("marketing", False) for state in states.values())
    assert 0.75 <= granted / 2000 <= 0.80


def test_some_were_never_asked_some_withdrew_some_changed_their_mind_twice(shop: SampleShop) -> None:
    histories: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in shop.consents:
        histories[row.customer_id, row.purpose].append(row.action)
        assert row.wording and row.source and row.at.tzinfo is UTC and row.at.date() < TODAY
    kinds = Counter(tuple(history) for history in histories.values())
    assert set(kinds) == {("granted",), ("granted", "withdrawn"), ("granted", "withdrawn", "granted")}
    assert 60 < 2000 - len({customer for customer, _ in histories}) < 260
    keys = [(row.customer_id, row.purpose, row.action, row.source, row.at) for row in shop.consents]
    assert len(set(keys)) == len(keys)


def test_campaigns_name_real_products_and_reach_everybody(files: SampleFiles) -> None:
    skus = {product.sku for product in catalogue()}
    rain_jackets = {p.sku for p in catalogue() if p.category == "Jackets" and "rain" in p.tags}
    names, picks = [], []
    for path in (files.campaign, files.second_campaign):
        campaign = tomllib.loads(path.read_text(encoding="utf-8"))
        names.append(campaign["name"])
        picks.append(campaign["picks"])
        assert campaign["segment"] == {} and campaign["schedule"] == {"start": "now"}
        slot = next(slot for slot in campaign["slots"] if slot["name"] == "hero")
        rules = {rule["name"]: rule for rule in slot["rules"]}
        assert {rule["link"].rpartition("/")[2] for rule in rules.values()} <= skus
        assert rules["rain"]["link"].rpartition("/")[2] in rain_jackets
        assert rules["rain"]["when"] == {"weather": ["drizzle", "rain", "showers", "thunder"]}
    assert len(set(names)) == 2 and picks == [4, 3]
