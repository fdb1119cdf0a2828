"""Shops: reading the list, finding the nearest, telling when it is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.core.errors import BadInput
from campaigns.opentime.place.place import Place
from campaigns.opentime.slots.opening_hours import Week, hours_text, parse_week, written
from campaigns.opentime.slots.shops import Shop, distance_text, nearest, parse_shops
from campaigns.opentime.slots.shops import hours_text as shop_hours_text

OSLO = ZoneInfo("Europe/Oslo")
USUAL = "Mo-Fr 09:00-18:00; Sa 10:00-16:00"
CSV = """name,latitude,longitude,timezone,hours,link
Oslo,59.913,10.739,Europe/Oslo,Mo-Fr 09:00-18:00; Sa 10:00-16:00,https://shop.example/oslo
Bergen,60.393,5.324,Europe/Oslo,"Mo-Fr 09:00-12:00,13:00-17:00",
"Berlin, Mitte",52.52,13.405,Europe/Berlin,,https://shop.example/berlin
"""


def at(text: str, zone: ZoneInfo = OSLO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def shops() -> tuple[Shop, ...]:
    return parse_shops(CSV, "shops.csv")


def test_a_list_is_read_from_csv() -> None:
    oslo, bergen, berlin = shops()
    assert (oslo.name, oslo.latitude, oslo.longitude) == ("Oslo", 59.913, 10.739)
    assert (oslo.timezone, oslo.link) == ("Europe/Oslo", "https://shop.example/oslo")
    assert oslo.hours == (((540, 1080),),) * 5 + (((600, 960),), ())
    assert bergen.hours[0] == ((540, 720), (780, 1020))
    assert bergen.link == ""
    assert (berlin.name, berlin.hours) == ("Berlin, Mitte", ())


def test_a_list_is_read_from_tables_and_written_back() -> None:
    tables = [shop.to_json() for shop in shops()]
    assert parse_shops(tables, "slot 'near', shops") == shops()


def test_a_byte_order_mark_and_spaces_do_not_matter() -> None:
    text = "\ufeffname, latitude ,longitude,timezone\r\n Oslo , 59.9 ,10.7, Europe/Oslo\r\n"
    assert parse_shops(text, "s.csv") == (Shop("Oslo", 59.9, 10.7, "Europe/Oslo"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"s\.csv, line 1: has no column 'name'"),
        ("name,latitude,longitude,timezone\n", r"s\.csv: has no shop"),
        ("name,latitude,longitude,timezone,colour\n", r"line 1: the column 'colour' is none of"),
        ("name,name,latitude,longitude,timezone\n", r"line 1: the column 'name' stands twice"),
        (
            "name,latitude,longitude,timezone\nA,59.9,10.7,Europe/Oslo\nB,north,1,UTC\n",
            r"line 3, latitude: expects",
        ),
        ("name,latitude,longitude,timezone\nA,,10.7,Europe/Oslo\n", r"line 2, latitude: is required"),
        ("name,latitude,longitude,timezone\nA,99,10.7,Europe/Oslo\n", r"line 2, latitude: .*-90 to 90"),
        ("name,latitude,longitude,timezone\nA,nan,10.7,Europe/Oslo\n", r"line 2, latitude: expects a number"),
        ("name,latitude,longitude,timezone\nA,59,181,Europe/Oslo\n", r"line 2, longitude: .*-180 to 180"),
        (
            "name,latitude,longitude,timezone\nA,59,10,Europe/Nowhere\n",
            r"line 2, timezone: there is no time zone",
        ),
        ("name,latitude,longitude,timezone\nA,59,10,Europe\n", r"line 2, timezone: there is no time zone"),
        ("name,latitude,longitude,timezone\n,59,10,Europe/Oslo\n", r"line 2, name: is required"),
        ("name,latitude,longitude,timezone\nA,59,10,UTC,x\n", r"line 2: has more fields than the header"),
        (
            "name,latitude,longitude,timezone,hours\nA,59,10,UTC,9 to 5\n",
            r"line 2, hours: cannot read '9 to 5'",
        ),
        ("name,latitude,longitude,timezone,link\nA,59,10,UTC,shop\n", r"line 2, link: expects a web address"),
        ('name,latitude,longitude,timezone\n"A,59,10,UTC\n', r"is not CSV"),
    ],
)
def test_a_bad_list_is_refused_with_line_and_field(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        parse_shops(text, "s.csv")


def test_a_bad_table_is_refused_with_its_number() -> None:
    good = shops()[0].to_json()
    with pytest.raises(BadInput, match="slot 'near', shops, shop 2, latitude: expects a number"):
        parse_shops([good, {**good, "latitude": "59"}], "slot 'near', shops")
    with pytest.raises(BadInput, match="shop 1, hours: expects text"):
        parse_shops([{**good, "hours": 9}], "shops")
    with pytest.raises(BadInput, match="shop 1: there is no field 'city'"):
        parse_shops([{**good, "city": "Oslo"}], "shops")
    with pytest.raises(BadInput, match="expects a list of shops"):
        parse_shops({"name": "Oslo"}, "shops")


def test_the_nearest_shop_is_nearest_by_great_circle() -> None:
    found = nearest(shops(), Place(59.3, 5.3, "home"))  # south of Bergen, west of Oslo
    assert found is not None
    assert found[0].name == "Bergen"
    assert found[1] == pytest.approx(121.5, abs=1)
    assert nearest(shops(), None) is None
    assert nearest((), Place(59.3, 5.3, "home")) is None


def test_the_date_line_is_no_border() -> None:
    east = Shop("Fiji", -17.0, 179.9, "Pacific/Fiji")
    west = Shop("Samoa", -13.8, -171.8, "Pacific/Apia")
    found = nearest((west, east), Place(-17.0, -179.9, "home"))
    assert found is not None
    assert found[0] is east
    assert found[1] < 25


@given(
    st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=1, max_size=30),
    st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
)
def test_no_shop_is_nearer_than_the_nearest(
    points: list[tuple[float, float]], here: tuple[float, float]
) -> None:
    place = Place(*here, signal="home")
    many = tuple(Shop(str(n), *point, timezone="UTC") for n, point in enumerate(points))
    found = nearest(many, place)
    assert found is not None
    alone = [nearest((shop,), place) for shop in many]
    assert found[1] == pytest.approx(min(one[1] for one in alone if one), abs=1e-6)


@pytest.mark.parametrize(
    ("km", "language", "text"),
    [
        (0.0, "en", "close to you"),
        (1.99, "nb-NO", "i nærheten av deg"),
        (2.0, "en", "about 2 km"),
        (12.34, "en_GB", "about 12 km"),
        (12.34, "de-AT", "etwa 12 km"),
        (12.34, "fr", "environ 12 km"),
        (12.34, "es", "a unos 12 km"),
        (12.34, "nn", "omtrent 12 km"),
        (12.34, "ja", "about 12 km"),
    ],
)
def test_a_distance_is_never_finer_than_a_kilometre(km: float, language: str, text: str) -> None:
    assert distance_text(km, language) == text


# 2026-11-20 is a Friday.
@pytest.mark.parametrize(
    ("hours", "moment", "text"),
    [
        (USUAL, "2026-11-20T12:00", "Open until 18:00"),
        (USUAL, "2026-11-20T09:00", "Open until 18:00"),
        (USUAL, "2026-11-20T08:59", "Opens 09:00"),
        (USUAL, "2026-11-20T18:00", "Opens Saturday 10:00"),
        (USUAL, "2026-11-21T15:59", "Open until 16:00"),
        (USUAL, "2026-11-21T16:00", "Opens Monday 09:00"),
        ("Mo-Fr 09:00-12:00,13:00-17:00", "2026-11-20T12:30", "Opens 13:00"),
        ("Mo-Fr 09:00-12:00, 12:00-17:00", "2026-11-20T11:30", "Open until 17:00"),
        ("Th-Sa 20:00-02:00", "2026-11-20T23:30", "Open until 02:00"),
        ("Th-Sa 20:00-02:00", "2026-11-22T01:59", "Open until 02:00"),
        ("Th-Sa 20:00-02:00", "2026-11-22T02:00", "Opens Thursday 20:00"),
        ("Sa-Mo 10:00-24:00", "2026-11-22T11:00", "Open until 00:00"),
        ("We 10:00-12:00", "2026-11-18T12:00", "Opens Wednesday 10:00"),
        ("Mo-Su 00:00-24:00", "2026-11-20T12:00", "Open 24 hours"),
        ("closed", "2026-11-20T12:00", "Closed"),
        ("", "2026-11-20T12:00", ""),
    ],
)
def test_what_the_hours_say(hours: str, moment: str, text: str) -> None:
    assert hours_text(parse_week(hours, "hours"), "Europe/Oslo", at(moment), "en") == text


@pytest.mark.parametrize(
    ("language", "open_now", "opens", "shut"),
    [
        ("de", "Geöffnet bis 18:00 Uhr", "Öffnet Montag um 09:00 Uhr", "Geschlossen"),
        ("fr", "Ouvert jusqu’à 18:00", "Ouvre lundi à 09:00", "Fermé"),
        ("es", "Abierto hasta las 18:00", "Abre el lunes a las 09:00", "Cerrado"),
        ("nb_NO", "Åpent til kl. 18:00", "Åpner mandag kl. 09:00", "Stengt"),
    ],
)
def test_the_hours_are_told_in_the_customers_language(
    language: str, open_now: str, opens: str, shut: str
) -> None:
    oslo = shops()[0]
    assert shop_hours_text(oslo, at("2026-11-20T12:00"), language) == open_now
    assert shop_hours_text(oslo, at("2026-11-22T12:00"), language) == opens
    assert hours_text(parse_week("closed", "h"), "UTC", at("2026-11-20T12:00"), language) == shut


def test_the_hours_are_those_of_the_shops_clocks() -> None:
    week = parse_week("Mo-Su 09:00-18:00", "hours")
    moment = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
    assert hours_text(week, "Europe/Oslo", moment, "en") == "Open until 18:00"  # 09:30 there
    assert hours_text(week, "Europe/London", moment, "en") == "Opens 09:00"
    assert hours_text(week, "America/New_York", moment, "en") == "Opens 09:00"
    assert hours_text(week, "Asia/Tokyo", moment, "en") == "Open until 18:00"


def test_a_night_with_a_clock_change_is_as_long_as_it_is() -> None:
    week = parse_week("Sa 22:00-04:00", "hours")
    # Clocks in Oslo go from 03:00 back to 02:00 on 2026-10-25 and from 02:00 to 03:00 on 2026-03-29.
    assert (
        hours_text(week, "Europe/Oslo", datetime(2026, 10, 25, 2, 59, tzinfo=UTC), "en") == "Open until 04:00"
    )
    assert hours_text(week, "Europe/Oslo", datetime(2026, 10, 25, 3, 0, tzinfo=UTC), "en").startswith("Opens")
    assert (
        hours_text(week, "Europe/Oslo", datetime(2026, 3, 29, 1, 59, tzinfo=UTC), "en") == "Open until 04:00"
    )
    assert hours_text(week, "Europe/Oslo", datetime(2026, 3, 29, 2, 0, tzinfo=UTC), "en").startswith("Opens")


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ("Mo-Fr", "cannot read 'Mo-Fr'"),
        ("Mo-Xx 09:00-18:00", "cannot read the days 'Mo-Xx'"),
        ("Mo-We-Fr 09:00-18:00", "cannot read the days"),
        ("Mo 9-18", "cannot read the hours '9-18'"),
        ("Mo 09:00-24:30", "cannot read the hours"),
        ("Mo 24:00-25:00", "cannot read the hours"),
        ("Mo 09:60-18:00", "cannot read the hours"),
        ("Mo 09:00-18:00; Mo 17:00-20:00", "the hours of Mo from 17:00 overlap others"),
        ("Su 20:00-10:00; Mo 09:00-12:00", "the hours of Mo from 09:00 overlap others"),
    ],
)
def test_bad_hours_are_refused(hours: str, message: str) -> None:
    with pytest.raises(BadInput, match=f"here: {message}"):
        parse_week(hours, "here")


@st.composite
def weeks(draw: st.DrawFn) -> Week:
    week = []
    for _ in range(7):
        edges = sorted(draw(st.sets(st.integers(0, 1440), max_size=6)))
        week.append(tuple(zip(edges[::2], edges[1::2], strict=False)))
    return tuple(week)


@given(weeks())
def test_hours_are_read_as_they_are_written(week: Week) -> None:
    assert parse_week(written(week), "here") == week


@settings(max_examples=60, deadline=None)
@given(weeks(), st.integers(0, 7 * 1440 - 1))
def test_it_says_open_exactly_within_a_span(week: Week, minute: int) -> None:
    monday = datetime(2026, 11, 16, tzinfo=UTC)
    text = hours_text(week, "UTC", monday + timedelta(minutes=minute), "en")
    day, of_day = divmod(minute, 1440)
    assert (text.startswith("Open ")) == any(opens <= of_day < closes for opens, closes in week[day])
