"""The rules of a segment as a form has them: how they are called, and which fields each of them has.

One table for all of it. Rules that are added to `campaigns.audience.segments` get a line here, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from campaigns.models import PURPOSES

Kind = Literal["words", "number", "money", "day", "choice", "choices", "degrees", "word", "numbers", "truth"]
"""How a field is typed and read; `words` and `numbers` are lists with commas between them."""

WHOLE = ""
"""The key of a field that stands for the whole value of a rule, and not for a part of it."""


@dataclass(frozen=True, slots=True)
class RuleField:
    """One field. `key` is its name in the rule's JSON, WHOLE where the value is no object.

    `offered` says what is suggested or to choose from: "campaigns", "segments", or a column of the shop's data
    (web/console/segment_choices.py).
    """

    key: str
    label: str
    kind: Kind
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()
    offered: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class RuleForm:
    """One rule: what it is called after "The customer", and after "The customer" where it is turned round.

    Where `no` is empty it has no opposite of its own in the form (a rule that says it stands beside it).
    """

    name: str
    label: str
    yes: str
    no: str
    fields: tuple[RuleField, ...] = field(default=())


_WITHIN = RuleField("within_days", "In the last", "number", unit="days", hint="Empty: ever")
_BOUNDS = {
    kind: (
        RuleField("at_least", "At least", kind),
        RuleField("at_most", "At most", kind),
        _WITHIN,
    )
    for kind in ("number", "money")
}
_WHEN = (
    RuleField("within_days", "In the last", "number", unit="days"),
    RuleField("more_than_days", "Longer ago than", "number", unit="days"),
    RuleField("after", "From this day on", "day"),
    RuleField("before", "Before this day", "day"),
)
_BOUGHT = (
    RuleField("category", "Category", "words", offered="category"),
    RuleField("brand", "Brand", "words", offered="brand"),
    RuleField("sku", "Product (SKU)", "words", offered="sku"),
    RuleField("tag", "Product tag", "words"),
    _WITHIN,
)
_MAILS = (
    RuleField("campaign", "Campaign", "numbers", offered="campaigns", hint="None chosen: any campaign"),
    RuleField("within_days", "In the last", "number", unit="days", hint="Empty: ever"),
)
_PURPOSES = tuple(
    (purpose, words)
    for purpose, words in zip(
        PURPOSES,
        (
            "Marketing mail",
            "Suggestions of their own",
            "Counting opens and clicks",
            "Pictures for where they open",
        ),
        strict=True,
    )
)
_STATES = (
    ("active", "Active"),
    ("snoozed", "Snoozed: no sign for many mails"),
    ("asked", "Asked whether they still want mail"),
    ("sunset", "Let go: no answer"),
)


def _words(name: str, label: str, yes: str, no: str, hint: str = "", offered: str = "") -> RuleForm:
    return RuleForm(name, label, yes, no, (RuleField(WHOLE, label, "words", hint, offered=offered),))


GROUPS: tuple[tuple[str, tuple[RuleForm, ...]], ...] = (
    (
        "Who they are",
        (
            _words("country", "Country", "lives in", "does not live in", "Norway, Sweden", "country"),
            _words("city", "City", "lives in the city of", "does not live in the city of", "Oslo, Bergen"),
            RuleForm(
                "near",
                "Distance from a place",
                "lives near",
                "does not live near",
                (
                    RuleField("place", "Place", "word", hint="What you call it, such as Oslo shop"),
                    RuleField("latitude", "Latitude", "degrees", hint="such as 59.9"),
                    RuleField("longitude", "Longitude", "degrees", hint="such as 10.8"),
                    RuleField("km", "Within", "number", unit="km"),
                ),
            ),
            _words("language", "Language", "reads", "does not read", "de, pt_BR", "language"),
            _words(
                "timezone",
                "Time zone",
                "is in the time zone",
                "is not in the time zone",
                "Europe/Oslo",
                "timezone",
            ),
            _words("tag", "Tag", "has one of the tags", "has none of the tags", "vip, press"),
            RuleForm("added", "First known", "came to us", "did not come to us", _WHEN),
            RuleForm(
                "has_address",
                "Address",
                "has an email address",
                "has no email address",
                (),
            ),
        ),
    ),
    (
        "What they bought",
        (
            RuleForm("bought", "Bought", "bought", "", _BOUGHT),
            RuleForm("not_bought", "Did not buy", "did not buy", "", _BOUGHT),
            RuleForm(
                "orders",
                "Number of orders",
                "ordered this often",
                "did not order this often",
                _BOUNDS["number"],
            ),
            RuleForm("total_spent", "Total spent", "spent in all", "did not spend in all", _BOUNDS["money"]),
            RuleForm(
                "average_order",
                "Average order",
                "spends per order",
                "does not spend per order",
                _BOUNDS["money"],
            ),
            RuleForm("first_order", "First order", "ordered first", "did not order first", _WHEN),
            RuleForm("last_order", "Last order", "ordered last", "did not order last", _WHEN),
            RuleForm(
                "likes",
                "Said they like",
                "said they like",
                "did not say they like",
                (
                    RuleField("category", "Category", "words", offered="category"),
                    RuleField("sku", "Product (SKU)", "words", offered="sku"),
                ),
            ),
        ),
    ),
    (
        "What they do with mail",
        (
            RuleForm("got", "Got a mail", "got a mail of", "got no mail of", _MAILS),
            RuleForm("opened", "Opened", "opened a mail of", "", _MAILS),
            RuleForm("not_opened", "Did not open", "got and did not open a mail of", "", _MAILS),
            RuleForm("clicked", "Clicked", "clicked in a mail of", "", _MAILS),
            RuleForm("not_clicked", "Did not click", "got and did not click in a mail of", "", _MAILS),
            RuleForm(
                "engagement",
                "Still looks at mail",
                "is",
                "is not",
                (RuleField(WHOLE, "State", "choices", options=_STATES),),
            ),
        ),
    ),
    (
        "What they agreed to",
        (
            RuleForm(
                "has_purpose",
                "Consent",
                "agreed to",
                "did not agree to",
                (RuleField(WHOLE, "Purpose", "choice", options=_PURPOSES),),
            ),
        ),
    ),
    (
        "Other segments",
        (
            RuleForm(
                "segment",
                "Segment",
                "is in the segment",
                "is not in the segment",
                (RuleField(WHOLE, "Segment", "numbers", offered="segments"),),
            ),
        ),
    ),
)
RULES: Mapping[str, RuleForm] = {rule.name: rule for _, rules in GROUPS for rule in rules}
"""All rules that a form can say, by their name in JSON."""
