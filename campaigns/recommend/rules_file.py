"""The rules as people write them: the table `[picking]` of a campaign file, and the picking file of a shop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from campaigns.recommend.rules import ALIKE, Favour, Match, Rules, StandInRules, folded
from campaigns.recommend.sensitive import Sensitive
from campaigns.recommend.sensitive_words import TOPIC_WORDS

_MOST_NAMED = 10_000


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("must be a number, such as 0.5")
    return value


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Share = Annotated[Number, Field(ge=0, le=1)]
Days = Annotated[Number, Field(gt=0, le=36_500)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], Field(max_length=_MOST_NAMED)]


class Named(BaseModel):
    """Products named by SKU, category, brand or tag."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    skus: Names = ()
    categories: Names = ()
    brands: Names = ()
    tags: Names = ()

    def match(self) -> Match:
        """As the rules compare it."""
        return Match(frozenset(self.skus), _folded(self.categories), _folded(self.brands), _folded(self.tags))


class Favoured(Named):
    """Products that are to come more often (`weight` above 1) or less."""

    weight: Annotated[Number, Field(ge=0.01, le=100)]

    @model_validator(mode="after")
    def _names_something(self) -> Favoured:
        if not self.match():
            raise ValueError("must name skus, categories, brands or tags")
        return self


def _pairs(value: object) -> object:
    """A table as pairs in the order of their names: unlike a table, they can be a key, and the database keeps no order."""
    if not isinstance(value, Mapping):
        raise ValueError('must be a table, such as { "JKT-01" = ["JKT-02", "JKT-05"] }')
    listed = {sku: [others] if isinstance(others, str) else others for sku, others in value.items()}
    empty = next(
        (sku for sku, others in listed.items() if not isinstance(others, list | tuple) or not others), None
    )
    if empty is not None:
        raise ValueError(f"{empty or 'a stand-in'} needs a list of what stands in for it, the best first")
    return tuple(sorted(listed.items()))


_Listed = Annotated[Names, Field(max_length=20)]
Instead = Annotated[
    tuple[tuple[Name, _Listed], ...],
    Field(max_length=1000),
    BeforeValidator(_pairs),
    PlainSerializer(lambda pairs: {sku: list(others) for sku, others in pairs}),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        }
    ),
]


class StandInTerms(BaseModel):
    """The table `[picking.stand_ins]`; what is not set is as the shop has it. `price_within` is in per cent.

    See StandInRules for what each field does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    choose: Literal["alike", "category", "brand", "listed"] | None = None
    price_within: Annotated[Number, Field(ge=1, le=100)] | None = None
    instead: Instead = ()
    otherwise: Literal["pick_anew", "leave_out"] | None = None

    @field_validator("instead")
    @classmethod
    def _others_stand_in(cls, value: Instead) -> Instead:
        for sku, others in value:
            if sku in others:
                raise ValueError(f"{sku} cannot stand in for itself")
            twice = sorted({other for other in others if others.count(other) > 1})
            if twice:
                raise ValueError(f"{twice[0]} is listed twice for {sku}")
        return value


class PickingTerms(BaseModel):
    """The table `[picking]`, and the column `campaigns.picking`; what is not set is as the shop has it.

    See Rules for what each field does. `durable` are categories of which nobody needs a second one soon.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    buy_again: Share | None = None
    popularity: Share | None = None
    per_category: Annotated[StrictInt, Field(ge=1, le=50)] | None = None
    per_brand: Annotated[StrictInt, Field(ge=1, le=50)] | None = None
    likeness: Annotated[Number, Field(ge=0.3, le=1)] | None = None
    fresh: StrictBool | None = None
    bought_days: Days | None = None
    price_band: tuple[Number, Number] | None = None
    never: Named = Named()
    never_together: Annotated[tuple[Names, ...], Field(max_length=100)] = ()
    durable: Names = ()
    durable_days: Days | None = None
    pinned: Annotated[Names, Field(max_length=12)] = ()
    favour: Annotated[tuple[Favoured, ...], Field(max_length=100)] = ()
    margin: Share | None = None
    clear_stock: Share | None = None
    stand_ins: StandInTerms = StandInTerms()

    @field_validator("price_band")
    @classmethod
    def _band_is_a_band(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not 0 <= value[0] <= 1 <= value[1] <= 1000:
            raise ValueError(
                "must be two multiples of what the customer usually pays, such as [0.5, 2]: at most 1, and at least 1"
            )
        return value

    @field_validator("never_together")
    @classmethod
    def _together_takes_two(cls, value: tuple[Names, ...]) -> tuple[Names, ...]:
        if any(len(_folded(group)) < 2 for group in value):
            raise ValueError('must be lists of two categories or more, such as [["Wine", "Toys"]]')
        return value

    @field_validator("pinned")
    @classmethod
    def _pinned_once(cls, value: Names) -> Names:
        twice = sorted({sku for sku in value if value.count(sku) > 1})
        if twice:
            raise ValueError(f"{twice[0]} is pinned twice")
        return value

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> PickingTerms:
        """The terms as `as_json` wrote them."""
        return cls.model_validate(dict(stored))

    def as_json(self) -> dict[str, Any]:
        """What differs from the default, JSON-ready."""
        kept: dict[str, Any] = self.model_dump(mode="json", exclude_defaults=True)
        return kept


class SensitiveTerms(BaseModel):
    """The table `[sensitive]` of the shop's picking file.

    `sold_openly` are topics that are no secret in this shop, such as alcohol for a wine merchant; `words` are more
    words by which categories and tags tell; `harmless` are categories that are not meant.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sold_openly: Names = ()
    words: Names = ()
    harmless: Names = ()

    @field_validator("sold_openly")
    @classmethod
    def _topics_exist(cls, value: Names) -> Names:
        unknown = sorted(set(value) - TOPIC_WORDS.keys())
        if unknown:
            raise ValueError(f"there is no topic {unknown[0]!r}; there are {', '.join(TOPIC_WORDS)}")
        return value

    def sensitive(self) -> Sensitive:
        """As products are compared with it."""
        topics = frozenset(TOPIC_WORDS) - frozenset(self.sold_openly)
        return Sensitive(topics, frozenset(self.words), frozenset(self.harmless))


class ShopTerms(BaseModel):
    """The shop's picking file: its own `[picking]`, which no campaign can loosen, and what is sensitive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    picking: PickingTerms = PickingTerms()
    sensitive: SensitiveTerms = SensitiveTerms()


def rules_of(shop: ShopTerms, campaign: PickingTerms | None = None) -> Rules:
    """The rules in force: what a campaign sets narrows what the shop forbids and limits, and never loosens it."""
    house, own, usual = shop.picking, campaign or PickingTerms(), Rules()
    together = [_folded(group) for terms in (house, own) for group in terms.never_together]
    return Rules(
        per_category=int(_least(house.per_category, own.per_category) or usual.per_category),
        per_brand=_whole(_least(house.per_brand, own.per_brand)),
        likeness=_least(house.likeness, own.likeness) or usual.likeness,
        bought_days=_most(house.bought_days, own.bought_days),
        fresh=usual.fresh if own.fresh is None and house.fresh is None else bool(house.fresh or own.fresh),
        price_band=_within(house.price_band, own.price_band),
        never=house.never.match() | own.never.match(),
        sensitive=shop.sensitive.sensitive(),
        never_together=tuple(dict.fromkeys(together)),
        durable=_folded(house.durable) | _folded(own.durable),
        durable_days=_most(house.durable_days, own.durable_days) or usual.durable_days,
        pinned=own.pinned or house.pinned,
        favour=tuple(Favour(one.match(), one.weight) for one in own.favour or house.favour),
        margin=_set(own.margin, house.margin, usual.margin),
        clear_stock=_set(own.clear_stock, house.clear_stock, usual.clear_stock),
        buy_again=_set(own.buy_again, house.buy_again, usual.buy_again),
        popularity=house.popularity if own.popularity is None else own.popularity,
        stand_ins=_stand_ins(house.stand_ins, own.stand_ins),
    )


def _stand_ins(house: StandInTerms, own: StandInTerms) -> StandInRules:
    """What both let in; of what both list for a product, the campaign's own comes first."""
    within = _least(house.price_within, own.price_within)
    instead = dict(own.instead)
    for sku, others in house.instead:
        instead[sku] = tuple(dict.fromkeys((*instead.get(sku, ()), *others)))
    return StandInRules(
        choose=frozenset(choice for choice in (house.choose, own.choose) if choice) or frozenset({ALIKE}),
        price_within=None if within is None else within / 100,
        instead=instead,
        leave_out=(own.otherwise or house.otherwise) == "leave_out",
    )


def _folded(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(folded(name) for name in names)


def _set(own: float | None, house: float | None, usual: float) -> float:
    return next((value for value in (own, house) if value is not None), usual)


def _least(*values: float | None) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _most(*values: float | None) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _within(house: tuple[float, float] | None, own: tuple[float, float] | None) -> tuple[float, float] | None:
    """Both bands hold 1, so that they always meet."""
    if house is None or own is None:
        return house or own
    return max(house[0], own[0]), min(house[1], own[1])
