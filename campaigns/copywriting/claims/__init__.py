"""Words that claim what only data may state, or what nobody may: by family, in the languages of the copy.

Whoever reads a mail does not care which sentence was written by a model: a claim in it is the shop's. The families
are tables to be read and grown; `matching` tells how they are written.
"""

from __future__ import annotations

from campaigns.copywriting.claims.dates import CALENDAR, DEADLINE
from campaigns.copywriting.claims.finding import (
    Claim,
    claims_in,
    is_claimed_in_data,
    prepare,
    words_of_acquaintance,
)
from campaigns.copywriting.claims.matching import Family, first_claim
from campaigns.copywriting.claims.numbers import NUMBER_IN_WORDS
from campaigns.copywriting.claims.praise import COMPARISON, POPULARITY, SUPERLATIVE
from campaigns.copywriting.claims.pressure import SCARCITY, STOCK
from campaigns.copywriting.claims.pretending import CONTACT, PRETENCE
from campaigns.copywriting.claims.prices import AMOUNT_IN_WORDS, DISCOUNT, FREE, MONEY, PERCENT
from campaigns.copywriting.claims.promises import ENVIRONMENT, HEALTH, MATERIALS
from campaigns.copywriting.claims.reader import KNOWS_THE_READER

__all__ = [
    "AMOUNT_IN_WORDS",
    "CALENDAR",
    "COMPARISON",
    "CONTACT",
    "DEADLINE",
    "DISCOUNT",
    "ENVIRONMENT",
    "FREE",
    "HEALTH",
    "KNOWS_THE_READER",
    "MATERIALS",
    "MONEY",
    "NUMBER_IN_WORDS",
    "PERCENT",
    "POPULARITY",
    "PRETENCE",
    "SCARCITY",
    "STOCK",
    "SUPERLATIVE",
    "Claim",
    "Family",
    "claims_in",
    "first_claim",
    "is_claimed_in_data",
    "prepare",
    "words_of_acquaintance",
]
