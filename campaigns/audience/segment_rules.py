"""Rules about a customer: where they live, what they speak, what they agreed to and like."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, and_, cast, exists, func, or_, select

from campaigns.audience.segment_values import (
    between_moments,
    coordinate,
    names,
    only_keys,
    truth,
    whole_number,
)
from campaigns.core.errors import BadInput
from campaigns.models import PURPOSES, ConsentState, Customer, EngagementState, Favourite, Product

Condition = Callable[[datetime], ColumnElement[bool]]
Rule = Callable[[Any, str], Condition]
"""Checks the value of a rule that stands at a path, and makes its condition."""

ENGAGEMENT = ("active", "snoozed", "asked", "sunset")
FARTHEST_KM = 20_038
_EARTH_RADIUS_KM = 6371.0088  # the mean radius of the IUGG


def _words_of(column: Any) -> Rule:
    """A rule of words, one of which the column must be; upper and lower case are the same."""

    def rule(value: Any, path: str) -> Condition:
        wanted = names(value, path)
        return lambda now: lower_in(column, wanted)

    return rule


def _language(value: Any, path: str) -> Condition:
    wanted = [name.replace("-", "_").lower() for name in names(value, path)]
    locale = func.lower(Customer.locale)
    return lambda now: or_(
        *(or_(locale == name, locale.startswith(f"{name}_", autoescape=True)) for name in wanted)
    )


def _tag(value: Any, path: str) -> Condition:
    wanted = names(value, path)
    return lambda now: overlap(Customer.tags, wanted)


def _has_purpose(value: Any, path: str) -> Condition:
    if not isinstance(value, str) or value not in PURPOSES:
        raise BadInput(f"must be one of {', '.join(PURPOSES)}", path)
    return lambda now: grants(value)


def _has_address(value: Any, path: str) -> Condition:
    wanted = truth(value, path)
    there = and_(Customer.email_cipher.is_not(None), Customer.email_hmac.is_not(None))
    return lambda now: there if wanted else ~there


def _added(value: Any, path: str) -> Condition:
    span = between_moments(value, path)
    return lambda now: span(Customer.created_at, now)


def _engagement(value: Any, path: str) -> Condition:
    wanted = names(value, path)
    for name in wanted:
        if name not in ENGAGEMENT:
            raise BadInput(f"must be some of {', '.join(ENGAGEMENT)}", path)

    def condition(now: datetime) -> ColumnElement[bool]:
        state = select(EngagementState.state).where(EngagementState.customer_id == Customer.id)
        # Who was never counted is active, as everywhere else.
        known = func.coalesce(state.correlate(Customer).scalar_subquery(), "active")
        return known.in_(wanted)

    return condition


def _near(value: Any, path: str) -> Condition:
    what = only_keys(value, ("latitude", "longitude", "km", "place"), path)
    latitude = coordinate(what.get("latitude"), 90, f"{path}.latitude")
    longitude = coordinate(what.get("longitude"), 180, f"{path}.longitude")
    km = whole_number(what.get("km"), 1, FARTHEST_KM, f"{path}.km")
    if "place" in what:
        names(what["place"], f"{path}.place")

    def condition(now: datetime) -> ColumnElement[bool]:
        # The haversine formula, on a sphere: right to 0.5 %. A home is kept to one decimal of a degree anyway.
        half_lat = func.sin(func.radians(Customer.latitude - latitude) / 2)
        half_lon = func.sin(func.radians(Customer.longitude - longitude) / 2)
        cosines = func.cos(func.radians(latitude)) * func.cos(func.radians(Customer.latitude))
        chord = half_lat * half_lat + cosines * half_lon * half_lon
        distance = 2 * _EARTH_RADIUS_KM * func.asin(func.sqrt(func.least(1.0, chord)))
        return func.coalesce(distance <= km, False)

    return condition


def _likes(value: Any, path: str) -> Condition:
    """What customers said they like: a product counts for its category as well."""
    what = only_keys(value, ("category", "sku"), path)
    wanted = {key: names(what[key], f"{path}.{key}") for key in what}
    if not wanted:
        raise BadInput('needs "category" or "sku"', path)

    def condition(now: datetime) -> ColumnElement[bool]:
        own = Favourite.customer_id == Customer.id
        of_category = and_(
            Favourite.kind == "category", lower_in(Favourite.value, wanted.get("category", []))
        )
        in_category = select(Product.sku).where(lower_in(Product.category, wanted.get("category", [])))
        of_product = and_(
            Favourite.kind == "product",
            or_(Favourite.value.in_(wanted.get("sku", [])), Favourite.value.in_(in_category)),
        )
        found = select(Favourite.customer_id).where(own, or_(of_category, of_product))
        return exists(found.correlate(Customer))

    return condition


def grants(purpose: str) -> ColumnElement[bool]:
    """Whether the customer grants this purpose now."""
    return exists(
        select(ConsentState.customer_id)
        .where(ConsentState.customer_id == Customer.id, ConsentState.purpose == purpose, ConsentState.granted)
        .correlate(Customer)
    )


def lower_in(column: Any, wanted: list[str]) -> ColumnElement[bool]:
    """Whether a text is one of these, upper and lower case being the same."""
    # Lower case is made by the database on both sides: Python and PostgreSQL disagree on some letters.
    return func.lower(column).in_([func.lower(name) for name in wanted])


def overlap(column: Any, wanted: list[str]) -> ColumnElement[bool]:
    """Whether an array of words has one of these."""
    return column.op("&&", is_comparison=True)(cast(wanted, ARRAY(Text)))


CUSTOMER_RULES: dict[str, Rule] = {
    "country": _words_of(Customer.country),
    "city": _words_of(Customer.city),
    "language": _language,
    "timezone": _words_of(Customer.timezone),
    "tag": _tag,
    "has_purpose": _has_purpose,
    "has_address": _has_address,
    "added": _added,
    "near": _near,
    "likes": _likes,
    "engagement": _engagement,
}
